"""Unpack the text that Outlook writes into a winmail.dat or an .msg: compressed RTF ([MS-OXRTFCP]); and the files of a
winmail.dat ([MS-OXTNEF]). Pure, bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

LARGEST = 1_000_000  # octets of all texts unpacked; what is longer is read as far as that
_MOST = 50  # texts in one file, or mails with files
_TEXT = re.compile(rb"LZFu.{4}", re.DOTALL)  # before it two sizes, and a checksum in it
_BEFORE = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans Serif"
    rb"SymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0"
    b"\r\n"
    rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)  # §2.1.2.1: what every text may refer back to
_RING = 4_096
_BEGINS = re.compile(rb"\x78\x9f\x3e\x22")  # [MS-OXTNEF] §2.1.3.1; in it a mail that is attached begins so too
_KEY, _HEAD, _CHECKSUM = 2, 9, 2  # octets: behind that; level, identifier and length of an attribute; behind its value
_LEVELS = (1, 2)  # of the mail, of a file
_MOST_ATTRIBUTES, _LONGEST_NAME = 20_000, 1_000
_FILE, _FILE_NAME, _FILE_DATA = 0x0006_9002, 0x0001_8010, 0x0006_800F  # §2.1.3.3; the first begins each file


def texts(content: bytes) -> Iterator[bytes]:
    """The RTF of each text in the file, wherever it stands."""
    left = LARGEST
    for found in islice(_TEXT.finditer(content), _MOST):
        text = _unpacked(content, found.end(), left)
        yield text
        left -= len(text)
        if left <= 0:
            return


def files(content: bytes) -> Iterator[tuple[str, int, int]]:
    """The name of each file that is attached to the mail in it, and where its content begins and ends."""
    for found in islice(_BEGINS.finditer(content), _MOST):
        name, place = "", (0, 0)
        for kind, start, end in islice(_attributes(content, found.end() + _KEY), _MOST_ATTRIBUTES):
            if kind == _FILE_NAME:
                name = content[start : min(end, start + _LONGEST_NAME)].partition(b"\0")[0].decode("latin-1")
            elif kind == _FILE_DATA:
                place = start, end
            elif kind == _FILE and any(place):
                yield name, *place
                name, place = "", (0, 0)
        if any(place):
            yield name, *place


def _attributes(content: bytes, at: int) -> Iterator[tuple[int, int, int]]:
    """§2.1.3: the identifier of one after the other and where its value begins and ends, until something else comes."""
    while at + _HEAD <= len(content) and content[at] in _LEVELS:
        start = at + _HEAD
        end = start + int.from_bytes(content[at + 5 : start], "little")
        yield int.from_bytes(content[at + 1 : at + 5], "little"), start, end
        at = end + _CHECKSUM


def _unpacked(content: bytes, place: int, most: int) -> bytes:
    """§2.2: a bit for each of eight tokens that follow says whether it is an octet or refers back."""
    said = bytearray(_BEFORE)
    end = len(_BEFORE) + most
    while place < len(content) and len(said) < end:
        control, place = content[place], place + 1
        for bit in range(8):
            if not control >> bit & 1:
                said += content[place : place + 1]
                place += 1
                continue
            token, place = int.from_bytes(content[place : place + 2], "big"), place + 2
            back = (len(said) - (token >> 4)) % _RING
            if back == 0 or back > len(said) or place > len(content):  # the end, or no text
                return bytes(said[len(_BEFORE) :])
            for _ in range((token & 15) + 2):
                said.append(said[-back])
    return bytes(said[len(_BEFORE) :])
