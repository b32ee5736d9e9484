"""Undo base64, hexadecimal and uuencode wherever they may stand in a text, all of it at once. Pure.

Where a packed word begins nobody says, and in which of the ways its signs group follows from where it begins. So the
whole text is decoded once for each of them: what is packed comes out readable in one, and the rest as noise.
"""

from __future__ import annotations

import re
import string
from binascii import a2b_base64, a2b_hex
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

_ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
_SIGNS = frozenset(_ALPHABET + "-_%")
_LONGEST_WORD = 4_000  # signs of a packed word before and after what is looked for
_LINE_ENDS = b"\r\n"
_LINE_END = re.compile(r"[\r\n]")
_UU_LINE = re.compile(rb"\r?\n.")  # a line begins with how long it is


def _table(signs: str, meanings: str) -> bytes:
    """Each of the signs becomes its meaning, everything else the first of them."""
    table = [ord(meanings[0])] * 256
    for sign, meaning in zip(signs, meanings, strict=True):
        table[ord(sign)] = ord(meaning)
    return bytes(table)


_BASE_64 = _table(_ALPHABET + "-_", _ALPHABET + "+/")
_HEX = _table(string.hexdigits, "0123456789abcdefabcdef")
_UU = _table("".join(map(chr, range(32, 96))) + "`", _ALPHABET + "A")


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What a text packs, if its groups of signs begin at this offset; line ends do not count."""

    content: bytes
    offset: int
    signs: int  # of a group
    octets: int  # that it stands for

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where the signs stand that were decoded to these octets."""
        first, last = start // self.octets, (end - 1) // self.octets + 1
        return self.offset + first * self.signs, self.offset + last * self.signs


def may_pack(data: bytes, octets: int) -> bool:
    """Whether so many signs of base64 or hexadecimal follow each other as pack this many octets; a quick look."""
    return _run(-(-octets * 4 // 3)).search(b" " + data.translate(None, _LINE_ENDS)) is not None


@lru_cache(maxsize=256)
def _run(signs: int) -> re.Pattern[bytes]:
    return re.compile(rb"[^A-Za-z0-9+/_-][A-Za-z0-9+/_-]{%d}" % signs)


def unpacked(data: bytes) -> Iterator[Unpacked]:
    """Everything that the bytes may pack, in linear time."""
    written = data.translate(_BASE_64, _LINE_ENDS)
    yield from _base_64(written)
    written = data.translate(_HEX, _LINE_ENDS)
    for offset in range(2):
        yield Unpacked(a2b_hex(written[offset : len(written) - (len(written) - offset) % 2]), offset, 2, 1)


def uudecoded(data: bytes) -> Iterator[bytes]:
    """Everything that uuencoded lines may say."""
    if b"begin " in data:
        for one in _base_64(_UU_LINE.sub(b"", data).translate(_UU)):
            yield one.content


def _base_64(written: bytes) -> Iterator[Unpacked]:
    written += b"AAAA"  # what is not padded ends in the middle of a group
    for offset in range(4):
        yield Unpacked(a2b_base64(written[offset : len(written) - (len(written) - offset) % 4]), offset, 4, 3)


class Words:
    """The packed words of a text, to be found again from what they say."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._shifts = [match.start() - count for count, match in enumerate(_LINE_END.finditer(text))]

    def around(self, start: int, end: int) -> tuple[int, int]:
        """The whole word round a place in the text without its line ends."""
        start, end = self._place(start), min(self._place(end - 1) + 1, len(self._text))
        while end > start and self._text[end - 1] not in _SIGNS:  # the last group may be no whole one
            end -= 1
        first, last = max(0, start - _LONGEST_WORD), min(len(self._text), end + _LONGEST_WORD)
        while start > first and self._text[start - 1] in _SIGNS:
            start -= 1
        while end < last and (self._text[end] in _SIGNS or self._text[end] == "="):
            end += 1
        return start, end

    def _place(self, index: int) -> int:
        return index + bisect_right(self._shifts, index)
