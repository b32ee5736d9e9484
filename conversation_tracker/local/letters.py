"""Read a mail of the local mailbox for showing. Pure."""

from __future__ import annotations

import email
import email.policy
from dataclasses import dataclass
from email.message import MIMEPart
from email.utils import getaddresses, parseaddr

from orders import rendering


@dataclass(frozen=True, slots=True)
class File:
    """A file that came with it."""

    name: str
    content_type: str
    content: bytes

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.content)


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail as its reader sees it. ``answer_to`` is where a reply goes: Reply-To, or else From."""

    sender_name: str
    sender: str
    answer_to: str
    recipient_name: str
    subject: str
    message_id: str
    references: tuple[str, ...]
    text: str
    html: str
    files: tuple[File, ...]
    pictures: dict[str, bytes]  # by rendering.bare_id


def read(raw: bytes) -> Letter:
    """Take a mail apart."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    sender_name, sender = parseaddr(str(message.get("From", "")))
    _, answer_to = parseaddr(str(message.get("Reply-To", "")))
    recipients = getaddresses([str(message.get("To", ""))])
    message_id = str(message.get("Message-ID", "")).strip()
    references = (*str(message.get("References", "")).split(), message_id) if message_id else ()
    parts = [part for part in message.walk() if not part.is_multipart() or part.get_content_type() == "message/rfc822"]
    text_part, html_part = message.get_body(("plain",)), message.get_body(("html",))
    return Letter(
        sender_name=sender_name,
        sender=sender,
        answer_to=answer_to or sender,
        recipient_name=recipients[0][0] if recipients else "",
        subject=str(message.get("Subject", "")),
        message_id=message_id,
        references=tuple(dict.fromkeys(references)),
        text=_text(text_part),
        html=_text(html_part),
        files=tuple(_file(part) for part in parts if part is not text_part and part is not html_part),
        pictures={rendering.bare_id(str(part["Content-ID"])): _bytes(part) for part in parts if part.get("Content-ID")},
    )


def _text(part: MIMEPart | None) -> str:
    if part is None:
        return ""
    charset = part.get_content_charset("utf-8")
    try:
        return _bytes(part).decode(charset, "replace")
    except LookupError:
        return _bytes(part).decode("utf-8", "replace")


def _bytes(part: MIMEPart) -> bytes:
    if part.is_multipart():  # an attached mail
        return b"".join(inner.as_bytes() for inner in part.iter_parts())
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _file(part: MIMEPart) -> File:
    return File(part.get_filename() or "", part.get_content_type(), _bytes(part))
