"""Read a file in every way in which somebody may: as text, unpacked, decoded. Pure, bounded, never raises."""

from __future__ import annotations

import base64
import io
import quopri
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from billiard.exceptions import SoftTimeLimitExceeded

from conversation_tracker.mailflow import attached, bodies, cards, files, headers, outlook

MOST_MEMBERS = 200
LARGEST_UNPACKED = 20_000_000  # bytes
DEEPEST = 3  # packed files in packed files
MOST_STREAMS, LARGEST_STREAMS = 500, 5_000_000  # of a PDF or PNG: how many, and their bytes unpacked
LARGEST_PRINTABLE = 5_000_000  # bytes of these in printable signs, which Python decodes itself

_TAG = re.compile(r"<[^<>]*>")
_SOFT = re.compile(r"=(?:[0-9A-Fa-f]{2}|[ \t]{0,8}\r?\n)")
_RTF = re.compile(
    r"\\'(?P<octet>[0-9a-f]{2})|\\u(?P<point>-?[0-9]{1,6}) ?\??|\\\*|\\[a-z]{1,32}-?[0-9]{0,10} ?|\\[~_|:\-]|[{}]"
    r"|\r?\n",
    re.IGNORECASE,
)
_ZIP = b"PK\x03\x04"
_ZIP_END, _LONGEST_ZIP_END = b"PK\x05\x06", 70_000
_ZIP_ENTRY = b"PK\x01\x02"
_GZIP = b"\x1f\x8b\x08"
_CHUNK = 65_536
_GROUPS = 50_000  # signs, of which five are a group
_PDF_STREAM = re.compile(rb"stream\r?\n")
_PDF_OCTAL = re.compile(rb"\\([0-3][0-7]{2})")  # in a string, as Ghostscript writes UTF-16
_PDF_KERN = re.compile(rb"\)\s{0,4}-?[0-9.]{1,12}\s{0,4}\(")  # between letters of a word
_PNG = b"\x89PNG\r\n\x1a\n"
# A chunk with compressed words: keyword, then what says how (PNG §11.3.3); iTXt with language and translated keyword.
_PNG_WORDS = re.compile(rb"zTXt[^\0]{1,79}\0\0|iTXt[^\0]{1,79}\0\x01\0[^\0]{0,99}\0[^\0]{0,999}\0")
_UTF_7 = re.compile(rb"\+[A-Za-z0-9+/]{2}")


@dataclass(frozen=True, slots=True)
class Text:
    """What a reader or program makes of it."""

    text: str


@dataclass(frozen=True, slots=True)
class Octets:
    """What is no text."""

    content: bytes


@dataclass(frozen=True, slots=True)
class AttachedMail:
    """A mail, as bytes."""

    raw: bytes


@dataclass(frozen=True, slots=True)
class Closed:
    """Something is in there that nobody here can read."""


View = Text | Octets | AttachedMail | Closed


class Budget:
    """How much may still be unpacked of the files of one mail."""

    def __init__(self) -> None:
        self.members = MOST_MEMBERS
        self.size = LARGEST_UNPACKED


def views(
    content: bytes, *, name: str, claimed: str, charset: str = "", budget: Budget, depth: int = 0
) -> Iterator[View]:
    """Every reading of a file; of one that packs others, of each of these too, a few levels deep."""
    yield from _plain_views(content, name=name, claimed=claimed, charset=charset)
    if content.startswith(_GZIP):
        yield from _members([_gunzip(content, budget)] if depth < DEEPEST else [_UNKNOWN], budget, depth)
    elif content.startswith((_ZIP, _ZIP_END)):
        yield from _members(_unzip(content, budget) if depth < DEEPEST else [_UNKNOWN], budget, depth)
    elif files.nature(content, name=name, claimed=claimed, charset=charset).codec is None:
        if _ZIP_END in content[-_LONGEST_ZIP_END:]:  # what stands before the archive unpacks it
            yield from _members(_unzip(content, budget) if depth < DEEPEST else [_UNKNOWN], budget, depth)
        yield from map(Octets, _streams(content))
        yield from map(Octets, outlook.texts(content))
        yield Closed()


def is_searchable(content: bytes, *, name: str, claimed: str, charset: str = "", budget: Budget) -> bool:
    """Whether all of it can be read here; a mail that was left as it came counts as not read."""
    found = views(content, name=name, claimed=claimed, charset=charset, budget=budget)
    return not any(isinstance(view, (Closed, AttachedMail)) for view in found)


def _plain_views(content: bytes, *, name: str, claimed: str, charset: str = "") -> Iterator[View]:
    nature = files.nature(content, name=name, claimed=claimed, charset=charset)
    if nature.codec is None:
        yield Octets(content)
        return
    for raw in attached.mails(content, name=name, claimed=claimed):
        yield AttachedMail(raw)
    if nature.codec not in {"utf-8", "latin-1"} or b"\0" in content or not _is_utf8(content):
        yield Octets(content)
    text = content.decode(nature.codec, "replace")
    yield Text(text)
    yield from _decoded(text, content, is_html=nature.content_type == "text/html")


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _decoded(text: str, content: bytes, *, is_html: bool) -> Iterator[View]:
    if "<" in text and ">" in text:
        yield Text(_TAG.sub("", text))
        if is_html:
            yield Text(bodies.bare(text))
    if "=?" in text:
        yield Text(headers.words(text))
    if _SOFT.search(text) is not None:
        yield Text(quopri.decodestring(text.encode("utf-8", "replace")).decode("utf-8", "replace"))
    if cards.is_card(text):
        yield Text(cards.unfolded(text))
        yield from (Octets(value) for value in cards.values(text))
    if text.lstrip()[:5].lower() == "{\\rtf":
        yield Text(_RTF.sub(_of_rtf, text))
    if _UTF_7.search(content) is not None and content.isascii():
        yield Text(content.decode("utf-7", "replace"))


def _of_rtf(found: re.Match[str]) -> str:
    if found["octet"] is not None:
        return chr(int(found["octet"], 16))
    return chr(int(found["point"]) % 0xD800) if found["point"] is not None else ""


@dataclass(frozen=True, slots=True)
class _Member:
    """A file in a file; without content where it cannot be had."""

    name: str
    content: bytes | None


_UNKNOWN = _Member("", None)


def _members(found: Iterator[_Member] | list[_Member], budget: Budget, depth: int) -> Iterator[View]:
    for one in found:
        yield Text(one.name)
        if one.content is None:
            yield Closed()
            continue
        kind = "application/octet-stream"
        yield from views(one.content, name=one.name, claimed=kind, budget=budget, depth=depth + 1)


def _streams(content: bytes) -> Iterator[bytes]:
    """What deflate packs in a PDF, its links among it, or in the words of a PNG; not beyond the limits."""
    if content.startswith(b"%PDF-"):
        yield _PDF_OCTAL.sub(lambda found: bytes([int(found[1], 8)]), content)
        places = ((found.end(), content.find(b"endstream", found.end())) for found in _PDF_STREAM.finditer(content))
    elif content.startswith(_PNG):
        places = ((found.end(), found.end() + LARGEST_STREAMS) for found in _PNG_WORDS.finditer(content))
    else:
        return
    left, printable = LARGEST_STREAMS, LARGEST_PRINTABLE
    whole = memoryview(content)  # of one stream in another no part is copied
    for start, end in islice(places, MOST_STREAMS):
        decoder = zlib.decompressobj()
        packed = whole[start : end if end > 0 else None]
        try:
            if bytes(packed[-8:]).rstrip().endswith(b"~>"):  # ReportLab writes it in printable signs
                signs = bytes(packed[:printable]).partition(b"~>")[0]
                printable -= len(signs)
                packed = memoryview(_from_printable(signs))
            unpacked = decoder.decompress(packed, left)
        except (zlib.error, ValueError):  # packed in another way
            continue
        yield _PDF_KERN.sub(b"", unpacked)
        left -= len(unpacked)
        if left <= 0:
            return


def _from_printable(signs: bytes) -> bytes:
    """Adobe's base 85 decoded, in pieces: of one that is large Python takes twenty times the size in memory."""
    groups = signs.translate(None, b" \t\r\n\v").replace(b"z", b"!!!!!")[:LARGEST_PRINTABLE]
    pieces = (groups[start : start + _GROUPS] for start in range(0, len(groups), _GROUPS))
    return b"".join(map(base64.a85decode, pieces))


def _gunzip(content: bytes, budget: Budget) -> _Member:
    """RFC 1952: one member after the other, not beyond the budget."""
    pieces: list[bytes] = []
    try:
        while content and budget.members > 0:
            budget.members -= 1
            decoder = zlib.decompressobj(wbits=31)
            pieces.append(decoder.decompress(content, max(budget.size, 1)))
            budget.size -= len(pieces[-1])
            if not decoder.eof or budget.size <= 0:
                return _Member("", None)
            content = decoder.unused_data.lstrip(b"\0")
    except zlib.error:
        return _Member("", None)
    return _Member("", None if content else b"".join(pieces))


def _unzip(content: bytes, budget: Budget) -> Iterator[_Member]:
    """The files in a zip, and so in a docx, xlsx, odt or epub, not beyond the budget."""
    if content.count(_ZIP_ENTRY) > MOST_MEMBERS * 10:  # their list alone would take long
        yield _Member("", None)
        return
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            listed = archive.infolist()
            if len(listed) != content.count(_ZIP):  # something is packed that the list does not name, or the reverse
                yield _Member("", None)
            for info in listed:
                if not info.is_dir():
                    yield _Member(info.filename, _unpacked(archive, info, budget))
    except (MemoryError, SoftTimeLimitExceeded):  # these say nothing of the mail
        raise
    except Exception:  # noqa: BLE001  the standard library's failures on broken archives are of every kind
        yield _Member("", None)


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo, budget: Budget) -> bytes | None:
    """One file's content. Only deflate is unpacked: the other ways cannot be stopped at a size."""
    is_readable = info.compress_type in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED} and not info.flag_bits & 0x1
    if not is_readable or budget.members <= 0:
        return None
    budget.members -= 1
    pieces: list[bytes] = []
    try:
        with archive.open(info) as opened:
            while piece := opened.read(_CHUNK):
                pieces.append(piece)
                budget.size -= len(piece)
                if budget.size <= 0:
                    return None
    except (MemoryError, SoftTimeLimitExceeded):  # as above
        raise
    except Exception:  # noqa: BLE001  as above
        return None
    return b"".join(pieces)
