"""Read bytes that are no text in each codec in which they may show an address, a piece at a time. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

# As text a large file takes several times its size, the more where a domain is not in ASCII.
_PIECE = 1_000_000  # bytes
_OVERLAP = 16_000  # bytes: an address, what stands beside it, and what may follow an alias
_BEFORE, _AFTER = 100, 1_500  # characters that have to be seen beside an address
# EBCDIC to lower-case ASCII; and the two letters beyond ASCII that become letters of ASCII in lower case.
_EBCDIC = bytes(range(256)).decode("cp037").lower().encode("ascii", "replace")
_KELVIN, _DOTTED_I = "\u212a".encode(), "\u0130".encode()


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


def pieces(content: bytes, domains: Collection[str], *, is_ascii: bool) -> Iterator[Piece]:
    """The pieces in which one of the domains may stand, in ASCII, UTF-8, UTF-16, UTF-32 or EBCDIC.

    ``is_ascii`` says that the addresses that are looked for are.
    """
    yield from _pieces(memoryview(content), "utf-8", domains)
    yield from _pieces(memoryview(content), "cp037", domains)
    if b"\0" in content:  # an ASCII address in UTF-16 or UTF-32 has only these between its letters
        yield from _pieces(memoryview(content.replace(b"\0", b"")), "utf-8", domains)
        if not is_ascii:
            yield from _pieces(memoryview(content), "utf-16-le", domains)
            yield from _pieces(memoryview(content), "utf-16-be", domains)
            yield from _pieces(memoryview(content)[1:], "utf-16-le", domains)


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
        lowered = data.replace(_KELVIN, b"k").replace(_DOTTED_I, b"i").lower()
    return any(domain.encode() in lowered for domain in domains)
