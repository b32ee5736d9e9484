"""Find the files that a text holds uuencoded (POSIX.1-2017, uuencode), as mails did before MIME and some still do."""

from __future__ import annotations

import re
from binascii import a2b_uu
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

# No line of it has a small letter, so that each is looked at once.
_FILE = re.compile(
    rb"^begin [0-7]{3,4} (?P<name>[^\s][^\r\n]{0,254})\r?\n(?P<lines>(?:[!-`][ -`]{0,90}\r?\n)+)"
    rb"(?:[` ]?\r?\n)?end[ \t]*\r?$",
    re.MULTILINE,
)
_LINE = re.compile(rb"[^\r\n]+")


@dataclass(frozen=True, slots=True)
class Found:
    """A file, and where it stands from ``begin`` to ``end``."""

    name: str
    content: bytes
    start: int
    end: int


def find(text: bytes) -> Iterator[Found]:
    """The files in a text of ASCII, in order; what cannot be decoded is none."""
    for found in _FILE.finditer(text) if b"begin " in text else ():
        content = BytesIO()
        try:
            for line in _LINE.finditer(text, *found.span("lines")):
                content.write(_decoded(line[0]))
        except ValueError:
            continue
        yield Found(found["name"].decode("utf-8", "replace").strip(), content.getvalue(), *found.span())


def files(text: bytes) -> Iterator[bytes]:
    """Their contents."""
    return (found.content for found in find(text))


def _decoded(line: bytes) -> bytes:
    """Without what some programs write behind the octets that the line says it has."""
    return a2b_uu(line[: 1 + ((line[0] - 32 & 63) + 2) // 3 * 4])
