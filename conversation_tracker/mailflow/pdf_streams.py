"""Unpack what a PDF packs, its links and attached files among it, whether or not a page shows it. Pure, bounded."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Iterator
from itertools import islice

MOST_STREAMS, LARGEST_STREAMS = 500, 5_000_000  # how many, and their octets unpacked
LARGEST_PLAIN = 2_000_000  # octets of a file that may have packed nothing
LARGEST_PRINTABLE = 5_000_000  # octets of these in printable signs, which Python decodes itself

START = b"%PDF-"
FILES = (START, b"PK\x03\x04", b"\x1f\x8b\x08")  # how a file begins that may be attached to one, and is looked into

_STREAM = re.compile(rb"(?<!end)stream\r?\n")
_OCTAL = re.compile(rb"\\([0-3][0-7]{2})")  # in a string, as Ghostscript writes UTF-16
_UTF_16_MARK = rb"(\376\377"
# Between letters of a word.
_KERN = re.compile(rb"\)\s{0,4}-?[0-9.]{1,12}\s{0,4}\(|(?<=[0-9A-Fa-f])>\s{0,4}-?[0-9.]{1,12}\s{0,4}<(?=[0-9A-Fa-f])")
# Between two strings, whatever a program writes there: where the next begins, its colour, a border.
_BETWEEN = re.compile(rb"\)\s{0,4}(?:(?:-?[0-9.]{1,12}\s{0,4})?\]\s{0,4}TJ|Tj)\s[^()<>]{0,400}\(")
_PICTURE = re.compile(rb"/Subtype\s{0,4}/Image\b")
_NEAR = 2_000  # octets; an address has a quarter of it, each of its letters a number
_LONGEST_DICTIONARY = 600  # octets looked at before a stream
_GROUPS = 50_000  # signs, of which five are a group


def streams(content: bytes) -> Iterator[bytes]:
    """What a PDF says in octal numbers; then what is packed in it by deflate, its links among it, but for pictures; not
    beyond the limits.
    """
    yield _without_octal(_round_octal(plain(content)))
    left, printable = LARGEST_STREAMS, LARGEST_PRINTABLE
    whole = memoryview(content)  # of one stream in another no part is copied
    for found in islice(_STREAM.finditer(content), MOST_STREAMS):
        if _is_picture(content, found.start()):
            continue
        end = content.find(b"endstream", found.end())
        packed = whole[found.end() : end if end > 0 else None]
        try:
            if bytes(packed[-8:]).rstrip().endswith(b"~>"):  # ReportLab writes it in printable signs
                signs = bytes(packed[:printable]).partition(b"~>")[0]
                printable -= len(signs)
                packed = memoryview(_from_printable(signs))
            unpacked = zlib.decompressobj().decompress(packed, left)
        except (zlib.error, ValueError):  # packed in another way
            continue
        yield unpacked if unpacked.startswith(FILES) else _together(unpacked)
        if _UTF_16_MARK in unpacked:
            yield _without_octal(unpacked)
        left -= len(unpacked)
        if left <= 0:
            return


def _without_octal(content: bytes) -> bytes:
    return _OCTAL.sub(lambda found: bytes([int(found[1], 8)]), content)


def _round_octal(content: bytes) -> bytes:
    """What stands near a number that may be an octal one. In the dots of pictures some look so."""
    pieces: list[bytes] = []
    start = end = 0
    for found in _OCTAL.finditer(content):
        if found.start() - _NEAR > end:
            pieces.append(content[start:end])
            start = found.start() - _NEAR
        end = found.end() + _NEAR
    return b"\n".join([*pieces, content[start:end]])


def plain(content: bytes) -> bytes:
    """A PDF as it is, read as what its pages describe, which a small one may not have packed."""
    return _together(content) if content.startswith(START) and len(content) <= LARGEST_PLAIN else content


def _together(described: bytes) -> bytes:
    """What a page describes, with the letters of a word next to each other, and a line end between two strings."""
    return _BETWEEN.sub(b"\n", _KERN.sub(b"", described))


def _is_picture(content: bytes, start: int) -> bool:
    """Whether what is packed there are the dots of a picture, by the dictionary before it."""
    before = content[max(0, start - _LONGEST_DICTIONARY) : start]
    return _PICTURE.search(before.rpartition(b"endobj")[2]) is not None


def _from_printable(signs: bytes) -> bytes:
    """Adobe's base 85 decoded, in pieces: of one that is large Python takes twenty times the size in memory."""
    groups = signs.translate(None, b" \t\r\n\v").replace(b"z", b"!!!!!")[:LARGEST_PRINTABLE]
    pieces = (groups[start : start + _GROUPS] for start in range(0, len(groups), _GROUPS))
    return b"".join(map(base64.a85decode, pieces))
