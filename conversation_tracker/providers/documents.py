"""Read large JSON documents in little memory: cut a list into its items, lift the raw mail out of the rest. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO

LARGE = 1_000_000  # octets of a document; a smaller one takes no memory worth saving
PIECE = 1_000_000  # signs of a text that are decoded or encoded at once

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\n\r]*")
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]+")
_NO_ASCII = bytes(range(0x80, 0x100))
_BEGIN = re.compile(r'[ \t\n\r]*:[ \t\n\r]*"')
_STRING = re.compile(r'(?:[^"\\]+|\\.)*+')
_UNESCAPED = re.compile(r"[^\\]{12}")  # as long as the longest escape, that of a pair of surrogates


def text(written: bytes, *, errors: str = "surrogatepass") -> str:
    """The text of a JSON document. Raises UnicodeDecodeError.

    A single emoji would have Python take four bytes for every sign of it. So in a large one that is ASCII for the most
    part, all that is not is escaped, and each text within takes what it needs by itself.
    """
    encoding = json.detect_encoding(written)
    if encoding != "utf-8" or len(written) < LARGE or written.isascii():
        return written.decode(encoding, errors)
    if len(written.translate(None, _NO_ASCII)) < len(written) * 9 // 10:
        return written.decode(encoding, errors)
    escaped, whole, end = BytesIO(), memoryview(written), 0
    for match in _BEYOND_ASCII.finditer(written):
        escaped.write(whole[end : match.start()])
        escaped.write(json.dumps(match[0].decode(encoding, errors))[1:-1].encode())
        end = match.end()
    escaped.write(whole[end:])
    with escaped.getbuffer() as found:
        return str(found, "ascii")


def lifted(text: str, name: str) -> tuple[str, bytes | None]:
    """A large document with an empty text under this name, and what stood there as ``octets`` gives it. All as it was
    and None where the name is not there once, or no text.

    Read with the rest, the mail would be text before it is bytes: with an emoji in it, of four bytes for each sign.
    """
    key = f'"{name}"'  # nowhere else, since a quote within a text is escaped
    if len(text) < LARGE or text.count(key) != 1:
        return text, None
    begin = _BEGIN.match(text, text.index(key) + len(key))
    string = _STRING.match(text, begin.end()) if begin else None
    if string is None or not text.startswith('"', string.end()):
        return text, None
    raw = octets(partial(_unescaped, text, *string.span()))
    return text[: string.start()] + text[string.end() :], raw


def _unescaped(text: str, start: int, end: int) -> Iterator[str]:
    """What is between the quotes of a text, a piece at a time. Raises ValueError."""
    while start < end:
        whole = _UNESCAPED.search(text, start + PIECE, end)  # where no escape is cut
        stop = whole.end() if whole else end
        yield json.loads(f'"{text[start:stop]}"')
        start = stop


def pieces(text: str) -> Iterator[str]:
    """The text, a piece at a time."""
    for start in range(0, len(text), PIECE):
        yield text[start : start + PIECE]


def octets(found: Callable[[], Iterator[str]]) -> bytes:
    """The bytes of a text that is given in pieces, once more if it has to be.

    A lone surrogate stands for the byte that could not be decoded where it is one of those, else for itself.
    """
    try:
        return _encoded(found(), "surrogateescape")
    except UnicodeEncodeError:
        return _encoded(found(), "surrogatepass")


def _encoded(found: Iterator[str], errors: str) -> bytes:
    written = BytesIO()
    for piece in found:
        written.write(piece.encode("utf-8", errors))
    return written.getvalue()


def apart(text: str, *, name: str | None = None) -> Iterator[bytes]:
    """A document for each of the ``items``, in which it stands alone."""
    before, after = ("[", "]") if name is None else (f'{{"{name}": [', "]}")

    def alone(item: str) -> bytes:
        return f"{before}{item}{after}".encode("utf-8", "surrogatepass")

    return map(alone, items(text, name=name))


def items(text: str, *, name: str | None = None) -> Iterator[str]:
    """The source of each item where there are several: of the list that a JSON text is, or of the one that the object
    which it is has under ``name``. None of anything else.

    Raises ValueError for what is no JSON, be it after some items, and RecursionError.
    """
    start = _after_space(text, 0) if name is None else _place(text, name)
    if not text.startswith("[", start):
        return
    at = _after_space(text, start + 1)
    if text.startswith("]", at):
        return
    is_first = True
    while True:
        end = _DECODER.raw_decode(text, at)[1]
        following = _after_space(text, end)
        is_last = text.startswith("]", following)
        if not (is_last or text.startswith(",", following)):
            raise ValueError("no list")
        if not (is_first and is_last):
            yield text[at:end]
        if is_last:
            break
        at, is_first = _after_space(text, following + 1), False
    if name is None and _after_space(text, following + 1) != len(text):
        raise ValueError("more than a list")


def _after_space(text: str, start: int) -> int:
    found = _SPACE.match(text, start)
    return found.end() if found else start


def _place(text: str, name: str) -> int:
    """Where the value of this name begins; the end where the text is no object that has it."""
    at = _after_space(text, 0)
    more = "{"
    while text.startswith(more, at):
        at = _after_space(text, at + 1)
        if not text.startswith('"', at):
            break
        key, at = _DECODER.raw_decode(text, at)
        at = _after_space(text, at)
        if not text.startswith(":", at):
            raise ValueError("no object")
        at = _after_space(text, at + 1)
        if key == name:
            return at
        at, more = _after_space(text, _DECODER.raw_decode(text, at)[1]), ","
    return len(text)
