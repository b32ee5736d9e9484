"""Read an address through the signs of Markdown inside it, or with UTF-7 undone, and say where it stands. Pure.

``**john**@example.com``, ``john@[example.com](https://example.com)``, ``john+AEA-example.com``.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass

# An underscore between letters marks nothing. What a link points to goes with its brackets.
_MARKS = re.compile(r"[*`~_\[\]]+(?:(?<=\])\([^()\s]{0,500}\))?")
_BESIDE = frozenset("*`~_")
_AFTER = re.compile(r"[*`~_]*(?:\]\([^()\s]{0,500}\))?[*`~_]*")
_LONGEST_WORD = 100  # characters
# What UTF-7 (RFC 2152) writes for signs of ASCII begins so.
_UTF_7 = re.compile(r"\+A[A-H][A-Za-z0-9+/]+-?")


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as it is shown or decoded, made from another one."""

    text: str
    _source: str
    _pattern: re.Pattern[str]
    _meaning: Callable[[re.Match[str]], str]

    def spans(self, found: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """Where in the other text these stretches stand, with the marks beside them."""
        starts: list[int] = []
        ends: list[int] = []
        last = 0
        for match in self._pattern.finditer(self._source):
            starts += range(last, match.start())
            ends += range(last + 1, match.start() + 1)
            meant = len(self._meaning(match))
            starts += [match.start()] * meant
            ends += [match.end()] * meant
            last = match.end()
        starts += range(last, len(self._source))
        ends += range(last + 1, len(self._source) + 1)
        for start, end in found:
            first, after = starts[start], _AFTER.match(self._source, ends[end - 1])
            while first > 0 and self._source[first - 1] in _BESIDE:
                first -= 1
            yield first, after.end() if after else ends[end - 1]


def may_be(text: str) -> bool:
    """Whether the text has a reading at all."""
    return _MARKS.search(text) is not None or _UTF_7.search(text) is not None


def readings(text: str) -> Iterator[Reading]:
    """The readings in which the text says something else than it does as it stands."""
    for pattern, meaning in ((_MARKS, _unmarked), (_UTF_7, _of_utf_7)):
        if (read := pattern.sub(meaning, text)) != text:
            yield Reading(read, text, pattern, meaning)


def _unmarked(found: re.Match[str]) -> str:
    """Nothing; but an underscore is itself between two letters, and where none before it in the word opens a mark."""
    marks, text, start = found[0], found.string, found.start()
    if marks.strip("_") or not text[max(start - 1, 0) : start].isalnum():
        return ""
    word = text[max(start - _LONGEST_WORD, 0) : start].rpartition(" ")[2]
    opens = word.rpartition("_")[0] if "_" in word else "a"
    is_closing = not text[found.end() : found.end() + 1].isalnum() and not opens[-1:].isalnum()
    return "" if is_closing else marks


def _of_utf_7(found: re.Match[str]) -> str:
    signs = found[0][1:].removesuffix("-")
    octets = a2b_base64(signs + "A" * (-len(signs) % 4))[: len(signs) * 6 // 16 * 2]
    return octets.decode("utf-16-be", "replace")
