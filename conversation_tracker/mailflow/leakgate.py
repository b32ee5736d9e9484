"""The last look before a mail leaves: decode the finished mail and search all of it for real addresses. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from email import message_from_bytes, policy
from email.message import Message

from conversation_tracker.mailflow import bodies, files, headers
from orders import spellings
from orders.spellings import Known

DEEPEST = 8


def leaks(finished: bytes, known: Sequence[Known]) -> list[str]:
    """Where the finished mail shows a real address of the order's parties; empty when it may leave.

    ``To`` is not looked at: it is the recipient's own address. The places are named, never the address.
    """
    return list(dict.fromkeys(_search(message_from_bytes(finished, policy=policy.compat32), known, depth=0)))


def _search(message: Message, known: Sequence[Known], *, depth: int) -> Iterator[str]:
    for name, value in message.raw_items():
        if (depth or name.lower() != "to") and _shows(headers.decode(str(value), longest=1_000_000), known):
            yield f"header {name}"
    for part in message.walk():
        if part is message and part.is_multipart():
            continue
        yield from _search_part(part, known, depth=depth)


def _search_part(part: Message, known: Sequence[Known], *, depth: int) -> Iterator[str]:
    if part.get_content_type() == "message/rfc822":
        payload = part.get_payload()
        inner = payload[0] if isinstance(payload, list) and payload else None
        if isinstance(inner, Message) and depth < DEEPEST:
            yield from (f"attached mail, {place}" for place in _search(inner, known, depth=depth + 1))
        return
    for name, value in part.raw_items():
        if name.lower() in {"content-type", "content-disposition", "content-id"} and _shows(
            headers.decode(str(value)) + " " + headers.decode(part.get_filename() or ""), known
        ):
            yield "file name"
    if part.is_multipart():
        return
    content = part.get_payload(decode=True)
    if isinstance(content, bytes) and _content_shows(content, part, known):
        yield "file" if part.get_filename() else f"{part.get_content_subtype()} body"


def _content_shows(content: bytes, part: Message, known: Sequence[Known]) -> bool:
    nature = files.nature(content, name=part.get_filename() or "", claimed=part.get_content_type())
    if nature.codec is None:
        # Not text: what a plain search of the bytes shows is all that can be seen.
        return any(_shows(content.decode(codec, "ignore"), known) for codec in ("latin-1", "utf-16-le", "utf-16-be"))
    text = content.decode(nature.codec, "replace")
    if part.get_content_type() == "text/html" or nature.content_type == "text/html":
        return _shows(text, known) or _shows(bodies.bare(text), known)
    return _shows(text, known)


def _shows(text: str, known: Sequence[Known]) -> bool:
    return bool(spellings.find(text, known))
