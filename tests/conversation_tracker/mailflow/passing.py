"""Take a mail from where it comes in to where it leaves, for the tests of what shows an address."""

from __future__ import annotations

import base64
import email
from email.message import EmailMessage
from email.mime.base import MIMEBase

from conversation_tracker.mailflow import leakgate, mask, parse
from conversation_tracker.mailflow.shapes import Envelope, Mail, Masked, Verdict
from orders.known import Known

REAL = "anna.real@people.example"
HARD = Known(REAL, "11111111111111111111111111111111@ct.example")
SOFT = Known(REAL, "anna.real@people.example-123456789012b.ct.example")
ENVELOPE = Envelope("kim@carrier.example", True, ("a@ct.example",), Verdict.NONE, is_spam=False)
MAIL = (
    b"From: Anna <anna.real@people.example>\r\nTo: x@y.example\r\nSubject: inner\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + base64.encodebytes(b"I am anna.real@people.example, yes")
)


def incoming(content: bytes, *, name: str = "", kind: str, charset: str = "", encoding: str = "base64") -> bytes:
    """A mail with one file."""
    head = f"Content-Type: {kind}" + (f"; charset={charset}" if charset else "")
    head += f"\r\nContent-Transfer-Encoding: {encoding}"
    head += f'\r\nContent-Disposition: attachment; filename="{name}"' if name else ""
    body = base64.encodebytes(content) if encoding == "base64" else content
    return (
        b"From: a@b.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=BB\r\n\r\n"
        b"--BB\r\nContent-Type: text/plain\r\n\r\nsee\r\n--BB\r\n"
        + head.encode()
        + b"\r\n\r\n"
        + body
        + b"\r\n--BB--\r\n"
    )


def read(raw: bytes) -> Mail:
    return parse.parse(email.message_from_bytes(raw), envelope=ENVELOPE, is_own_hop=lambda _: False)


def masked(raw: bytes, known: Known = HARD) -> Masked:
    return mask.mask(read(raw), (known,))


def outgoing(found: Masked) -> bytes:
    """The relay as it is sent: each file in base64, an attached mail as any file."""
    message = EmailMessage()
    message["Subject"] = found.subject
    message.set_content(found.text)
    if found.html:
        message.add_alternative(found.html, subtype="html")
    message.make_mixed()
    for file in found.files:
        maintype, _, subtype = file.content_type.partition("/")
        if maintype in {"message", "multipart"}:
            maintype, subtype = "application", "octet-stream"
        part = MIMEBase(maintype, subtype, name=file.name)
        part["Content-Transfer-Encoding"] = "base64"
        part.set_payload(base64.encodebytes(file.content).decode())
        part.add_header("Content-Disposition", "attachment", filename=file.name)
        message.attach(part)  # type: ignore[arg-type]  # as Django does it
    return message.as_bytes()


def shown(found: Masked) -> list[str]:
    return leakgate.leaks(outgoing(found), (HARD,))


def said(text: str, *, kind: str = "plain", name: str = "Anna", subject: str = "S") -> bytes:
    """A mail that says it."""
    message = EmailMessage()
    message["From"] = f'"{name}" <a@b.example>'
    message["Subject"] = subject
    message.set_content(text, subtype=kind, cte="base64")
    return message.as_bytes()
