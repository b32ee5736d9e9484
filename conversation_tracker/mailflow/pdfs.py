"""Read what a PDF shows, wherever in a file one begins, as winmail.dat and .msg hold them. Bounded, never raises.

In most PDFs the letters stand as numbers of glyphs, and in pieces: without the maps of their fonts (ISO 32000-1, §9.10)
nothing of a text is to be found. To read them takes time and memory, of which a mail has so much and no more; what is
not read of a PDF is said of every one.
"""

from __future__ import annotations

import gc
import io
import re
import threading
import time
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from billiard.exceptions import SoftTimeLimitExceeded
from pypdf import PageObject, PdfReader, _text_extraction, apply_configuration
from pypdf.generic import DecodedStreamObject, EmbeddedFile, NameObject
from pypdf.generic._font import Font

from conversation_tracker.mailflow import pens
from conversation_tracker.mailflow.pdf_streams import START

MOST = 200  # in one file
MOST_PAGES = 100
# Octets of a page's description; a page of words has 5,000, one with a table's lines 500,000, a map millions.
SIMPLE_PAGE, LARGEST_PAGE = 100_000, 1_000_000
SECONDS = 2.5  # of processor time, for all PDFs of a mail
LONGEST_ON_TOP = 200_000  # characters of one page's notes
LONGEST_PAPERS = 2_000_000  # characters of all pages of a mail's PDFs; more than are read of words in that time
LARGEST_ATTACHED = 20_000_000  # octets of the files that are attached to one
LONGEST_TAIL = 65_536  # octets behind a PDF's end

_END = b"%%EOF"
_ATTACHED_END = re.compile(rb"%%EOF\s{0,4}endstream")
# A string, which stays; or what a page draws, with its numbers. One that does not end goes to the end, and what is
# escaped begins none, or the search would begin anew at each of its signs.
_DRAWN = re.compile(
    rb"(\((?:[^()\\]|\\.|\((?:[^()\\]|\\.)*+\))*+(?:\)|\Z)|\\.)"
    rb"|(?<!\S)(?:[-+0-9.]{1,20}\s{1,9}){0,6}+(?:re|[mlcvyhsSfFBbnW]|[fBbW]\*|rg|RG|scn?|SCN?|[gGkKwJjMi])(?=\s)"
    rb"|(?<!\S)/[!-\x27*-.0-~]{1,127}\s{1,9}(?:gs|cs|CS|ri)(?=\s)",
    re.DOTALL,
)
_NOTHING = re.compile(rb"(?<!\S)q\s{1,99}Q(?=\s)")  # left of what was drawn
_INLINE = re.compile(rb"(?<!\S)BI\s[^()]{0,200}?/W")
_SAYING = ("/URI", "/Contents", "/T", "/V")  # where a link leads, a note, its author, what is filled in
_DEEPEST = 4  # of what is drawn within what is drawn
# Octets that one stream may unpack to: a page, a font's map. Pictures are not looked at.
_LIMITS: dict[str, Any] = {
    "zlib_maximum_output_length": 8_000_000,
    "array_based_stream_maximum_output_length": 8_000_000,
}
_FROM_THE_RIGHT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_LETTER = r"[A-Za-z0-9\u00c0-\u024f_.+'\u2019-]"
_ADDRESS = re.compile(f"(?<!{_LETTER}){_LETTER}{{1,300}}@{_LETTER}{{1,300}}")
_SIGN = re.compile(r"((?<![0-9])[^A-Za-z0-9\u00c0-\u024f]|[^A-Za-z0-9\u00c0-\u024f](?![0-9]))")  # numbers stay whole
_SET_APART = re.compile(r"(?<!\S)\S(?: \S)+(?!\S)")
_SINGLE_SPACE = re.compile(r"(?<=\S) (?=\S)")
# TeX's older fonts have no letter with an accent: that is printed by itself, before the letter that it goes on.
_ACCENTS = dict(
    zip(
        "\u00a8\u00b4`^\u02c6~\u02dc\u00b8\u02c7\u02d8\u02d9\u02da\u02db\u02dd\u00af",
        "\u0308\u0301\u0300\u0302\u0302\u0303\u0303\u0327\u030c\u0306\u0307\u030a\u0328\u030b\u0304",
        strict=True,
    )
)
_ACCENTED = re.compile(f"([{''.join(map(re.escape, _ACCENTS))}]) ?([A-Za-z\u0131\u0237])")
_DOTLESS = {"\u0131": "i", "\u0237": "j"}
_SPACE = re.compile(r"[ \t\u00a0]+")


class _OutOfTime(BaseException):
    """No Exception, since the library goes on after any of these."""


class Budget:
    """How much processor time may still go into what the PDFs of one mail show, and how much they may still say."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self.characters = LONGEST_PAPERS


class _Clock(threading.local):
    """The time of the PDF that this thread reads, and its fonts, each made once: the library makes them anew for each
    page, and of a map that names every number there is, as many programs write it, that takes a tenth of a second and
    ten megabytes each time.
    """

    def __init__(self) -> None:
        self.fonts: dict[int, tuple[Any, Any]] = {}
        self.until = 0.0

    def begin(self, seconds: float) -> None:
        self.fonts = {}
        self.until = time.thread_time() + seconds

    def check(self, *_: object) -> None:
        """Raise _OutOfTime once it is over."""
        if time.thread_time() > self.until:
            raise _OutOfTime

    def font(self, of: Any, resource: Any, *args: Any, **kwargs: Any) -> Any:
        """The library's ``Font.from_font_resource``."""
        self.check()
        if id(resource) not in self.fonts:
            self.fonts[id(resource)] = _make_font(of, resource, *args, **kwargs), resource
        return self.fonts[id(resource)][0]


pens.part()
_clock = _Clock()
# With a visitor the library reads descriptions that say nothing, too: a logo on each page.
_described = _text_extraction._get_content_stream_for_text
_text_extraction._get_content_stream_for_text = lambda *args, **_: _described(*args, has_visitor=False)
_make_font = Font.from_font_resource.__func__  # type: ignore[attr-defined]  # of a class method
Font.from_font_resource = classmethod(_clock.font)  # type: ignore[method-assign,assignment]


@dataclass(frozen=True, slots=True)
class Page:
    """What is printed on a page as a reader sees it, with marks (see ``pens``), and what lies on it to be clicked, read
    or filled in.
    """

    pieces: str
    on_top: str

    @property
    def printed(self) -> str:
        """The print as the library reads it."""
        return self.pieces.replace(pens.MARK, "")

    def readings(self) -> Iterator[str]:
        """The print, and once more without the spaces in its lines, which the library puts between letters that stand
        apart; also without single ones alone, where it puts two between their words, and without those between single
        letters. Where it has marks, with a space for each, and with the letters joined that stand apart between two of
        them. Then with accents on their letters, and with the words of addresses turned round, as TCPDF writes them
        among words of Hebrew or Arabic: "example.people@anna".
        """
        printed, parted = self.printed, self.pieces.replace(pens.MARK, " ")
        forms = [printed, _SPACE.sub("", printed), _SINGLE_SPACE.sub("", printed), _joined(printed)]
        if parted != printed:
            forms += [parted, _joined(self.pieces.replace(pens.MARK, "  "))]
        if _ACCENTED.search(printed) is not None:
            forms.append(_ACCENTED.sub(_accented, printed))
        if _FROM_THE_RIGHT.search(printed) is not None:
            forms += [_ADDRESS.sub(_turned, form) for form in (printed, parted)]
        yield from dict.fromkeys(forms)


def _joined(printed: str) -> str:
    """With the letters together that stand apart."""
    return _SET_APART.sub(lambda letters: letters[0].replace(" ", ""), printed)


def _accented(found: re.Match[str]) -> str:
    return unicodedata.normalize("NFC", _DOTLESS.get(found[2], found[2]) + _ACCENTS[found[1]])


def _turned(found: re.Match[str]) -> str:
    return "".join(reversed(_SIGN.split(found[0])))


@dataclass(frozen=True, slots=True)
class Paper:
    """A PDF: its pages, and the files that are attached to it, as the XML of an invoice is."""

    pages: list[Page] = field(default_factory=list)
    files: list[bytes] = field(default_factory=list)


def papers(content: bytes, budget: Budget) -> Iterator[Paper]:
    """Each PDF in the file; of what cannot be read, or takes too long, nothing."""
    for piece in _pieces(content):
        yield _read(piece, budget)


def _pieces(content: bytes) -> Iterator[bytes]:
    """Each PDF in the file: to its end where it is attached to another one, and to where the next begins. The first to
    the end of the file as well: others may be attached to it.
    """
    place = first = content.find(START)
    end = _ATTACHED_END.search(content, place + 1) if place >= 0 else None
    for _ in range(MOST):
        if place < 0:
            return
        following = content.find(START, place + len(START))
        if end is not None and end.start() < place:
            end = _ATTACHED_END.search(content, place)
        if place == first:
            yield content[place:]
        elif end is not None:  # or the reader would take the outer one's end
            yield content[place : end.start() + len(b"%%EOF")]
        if place != first or following >= 0:
            yield content[place : following if following >= 0 else None]
        place = following


def _to_its_end(content: bytes) -> bytes:
    """The PDF without what follows its end, which the library looks for from behind, line by line and however long that
    takes; nothing where it has none.
    """
    place = content.rfind(b"startxref")
    end = content.find(_END, place) if place >= 0 else content.rfind(_END)
    if max(end, place) < 0:
        return b""
    end = end + len(_END) if end >= 0 else place + 64
    is_last = content.find(_END, end) < 0  # PostScript behind it ends so too
    return content if is_last and len(content) - end < LONGEST_TAIL else content[:end]


def _read(content: bytes, budget: Budget) -> Paper:
    found = Paper()
    if min(budget.seconds, budget.characters) <= 0 or not (content := _to_its_end(content)):
        return found
    began = time.thread_time()
    _clock.begin(budget.seconds)
    try:
        with apply_configuration(**_LIMITS):
            reader = PdfReader(io.BytesIO(content))
            found.files.extend(_attached(reader))
            for page in islice(reader.pages, MOST_PAGES):
                _clock.check()
                found.pages.append(shown := Page(_printed(page), _on_top(page)))
                budget.characters -= len(shown.pieces) + len(shown.on_top)
                if budget.characters <= 0:
                    break
    except (MemoryError, SoftTimeLimitExceeded):  # these say nothing of the file
        raise
    except (_OutOfTime, Exception):  # noqa: BLE001, S110  the library's failures on broken files are of every kind
        pass
    finally:
        budget.seconds -= time.thread_time() - began
        if _clock.fonts:
            _clock.fonts = {}
            gc.collect()  # they are held in circles
    return found


def _attached(reader: PdfReader) -> Iterator[bytes]:
    """The files (ISO 32000-1, §7.11.4), not beyond the limit; those that cannot be read are left out."""
    left = LARGEST_ATTACHED
    try:
        for one in islice(reader.attachment_list, MOST):
            _clock.check()
            content = _unpacked(one)
            left -= len(content)
            if left < 0:
                return
            yield content
    except (MemoryError, SoftTimeLimitExceeded):
        raise
    except Exception:  # noqa: BLE001, S110  as above
        pass


def _unpacked(file: EmbeddedFile) -> bytes:
    try:
        return file.content
    except (MemoryError, SoftTimeLimitExceeded):
        raise
    except Exception:  # noqa: BLE001  as above
        return b""


def _printed(page: PageObject) -> str:
    """Nothing where it is broken, or has very much of it."""
    try:
        contents = page.get_contents()
        described = contents.get_data() if contents is not None else b""
        if len(described) <= SIMPLE_PAGE:
            return _extracted(page)
        undrawn = _undrawn(described)
        whole = page.raw_get("/Contents")
        if len(undrawn) <= LARGEST_PAGE:
            page[NameObject("/Contents")] = less = DecodedStreamObject()
            less.set_data(undrawn)
            try:
                return _extracted(page)
            except (MemoryError, SoftTimeLimitExceeded):
                raise
            except Exception:  # noqa: BLE001, S110  then as it stands
                pass
        page[NameObject("/Contents")] = whole
        return _extracted(page) if len(described) <= LARGEST_PAGE else ""
    except (MemoryError, SoftTimeLimitExceeded):
        raise
    except Exception:  # noqa: BLE001  as above
        return ""


def _on_top(page: PageObject) -> str:
    """Links, notes and fields (ISO 32000-1, §12.5.6 and §12.7), each in a line; of very many, the first."""
    said: list[str] = []
    left = LONGEST_ON_TOP
    try:
        for one in page.annotations or ():
            if left <= 0:
                break
            _clock.check()
            for value in _said(one):
                said.append(value[:LONGEST_ON_TOP])
                left -= len(said[-1])
    except _OutOfTime:  # which the next page will see
        pass
    except (MemoryError, SoftTimeLimitExceeded):
        raise
    except Exception:  # noqa: BLE001, S110  as above
        pass
    return "\n".join(dict.fromkeys(said))


def _said(annotation: Any) -> list[str]:
    """What one says; nothing where it is broken."""
    try:
        note = annotation.get_object()
        places = (note, *(note[key].get_object() for key in ("/A", "/Parent") if key in note))
        values = (place.get(key) for place in places for key in _SAYING)
        return [str(value.get_object()) for value in values if value is not None]
    except (MemoryError, SoftTimeLimitExceeded):
        raise
    except Exception:  # noqa: BLE001  as above
        return []


def _extracted(page: PageObject) -> str:
    return page.extract_text(visitor_operand_before=_clock.check)[: 2 * pens.LONGEST]


def _undrawn(described: bytes) -> bytes:
    """The page without the lines and areas that it draws, as a table's or a logo's, and without pictures within its
    description (ISO 32000-1, §8.5 and §8.9.7): its words, and what they depend on.
    """
    pieces, last = [], 0
    for found in _INLINE.finditer(described):
        if found.start() < last:
            continue
        end = described.find(b"EI", found.end())
        while end >= 0 and not (described[end - 1 : end].isspace() and described[end + 2 : end + 3].isspace()):
            end = described.find(b"EI", end + 2)
        if end < 0:
            break
        pieces.append(described[last : found.start()])
        last = end + 2
    pieces.append(described[last:])
    words = _DRAWN.sub(lambda found: found[1] or b"", b" ".join(pieces))
    for _ in range(_DEEPEST):
        words = _NOTHING.sub(b"", words)
    return words
