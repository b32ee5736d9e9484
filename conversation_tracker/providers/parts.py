"""Make a mail of what a provider has taken apart, whatever stands in its parts: nothing in them is parsed here.

anymail's own way decodes attached mails as UTF-8 and refuses a field that comes twice, a line end in a field and a lone
surrogate; a mail with any of these would never be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from email import policy
from typing import Any

from anymail.inbound import AnymailInboundMessage

from conversation_tracker.mailflow import charsets, guards, headers
from conversation_tracker.providers import base

LONGEST_TYPE = 1_000  # characters of a file's type and what it says besides
LONGEST_NAME = 1_000  # characters; no more of it is read later
MOST_NAMED = 500  # addresses of a field that is written anew
_MADE_ANEW = {"content-type", "content-transfer-encoding", "mime-version"}
_SURROGATE = re.compile("[\ud800-\udfff]")


def message(
    fields: Sequence[tuple[str, str]], *, text: object, html: object, files: Iterable[AnymailInboundMessage]
) -> AnymailInboundMessage:
    """The mail with these header fields as they stand, bodies and files; ``base.unread`` when the guards forbid it.

    Its shape is that of anymail's own ``construct``, which took a quarter of the time of settling a mail: it parses
    every field when it is set.
    """
    files = list(files)
    try:
        guards.check_fields(fields)
        guards.check_count(len(files))
    except guards.OverLimit as error:
        return base.unread(error, *_pieces(fields, (text, html), files))
    written = [("plain", text), ("html", html)]
    bodies = [_body(found, subtype) for subtype, found in written if isinstance(found, str)]
    inline, attached = _sorted(files)
    related = _multipart("related", [_multipart("alternative", bodies), *inline])
    made = _multipart(_subtype(fields), [related, *attached])
    made.set_raw("MIME-Version", "1.0")
    for name, value in fields:
        if name.lower() not in _MADE_ANEW:
            made.set_raw(name, value)
    return made


def _subtype(fields: Sequence[tuple[str, str]]) -> str:
    """What the whole is: a report stays one, since it is not to be passed on (RFC 6522)."""
    told = next((value for name, value in fields if name.lower() == "content-type"), "")
    return "report" if told.strip().lower().startswith("multipart/report") else "mixed"


def _pieces(
    fields: Sequence[tuple[str, str]], texts: Sequence[object], files: Sequence[AnymailInboundMessage]
) -> Iterator[bytes]:
    """All that the mail is made of, for what is told by every byte of it."""
    for text in (*(part for field in fields for part in field), *texts):
        if isinstance(text, str):
            yield headers.octets(text)
    for one in files:
        content: Any = one.get_payload()
        yield content if isinstance(content, bytes) else b""


def _multipart(subtype: str, parts: Iterable[AnymailInboundMessage]) -> AnymailInboundMessage:
    made = AnymailInboundMessage()
    made.set_raw("Content-Type", f"multipart/{subtype}")
    for part in parts:
        made.attach(part)
    return made


def _body(text: str, subtype: str) -> AnymailInboundMessage:
    part = AnymailInboundMessage()
    part.set_raw("Content-Type", f'text/{subtype}; charset="utf-8"')
    part.set_raw("Content-Transfer-Encoding", "8bit")
    content = charsets.decode_bytes(headers.octets(text), "utf-8").encode()
    part.set_payload(content)
    return part


def _sorted(files: Iterable[AnymailInboundMessage]) -> tuple[list[AnymailInboundMessage], list[AnymailInboundMessage]]:
    """The files that the HTML shows, and the others."""
    found = list(files)
    return [one for one in found if one.is_inline()], [one for one in found if not one.is_inline()]


def file(content: bytes, *, content_type: object, name: object, content_id: object = None) -> AnymailInboundMessage:
    """A file of a mail. An attached mail stays bytes, and our own parser opens it."""
    part = AnymailInboundMessage(policy=policy.compat32)  # its fields are not parsed when they are set
    part["Content-Type"] = _line(content_type)[:LONGEST_TYPE] or "application/octet-stream"
    title = _line(name)[:LONGEST_NAME]
    named = {"filename": title} if title else {}
    part.add_header("Content-Disposition", "inline" if content_id else "attachment", **named)
    if _line(content_id):
        part["Content-ID"] = f"<{_line(content_id).strip('<>')}>"
    part.set_payload(content)
    return part


def _line(found: object) -> str:
    """A text on one line that can be encoded; empty for what is none."""
    return " ".join(_SURROGATE.sub("\ufffd", found).split()) if isinstance(found, str) else ""


def address_list(found: Sequence[tuple[Any, Any]]) -> str:
    """Names and addresses as they stand in To or From, the first of them where there are too many."""
    named = [(name, address) for name, address in found[:MOST_NAMED] if isinstance(address, str) and address]
    return ", ".join(_mailbox(name, address) for name, address in named)


def _mailbox(name: Any, address: str) -> str:
    if not isinstance(name, str) or not name:
        return address
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{address}>'
