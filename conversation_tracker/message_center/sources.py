"""Tell a template that would keep Liquid busy with reading alone, before it is read. Pure, linear."""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST = 200_000  # characters
LONGEST_TAG = 2_000  # of what stands between two braces: Liquid reads much of it again for each sign in it
MOST_RAW = 20  # pieces that are not read: for each that nothing ends Liquid looks through all the rest

_BRACES = re.compile(r"\{\{|\{%|\}\}|%\}")
_RAW = re.compile(r"\{%-?\s{0,50}(?:raw|doc)\b")
_ENDS = {"{{": "}}", "{%": "%}"}


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What is wrong: it is too long, or not ended; how long it may be, or how it begins; and where."""

    is_too_long: bool
    detail: str
    index: int


def unreadable(source: str) -> Unreadable | None:
    """The first thing for which the template is not read at all; None when it is read."""
    if len(source) > LONGEST:
        return Unreadable(is_too_long=True, detail=f"{LONGEST:,}", index=LONGEST)
    for count, raw in enumerate(_RAW.finditer(source)):
        if count >= MOST_RAW:
            return Unreadable(is_too_long=True, detail=f"{MOST_RAW} raw", index=raw.start())
    return _unreadable_tag(source)


def _unreadable_tag(source: str) -> Unreadable | None:
    opened: re.Match[str] | None = None
    for brace in _BRACES.finditer(source):
        if opened is None:
            opened = brace if brace[0] in _ENDS else None
        elif brace[0] == _ENDS[opened[0]]:
            if brace.start() - opened.start() > LONGEST_TAG:
                said = f"{LONGEST_TAG:,} from {opened[0]} to {brace[0]}"
                return Unreadable(is_too_long=True, detail=said, index=opened.start())
            opened = None
    if opened is None:
        return None
    said = f"never closed: {source[opened.start() : opened.start() + 30].strip()}"
    return Unreadable(is_too_long=False, detail=said, index=opened.start())
