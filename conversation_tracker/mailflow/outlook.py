"""Unpack the text that Outlook writes into a winmail.dat or an .msg: compressed RTF ([MS-OXRTFCP]). Pure, bounded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

LARGEST = 1_000_000  # octets of all texts unpacked; what is longer is read as far as that
_MOST = 50  # texts in one file
_TEXT = re.compile(rb"LZFu.{4}", re.DOTALL)  # before it two sizes, and a checksum in it
_BEFORE = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans Serif"
    rb"SymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0"
    b"\r\n"
    rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)  # §2.1.2.1: what every text may refer back to
_RING = 4_096


def texts(content: bytes) -> Iterator[bytes]:
    """The RTF of each text in the file, wherever it stands."""
    left = LARGEST
    for found in islice(_TEXT.finditer(content), _MOST):
        text = _unpacked(content, found.end(), left)
        yield text
        left -= len(text)
        if left <= 0:
            return


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
