"""Read a file in every way in which somebody may: as text, unpacked, decoded. Pure, bounded, never raises."""

from __future__ import annotations

import io
import quopri
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice

from billiard.exceptions import SoftTimeLimitExceeded

from conversation_tracker.mailflow import (
    attached,
    bodies,
    cards,
    charsets,
    files,
    headers,
    outlook,
    packed_files,
    pdf_streams,
    pdfs,
    rich_text,
    signed,
    tars,
)

MOST_MEMBERS = 500  # a Word file has some twenty
LARGEST_UNPACKED = 20_000_000  # bytes
DEEPEST = 3  # packed files in packed files
MOST_ARCHIVES = 200  # one behind the other in a file of another kind
MOST_WORDS, LARGEST_WORDS = 100, 1_000_000  # of a PNG: how many, and their bytes unpacked

_TAG = re.compile(r"(?P<hyphen><w:noBreakHyphen\s{0,4}/>)|<[^<>]*>")  # ECMA-376 §17.3.3.18
_SOFT = re.compile(r"=(?:[0-9A-Fa-f]{2}|[ \t]{0,8}\r{0,3}\n)")
# What is said to a terminal (ECMA-48 §5.4), its escape written out as logs do.
_TERMINAL = re.compile(r"(?:\\(?:u001b|x1b|e|033)|\#033|\^\[)\[[0-9;:?]{0,20}[@-~]", re.IGNORECASE)
_ZIP = b"PK\x03\x04"
_ZIP_END = b"PK\x05\x06"
_ZIP_ENDS = re.compile(rb"PK\x05\x06.{18}", re.DOTALL)  # APPNOTE §4.3.16
_ZIP_ENTRY = b"PK\x01\x02"
_GZIP = b"\x1f\x8b\x08"
_CHUNK = 65_536
_PNG = b"\x89PNG\r\n\x1a\n"
# What is found at any place of a file, so that it need not be taken out of it.
_ANYWHERE = (b"%PDF-", b"\xff\xd8\xff")
# A chunk with compressed words: keyword, then what says how (PNG §11.3.3); iTXt with language and translated keyword.
_PNG_WORDS = re.compile(rb"zTXt[^\0]{1,79}\0\0|iTXt[^\0]{1,79}\0\x01\0[^\0]{0,99}\0[^\0]{0,999}\0")
# A file within a mail, as its lines stand in the mail's source.
_BASE64_LINES = re.compile(rb"(?:^[A-Za-z0-9+/]{60,998}\r{0,3}\n){4,}", re.MULTILINE)
_UTF_7 = re.compile(rb"\+[A-Za-z0-9+/]{2}")


@dataclass(frozen=True, slots=True)
class Text:
    """What a reader or program makes of it."""

    text: str


@dataclass(frozen=True, slots=True)
class Shown:
    """What the glyphs of a page show, some of which may be lost."""

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


View = Text | Shown | Octets | AttachedMail | Closed


class Budget:
    """How much may still be unpacked of the files of one mail.

    ``within`` is what is left for that which is in closed files and in mails in files. Nobody is told that these could
    be searched, so that it need not be known beforehand how far it goes. ``opens_closed`` says whether they are looked
    into at all.
    """

    def __init__(self, *, opens_closed: bool = True, is_within: bool = False) -> None:
        self.members = MOST_MEMBERS
        self.size = LARGEST_UNPACKED
        self.pdfs = pdfs.Budget()
        self.opens_closed = opens_closed
        self.within = self if is_within else Budget(opens_closed=opens_closed, is_within=True)
        self.within.pdfs = self.pdfs


def views(
    content: bytes, *, name: str, claimed: str, charset: str = "", budget: Budget, depth: int = 0
) -> Iterator[View]:
    """Every reading of a file; of one that packs others, of each of these too, a few levels deep."""
    yield from _plain_views(content, name=name, claimed=claimed, charset=charset)
    nature = files.nature(content, name=name, claimed=claimed, charset=charset)
    if depth < DEEPEST:
        for inner in packed_files.files(content):
            if budget.members <= 0:
                yield Closed()
                break
            budget.members -= 1
            yield from views(inner, name="", claimed="application/octet-stream", budget=budget, depth=depth + 1)
    elif next(packed_files.files(content), None) is not None:
        yield Closed()
    if content.startswith(_GZIP):
        yield from _members(_gunzip(content, budget) if depth < DEEPEST else [_UNKNOWN], budget, depth)
    elif content.startswith((_ZIP, _ZIP_END)):
        yield from _members(_unzip(content, budget) if depth < DEEPEST else [_UNKNOWN], budget, depth)
    elif nature.codec is None:
        yield Closed()
        if budget.opens_closed:
            yield from _partly(content, name, budget.within, depth)


def _partly(content: bytes, name: str, budget: Budget, depth: int) -> Iterator[View]:
    """What can be read of a file that is no text and no archive."""
    if depth <= DEEPEST:  # what stands in base64 in a packed file takes a level of its own
        listed = _Listed(content)
        yield from _members(listed.files(budget), budget, depth)
        for archive in chain(listed.zips(), _archives(listed.rest())):
            yield from _members(_unzip(archive, budget), budget, depth)
    elif _ZIP_ENDS.search(content):
        yield Closed()
    yield from _papers(content, budget, depth)
    if depth < DEEPEST and (document := signed.content(content)):
        kind = "application/octet-stream"
        yield from views(document, name=name.removesuffix(".p7m"), claimed=kind, budget=budget, depth=depth + 1)
    yield from map(Octets, _words(content))
    for text in outlook.texts(content):
        yield Octets(text)
        yield Text(rich_text.said(text.decode("latin-1")))


class _Listed:
    """What a tar or a winmail.dat lists, in which files stand as they are; none of any other file."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._zips: dict[tuple[int, int], None] = {}  # in order, each once

    def files(self, budget: Budget) -> Iterator[_Member]:
        """Those that are not found anyway."""
        for name, start, end in chain(tars.files(self._content), outlook.files(self._content)):
            if budget.members <= 0:
                return
            if self._content.startswith(_ZIP, start):
                self._zips[start, end] = None
            elif min(end, len(self._content)) - start > budget.size:
                yield _UNKNOWN
            elif not self._content.startswith(_ANYWHERE, start):
                inner = self._content[start:end]
                budget.members -= 1
                budget.size -= len(inner)
                yield _Member(name, inner)

    def zips(self) -> Iterator[bytes]:
        """Each as it stands. Where one begins in a file is found anyway; not where it ends, when it holds others."""
        for start, end in islice(self._zips, MOST_ARCHIVES):  # hostile ones list more
            yield self._content[start:end]

    def rest(self) -> bytes:
        """All but the zips."""
        pieces, last = [], 0
        for start, end in sorted(islice(self._zips, MOST_ARCHIVES)):
            pieces.append(self._content[last:start])
            last = max(last, end)
        return b"".join([*pieces, self._content[last:]]) if pieces else self._content


def _papers(content: bytes, budget: Budget, depth: int) -> Iterator[View]:
    """What PDFs show and pack, and the files that are attached to them."""
    if pdf_streams.START not in content:
        return
    for paper in pdfs.papers(content, budget.pdfs):
        for page in paper.pages:
            yield from map(Shown, page.readings())
            yield Text(page.on_top)
        if depth < DEEPEST:
            for inner in islice(paper.files, max(budget.members, 0)):
                budget.members -= 1
                budget.size -= len(inner)
                if budget.size <= 0:
                    break
                yield from views(inner, name="", claimed="application/octet-stream", budget=budget, depth=depth + 1)
    yield from _streams(content, budget, depth)


def _streams(content: bytes, budget: Budget, depth: int) -> Iterator[View]:
    """What a PDF packs, and the files that are attached to it."""
    for place, stream in enumerate(pdf_streams.streams(content)):
        yield Octets(stream)
        is_file = place and stream.startswith(pdf_streams.FILES)  # the first is the PDF itself
        if is_file and depth < DEEPEST and budget.members > 0:
            budget.members -= 1
            yield from views(stream, name="", claimed="application/octet-stream", budget=budget, depth=depth + 1)


def is_searchable(content: bytes, *, name: str, claimed: str, charset: str = "", budget: Budget) -> bool:
    """Whether all of it can be read here; a mail that was left as it came counts as not read.

    It is looked at to its end in any case: what it takes of the budget is not there for the files behind it, here as
    at the leak gate.
    """
    found = list(map(type, views(content, name=name, claimed=claimed, charset=charset, budget=budget)))
    return not {Closed, AttachedMail} & set(found)


def _plain_views(content: bytes, *, name: str, claimed: str, charset: str = "") -> Iterator[View]:
    nature = files.nature(content, name=name, claimed=claimed, charset=charset)
    if nature.codec is None:
        yield Octets(pdf_streams.plain(content))
        return
    if inner := attached.mails(content, name=name, claimed=claimed):
        yield from map(AttachedMail, inner)
        content = _BASE64_LINES.sub(b"", content)  # its files are looked into where it is opened
    if nature.codec not in {"utf-8", "latin-1"} or b"\0" in content or not _is_utf8(content):
        yield Octets(content)
    text = content.decode(nature.codec, "replace")
    yield Text(text)
    if (
        charset
        and nature.codec in {"utf-8", "latin-1"}
        and (claimed := charsets.decode_bytes(content, charset)) != text
    ):
        yield Text(claimed)
    yield from _decoded(text, content, is_html=nature.content_type == "text/html")


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _decoded(text: str, content: bytes, *, is_html: bool) -> Iterator[View]:
    if "<" in text and ">" in text:
        yield Text(_TAG.sub(lambda tag: "-" if tag["hyphen"] else "", text))
        if is_html:
            yield Text(bodies.bare(text))
    if "=?" in text:
        yield Text(headers.words(text))
    if _SOFT.search(text) is not None:
        yield Text(quopri.decodestring(text.encode("utf-8", "replace")).decode("utf-8", "replace"))
    if "\x1b[" in text:
        yield Text(headers.clean(text))
    if _TERMINAL.search(text) is not None:
        yield Text(_TERMINAL.sub("", text))
    if cards.is_card(text):
        yield Text(cards.unfolded(text))
        yield from (Octets(value) for value in cards.values(text))
    if text.lstrip()[:5].lower() == "{\\rtf":
        yield Text(rich_text.said(text))
    if _UTF_7.search(content) is not None and content.isascii():
        yield Text(content.decode("utf-7", "replace"))


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


def _archives(content: bytes) -> Iterator[bytes]:
    """What is zipped in the file, at any place. What stands before may unpack it, or hold it, as winmail.dat does."""
    start = 0
    for found in islice(_ZIP_ENDS.finditer(content), MOST_ARCHIVES):
        yield content[start : found.end()]
        start = found.end()


def _words(content: bytes) -> Iterator[bytes]:
    """What deflate packs in the words of a PNG."""
    if not content.startswith(_PNG):
        return
    left = LARGEST_WORDS
    for found in islice(_PNG_WORDS.finditer(content), MOST_WORDS):
        try:
            unpacked = zlib.decompressobj().decompress(content[found.end() :][:left], left)
        except zlib.error:
            continue
        yield unpacked
        left -= len(unpacked)
        if left <= 0:
            return


def _gunzip(content: bytes, budget: Budget) -> Iterator[_Member]:
    """RFC 1952: one member after the other, not beyond the budget, and that there is more than could be read."""
    pieces: list[bytes] = []
    is_whole = False
    try:
        while content and budget.members > 0:
            budget.members -= 1
            decoder = zlib.decompressobj(wbits=31)
            pieces.append(decoder.decompress(content, max(budget.size, 1)))
            budget.size -= len(pieces[-1])
            if not decoder.eof or budget.size <= 0:
                break
            content = decoder.unused_data.lstrip(b"\0")
        else:
            is_whole = not content
    except zlib.error:  # what follows is something else, as words behind base64
        pass
    if pieces:
        yield _Member("", b"".join(pieces))
    if not is_whole:
        yield _UNKNOWN


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
