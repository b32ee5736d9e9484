"""Find the files that stand packed in a text: in base64, as in invoices, calendars and JSON, or uuencoded. Pure."""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections.abc import Iterator

from conversation_tracker.mailflow import signed, uuencoded

# A PDF, a zip or a gzip in base64, by how it begins; in the lines, quotes and signs that texts and links have.
_PACKED = re.compile(rb"(?:JVBERi|UEsDB|H4sI)[\w+/ \t\r\n>-]{100,}")
# Any file in base64, in lines or in one: what begins in it may be a PDF or a zip, as in a signed document and in what
# Excel keeps of a query.
_LINES_64 = re.compile(rb"(?<![\w+/=-])[\w+/-]{72,}+(?:\r{0,3}\n[\w+/-]{1,80}+)*+")
_INSIDE = re.compile(rb"%PDF-|PK\x03\x04|" + signed.MARK)
_URL_SIGNS = bytes.maketrans(b"-_", b"+/")
_ESCAPES = re.compile(rb"\\[rn]|&\#(?:13|10|[xX][dDaA]);|(\\u002[bB])")


def files(content: bytes) -> Iterator[bytes]:
    """The files that stand in base64 in a text, as in invoices by UBL, calendars and JSON, or uuencoded; also in a text
    that something else holds, as a tar holds mails.
    """
    plain = content.replace(b"\0", b"")  # UTF-16
    yield from uuencoded.files(plain)
    if b"\\" in plain or b"&" in plain:
        plain = _ESCAPES.sub(lambda found: b"+" if found[1] else b"", plain.replace(b"\\/", b"/"))
    for found in _PACKED.finditer(plain):
        yield _from_base64(found[0])
    for found in _LINES_64.finditer(plain):
        if _PACKED.match(found[0]) is None and _INSIDE.search(inner := _from_base64(found[0])):
            yield inner


def _from_base64(signs: bytes) -> bytes:
    """What they stand for, the last octet too, without which a zip is none; nothing where they are broken."""
    signs = signs.translate(_URL_SIGNS, b" \t\r\n>")
    signs = signs[: len(signs) - (len(signs) % 4 == 1)]
    try:
        return a2b_base64(signs + b"=" * (-len(signs) % 4))
    except ValueError:
        return b""
