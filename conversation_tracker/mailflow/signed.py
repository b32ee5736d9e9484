"""Take what is signed out of its signature: a mail by S/MIME without clear text, a document as .p7m. Pure.

RFC 5652 §5.1 and §5.2: the content stands in the signed data as an octet string, whole or, as programs write it that do
not know its length before, in segments (ITU-T X.690 §8.7.3).
"""

from __future__ import annotations

import re

MARK = rb"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"  # id-data, of a content of any kind
_LENGTH = rb"(?:\x80|[\x00-\x7f]|\x81.|\x82..|\x83...|\x84....)"
_CONTENT = re.compile(MARK + rb"\xa0" + _LENGTH + rb"(?P<kind>[\x04\x24])", re.DOTALL)
_WHOLE, _IN_SEGMENTS = b"\x04", b"\x24"
_INDEFINITE, _LONG = 0x80, 0x7F
_SEARCHED = 65_536  # octets before the content: how it is signed
_MOST_SEGMENTS = 200_000


def content(octets: bytes) -> bytes | None:
    """What is signed; None where nothing is, or it is kept elsewhere or encrypted."""
    found = _CONTENT.search(octets, 0, _SEARCHED)
    if found is None:
        return None
    if found["kind"] == _WHOLE:
        start, end = _value(octets, found.start("kind"))
        return octets[start:end]
    at, _ = _value(octets, found.start("kind"))
    segments: list[bytes] = []
    while octets[at : at + 1] == _WHOLE and len(segments) < _MOST_SEGMENTS:
        start, at = _value(octets, at)
        segments.append(octets[start:at])
    return b"".join(segments)


def _value(octets: bytes, tag: int) -> tuple[int, int]:
    """Where the value of this tag begins and ends; its end is its beginning where it has no length."""
    first = octets[tag + 1] if tag + 1 < len(octets) else 0
    if first <= _LONG:
        return tag + 2, tag + 2 + first
    size = first - _INDEFINITE
    start = tag + 2 + size
    return start, start + int.from_bytes(octets[tag + 2 : start])
