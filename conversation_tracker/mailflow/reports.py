"""Read what a mail server reports of a mail that came back (RFC 3464). Pure, never raises."""

from __future__ import annotations

import re
from dataclasses import dataclass

from conversation_tracker.mailflow import attached, traits
from conversation_tracker.mailflow.shapes import File, Mail, Trait

_HEADERS = {"text/rfc822-headers", "message/global-headers"}
_FAILED = re.compile(rb"(?im)^Action:[ \t]*failed\b")
_STATUS = re.compile(rb"(?im)^Status:[ \t]*(5\.[0-9]{1,3}\.[0-9]{1,3})\b")
_MESSAGE_ID = re.compile(rb"(?im)^Message-ID:[ \t]*(?:\r?\n[ \t]+)?(<[^<>\s]{1,900}>)")
_HOP = re.compile(rb"(?im)^%s:[ \t]*(?:\r?\n[ \t]+)?([0-9a-f.]{1,100})" % traits.HOP_HEADER.encode())
# What qmail and old Exim say before the mail's own header, in no form that RFC 3464 knows.
_IN_WORDS = re.compile("This is a permanent error")


@dataclass(frozen=True, slots=True)
class Returned:
    """A mail that will not arrive: its Message-ID, why, as RFC 3463 numbers it, and our mark, where it has one."""

    message_id: str
    status: str
    hop: str = ""


def returned(mail: Mail) -> Returned | None:
    """What the report says failed for good; None where it tells of a delay, a success or of no mail."""
    told = [file.content for file in mail.files if file.content_type in attached.STATUSES]
    failed = next((one for one in told if _FAILED.search(one)), None)
    if not told and Trait.REPORT in mail.traits and _IN_WORDS.search(mail.text):
        quoted = _MESSAGE_ID.search(mail.text.encode("utf-8", "replace"))
        return Returned(quoted[1].decode("ascii", "replace"), "failed") if quoted else None
    answered = mail.references[-1] if mail.references else ""  # where nothing of the mail came back
    about = next((file for file in mail.files if _message_id(file)), None)
    message_id = _message_id(about) if about is not None else answered
    if Trait.REPORT not in mail.traits or failed is None or not message_id:
        return None
    status = _STATUS.search(failed)
    hop = _hop(about) if about is not None else ""
    return Returned(message_id, status[1].decode() if status else "failed", hop)


def _message_id(file: File) -> str:
    """That of a mail that came back, whole or its header only."""
    if file.nested is not None:
        return file.nested.message_id
    found = _MESSAGE_ID.search(file.content) if file.content_type in _HEADERS else None
    return found[1].decode("ascii", "replace") if found else ""


def _hop(file: File) -> str:
    """The mark that we put on what we send, of the same."""
    if file.nested is not None:
        return file.nested.hop
    found = _HOP.search(file.content)
    return found[1].decode() if found else ""
