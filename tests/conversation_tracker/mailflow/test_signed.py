"""What is signed is taken out of its signature: a mail is read, a document looked into."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime, timedelta
from email.message import EmailMessage

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID

from conversation_tracker.mailflow import signed
from tests.conversation_tracker.mailflow.papers import by_glyphs
from tests.conversation_tracker.mailflow.passing import HARD, REAL, incoming, masked, read, shown

Wrap = Callable[[bytes], bytes]
BEFORE = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\xa0"


def in_signature(content: bytes, *, name: str = "Signer") -> bytes:
    """As Outlook, OpenSSL and signing desks write it: DER, the content in one octet string."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime(2026, 11, 1)  # noqa: DTZ001  as the library takes it
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    certificate = builder.not_valid_before(now).not_valid_after(now + timedelta(days=900)).sign(key, hashes.SHA256())
    made = pkcs7.PKCS7SignatureBuilder().set_data(content).add_signer(certificate, key, hashes.SHA256())
    return made.sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])


def in_segments(content: bytes, *, size: int = 1_000) -> bytes:
    """As who does not know its length before, such as BouncyCastle and ``openssl cms -stream``."""
    pieces = [content[at : at + size] for at in range(0, len(content), size)]
    octets = b"".join(b"\x04\x82" + len(piece).to_bytes(2) + piece for piece in pieces)
    return b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80\x30\x80" + BEFORE + b"\x80\x24\x80" + octets


@pytest.mark.parametrize("wrap", [in_signature, in_segments])
@pytest.mark.parametrize("length", [1, 127, 128, 255, 256, 70_000])
def test_the_content_is_as_it_was_signed(wrap: Wrap, length: int) -> None:
    content = bytes(number % 251 for number in range(length))
    assert signed.content(wrap(content)) == content


def mail_in(wrap: Wrap, inner: EmailMessage, *, name: str = "smime.p7m") -> bytes:
    raw = EmailMessage()
    raw["From"] = f"Anna <{REAL}>"
    raw["Subject"] = "Papers"
    content = wrap(inner.as_bytes())
    raw.add_attachment(content, maintype="application", subtype="pkcs7-mime", filename=name)
    return raw.as_bytes()


@pytest.mark.parametrize("wrap", [lambda content: in_signature(content, name=REAL), in_segments])
def test_a_mail_without_clear_text_is_read_and_its_signature_left_out(wrap: Wrap) -> None:
    inner = EmailMessage()
    inner.set_content(f"Write to {REAL}")
    inner.add_attachment(b"a;b", maintype="text", subtype="csv", filename="list.csv")
    mail = read(mail_in(wrap, inner))
    assert (mail.text.strip(), [file.name for file in mail.files]) == (f"Write to {REAL}", ["list.csv"])
    found = masked(mail_in(wrap, inner))
    assert (found.text.strip(), shown(found)) == (f"Write to {HARD.alias}", [])


@pytest.mark.parametrize("wrap", [in_signature, in_segments])
@pytest.mark.parametrize("content", [by_glyphs(f"Bill to: {REAL}"), b" " * 990 + f"<Email>{REAL}</Email>".encode()])
def test_a_signed_document_is_looked_into_in_base64_too(wrap: Wrap, content: bytes) -> None:
    document = wrap(content)
    texts = [base64.b64encode(document), base64.encodebytes(document)]
    for written in (document, *texts):
        file = incoming(written, name="papers.p7m", kind="application/pkcs7-mime")
        assert shown(masked(file)) == ["file"]
    assert [file.name for file in read(incoming(document, name="a.xml.p7m", kind="application/pkcs7-mime")).files] == [
        "a.xml.p7m"
    ]


@pytest.mark.parametrize(
    "octets", [b"", BEFORE, BEFORE + b"\x80", BEFORE + b"\x80\x24", BEFORE + b"\x04\x04", b"x" * 70_000 + BEFORE]
)
def test_what_is_cut_off_or_no_signature_ends_in_nothing(octets: bytes) -> None:
    assert not signed.content(octets)


def test_it_ends_however_many_segments_there_are() -> None:
    assert signed.content(BEFORE + b"\x80\x24\x80" + b"\x04\x00" * 5_000_000) == b""
