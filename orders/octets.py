"""Read bytes that are no text in each codec in which they may show an address, a piece at a time. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache

# As text a large file takes several times its size, the more where a domain is not in ASCII.
_PIECE = 1_000_000  # bytes
_OVERLAP = 16_000  # bytes: an address, what stands beside it, and what may follow an alias
_BEFORE, _AFTER = 100, 1_500  # characters that have to be seen beside an address
# EBCDIC to lower-case ASCII; and the two letters beyond ASCII that become letters of ASCII in lower case.
_EBCDIC = bytes(range(256)).decode("cp037").lower().encode("ascii", "replace")
_KELVIN, _DOTTED_I, _DOTLESS_I = "\u212a".encode(), "\u0130".encode(), "\u0131".encode()
# Code pages of Windows, DOS, the Macintosh, Unix and East Asia, in which a file may hold letters beyond ASCII.
_PAGES = (
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "cp874",
    "cp437", "cp720", "cp737", "cp775", "cp850", "cp852", "cp855", "cp857", "cp860", "cp861", "cp862", "cp863", "cp864",
    "cp865", "cp866", "cp869",
    "iso8859-2", "iso8859-3", "iso8859-4", "iso8859-5", "iso8859-6", "iso8859-7", "iso8859-8", "iso8859-9",
    "iso8859-10", "iso8859-13", "iso8859-14", "iso8859-15", "iso8859-16", "koi8-r", "koi8-u",
    "mac-roman", "mac-latin2", "mac-cyrillic", "mac-greek", "mac-iceland", "mac-turkish", "mac-croatian",
    "mac-romanian", "mac-arabic", "gb18030", "big5", "shift_jis", "euc-jp", "euc-kr", "iso2022_jp",
)  # fmt: skip
# Hyphens at which no line ends, and what nobody sees: as Word has them, in Latin-1, UTF-8 and UTF-16.
_HYPHENS, _TURKISH, _UNSEEN = "\u2010\u2011", "\u0130\u0131", "\u00ad\u2060\u200b\u200c\u200d\ufeff"
_WORDS_SOFT_HYPHEN, _SOFT_HYPHEN = b"\x1f", b"\xad"
_ALIKE = bytes.maketrans(b"\x1e\xdd\xfd", b"-ii")  # Word's hyphen, and the i of Windows-1254
_CHANGING, _END = re.compile(r"[^!-,./0-hj-~]"), 6  # what may be written otherwise; so much of a domain's end tells
_UNICODE = ("utf-8", "utf-16-le", "utf-16-be")


@dataclass(frozen=True, slots=True)
class Piece:
    """Some of the bytes as text."""

    text: str
    is_first: bool
    is_last: bool

    def is_whole(self, start: int, end: int) -> bool:
        """Whether enough is seen beside what stands there; where it is not, it stands in another piece too."""
        sees_before = self.is_first or start >= _BEFORE
        return sees_before and (self.is_last or end <= len(self.text) - _AFTER)


def pieces(content: bytes, domains: Collection[str], *, foreign: Collection[str]) -> Iterator[Piece]:
    """The pieces in which one of the domains may stand, in ASCII, UTF-8, UTF-16, UTF-32 or EBCDIC.

    ``foreign``: those of the addresses that are looked for that are not in ASCII, which may stand in any code page.
    """
    yield from _pieces(memoryview(content), "utf-8", domains)
    yield from _pieces(memoryview(_as_seen(content, domains)), "utf-8", domains)
    yield from _pieces(memoryview(content), "cp037", domains)
    if b"\0" in content:  # an ASCII address in UTF-16 or UTF-32 has only these between its letters
        yield from _pieces(memoryview(content.replace(b"\0", b"")), "utf-8", domains)
        if foreign:
            for first in range(2):
                yield from _pieces(memoryview(content)[first:], "utf-16-le", domains)
                yield from _pieces(memoryview(content)[first:], "utf-16-be", domains)
    for page in list(_pages(content, foreign)):
        yield from _pieces(memoryview(content), page, domains)


def _as_seen(content: bytes, domains: Collection[str]) -> bytes:
    """The bytes with ordinary hyphens and i, and without what nobody sees or stands between letters of ASCII in UTF-16;
    none where that is nothing else, or no domain ends in them.
    """
    ends = {_CHANGING.split(domain[-_END:])[-1] for domain in domains}
    lowered = content.translate(None, b"\0").lower()
    if not any(end.encode() in lowered for end in ends):
        return b""
    seen = content
    for signs, meant in ((_HYPHENS, b"-"), (_TURKISH, b"i"), (_UNSEEN, b"")):
        for sign in signs:
            for codec in _UNICODE:
                seen = seen.replace(sign.encode(codec), meant)
    seen = seen.translate(_ALIKE, b"\0" + _WORDS_SOFT_HYPHEN + _SOFT_HYPHEN)
    return b"" if seen == content else seen


@lru_cache(maxsize=4096)
def in_pages(address: str) -> tuple[tuple[str, bytes], ...]:
    """The code pages that spell an address beyond ASCII, one for each spelling, and its domain in them, either case."""
    local, _, domain = address.rpartition("@")
    found: dict[tuple[bytes, bytes], str] = {}
    for page in _PAGES:
        for spelled in (domain, domain.upper()):
            try:
                found.setdefault((local.encode(page), spelled.encode(page).lower()), page)
            except UnicodeEncodeError:
                break
    return tuple((page, spelled) for (_, spelled), page in found.items())


def _pages(content: bytes, foreign: Collection[str]) -> Iterator[str]:
    """The code pages in which the domain of one of these addresses stands in the bytes; one for each spelling of it."""
    lowered = content.lower() if foreign else b""
    stands: dict[bytes, bool] = {}
    pages: dict[str, None] = {}
    for page, domain in (one for address in foreign for one in in_pages(address)):
        if domain not in stands:
            stands[domain] = domain in lowered
        if stands[domain]:
            pages[page] = None
    yield from pages


def _pieces(data: memoryview, codec: str, domains: Collection[str]) -> Iterator[Piece]:
    are_ascii = all(map(str.isascii, domains))
    for start in range(0, len(data), _PIECE):
        piece = bytes(data[start : start + _PIECE + _OVERLAP])
        if not are_ascii or codec.startswith("utf-16") or _holds(piece, codec, domains):
            is_last = start + len(piece) >= len(data)
            yield Piece(piece.decode(codec, "replace"), is_first=not start, is_last=is_last)
            if is_last:
                return


def _holds(data: bytes, codec: str, domains: Collection[str]) -> bool:
    """Whether one of these ASCII domains stands in the bytes; much quicker than to decode megabytes."""
    if codec == "cp037":
        lowered = data.translate(_EBCDIC)
    else:
        lowered = data.replace(_KELVIN, b"k").replace(_DOTTED_I, b"i").replace(_DOTLESS_I, b"i").lower()
    return any(domain.encode() in lowered for domain in domains)
