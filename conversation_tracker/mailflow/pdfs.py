"""Read what a PDF shows, wherever in a file one begins, as winmail.dat and .msg hold them. Bounded, never raises.

In most PDFs the letters stand as numbers of glyphs, and in pieces: without the maps of their fonts (ISO 32000-1, §9.10)
nothing of a text is to be found.
"""

from __future__ import annotations

import base64
import io
import re
import zlib
from collections.abc import Iterator
from itertools import islice

from billiard.exceptions import SoftTimeLimitExceeded
from pypdf import PageObject, PdfReader

MOST = 20  # in one file
MOST_PAGES = 100
LONGEST = 4_000_000  # octets of all pages' descriptions; a page of words has 5,000
MOST_STREAMS, LARGEST_STREAMS = 500, 5_000_000  # how many, and their octets unpacked
LARGEST_PRINTABLE = 5_000_000  # octets of these in printable signs, which Python decodes itself

START = b"%PDF-"
_STREAM = re.compile(rb"stream\r?\n")
_OCTAL = re.compile(rb"\\([0-3][0-7]{2})")  # in a string, as Ghostscript writes UTF-16
_KERN = re.compile(rb"\)\s{0,4}-?[0-9.]{1,12}\s{0,4}\(")  # between letters of a word
_PICTURE = re.compile(rb"/Subtype\s{0,4}/Image\b")
_LONGEST_DICTIONARY = 600  # octets looked at before a stream
_GROUPS = 50_000  # signs, of which five are a group


def texts(content: bytes) -> Iterator[str]:
    """The text of each page of each PDF in the file, as a reader sees it; of one that cannot be read, none."""
    left = LONGEST
    for piece in _pieces(content):
        for text, size in _pages(piece, left):
            yield text
            left -= size


def _pieces(content: bytes) -> Iterator[bytes]:
    place = content.find(START)
    for _ in range(MOST):
        if place < 0:
            return
        following = content.find(START, place + len(START))
        yield content[place : following if following >= 0 else None]
        place = following


def _pages(content: bytes, most: int) -> Iterator[tuple[str, int]]:
    """The text of each page, and the octets of its description."""
    try:
        for page in islice(PdfReader(io.BytesIO(content)).pages, MOST_PAGES):
            size = _size(page)
            most -= size
            if most < 0:
                return
            yield page.extract_text(), size
    except (MemoryError, SoftTimeLimitExceeded):  # these say nothing of the file
        raise
    except Exception:  # noqa: BLE001  the library's failures on broken files are of every kind
        return


def _size(page: PageObject) -> int:
    described = page.get_contents()
    return len(described.get_data()) if described is not None else 0


def streams(content: bytes) -> Iterator[bytes]:
    """What is packed in a PDF by deflate, its links among it, but for pictures; not beyond the limits."""
    yield _OCTAL.sub(lambda found: bytes([int(found[1], 8)]), content)
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
        yield _KERN.sub(b"", unpacked)
        left -= len(unpacked)
        if left <= 0:
            return


def _is_picture(content: bytes, start: int) -> bool:
    """Whether what is packed there are the dots of a picture, by the dictionary before it."""
    before = content[max(0, start - _LONGEST_DICTIONARY) : start]
    return _PICTURE.search(before.rpartition(b"endobj")[2]) is not None


def _from_printable(signs: bytes) -> bytes:
    """Adobe's base 85 decoded, in pieces: of one that is large Python takes twenty times the size in memory."""
    groups = signs.translate(None, b" \t\r\n\v").replace(b"z", b"!!!!!")[:LARGEST_PRINTABLE]
    pieces = (groups[start : start + _GROUPS] for start in range(0, len(groups), _GROUPS))
    return b"".join(map(base64.a85decode, pieces))
