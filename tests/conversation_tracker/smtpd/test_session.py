"""What the SMTP door takes in byte for byte, and what it refuses."""

from __future__ import annotations

import smtplib
import socket
import time

import pytest
from django.db import connection

from conversation_tracker.models import Channel, OutboundMail, Receipt, ReceiptState, Trouble
from orders.models import Kind, Store, TimelineEntry
from orders.outcomes import Reason
from orders.placing import Placed
from tests.conversation_tracker.smtpd.doors import (
    ANYWHERE,
    MAIL,
    SENDER,
    Door,
    Work,
    begin,
    bodies,
    envelope,
    how_often,
    replies,
    running,
    say,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_mail_is_recorded_and_relayed(door: Door, alias: str, work: Work) -> None:
    with door.smtp() as client:
        assert client.sendmail(SENDER, [alias], MAIL) == {}
    receipt = Receipt.objects.get()
    assert (receipt.provider, receipt.channel, receipt.body.bytes()) == ("mime", Channel.MIME, MAIL)
    assert envelope(receipt) == [
        ("sender", SENDER),
        ("recipient", alias),
        ("client", "127.0.0.1"),
        ("helo", "mx.carrier.example"),
    ]
    [relayed] = work()
    entry = TimelineEntry.objects.get(kind=Kind.MAIL)
    assert (entry.subject, entry.reason) == ("Your parcel", Reason.CONVERSATION)
    assert SENDER not in str(relayed.message())


def test_one_mail_to_two_aliases_is_one_receipt_and_two_entries(door: Door, placed: Placed, work: Work) -> None:
    aliases = [placed.customer_alias.address.text(), placed.store_alias.address.text()]
    with door.smtp() as client:
        client.sendmail(SENDER, aliases, MAIL)
    [receipt] = Receipt.objects.all()
    assert [value for name, value in envelope(receipt) if name == "recipient"] == aliases
    work()
    assert TimelineEntry.objects.filter(kind=Kind.MAIL).count() == 2


def test_a_mail_that_comes_again_is_recorded_once(door: Door, alias: str, work: Work) -> None:
    for _ in range(2):
        with door.smtp() as client:
            client.sendmail(SENDER, [alias], MAIL)
    assert len(bodies()) == 2
    work()
    assert TimelineEntry.objects.filter(kind=Kind.MAIL).count() == 1


def test_a_soft_alias_below_the_tracking_domain_is_taken(door: Door, placed: Placed) -> None:
    with door.smtp() as client:
        client.sendmail(SENDER, ["ana@people.example-207700027841b.ct.acme.example"], MAIL)
    assert bodies() == [MAIL]


def test_an_alias_at_or_below_a_former_tracking_domain_is_taken(door: Door, placed: Placed) -> None:
    Store.objects.update(tracking_domain="new.acme.example", former_domains=["older.acme.example", "old.acme.example"])
    for recipient in (f"{'0' * 32}@old.acme.example", "ana@people.example-207700027841b.old.acme.example"):
        with door.smtp() as client:
            client.sendmail(SENDER, [recipient], MAIL)
    assert bodies() == [MAIL, MAIL]
    with door.smtp() as client, pytest.raises(smtplib.SMTPRecipientsRefused):
        client.sendmail(SENDER, ["x@oldest.acme.example"], MAIL)


def test_an_unknown_alias_is_taken_and_decided_on_later(door: Door, placed: Placed, work: Work) -> None:
    with door.smtp() as client:
        client.sendmail(SENDER, [f"{'0' * 32}@ct.acme.example"], MAIL)
    work()
    [result] = Receipt.objects.get().results
    assert (result["reason"], result["entry"]) == (Reason.UNKNOWN_ALIAS, None)
    assert OutboundMail.objects.count() == 0


def test_the_null_sender_is_known_as_such(door: Door, alias: str, work: Work) -> None:
    with door.smtp() as client:
        client.sendmail("", [alias], MAIL)
    assert envelope(Receipt.objects.get())[0] == ("sender", "")
    work()
    assert OutboundMail.objects.get().is_auto_reply is True


@pytest.mark.parametrize(
    "content",
    [
        b"From: a@b.example\r\n\r\n\x00\x01\xff\xfe 8-bit \xe9\r\n",
        b"bare\nline\nfeeds\r\rand returns\r\n",
        b".\n.\r.x\n\r\n",
        b"long " + b"x" * 200_000 + b"\r\n",
        b"\r\n",
        b"",
        b"no header",
        bytes(range(256)) * 1_000,
    ],
    ids=["8-bit", "bare", "dots", "long", "blank", "empty", "headless", "all"],
)
def test_every_byte_is_kept(door: Door, alias: str, content: bytes) -> None:
    content = content if content.endswith(b"\r\n") or not content else content + b"\r\n"
    client = door.raw()
    begin(client, alias)
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    assert say(client, (b"." if stuffed.startswith(b".") else b"") + stuffed + b".")[0].startswith("250 2.0.0")
    assert bodies() == [content]


@pytest.mark.parametrize(
    "fake", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"\n\n.\r\n", b"\r.\r\n", b"\r\n\x00.\r\n"]
)
def test_a_mail_cannot_be_smuggled_behind_another(door: Door, alias: str, fake: bytes) -> None:
    smuggled = (
        b"MAIL FROM:<boss@bank.example>\r\nRCPT TO:<" + alias.encode() + b">\r\nDATA\r\nFrom: boss\r\n\r\nPay.\r\n"
    )
    client = door.raw()
    begin(client, alias)
    assert say(client, MAIL + b"x" + fake + smuggled + b".")[0].startswith("250 ")
    assert say(client, b"QUIT")[0].startswith("221 ")
    [kept] = bodies()
    assert kept == MAIL + b"x" + fake.replace(b"\r\n.", b"\r\n") + smuggled


def test_commands_may_come_all_at_once(door: Door, alias: str) -> None:
    client = door.raw()
    to = f"RCPT TO:<{alias}>".encode()
    client.sendall(b"\r\n".join([b"EHLO x.example", b"MAIL FROM:<a@b.example>", to, to, b"DATA", b""]))
    assert [one[:3] for one in replies(client, 5)] == ["250", "250", "250", "250", "354"]
    client.sendall(MAIL + b".\r\nMAIL FROM:<>\r\n" + to + b"\r\nDATA\r\n")
    assert [one[:3] for one in replies(client, 4)] == ["250", "250", "250", "354"]
    client.sendall(b"second\r\n.\r\nQUIT\r\n")
    assert [one[:3] for one in replies(client, 2)] == ["250", "221"]
    assert bodies() == [MAIL, b"second\r\n"]


def test_what_is_offered(door: Door) -> None:
    with door.smtp() as client:
        code, greeting = client.ehlo()
        assert (code, greeting.splitlines()[0]) == (250, b"ct.test")
        assert set(client.esmtp_features) == {"size", "8bitmime", "smtputf8", "pipelining", "enhancedstatuscodes"}
        assert client.esmtp_features["size"] == "1000000"


def test_nothing_tells_what_runs_here(door: Door) -> None:
    with socket.create_connection(door.address, timeout=20) as client:
        said = "\n".join(
            [*replies(client, 1), *say(client, b"HELO x.example", b"HELP", b"NOOP", b"VRFY a@b.example", b"WHAT")]
        )
    assert said.startswith("220 ct.test ESMTP\n250 ct.test\n")
    assert [word for word in ("aiosmtpd", "ython", "1.4") if word in said] == []


def test_addresses_outside_ascii_are_taken(door: Door, alias: str) -> None:
    with door.smtp() as client:
        client.sendmail("jörg@bücher.example", [alias], MAIL, mail_options=["SMTPUTF8", "BODY=8BITMIME"])
    assert envelope(Receipt.objects.get())[0] == ("sender", "jörg@bücher.example")


@pytest.mark.parametrize(
    "address",
    ["a@foreign.example", "a@acme.example", "a@ct.acme.example.evil.example", "a@xct.acme.example", "a@[127.0.0.1]",
     '"a@ct.acme.example"@foreign.example', "", "postmaster@foreign.example"],
)  # fmt: skip
def test_who_is_not_at_a_tracking_domain_is_refused(door: Door, placed: Placed, address: str) -> None:
    client = door.raw()
    *_, rcpt, data = begin(client, address)
    assert rcpt[:3] in {"550", "553"}
    assert data.startswith("503 5.5.1")
    assert bodies() == []


@pytest.mark.parametrize("written", ["postmaster", "PostMaster", "postmaster@ct.test", "Postmaster@ct.acme.example"])
def test_mail_for_the_postmaster_is_taken_and_shown_to_operators(
    door: Door, placed: Placed, work: Work, written: str
) -> None:
    with door.raw() as client:
        assert begin(client, written)[-2:] == ["250 2.1.5 OK", "354 End data with <CR><LF>.<CR><LF>"]
        client.sendall(MAIL + b".\r\n")
        assert replies(client, 1) == ["250 2.0.0 Kept"]
    assert work() == []
    receipt = Receipt.objects.get()
    assert (receipt.state, receipt.trouble) == (ReceiptState.QUARANTINED, Trouble.POSTMASTER)
    assert receipt.body.bytes() == MAIL


def test_foreign_recipients_do_not_cost_the_good_one(door: Door, alias: str) -> None:
    with door.smtp() as client:
        refused = client.sendmail(SENDER, [alias, "a@foreign.example"], MAIL)
    assert {address: code for address, (code, _) in refused.items()} == {"a@foreign.example": 550}
    assert [value for name, value in envelope(Receipt.objects.get()) if name == "recipient"] == [alias]


@pytest.mark.parametrize(
    "address",
    [b"<a b@c.example>", b"<a@b@c.example>", b"a@b.example", b"<a@b.example", b"<\xff@b.example>", b"<a\x00@b.example>",
     b"<" + b"(" * 400 + b"@b.example>", b"<" + b'"' * 400 + b">", b"<a@b.example> SIZE=x", b"<a@b.example> SIZE=-1"],
)  # fmt: skip
def test_what_is_no_address_is_refused(door: Door, address: bytes) -> None:
    client = door.raw()
    assert say(client, b"EHLO x.example", b"MAIL FROM:" + address)[1][:3] in {"553", "501"}


def test_encoded_words_in_an_address_are_not_decoded(door: Door, placed: Placed) -> None:
    address = "=?utf-8?q?evil=40foreign.example=3E?=@ct.acme.example"
    with door.smtp() as client:
        client.sendmail(SENDER, [address], MAIL)
    assert ("recipient", address) in envelope(Receipt.objects.get())


def test_a_mail_that_announces_itself_as_too_large_is_refused(door: Door) -> None:
    client = door.raw()
    assert say(client, b"EHLO x.example", b"MAIL FROM:<a@b.example> SIZE=1000001")[1].startswith("552 5.3.4")


def test_a_mail_that_is_too_large_is_refused_and_the_next_is_taken(door: Door, alias: str) -> None:
    client = door.raw()
    begin(client, alias)
    assert say(client, b"x\r\n" * 400_000 + b".")[0].startswith("552 5.3.4")
    begin(client, alias)
    assert say(client, MAIL + b".")[0].startswith("250 ")
    assert bodies() == [MAIL]


def test_a_mail_without_end_is_cut_off(door: Door, alias: str) -> None:
    client = door.raw()
    begin(client, alias)
    assert how_often(client, b"x" * 100_000) < 1_000
    assert bodies() == []


def test_too_many_recipients_are_for_later(door: Door, placed: Placed) -> None:
    client = door.raw()
    said = begin(client, *(f"{number:032x}@ct.acme.example" for number in range(1_001)))
    assert [one[:3] for one in said[2:]] == ["250"] * 1_000 + ["452", "354"]
    assert say(client, MAIL + b".")[0].startswith("250 ")
    assert len(envelope(Receipt.objects.get())) == 1_003


def test_who_tries_out_domains_is_sent_away(door: Door) -> None:
    client = door.raw()
    commands = [f"RCPT TO:<a@{number}.example>".encode() for number in range(100)]
    said = say(client, b"EHLO x.example", b"MAIL FROM:<>", *commands)
    assert [one[:3] for one in said] == ["250", "250", *["550"] * 99, "421"]
    assert client.recv(10) == b""


def test_without_storage_the_mail_stays_with_the_client(door: Door, alias: str) -> None:
    table = Receipt._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO away")
    try:
        client = door.raw()
        begin(client, alias)
        assert say(client, MAIL + b".")[0].startswith("451 4.3.0")
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE away RENAME TO {table}")
    begin(client, alias)
    assert say(client, MAIL + b".")[0].startswith("250 ")
    assert bodies() == [MAIL]


def test_without_a_database_nobody_can_tell_whose_domain_it_is(placed: Placed) -> None:
    with running(*ANYWHERE, DATABASE_URL="postgres://nobody@127.0.0.1:1/none") as door:
        client = door.raw()
        *_, rcpt, data = begin(client, "a@ct.acme.example")
        assert (rcpt[:9], data[:3]) == ("451 4.3.0", "503")


def test_nothing_of_a_mail_that_is_cut_off_is_kept(door: Door, alias: str) -> None:
    for rest in (b"", b"From: a@b.example\r\n\r\nhalf", MAIL, MAIL + b".", MAIL + b".\r"):
        client = door.raw()
        begin(client, alias)
        client.sendall(rest)
        client.close()
    with door.smtp() as last:  # the server has seen the others end by the time it has answered this one
        last.noop()
    time.sleep(0.3)
    assert bodies() == []
