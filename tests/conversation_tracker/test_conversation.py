"""A conversation from the door to the timeline and the mailboxes, both ways and with third parties."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.core.files.storage import storages
from django.test import Client
from django.utils import timezone

from conversation_tracker import inbox
from conversation_tracker.mailflow import record
from conversation_tracker.models import OutboundMail
from orders import aliases, vault
from orders.models import Kind, MaskType, TimelineEntry
from orders.outcomes import Outcome, Reason
from orders.placing import Placed
from tests import factories, letters, signatures
from tests.conversation_tracker.conversing import Work, finished, ids, mails, person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("three_providers")]


def test_a_customer_and_the_store_write_to_each_other(client: Client, work: Work, placed: Placed) -> None:
    customer, store = placed.customer_alias, placed.store_alias
    letters.post_postmark(
        client, letters.postmark(store, FromFull=person(customer, "Maria"), Headers=ids("<q@people.example>"))
    )
    (question,) = work()
    assert question.from_email == f"Maria <{customer.address.text()}>"
    assert question.to == [store.real.text()]
    assert question.reply_to == [customer.address.text()]
    assert customer.real.text() not in finished(question)

    answer_headers = ids("<a@acme.example>", In_Reply_To=question.extra_headers["Message-ID"])
    letters.post_postmark(client, letters.postmark(customer, FromFull=person(store, "Help"), Headers=answer_headers))
    (answer,) = work()
    assert answer.to == [customer.real.text()]
    assert answer.extra_headers["In-Reply-To"] == "<q@people.example>"
    assert store.real.text() not in finished(answer)
    assert [entry.outcome for entry in mails(placed.order)] == [Outcome.RELAYED, Outcome.RELAYED]


def test_both_mail_programs_see_one_thread(client: Client, work: Work, placed: Placed) -> None:
    customer, store = placed.customer_alias, placed.store_alias
    letters.post_postmark(client, letters.postmark(store, FromFull=person(customer), Headers=ids("<1@people.example>")))
    (first,) = work()
    seen_by_store = first.extra_headers["Message-ID"]
    letters.post_postmark(
        client,
        letters.postmark(
            customer,
            FromFull=person(store),
            Headers=ids("<2@acme.example>", References=seen_by_store, In_Reply_To=seen_by_store),
        ),
    )
    (second,) = work()
    seen_by_customer = second.extra_headers["Message-ID"]
    letters.post_postmark(
        client,
        letters.postmark(
            store,
            FromFull=person(customer),
            Headers=ids(
                "<3@people.example>", References=f"<1@people.example> {seen_by_customer}", In_Reply_To=seen_by_customer
            ),
        ),
    )
    (third,) = work()
    assert third.extra_headers["References"] == f"{seen_by_store} <2@acme.example>"
    assert third.extra_headers["In-Reply-To"] == "<2@acme.example>"


@pytest.mark.parametrize("mask_type", list(MaskType))
def test_every_way_an_address_may_stand_in_a_mail_is_masked(client: Client, work: Work, mask_type: MaskType) -> None:
    placed = factories.place_order(
        factories.make_store("acme", mask_type=mask_type), email="maria.silva@people.example"
    )
    customer, store = placed.customer_alias, placed.store_alias
    real = "maria.silva@people.example"
    raw = letters.mime(
        sender=f'"{real}" <{real}>',
        Subject=f"From {real}",
        Cc=f"{real}, friend@people.example",
        Reply_To=real,
        X_Original_From=real,
        Disposition_Notification_To=real,
        text=f"Write to {real.upper()}\n\nOn Monday <{real}> wrote:\n> {real}",
        html=f'<p>{real.replace("@", "&#64;")}</p><a href="mailto:{real}">x</a><!-- {real} --><img alt="{real}">',
        files=(("card.vcf", "text/vcard", f"EMAIL:{real}".encode()), (f"{real}.txt", "text/plain", b"x")),
    )
    letters.post_ses(client, letters.ses([store.address.text()], raw))
    (sent,) = work()
    out = sent.message().as_bytes()
    assert sent.to == [store.real.text()]
    visible = " ".join(
        [
            str(sent.subject),
            str(sent.body),
            sent.from_email,
            *(str(alternative[0]) for alternative in sent.alternatives),
        ]
    )
    assert visible.replace(customer.address.text(), "").lower().count(real) == 0
    assert customer.address.text() in visible
    assert b"friend@people.example" not in out
    assert b"Disposition" not in out.replace(b"Content-Disposition", b"")
    assert b"X-Original-From" not in out
    entry = mails(placed.order)[0]
    stored = " ".join([entry.subject, entry.text, entry.html, entry.sender_name.text(), entry.first_words])
    assert real not in stored.replace(customer.address.text(), "").lower()
    for attachment in entry.attachments.all():
        kept = attachment.name + vault.load(attachment.stored_as).decode()
        assert real not in kept.replace(customer.address.text(), "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("one\n two", "one two"),
        ("x" * 140, "x" * 140),
        ("x" * 141, ""),
        ("word " * 40, ("word " * 28).strip()),
        ("x" * 120 + " maria@people.example-123456789012b.ct.acme.example", "x" * 120),
    ],
)
def test_the_first_words_are_whole_words(text: str, expected: str) -> None:
    assert record.first_words(text) == expected


def test_a_mail_to_two_aliases_is_two_entries(client: Client, work: Work, placed: Placed) -> None:
    both = [placed.customer_alias.address.text(), placed.store_alias.address.text()]
    letters.post_ses(client, letters.ses(both, letters.mime()))
    assert sorted(sent.to[0] for sent in work()) == sorted(
        [placed.customer_alias.real.text(), placed.store_alias.real.text()]
    )
    assert len(mails(placed.order)) == 2


@pytest.mark.parametrize("provider", ["postmark", "mailgun", "amazon_ses"])
def test_every_recipient_is_heard_not_only_the_first(client: Client, work: Work, placed: Placed, provider: str) -> None:
    both = [placed.customer_alias.address.text(), placed.store_alias.address.text()]
    if provider == "postmark":
        letters.post_postmark(client, letters.postmark(both[0], CcFull=[{"Email": both[1], "Name": ""}]))
    elif provider == "mailgun":
        letters.post_mailgun(client, letters.mailgun(",".join(both)))
    else:
        letters.post_ses(client, letters.ses(both, letters.mime()))
    assert len(work()) == 2


def test_two_months_and_a_second_later_it_is_recorded_as_late_and_not_relayed(
    client: Client, work: Work, placed: Placed
) -> None:
    late = placed.customer_alias.expires_at + timedelta(seconds=1)
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    assert work(now=late) == []
    (entry,) = mails(placed.order)
    assert (entry.outcome, entry.reason) == (Outcome.REFUSED, Reason.EXPIRED)
    assert "kim@carrier.example" not in entry.text
    assert not OutboundMail.objects.exists()
    assert placed.order.aliases.count() == 2
    placed.customer_alias.refresh_from_db()
    assert placed.customer_alias.retired_at is None  # nobody tidied up, and still nothing left


def test_a_second_before_it_is_relayed(client: Client, work: Work, placed: Placed) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    assert len(work(now=placed.customer_alias.expires_at - timedelta(seconds=1))) == 1


def test_after_beat_has_tidied_up_the_reason_is_still_expired(client: Client, work: Work, placed: Placed) -> None:
    late = placed.customer_alias.expires_at + timedelta(days=1)
    aliases.expire_due(now=late)
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    assert work(now=late) == []
    assert [entry.reason for entry in mails(placed.order)] == [Reason.EXPIRED]


def test_mail_to_a_retired_alias_is_refused(client: Client, work: Work, placed: Placed) -> None:
    aliases.retire(placed.customer_alias, user=factories.make_user(), reason="test", now=timezone.now())
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    assert work() == []
    assert [(entry.outcome, entry.reason) for entry in mails(placed.order)] == [(Outcome.REFUSED, Reason.RETIRED)]


@pytest.mark.parametrize("message_id", ["<BzYxW12-x9_Zq-AQA-{}>", "<12345.{}>"])
def test_a_message_id_that_ends_in_an_address_is_not_handed_back(
    client: Client, work: Work, placed: Placed, message_id: str
) -> None:
    carrier = {"Email": "support@carrier.example", "Name": "Carrier"}
    headers = ids(message_id.format(carrier["Email"]))
    letters.post_postmark(client, letters.postmark(placed.customer_alias, FromFull=carrier, Headers=headers))
    [notice] = work()
    headers = ids("<2@people.example>", In_Reply_To=notice.extra_headers["Message-ID"])
    third = placed.order.aliases.latest("id")
    letters.post_postmark(client, letters.postmark(third, FromFull=person(placed.customer_alias), Headers=headers))
    [answer] = work()
    assert answer.to == [carrier["Email"]]
    assert "In-Reply-To" not in answer.extra_headers


def test_a_delivery_report_is_never_relayed(client: Client, work: Work, placed: Placed) -> None:
    raw = (
        b"From: MAILER-DAEMON@mx.example\r\n"
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        b"--b\r\n\r\nNot delivered to " + placed.store_alias.real.text().encode() + b"\r\n--b\r\n"
        b"Content-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822; "
        + placed.store_alias.real.text().encode() + b"\r\n--b--\r\n"
    )  # fmt: skip
    letters.post_ses(client, letters.ses([placed.customer_alias.address.text()], raw))
    assert work() == []
    (entry,) = mails(placed.order)
    assert (entry.outcome, entry.reason) == (Outcome.RECORDED, Reason.BOUNCE)
    assert entry.text == f"Not delivered to {placed.store_alias.address.text()}"
    report = vault.load(entry.attachments.get().stored_as)
    assert placed.store_alias.real.text().encode() not in report


@pytest.mark.parametrize(
    ("source", "is_report"), [("MAILER-DAEMON@mx.example", True), ("kim@mx.example", False), ("", True)]
)
def test_a_mail_system_that_gives_its_own_name_in_the_envelope_is_one(
    client: Client, work: Work, placed: Placed, source: str, is_report: bool
) -> None:
    raw = b"From: MAILER-DAEMON@mx.example\r\nSubject: failure notice\r\n\r\nuser is over quota\r\n"
    notice = letters.ses([placed.store_alias.address.text()], raw)
    message = json.loads(notice["Message"])
    message["mail"]["source"] = source
    letters.post_ses(client, signatures.sns("Notification", Message=json.dumps(message)))
    assert bool(work()) is not is_report
    (entry,) = mails(placed.order)
    assert (entry.reason == Reason.BOUNCE) is is_report


def test_the_original_is_kept_sealed_and_whole(client: Client, work: Work, placed: Placed) -> None:
    raw = letters.mime(text="höchst vertraulich")
    letters.post_ses(client, letters.ses([placed.customer_alias.address.text()], raw))
    work()
    entry = mails(placed.order)[0]
    assert entry.original_type == "message/rfc822"
    assert vault.load(entry.original) == raw
    with storages["mail"].open(entry.original) as file:
        assert b"vertraulich" not in file.read()


def test_mailguns_raw_mail_is_recorded_with_every_byte(client: Client, work: Work, placed: Placed) -> None:
    raw = letters.mime(sender="Jorg <kim@carrier.example>").replace(b"Jorg", b"J\xf6rg").replace(b"door.", b"door\xe9")
    fields = {**letters.mailgun(placed.customer_alias.address.text()), "body-mime": "RAW"}
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
    ]
    body = "".join(parts).encode().replace(b"RAW", raw) + b"--x--\r\n"
    auth = {"Authorization": letters.BASIC_AUTH}
    response = client.post(
        "/anymail/mailgun/inbound/", body, content_type="multipart/form-data; boundary=x", headers=auth
    )
    assert response.status_code == 200
    (sent,) = work()
    entry = mails(placed.order)[0]
    assert vault.load(entry.original) == raw
    assert sent.from_email.startswith("=?utf-8?b?SsO2cmc=?=")
    assert entry.text == "It is at your dooré"


def test_an_alias_is_found_in_any_spelling(client: Client, work: Work, placed: Placed) -> None:
    local, _, domain = placed.customer_alias.address.text().partition("@")
    letters.post_postmark(client, letters.postmark(f"{local.upper()}+tag@{domain.title()}.", ToFull=[]))
    assert len(work()) == 1


def test_nothing_is_mailed_to_who_is_refused(client: Client, work: Work, placed: Placed) -> None:
    for alias in (f"{'0' * 32}@ct.acme.example", placed.customer_alias.address.text()):
        letters.post_postmark(client, letters.postmark(alias, Headers=ids("<1@x.example>", Precedence="bulk")))
    assert work() == []


FLOWED = (
    b"From: Kim Carrier <kim@carrier.example>\r\nSubject: Your parcel\r\nMessage-ID: <f@carrier.example>\r\n"
    b"Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nContent-Type: text/plain; format=flowed\r\n\r\n%s"
)
WORDS = "It is at \nyour door.\n\n> Where is \n> my parcel?\n> I wait.\n"


def test_a_flowed_mail_through_two_providers_is_one_entry(client: Client, work: Work, placed: Placed) -> None:
    raw = FLOWED % WORDS.replace("\n", "\r\n").encode()
    address = placed.customer_alias.address.text()
    inbox.accept_mime(raw, sender="kim@carrier.example", recipients=[address], now=timezone.now())
    headers = [{"Name": "Message-ID", "Value": "<f@carrier.example>"}]
    letters.post_postmark(client, letters.postmark(placed.customer_alias, TextBody=WORDS, Headers=headers))
    letters.post_mailgun(client, letters.mailgun(address, **{"body-mime": raw.decode()}))
    assert len(work()) == 1
    assert TimelineEntry.objects.filter(kind=Kind.MAIL).count() == 1
    other = letters.postmark(placed.customer_alias, TextBody=WORDS.replace("door", "desk"), Headers=headers)
    letters.post_postmark(client, other)
    assert len(work()) == 1
