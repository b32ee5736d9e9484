"""The SMTP and LMTP door: a real server process on this machine, and clients that behave and that do not."""

from __future__ import annotations

import os
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.core.mail import EmailMultiAlternatives
from django.db import connection
from pytest_django import Settings
from pytest_django.plugin import DjangoDbBlocker

from conversation_tracker import inbox
from conversation_tracker.models import Channel, OutboundMail, Receipt
from conversation_tracker.smtpd.server import Place
from orders import vault
from orders.models import Kind, TimelineEntry, Verification
from orders.outcomes import Reason
from orders.placing import Placed
from tests.conversation_tracker.authenticity import zones

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).resolve().parent.parent.parent
SENDER = "kim@carrier.example"
MAIL = (
    b"From: Kim Carrier <kim@carrier.example>\r\nSubject: Your parcel\r\nMessage-ID: <1@carrier.example>\r\n"
    b"\r\nHere.\r\n"
)
Work = Callable[..., list[EmailMultiAlternatives]]


class Door:
    """A server process."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        database = os.environ["DATABASE_URL"].rpartition("/")[0]
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "smtpd", *arguments],
            cwd=ROOT,
            env={
                **os.environ,
                "DATABASE_URL": f"{database}/{connection.settings_dict['NAME']}",
                "SMTPD_HOSTNAME": "ct.test",
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.place = self.process.stdout.readline().strip().removeprefix("Listening at ")

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.place.rpartition(":")
        return host, int(port)

    def smtp(self) -> smtplib.SMTP:
        return smtplib.SMTP(*self.address, local_hostname="mx.carrier.example", timeout=20)

    def raw(self) -> socket.socket:
        """A connection whose greeting was read."""
        client = socket.create_connection(self.address, timeout=20)
        assert replies(client, 1)[0].startswith("220 ")
        return client

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        self.errors = self.process.communicate(timeout=40)[1]
        return self.process.returncode


@contextmanager
def running(*arguments: str, **environment: str) -> Iterator[Door]:
    door = Door(*arguments, **environment)
    try:
        yield door
    finally:
        if door.process.poll() is None:
            door.process.kill()
        door.process.communicate()


ANYWHERE = ("--listen", "127.0.0.1:0")


@pytest.fixture(scope="module")
def door(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Door]:
    """One server for the tests that leave it as it was."""
    with running(*ANYWHERE, SMTPD_MAX_BYTES="1000000") as found:
        yield found


@pytest.fixture(scope="module")
def lmtp(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Door]:
    with running(*ANYWHERE, "--lmtp") as found:
        yield found


@pytest.fixture
def alias(placed: Placed) -> str:
    return placed.customer_alias.address.text()


def replies(client: socket.socket, count: int) -> list[str]:
    """Read whole replies; only the last line of each counts."""
    found: list[str] = []
    buffer = b""
    while len(found) < count:
        data = client.recv(4096)
        assert data, f"closed after {found} {buffer!r}"
        buffer += data
        while b"\r\n" in buffer:
            line, _, buffer = buffer.partition(b"\r\n")
            if line[3:4] != b"-":
                found.append(line.decode())
    return found


def say(client: socket.socket, *commands: bytes) -> list[str]:
    """Send commands one by one; their replies."""
    found = []
    for command in commands:
        client.sendall(command + b"\r\n")
        found += replies(client, 1)
    return found


def begin(client: socket.socket, *recipients: str) -> list[str]:
    to = [f"RCPT TO:<{one}>".encode() for one in recipients]
    return say(client, b"EHLO mx.carrier.example", b"MAIL FROM:<kim@carrier.example>", *to, b"DATA")


def how_often(client: socket.socket, data: bytes, *, pause: float = 0.0) -> int:
    """Send again and again until the other side has had enough; how often that was, 1,000 times at most."""
    for turn in range(1_000):
        try:
            client.sendall(data)
        except OSError:
            return turn
        time.sleep(pause)
    return 1_000


def bodies() -> list[bytes]:
    return [receipt.body.bytes() for receipt in Receipt.objects.order_by("id")]


def envelope(receipt: Receipt) -> list[tuple[str, str]]:
    return [(name, value) for name, value in receipt.headers.json()]


# --- What is taken in


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


# --- What is refused


@pytest.mark.parametrize(
    "address",
    ["a@foreign.example", "a@acme.example", "a@ct.acme.example.evil.example", "a@xct.acme.example", "a@[127.0.0.1]",
     '"a@ct.acme.example"@foreign.example', "", "postmaster"],
)  # fmt: skip
def test_who_is_not_at_a_tracking_domain_is_refused(door: Door, placed: Placed, address: str) -> None:
    client = door.raw()
    *_, rcpt, data = begin(client, address)
    assert rcpt[:3] in {"550", "553"}
    assert data.startswith("503 5.5.1")
    assert bodies() == []


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


# --- LMTP


def test_lmtp_answers_once_for_each_recipient(lmtp: Door, placed: Placed) -> None:
    aliases = [placed.customer_alias.address.text(), placed.store_alias.address.text()]
    client = lmtp.raw()
    to = [f"RCPT TO:<{one}>".encode() for one in (*aliases, "a@foreign.example", aliases[0])]
    said = say(client, b"EHLO x.example", b"LHLO x.example", b"MAIL FROM:<a@b.example>", *to, b"DATA")
    assert [one[:3] for one in said] == ["500", "250", "250", "250", "250", "550", "250", "354"]
    client.sendall(MAIL + b".\r\n")
    assert [one[:9] for one in replies(client, 3)] == ["250 2.0.0"] * 3
    assert bodies() == [MAIL]


def test_lmtp_over_a_socket_file(placed: Placed, alias: str, tmp_path: Path) -> None:
    path = tmp_path / "lmtp"
    with running("--lmtp", "--listen", f"unix:{path}", "--socket-mode", "600") as door:
        assert path.stat().st_mode & 0o777 == 0o600
        with smtplib.LMTP(str(path)) as client:
            assert client.sendmail(SENDER, [alias], MAIL) == {}
        assert ("client", "") in envelope(Receipt.objects.get())
        again = Door("--lmtp", "--listen", f"unix:{path}")
        assert (again.process.wait(20), again.place) == (1, "")
        assert "Another process listens" in again.process.communicate()[1]
        assert door.end() == 0
    assert not path.exists()


def test_a_socket_file_is_for_lmtp_only(tmp_path: Path) -> None:
    door = Door("--listen", f"unix:{tmp_path}/smtp")
    assert "add --lmtp" in door.process.communicate(timeout=20)[1]


# --- STARTTLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("certificate")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ct.test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("ct.test")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(*pem))
    return {"SMTPD_TLS_CERT": str(folder / "cert.pem"), "SMTPD_TLS_KEY": str(folder / "key.pem")}


def test_starttls(placed: Placed, alias: str, certificate: dict[str, str]) -> None:
    context = ssl.create_default_context(cafile=certificate["SMTPD_TLS_CERT"])
    with running(*ANYWHERE, **certificate) as door:
        for _ in range(2):
            with door.smtp() as client:
                client._host = "ct.test"  # type: ignore[attr-defined]  # the name that the certificate is checked against
                client.ehlo()
                assert "starttls" in client.esmtp_features
                client.starttls(context=context)
                client.ehlo()
                assert not {"starttls", "auth"} & set(client.esmtp_features)
                client.sendmail(SENDER, [alias], MAIL)
            door.process.send_signal(signal.SIGHUP)
        assert bodies() == [MAIL] * 2


def test_what_was_said_before_tls_does_not_count_within(
    placed: Placed, alias: str, certificate: dict[str, str]
) -> None:
    context = ssl.create_default_context(cafile=certificate["SMTPD_TLS_CERT"])
    with running(*ANYWHERE, **certificate) as door, door.raw() as client:
        say(client, b"EHLO evil.example")
        client.sendall(b"STARTTLS\r\nEHLO injected.example\r\nMAIL FROM:<injected@evil.example>\r\n")
        assert replies(client, 1)[0].startswith("220 ")
        with context.wrap_socket(client, server_hostname="ct.test") as inside:
            assert say(inside, b"MAIL FROM:<a@b.example>")[0].startswith("503")


def test_a_certificate_without_its_key_is_said() -> None:
    door = Door(*ANYWHERE, SMTPD_TLS_CERT="/no/such/file")
    assert "belong together" in door.process.communicate(timeout=20)[1]


def test_a_network_that_is_none_is_said() -> None:
    door = Door(*ANYWHERE, SMTPD_TRUSTED_RELAYS="10.0.0.0/99")
    assert "SMTPD_TRUSTED_RELAYS" in door.process.communicate(timeout=20)[1]


# --- Kills, crowds, patience


def test_what_was_answered_with_250_survives_a_kill(placed: Placed, alias: str) -> None:
    with running(*ANYWHERE) as door:
        client = door.raw()
        begin(client, alias)
        assert say(client, MAIL + b".")[0].startswith("250 ")
        door.process.kill()
        door.process.wait()
    assert bodies() == [MAIL]


def test_a_stop_finishes_what_is_under_way_and_turns_others_away(placed: Placed, alias: str) -> None:
    with running(*ANYWHERE) as door:
        busy, idle = door.raw(), door.raw()
        begin(busy, alias)
        busy.sendall(MAIL)
        door.process.send_signal(signal.SIGTERM)
        assert replies(idle, 1)[0].startswith("421 4.3.2")
        assert idle.recv(10) == b""
        with pytest.raises(OSError, match=r"."):
            door.raw()
        busy.sendall(b".\r\nQUIT\r\n")
        assert [one[:3] for one in replies(busy, 2)] == ["250", "421"]
        assert door.process.wait(20) == 0
    assert bodies() == [MAIL]


def test_fifty_clients_at_once(door: Door, alias: str) -> None:
    def send(number: int) -> None:
        with door.smtp() as client:
            for turn in range(4):
                client.sendmail(SENDER, [alias], MAIL + f"{number} {turn}\r\n".encode())

    with ThreadPoolExecutor(50) as pool:
        list(pool.map(send, range(50)))
    assert set(bodies()) == {MAIL + f"{number} {turn}\r\n".encode() for number in range(50) for turn in range(4)}


def test_a_crowd_is_turned_away_for_the_time_being(placed: Placed, alias: str) -> None:
    with running(*ANYWHERE, SMTPD_MAX_CONNECTIONS_PER_CLIENT="3") as door:
        inside = [door.raw() for _ in range(3)]
        with socket.create_connection(door.address, timeout=20) as client:
            assert replies(client, 1)[0].startswith("421 4.3.2")
            assert client.recv(10) == b""
        inside.pop().close()
        time.sleep(0.2)
        begin(door.raw(), alias)


def test_who_says_nothing_is_not_waited_for(placed: Placed, alias: str) -> None:
    with running(*ANYWHERE, SMTPD_TIMEOUT="1") as door:
        silent, slow, half = door.raw(), door.raw(), door.raw()
        begin(half, alias)
        began = time.monotonic()
        how_often(slow, b"E", pause=0.1)
        assert time.monotonic() - began < 3
        for client in (silent, half):
            assert replies(client, 1)[0].startswith("421 4.4.2")
        assert bodies() == []


def test_a_slow_mail_is_waited_for_but_not_for_ever(placed: Placed, alias: str) -> None:
    with running(*ANYWHERE, SMTPD_TIMEOUT="0.5") as door:
        client = door.raw()
        begin(client, alias)
        for line in MAIL.splitlines(keepends=True):
            client.sendall(line)
            time.sleep(0.3)
        assert say(client, b".")[0].startswith("250 ")
        begin(client, alias)
        assert how_often(client, b"x\r\n", pause=0.1) < 50
    assert bodies() == [MAIL]


def test_too_much_nonsense_ends_the_session(door: Door) -> None:
    client = door.raw()
    client.sendall(b"\xff\x00\r\n" + b"GET / HTTP/1.1\r\n" * 6)
    assert [one[:3] for one in replies(client, 6)][-1] == "502"


def test_nothing_that_a_client_says_is_logged(placed: Placed, alias: str) -> None:
    with running(*ANYWHERE) as door:
        with door.smtp() as client:
            client.sendmail("secret@person.example", [alias], MAIL)
            client.docmd("SECRET@PERSON.EXAMPLE")
        door.end()
    assert [word for word in ("secret", "SECRET", alias, "Here.") if word in door.errors] == []


def test_a_port_that_is_taken_is_said(door: Door) -> None:
    other = Door("--listen", door.place)
    assert "Cannot listen at" in other.process.communicate(timeout=20)[1]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("127.0.0.1:25", Place("127.0.0.1", 25)),
        ("[::1]:25", Place("::1", 25)),
        (":25", Place("", 25)),
        ("unix:/run/ct/lmtp", Place(path=Path("/run/ct/lmtp"))),
    ],
)
def test_a_place_is_read(text: str, place: Place) -> None:
    assert Place.read(text) == place


@pytest.mark.parametrize("text", ["", "25", "host", "host:smtp", "host:70000", "unix:relative", "host:-1"])
def test_what_is_no_place_is_said(text: str) -> None:
    with pytest.raises(ValueError, match=r"place|socket"):
        Place.read(text)


# --- Who sent it


ZONE: dict[tuple[str, str], tuple[str, ...] | None] = {
    ("carrier.example", "TXT"): ("v=spf1 ip4:127.0.0.1 -all",),
    ("sel._domainkey.carrier.example", "TXT"): (zones.KEY_RECORD,),
    ("_dmarc.carrier.example", "TXT"): ("v=DMARC1; p=reject",),
    ("_dmarc.bank.example", "TXT"): ("v=DMARC1; p=reject",),
    ("_dmarc.silent.example", "TXT"): None,
}
FROM_BANK = MAIL.replace(b"kim@carrier.example", b"boss@bank.example")
FROM_SILENT = MAIL.replace(b"kim@carrier.example", b"kim@silent.example")
RESULTS = b"Authentication-Results: mx.acme.example; dmarc=pass header.from=carrier.example\r\n"
FORGED = b"Authentication-Results: mx.acme.example; dmarc=fail header.from=carrier.example\r\n"


def verification(door: Door, raw: bytes, alias: str, work: Work) -> str:
    with door.smtp() as client:
        client.sendmail(SENDER, [alias], raw)
    work()
    return TimelineEntry.objects.get(kind=Kind.MAIL).verification


@pytest.mark.parametrize(
    ("raw", "relays", "verified"),
    [
        (MAIL, [], Verification.VERIFIED),  # SPF
        (MAIL, ["127.0.0.0/8"], Verification.UNVERIFIED),  # a relay's own address proves nothing
        (zones.signed(MAIL, domain="carrier.example"), ["127.0.0.0/8"], Verification.VERIFIED),
        (FROM_BANK, [], Verification.UNVERIFIED),
        (zones.signed(FROM_BANK, domain="carrier.example"), [], Verification.UNVERIFIED),
        (FROM_SILENT, [], Verification.UNVERIFIED),
    ],
    ids=["spf", "relay", "dkim", "dmarc fails", "not aligned", "silence"],
)
def test_the_sender_is_verified_by_what_the_door_saw(
    door: Door, alias: str, work: Work, settings: Settings, raw: bytes, relays: list[str], verified: str
) -> None:
    settings.SMTPD_TRUSTED_RELAYS = relays
    settings.DNS_TIMEOUT = 1.0
    with zones.served(ZONE) as server:
        settings.DNS_SERVERS = [server]
        assert verification(door, raw, alias, work) == verified
    assert inbox.counts() == {"pending": 0, "done": 1, "quarantined": 0}
    entry = TimelineEntry.objects.get(kind=Kind.MAIL)
    assert vault.load(entry.original) == raw


@pytest.mark.parametrize(
    ("raw", "relays", "verified"),
    [
        (RESULTS + MAIL, ["127.0.0.0/8"], Verification.VERIFIED),
        (RESULTS + FORGED + MAIL, ["127.0.0.0/8"], Verification.VERIFIED),
        (FORGED + RESULTS + MAIL, ["127.0.0.0/8"], Verification.UNVERIFIED),
        (RESULTS.replace(b"mx.acme", b"mx.evil") + MAIL, ["127.0.0.0/8"], Verification.UNVERIFIED),
        (RESULTS + FROM_BANK, ["127.0.0.0/8"], Verification.UNVERIFIED),
        (RESULTS + FROM_BANK, [], Verification.UNVERIFIED),  # whoever comes from elsewhere wrote it himself
        (MAIL, ["127.0.0.0/8"], Verification.UNVERIFIED),
    ],
    ids=["passed", "topmost", "topmost fails", "another server", "another From", "no relay", "nothing said"],
)
def test_a_trusted_relay_is_believed(
    door: Door, alias: str, work: Work, settings: Settings, raw: bytes, relays: list[str], verified: str
) -> None:
    settings.SMTPD_TRUSTED_RELAYS, settings.SMTPD_TRUSTED_AUTHSERV_ID = relays, "mx.acme.example"
    with zones.served(ZONE) as server:
        settings.DNS_SERVERS = [server]
        assert verification(door, raw, alias, work) == verified


def test_nobody_to_ask_costs_no_mail(door: Door, alias: str, work: Work, settings: Settings) -> None:
    settings.SMTPD_TRUSTED_RELAYS, settings.DNS_SERVERS, settings.DNS_TIMEOUT = [], ["127.0.0.1:1"], 0.5
    assert verification(door, MAIL, alias, work) == Verification.UNVERIFIED
