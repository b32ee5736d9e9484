"""Undo base64, base32, hexadecimal, uuencode and the like wherever they may stand in a text, all of it at once. Pure.

Where a packed word begins nobody says, and in which of the ways its signs group follows from where it begins. So the
whole text is decoded once for each of them: what is packed comes out readable in one, and the rest as noise. What comes
out is looked at in the same way, a few times over, also where it was deflated before it was packed or is in UTF-16.
"""

from __future__ import annotations

import re
import string
import zlib
from binascii import a2b_base64, a2b_hex
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

_ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
_SIGNS = frozenset(_ALPHABET + "-_%")
_LONGEST_WORD = 4_000  # signs of a packed word before and after what is looked for
_DEEPEST = 3  # packings in each other
_LINE_ENDS = b"\r\n"
_LINE_END = re.compile(r"[\r\n]")
# Cloudflare's pages cloak an address in hexadecimal, each octet but the first combined with the first by XOR.
_CLOAKED = re.compile(rb"(?:data-cfemail[^0-9a-z]{1,8}|email-protection\#)((?:[0-9a-f]{2}){4,400})", re.IGNORECASE)
# Google Calendar's links pack an event's name, a space and whose it is, short where that is an address at gmail.com.
# What follows there is the text behind the link, read as base64: of a domain it would have the end.
_SHORT, _MEANT = re.compile(rb"@m(?![A-Za-z0-9-]{0,62}\.[A-Za-z]{2})"), b"@gmail.com"
_LOCAL_PART = re.compile(rb"[!-?A-~]{1,64}")
_UU_LINE = re.compile(rb"\r?\n.")  # a line begins with how long it is
# What deflate packed begins so in zlib's format (RFC 1950), as Mailgun's links do, or in gzip's.
_DEFLATED = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")
_MOST_TRIED, _LARGEST_INFLATED = 2_000, 100_000  # in one reading of a text: how many, and the octets of all
_WIDE_AT = re.compile(rb"\0[@%]\0")  # in UTF-16


def _table(signs: str, meanings: str, *, other: str = "") -> bytes:
    """Each of the signs becomes its meaning, everything else the first of them or another sign."""
    table = [ord(other or meanings[0])] * 256
    for sign, meaning in zip(signs, meanings, strict=True):
        table[ord(sign)] = ord(meaning)
    return bytes(table)


_BASE_64 = _table(_ALPHABET + "-_", _ALPHABET + "+/")
_BASE_32 = _table(
    string.ascii_uppercase + string.ascii_lowercase + "234567",
    (string.digits + string.ascii_lowercase)[:26] * 2 + "qrstuv",
)
_IN_64 = _table(_ALPHABET + "-_", "+" * 66, other=" ")
_IN_32 = tuple(
    _table(letters + "234567", "+" * 32, other=" ") for letters in (string.ascii_uppercase, string.ascii_lowercase)
)
_HEX = _table(string.hexdigits, "0123456789abcdefabcdef")
_UU = _table("".join(map(chr, range(32, 96))) + "`", _ALPHABET + "A")


@dataclass(slots=True)
class Unpacked:
    """What a text packs, if its groups of signs begin at this offset; line ends do not count."""

    content: bytes
    offset: int
    signs: int  # of a group
    octets: int  # that it stands for
    outer: Unpacked | None = None  # in which it was packed itself
    whole: tuple[int, int] | None = None  # where in the outer one all of it stands, when it was deflated there
    kept: int | None = None  # which of each two octets, 0 or 1, where every other was left out
    written_over: int = 0  # octets behind each address that are not of it: it is written short there
    words: Words | None = field(default=None, init=False)  # of the content, made once for all that is found in it

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where the signs stand that were decoded to these octets."""
        if self.outer is not None and self.whole is not None:
            return self.outer.span(*self.whole)
        end = max(end - self.written_over, start + 1)
        if self.kept is not None:
            start, end = start * 2 + self.kept, end * 2 + self.kept - 1
        # Of the last group only the signs that they need: behind it may stand another word.
        start = self.offset + start * self.signs // self.octets
        end = self.offset - (-end * self.signs // self.octets)
        if self.outer is None:
            return start, end
        if self.outer.words is None:
            self.outer.words = Words(self.outer.content.decode("latin-1"))
        return self.outer.span(*self.outer.words.around(start, end))


def may_pack(data: bytes, octets: int) -> bool:
    """Whether so many signs of base64 or hexadecimal follow each other as pack this many octets; a quick look."""
    return _has_run(data, _IN_64, -(-octets * 4 // 3))


def _has_run(data: bytes, signs: bytes, length: int) -> bool:
    """Whether so many of these signs follow each other. No regular expression looks as quickly."""
    return b"+" * length in data.translate(signs, _LINE_ENDS)


def unpacked(data: bytes, octets: int, outer: Unpacked | None = None, depth: int = 1) -> Iterator[Unpacked]:
    """Everything that the bytes may pack in this many octets or more, in linear time."""
    for plain in _unpacked(data.translate(None, _LINE_ENDS), octets, outer):
        for one in (plain, *_inflated(plain, octets), *_narrowed(plain)):
            yield one
            if depth < _DEEPEST and may_pack(one.content, octets):
                yield from unpacked(one.content, octets, one, depth + 1)


def _unpacked(data: bytes, octets: int, outer: Unpacked | None) -> Iterator[Unpacked]:
    for found in _CLOAKED.finditer(data):
        first, *others = a2b_hex(found[1])
        yield Unpacked(bytes(first ^ other for other in others), found.start(1) + 2, 2, 1, outer)
    for offset, content in enumerate(_base_64(data.translate(_BASE_64))):
        yield Unpacked(content, offset, 4, 3, outer)
        if (meant := _with_owners(content)) is not None:
            yield Unpacked(meant, offset, 4, 3, outer, written_over=len(_MEANT) - len(b"@m"))
    written = data.translate(_HEX)
    for offset in range(2):
        content = a2b_hex(written[offset : len(written) - (len(written) - offset) % 2])
        yield Unpacked(content, offset, 2, 1, outer)
    if any(_has_run(data, signs, -(-octets * 8 // 5)) for signs in _IN_32):
        for offset, content in enumerate(_base_32(data.translate(_BASE_32))):
            yield Unpacked(content, offset, 8, 5, outer)


def _inflated(one: Unpacked, octets: int) -> Iterator[Unpacked]:
    """What of this was deflated, not beyond the limits; of what was not, the first octets fail."""
    left = _LARGEST_INFLATED
    for found in islice(_DEFLATED.finditer(one.content), _MOST_TRIED):
        decoder = zlib.decompressobj(wbits=47)  # either format
        try:
            content = decoder.decompress(one.content[found.start() : found.start() + left], left)
        except zlib.error:
            continue
        if len(content) >= octets:
            yield Unpacked(content, 0, 1, 1, one, found.span())
            left -= len(content)
        if left <= 0:
            return


def _narrowed(one: Unpacked) -> Iterator[Unpacked]:
    """Every other octet of this, where it may be UTF-16."""
    if _WIDE_AT.search(one.content) is not None:
        for kept in range(2):
            yield replace(one, content=one.content[kept::2], kept=kept)


def uudecoded(data: bytes) -> Iterator[bytes]:
    """Everything that uuencoded lines may say."""
    if b"begin " in data:
        yield from _base_64(_UU_LINE.sub(b"", data).translate(_UU))


def _base_64(written: bytes) -> Iterator[bytes]:
    written += b"AAAA"  # what is not padded ends in the middle of a group
    for offset in range(4):
        yield a2b_base64(written[offset : len(written) - (len(written) - offset) % 4])


def _with_owners(content: bytes) -> bytes | None:
    """The same with each owner of an event written out, over what follows; None where it names none."""
    meant = None
    for found in _SHORT.finditer(content):
        place = found.start()
        space = content.rfind(b" ", max(0, place - 65), place)
        if space >= 0 and _LOCAL_PART.fullmatch(content, space + 1, place):
            meant = meant if meant is not None else bytearray(content)
            meant[place : place + len(_MEANT)] = _MEANT
    return bytes(meant) if meant is not None else None


def _base_32(written: bytes) -> Iterator[bytes]:
    """Its signs are given as digits of a number; the standard library's own decoder takes thirty times as long."""
    written += b"0" * 8
    for offset in range(min(8, len(written) - 7)):  # of a few signs not every one begins a whole group
        groups = (len(written) - offset) // 8
        yield int(written[offset : offset + groups * 8], 32).to_bytes(groups * 5, "big")


class Words:
    """The packed words of a text, to be found again from what they say."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._last = (0, 0)  # most words say what they say more than once
        self._shifts = [match.start() - count for count, match in enumerate(_LINE_END.finditer(text))]

    def around(self, start: int, end: int) -> tuple[int, int]:
        """The whole word round a place in the text without its line ends."""
        start, end = self._place(start), min(self._place(end - 1) + 1, len(self._text))
        if self._last[0] <= start and end <= self._last[1]:
            return self._last
        while end > start and self._text[end - 1] not in _SIGNS:  # the last group may be no whole one
            end -= 1
        first, last = max(0, start - _LONGEST_WORD), min(len(self._text), end + _LONGEST_WORD)
        while start > first and self._text[start - 1] in _SIGNS:
            start -= 1
        while end < last and (self._text[end] in _SIGNS or self._text[end] == "="):
            end += 1
        self._last = start, end
        return start, end

    def _place(self, index: int) -> int:
        return index + bisect_right(self._shifts, index)
