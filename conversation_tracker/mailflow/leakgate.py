"""The last look before a mail leaves: decode the finished mail and search all of it for real addresses. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from email import policy
from email.message import Message
from email.utils import collapse_rfc2231_value
from typing import Any

from conversation_tracker.mailflow import attached, bodies, charsets, frugal, glyphs, headers, readings
from orders import spellings
from orders.known import Known

DEEPEST = 8  # mails in each other; one level more than masking makes is enough
MOST_PARTS = 2_000  # of one mail
_WITH_NAMES = frozenset({"content-type", "content-disposition"})


def leaks(finished: bytes, known: Sequence[Known]) -> list[str]:
    """Where the finished mail shows a real address of the order's parties; empty when it may leave.

    ``To`` is not looked at: it is the recipient's own address. The places are named, never the address. An attached
    mail that cannot be opened is named too, since nobody knows what it shows.
    """
    gate = _Gate(known, readings.Budget())
    return list(dict.fromkeys(gate.search(frugal.parse(finished, Message, policy=policy.compat32), depth=0)))


class _Gate:
    """One look at one mail: whom to look for, and how much may still be unpacked."""

    def __init__(self, known: Sequence[Known], budget: readings.Budget) -> None:
        self._known = known
        self._budget = budget

    def search(self, message: Message[Any, Any], *, depth: int) -> Iterator[str]:
        """The places of a mail, its header first."""
        for name, value in message.raw_items():
            is_recipient = depth == 0 and name.lower() == "to"
            if not is_recipient and name.lower() not in _WITH_NAMES and self._shows(_decoded(str(value))):
                yield f"header {name}"
        waiting = [message]
        for _ in range(MOST_PARTS):
            if not waiting:
                return
            part = waiting.pop()
            payload = part.get_payload() if part.is_multipart() else None
            if self._name_shows(part, is_part=part is not message):
                yield "file name"
            if part.get_content_maintype() == "message":
                yield from self._mails(attached.inside(part), depth=depth)
            elif isinstance(payload, list):
                yield from self._around(part)
                waiting.extend(one for one in reversed(payload) if isinstance(one, Message))
            else:
                yield from self._leaf(part, depth=depth)
        yield "too many parts"

    def _around(self, part: Message[Any, Any]) -> Iterator[str]:
        """What stands before the first part and after the last."""
        if self._shows(f"{part.preamble or ''}\n{part.epilogue or ''}"):
            yield "between parts"

    def _mails(self, inner: Sequence[Message[Any, Any] | None], *, depth: int) -> Iterator[str]:
        for one in inner:
            if one is None or depth >= DEEPEST:
                yield "attached mail that cannot be searched"
            else:
                yield from (f"attached mail, {place}" for place in self.search(one, depth=depth + 1))

    def _name_shows(self, part: Message[Any, Any], *, is_part: bool) -> bool:
        """Whether a file's name, or another parameter of its header, shows an address."""
        values = [_decoded(str(value)) for value in part.get_all("Content-ID", [])] if is_part else []
        for header in _WITH_NAMES:
            written = str(part.get(header, ""))
            params = _params(part, header)
            values += [_decoded(written)] if params is None else params
        return any(self._shows(value) for value in values)

    def _leaf(self, part: Message[Any, Any], *, depth: int) -> Iterator[str]:
        content = frugal.from_base64(part) or part.get_payload(decode=True)
        if not isinstance(content, bytes):
            return
        name = _name(part)
        charset = _charset(part)
        is_body = part.get_content_maintype() == "text" and not name
        if is_body:
            text = charsets.decode_bytes(content, charset)
            is_html = part.get_content_type() == "text/html"
            forms = (text, bodies.bare(text), bodies.read_aloud(text)) if is_html else (text,)
            found = any(self._shows(form) for form in dict.fromkeys(forms))
            if found:
                yield f"{part.get_content_subtype()} body"
            return
        for view in readings.views(
            content, name=name, claimed=part.get_content_type(), charset=charset or "", budget=self._budget
        ):
            if isinstance(view, readings.AttachedMail):
                within = _Gate(self._known, self._budget.within)
                yield from within._mails([attached.read(view.raw)], depth=depth)
            elif self._is_shown_by(view):
                yield "file"

    def _is_shown_by(self, view: readings.View) -> bool:
        match view:
            case readings.Text(text):
                return self._shows(text)
            case readings.Shown(text):
                # Where an alias goes on in the next line of a cell, there is a space.
                return self._shows(glyphs.without_aliases(text, self._known)) or glyphs.shows(text, self._known)
            case readings.Octets(octets):
                return spellings.occurs(octets, self._known)
            case _:
                return False

    def _shows(self, text: str) -> bool:
        return bool(spellings.find(text, self._known))


def _decoded(value: str) -> str:
    """A header value as a person reads it, all of it."""
    if not value.isascii():
        value = charsets.decode_bytes(headers.octets(value), "utf-8")
    return headers.one_line(headers.words(value))


def _params(part: Message[Any, Any], header: str) -> list[str] | None:
    """The parameters of a header put together again (RFC 2231 §3) and decoded; None where they cannot be read."""
    try:
        found = part.get_params(failobj=[], header=header)
        return [_decoded(collapse_rfc2231_value(value)) for _, value in found] + [name for name, _ in found]
    except Exception:  # noqa: BLE001  the standard library's failures on broken mail are of every kind
        return None


def _name(part: Message[Any, Any]) -> str:
    try:
        return part.get_filename() or ""
    except Exception:  # noqa: BLE001  as above
        return ""


def _charset(part: Message[Any, Any]) -> str | None:
    try:
        return part.get_content_charset()
    except Exception:  # noqa: BLE001  as above
        return None
