"""Look at a mail's shape before anything parses it: one linear scan, and what is absurd is turned away. Pure.

The standard library's parser recurses into nested parts and is quadratic in some headers; a mail over these limits
could stop or fill the process that reads it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from itertools import islice

LARGEST_MAIL = 40_000_000  # bytes
LARGEST_HEADER_BLOCK = 100_000  # bytes
LARGEST_HEADER = 16_000  # bytes of one field
MOST_FIELDS = 1_000
DEEPEST = 50
MOST_PARTS = 500
MOST_FIELDS_IN_PARTS = 50_000  # of all parts, and of the mails in them
MOST_RECEIVED = 50
MOST_ENCODED_WORDS = 500  # in one field
MOST_PARAMETERS = 100  # in one field, of those that are written in pieces
MOST_SEMICOLONS = 1_000  # in one field: behind an open quote Python looks at each for each
MOST_OPENED = 200  # round brackets in one field: a comment in a comment in a comment …
MOST_RECIPIENTS = 1_000  # addresses in one field

_FIELD = re.compile(rb"(?m)^(?P<name>[!-9;-~]{1,200})[ \t]*:")
END_OF_HEADER = re.compile(rb"\r?\n\r?\n")
# What opens a level (a multipart with its boundary, an attached mail), and a line that may be a boundary.
_LEVEL = re.compile(
    rb"(?im)^content-type:[ \t\r\n]{0,20}(?:"
    rb"multipart/[^\r\n;]{1,100};(?:[^\r\n]|\r?\n[ \t]){0,500}?boundary=\"?(?P<declared>[^\"\r\n;]{1,200})"
    rb"|message/(?P<mail>rfc822|global|news))"
    rb"|^--(?P<line>[^\r\n]{1,202})"
)


class Limit(StrEnum):
    """Which limit a mail is over."""

    SIZE = "mail larger than 40 MB"
    HEADER_BLOCK = "header larger than 100 kB"
    HEADER = "header field larger than 16 kB"
    FIELDS = "more than 1,000 header fields"
    FIELDS_IN_PARTS = "more than 50,000 header fields in its parts"
    NESTING = "parts nested deeper than 50"
    PARTS = "more than 500 parts"
    RECEIVED = "more than 50 hops"
    ENCODED_WORDS = "more than 500 encoded words in a header field"
    PARAMETERS = "more than 100 parameters in a header field"
    COMMENTS = "more than 200 brackets in a header field"
    RECIPIENTS = "more than 1,000 addresses in a header field"


class OverLimit(ValueError):
    """The mail's shape is absurd; it is kept, and not parsed."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        super().__init__(limit.value)


def check_raw(raw: bytes) -> None:
    """Raise OverLimit when a mail given as bytes is over a limit."""
    if len(raw) > LARGEST_MAIL:
        raise OverLimit(Limit.SIZE)
    end = END_OF_HEADER.search(raw, 0, LARGEST_HEADER_BLOCK + 4)
    if end is None and len(raw) > LARGEST_HEADER_BLOCK:
        raise OverLimit(Limit.HEADER_BLOCK)
    check_fields(_fields(raw[: end.start() if end else len(raw)]))
    _check_parts(raw)


def _check_parts(raw: bytes) -> None:
    """Walk the boundaries as a parser would, with a stack in the place of recursion."""
    levels: list[bytes] = []  # the boundary of each open level; empty for an attached mail
    places: dict[bytes, int] = {}
    parts = 0
    for match in _LEVEL.finditer(raw):
        if match["line"] is None:
            levels.append((match["declared"] or b"").strip())
            places.setdefault(levels[-1], len(levels) - 1)
            if len(levels) > DEEPEST:
                raise OverLimit(Limit.NESTING)
            continue
        line = match["line"].rstrip()
        boundary = line if line in places else line.removesuffix(b"--")
        if not boundary or boundary not in places:
            continue
        parts += 1
        if parts > MOST_PARTS * 2:
            raise OverLimit(Limit.PARTS)
        keep = places[boundary] + (boundary == line)
        for gone in levels[keep:]:
            places.pop(gone, None)
        del levels[keep:]
        if keep:
            places[levels[-1]] = keep - 1


class Watch:
    """Looks at what a parser finds, which reads more than ``check_raw`` as a part or a field: lines that end otherwise,
    boundaries that are written otherwise.
    """

    def __init__(self) -> None:
        self._parts = 0
        self._fields = 0

    def part(self) -> None:
        """Raise OverLimit when there are more parts than ``check_raw`` would let pass."""
        self._parts += 1
        if self._parts > MOST_PARTS * 2:
            raise OverLimit(Limit.PARTS)

    def field(self, name: str, value: str) -> None:
        """Raise OverLimit for a field that cannot be read safely, or when there are too many."""
        self._fields += 1
        if self._fields > MOST_FIELDS_IN_PARTS:
            raise OverLimit(Limit.FIELDS_IN_PARTS)
        if name.lower().startswith("content-"):  # what is looked into to tell what a part is
            _check_value(value)


def check_count(parts: int) -> None:
    """Raise OverLimit for a mail of so many parts."""
    if parts > MOST_PARTS:
        raise OverLimit(Limit.PARTS)


def check_fields(fields: Iterable[tuple[str, str]]) -> None:
    """Raise OverLimit when header fields, by name and value, are over a limit."""
    received = total = 0
    for count, (name, value) in enumerate(fields, 1):
        total += len(name) + len(value)
        received += name.lower() == "received"
        if count > MOST_FIELDS:
            raise OverLimit(Limit.FIELDS)
        if total > LARGEST_HEADER_BLOCK:
            raise OverLimit(Limit.HEADER_BLOCK)
        _check_value(value)
    if received > MOST_RECEIVED * 2:  # between the two limits it is parsed, and stopped as a loop
        raise OverLimit(Limit.RECEIVED)


def _check_value(value: str) -> None:
    if len(value) > LARGEST_HEADER:
        raise OverLimit(Limit.HEADER)
    if value.count("=?") > MOST_ENCODED_WORDS:
        raise OverLimit(Limit.ENCODED_WORDS)
    if value.count("(") > MOST_OPENED:
        raise OverLimit(Limit.COMMENTS)
    if value.count("@") > MOST_RECIPIENTS:
        raise OverLimit(Limit.RECIPIENTS)
    semicolons = value.count(";")
    if semicolons > MOST_SEMICOLONS or (semicolons > MOST_PARAMETERS and value.count("*") > MOST_PARAMETERS):
        raise OverLimit(Limit.PARAMETERS)


def _fields(header: bytes) -> Iterable[tuple[str, str]]:
    """Each field of a header block with its folded lines, as they stand."""
    starts = list(islice(_FIELD.finditer(header), MOST_FIELDS + 1))
    ends = [*(match.start() for match in starts[1:]), len(header)][: len(starts)]
    for match, end in zip(starts, ends, strict=True):
        yield match["name"].decode("latin-1"), header[match.end() : end].decode("latin-1")
