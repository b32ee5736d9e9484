"""Tell a mail among the files of another, whatever type it claims, and open it. Pure, never raises."""

from __future__ import annotations

import re
from email import policy
from email.message import Message
from typing import Any

from billiard.exceptions import SoftTimeLimitExceeded

from conversation_tracker.mailflow import frugal, guards

TYPES = frozenset({"message/rfc822", "message/global", "message/news", "message/partial"})
STATUSES = frozenset({"message/delivery-status", "message/global-delivery-status"})  # RFC 3464, RFC 6533
MOST = 50  # mails in one mailbox file
_PAGES = ("mht", "mhtml")  # a page that a browser saved (RFC 2557)
_ENDINGS = ("eml", "emlx", "mbox", "mbx", *_PAGES, "nws")
_HEAD = 65_536  # bytes looked at
_FIELD = re.compile(rb"(?P<name>[!-9;-~]{1,76})[ \t]*:")
# What stands in mails, and of that what stands in nothing else: a quote for a transport begins with From, To and Date,
# and a mail that somebody saved as text is one no more.
_USUAL = {b"from", b"to", b"cc", b"subject", b"date", b"reply-to", b"sender", b"content-type", b"received"}
_TELLING = {
    b"return-path", b"message-id", b"mime-version", b"content-transfer-encoding", b"delivered-to", b"dkim-signature",
    b"x-written-by",
}  # fmt: skip
# A mailbox file: RFC 4155 appendix A.
_FROM_LINE = re.compile(rb">?From [^\r\n]{0,300}\r{0,3}\n")
_NEXT_MAIL = re.compile(rb"\n\r{0,3}\nFrom [^\r\n]{0,300}\r{0,3}\n(?=[!-9;-~]{1,76}:)")


def mails(content: bytes, *, name: str, claimed: str) -> list[bytes]:
    """The mails that a file consists of; none when it is something else, more than MOST when it has too many."""
    if claimed in STATUSES:  # which has fields, too
        return []
    start = content[:_HEAD].lstrip(b"\xef\xbb\xbf\r\n\t ")
    skipped = len(content[:_HEAD]) - len(start)
    line = _FROM_LINE.match(start)
    if line is not None:
        skipped += line.end()
        start = start[line.end() :]
    is_named = claimed in TYPES or claimed == "application/mbox" or name.lower().rpartition(".")[2] in _ENDINGS
    if not _is_header(start, is_named=is_named):
        return []
    body = content[skipped:]
    return [body] if line is None else _NEXT_MAIL.split(body, maxsplit=MOST)


def _is_header(start: bytes, *, is_named: bool) -> bool:
    """Whether it begins with header fields (RFC 5322 §2.2): any in a file named as one, else those of mails alone."""
    found: set[bytes] = set()
    for line in start.split(b"\n", 300)[:300]:
        if not line.strip():
            break
        if line[:1] in {b" ", b"\t"}:
            continue
        field = _FIELD.match(line)
        if field is None:
            break
        found.add(field["name"].lower())
    if is_named:
        return bool(found)
    return bool(found & _TELLING) and len(found & (_TELLING | _USUAL)) > 1


def is_page(name: str) -> bool:
    """Whether a file that has the form of a mail is none, and broken when it is made anew as one."""
    return name.lower().endswith(tuple(f".{ending}" for ending in _PAGES))


def read(raw: bytes) -> Message | None:
    """The mail, parsed; None when it is too large or too strange to be parsed safely."""
    try:
        plain = frugal.with_one_line_end(raw)
        guards.check_raw(plain)
        return frugal.parse(plain, Message, policy=policy.compat32, watch=guards.Watch())
    except (MemoryError, SoftTimeLimitExceeded):  # these say nothing of the mail
        raise
    except Exception:  # noqa: BLE001  the standard library's failures on broken mail are of every kind
        return None


def inside(part: Message[Any, Any]) -> list[Message[Any, Any] | None]:
    """The mail in a ``message/…`` part, a None where it cannot be read.

    RFC 2046 §5.2.1 allows no base64 there, and some mailers write it all the same: it is decoded first.
    """
    payload = part.get_payload() if part.is_multipart() else None
    if not isinstance(payload, list):
        return [read(raw(part))]
    encoding = str(part.get("Content-Transfer-Encoding", "")).strip().lower()
    if encoding in {"base64", "quoted-printable"}:
        return [read(raw(part))]
    return [one if isinstance(one, Message) else None for one in payload]


def raw(part: Message[Any, Any]) -> bytes:
    """The bytes of what is in a ``message/…`` part, decoded; empty when there is no getting at them."""
    try:
        payload = part.get_payload() if part.is_multipart() else None
        if not isinstance(payload, list):
            found = part.get_payload(decode=True)
            return found if isinstance(found, bytes) else b""
        content = b"\n".join(_flat(one) for one in payload if isinstance(one, Message))
        holder: Message = Message(policy=policy.compat32)
        holder["Content-Transfer-Encoding"] = str(part.get("Content-Transfer-Encoding", "7bit")).strip()
        holder.set_payload(content.decode("ascii", "surrogateescape"))
        decoded = holder.get_payload(decode=True)
    except (MemoryError, SoftTimeLimitExceeded):  # these say nothing of the mail
        raise
    except Exception:  # noqa: BLE001  as above
        return b""
    return decoded if isinstance(decoded, bytes) else content


def _flat(message: Message[Any, Any]) -> bytes:
    return message.as_bytes(policy=frugal.AS_IT_CAME).lstrip(b"\n")
