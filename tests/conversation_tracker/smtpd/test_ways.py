"""The SMTP door by LMTP and under TLS, and whom its mail is from."""

from __future__ import annotations

import re
import signal
import smtplib
import ssl
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pytest_django import Settings

from conversation_tracker import inbox
from conversation_tracker.models import Receipt
from orders import vault
from orders.models import Kind, TimelineEntry, Verification
from orders.placing import Placed
from tests.conversation_tracker.authenticity import zones
from tests.conversation_tracker.smtpd.doors import (
    ANYWHERE,
    MAIL,
    SENDER,
    Door,
    Work,
    begin,
    bodies,
    envelope,
    replies,
    running,
    say,
)

pytestmark = pytest.mark.django_db(transaction=True)


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


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return _made(tmp_path_factory.mktemp("certificate"))


def _made(folder: Path) -> dict[str, str]:
    """A new key and its certificate in a folder, as the settings name them."""
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


def test_a_certificate_that_cannot_be_used_takes_not_the_place_of_one_that_can(
    placed: Placed, alias: str, certificate: dict[str, str], tmp_path: Path
) -> None:
    context = ssl.create_default_context(cafile=certificate["SMTPD_TLS_CERT"])
    shown = tmp_path / "shown.pem"
    shown.write_bytes(Path(certificate["SMTPD_TLS_CERT"]).read_bytes())
    with running(*ANYWHERE, **{**certificate, "SMTPD_TLS_CERT": str(shown)}) as door:
        shown.write_bytes(Path(_made(tmp_path)["SMTPD_TLS_CERT"]).read_bytes())  # and its key is not there yet
        door.process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        with door.smtp() as client:
            client._host = "ct.test"  # type: ignore[attr-defined]  # as above
            client.starttls(context=context)
            client.sendmail(SENDER, [alias], MAIL)
    assert bodies() == [MAIL]


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


def test_who_begins_tls_and_says_no_more_keeps_no_place(
    placed: Placed, alias: str, certificate: dict[str, str]
) -> None:
    environment = {"SMTPD_TIMEOUT": "1", "SMTPD_MAX_CONNECTIONS": "1", **certificate}
    with running(*ANYWHERE, **environment) as door, door.raw() as silent:
        say(silent, b"EHLO mx.carrier.example", b"STARTTLS")
        time.sleep(1.5)
        assert begin(door.raw(), alias)[-1].startswith("354 ")


def test_who_speaks_no_tls_is_no_mistake_of_ours(placed: Placed, alias: str, certificate: dict[str, str]) -> None:
    door = Door(*ANYWHERE, **certificate)
    with door.raw() as scanner:
        say(scanner, b"EHLO scanner.example", b"STARTTLS")
        scanner.sendall(b"GET / HTTP/1.1\r\n\r\n")
        scanner.recv(1_000)
    with door.smtp() as client:
        client.sendmail(SENDER, [alias], MAIL)
    assert door.end() == 0
    assert "no agreement on TLS" in door.errors
    assert not {"Traceback", "ERROR"} & set(re.findall(r"\w+", door.errors))


def test_a_stop_is_in_good_order_while_tls_is_agreed_on(
    placed: Placed, alias: str, certificate: dict[str, str]
) -> None:
    with running(*ANYWHERE, **certificate) as door, door.raw() as silent, door.raw() as client:
        say(silent, b"EHLO mx.carrier.example", b"STARTTLS")
        begin(client, alias)
        door.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        client.sendall(MAIL + b".\r\n")
        assert replies(client, 1)[0].startswith("250 ")
    assert bodies() == [MAIL]


def test_a_certificate_without_its_key_is_said() -> None:
    door = Door(*ANYWHERE, SMTPD_TLS_CERT="/no/such/file")
    assert "belong together" in door.process.communicate(timeout=20)[1]


def test_a_network_that_is_none_is_said() -> None:
    door = Door(*ANYWHERE, SMTPD_TRUSTED_RELAYS="10.0.0.0/99")
    assert "SMTPD_TRUSTED_RELAYS" in door.process.communicate(timeout=20)[1]


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
