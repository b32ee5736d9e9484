"""Take the files out of a tar (POSIX.1-2017, pax, "ustar Interchange Format"; GNU's too). Pure, bounded, never raises.

The standard library's reader follows links, joins sparse files and, in some versions, takes long for odd fields.
"""

from __future__ import annotations

from collections.abc import Iterator

_BLOCK = 512
_MAGIC = slice(257, 262)
_NAME, _SIZE, _TYPE = slice(0, 100), slice(124, 136), slice(156, 157)
_FILES = {b"0", b"\0", b"7"}
_BINARY = 0x80  # of the size's first octet: the others are a number as they stand, as GNU writes large ones


def files(content: bytes) -> Iterator[tuple[str, int, int]]:
    """The name of each file, and where its content begins and ends, as far as the tar is whole; of a long name the
    beginning.
    """
    at = 0
    while (header := content[at : at + _BLOCK])[_MAGIC] == b"ustar":
        size = _size(header[_SIZE])
        start = at + _BLOCK
        if header[_TYPE] in _FILES:
            yield header[_NAME].partition(b"\0")[0].decode("utf-8", "replace"), start, start + size
        at = start - (-size // _BLOCK) * _BLOCK


def _size(field: bytes) -> int:
    if field[0] & _BINARY:
        return int.from_bytes(field[1:])
    try:
        return max(int(field.strip(b"\0 ") or b"0", 8), 0)
    except ValueError:
        return 0
