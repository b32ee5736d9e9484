"""Calendars and contacts: take their folded lines and encoded values apart, and write them again. Pure.

Lines are folded by RFC 5545 §3.1 and RFC 6350 §3.2; values are encoded by vCard 2.1 and RFC 2426 §2.1.
"""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from collections.abc import Callable, Iterator

Hide = Callable[[str], str]
LONGEST_LINE = 75  # octets
_PLAIN = frozenset(range(0x20, 0x7F)) - {ord("=")}  # what quoted-printable leaves as it is
_BEGIN = re.compile(r"\ufeff?\s{0,20}BEGIN:(?:VCALENDAR|VCARD|VEVENT|VTODO|VJOURNAL|VFREEBUSY|VNOTE)\b", re.IGNORECASE)
# Before vCard 3.0 and iCalendar, unfolding left a space behind: there lines are better long than folded.
_OLD = re.compile(r"^VERSION:(?:2\.1|1\.0)\s*$", re.IGNORECASE | re.MULTILINE)
_LINE_END = re.compile(r"\r{0,3}\n")  # three where Python wrote CR CR LF on Windows, or a server did
_FOLD = re.compile(r"\r{0,3}\n[ \t]")
LONGEST_NAME = 2_000  # characters of a property's name and parameters
_HOW = re.compile(r';(?:ENCODING=)?"?(QUOTED-PRINTABLE|BASE64|B)"?(?=;|\Z)', re.IGNORECASE)
# What a program calls the entry, or another one: no text that anybody reads, and often made of an address.
_ID = re.compile(r"(?:[A-Z-]{0,40}UID|RELATED-TO)[;:]", re.IGNORECASE)


def is_card(text: str) -> bool:
    """Whether it is a calendar or a contact."""
    return _BEGIN.match(text) is not None


def rewrite(text: str, hide: Hide, hide_in_id: Hide, blot: Hide) -> str:
    """The calendar or contact with ``hide`` done to it, ``hide_in_id`` to the names of its entries, and ``blot``, for
    what links pack, to all that is written as it is; as it was to the letter where that changes nothing.
    """
    end = "\r\n" if "\r\n" in text else "\n"
    read = unfolded(text)
    lines = (hide_in_id(line) if _ID.match(line) else _hidden(line, hide, blot) for line in read.split("\n"))
    changed = hide("\n".join(lines))
    if changed == read:
        return text
    if _OLD.search(text) is not None:
        return end.join(changed.split("\n"))
    return end.join(_folded(line, end) for line in changed.split("\n"))


def unfolded(text: str) -> str:
    """Each line as a program reads it."""
    return "\n".join(_lines(text))


def values(text: str) -> Iterator[bytes]:
    """The encoded values, decoded, and the names of entries."""
    for line in _lines(text):
        if _ID.match(line) is not None:
            yield line.encode("utf-8", "surrogateescape")
        elif (found := _encoded(line)) is not None:
            _, how, value = found
            yield _decode(value, how)


def _encoded(line: str) -> tuple[str, str, str] | None:
    """A line's name with its parameters, how its value is encoded, and that; None where it is not encoded."""
    name, colon, value = line.partition(":")
    if not colon or len(name) > LONGEST_NAME:
        return None
    how = _HOW.findall(name)
    return (name, how[-1].upper(), value) if how else None


def _lines(text: str) -> Iterator[str]:
    """The lines unfolded; one in quoted-printable goes on after each ``=`` at a line's end."""
    waiting: list[str] = []
    for line in _LINE_END.split(_FOLD.sub("", text)):
        if waiting:
            waiting.append(line)
        elif line.endswith("=") and "QUOTED-PRINTABLE" in line[:2_000].upper():
            waiting = [line]
        else:
            yield line
            continue
        if line.endswith("="):
            waiting[-1] = line[:-1]
        else:
            yield "".join(waiting)
            waiting = []
    if waiting:
        yield "".join(waiting)


def _hidden(line: str, hide: Hide, blot: Hide) -> str:
    found = _encoded(line)
    if found is None:
        return blot(line)
    name, how, written = found
    try:
        value = _decode(written, how).decode("utf-8")
    except UnicodeDecodeError:  # a picture, or another charset: the gate looks at it
        return line
    hidden = hide(value)
    if hidden == value:
        return line
    return f"{name}:{_encode(hidden.encode(), how)}"


def _decode(value: str, how: str) -> bytes:
    written = value.encode("utf-8", "surrogateescape")
    if how == "QUOTED-PRINTABLE":
        return quopri.decodestring(written)
    try:
        return base64.b64decode(written + b"===")
    except (binascii.Error, ValueError):
        return written


def _encode(value: bytes, how: str) -> str:
    if how == "QUOTED-PRINTABLE":
        return "".join(chr(one) if one in _PLAIN else f"={one:02X}" for one in value)
    return base64.b64encode(value).decode()


def _folded(line: str, end: str) -> str:
    """At most 75 octets a line, no character cut in two."""
    if len(line) * 4 <= LONGEST_LINE:
        return line
    pieces, start, size = [], 0, 0
    for place, char in enumerate(line):
        octets = len(char.encode("utf-8", "surrogateescape"))
        if size + octets > LONGEST_LINE:
            pieces.append(line[start:place])
            start, size = place, 1  # the space that begins the next line
        size += octets
    return (end + " ").join([*pieces, line[start:]])
