"""Read header values that may be anything at all: decode, clean, find addresses and message ids.

Pure, linear in the length of the value, never raises.
"""

from __future__ import annotations

import re
import unicodedata
from binascii import a2b_base64, a2b_qp
from collections.abc import Iterator
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header

from conversation_tracker.mailflow import charsets
from conversation_tracker.mailflow.shapes import Mailbox

LONGEST = 16_000  # characters of one header value that are looked at
LONGEST_SUBJECT = 1_000
LONGEST_CONTENT_ID = 255
MOST_MAILBOXES = 200
MOST_REFERENCES = 50

# What must not reach a page or a database: C0 and C1 controls but tab and line ends, surrogates, bidirectional
# overrides, invisible format characters, non-characters. The joiners U+200C and U+200D stay, since Persian, the Indic
# scripts and emoji need them; but not within Latin, where shops write them so that an address becomes no link. Behind a
# Chinese character stays what chooses its form (UTS 37), as people write their names in Japan. What is said to
# a terminal (ECMA-48 §5.4), such as its colours, goes whole, since its letters would be written on to a word.
_UNSAFE = re.compile(
    r"\x1b(?:\[[0-9;:?]{0,20}[@-~]|[()][A-Z0-9])|"
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff0-\uffff\U000e0000-\U000e00ff\U000e01f0-\U000e0fff]"
    "|(?<![\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])[\U000e0100-\U000e01ef]"
    "|(?<=[!-~])[\u200c\u200d]+(?=[!-~])"
)
# All but those that stand for a byte which could not be decoded.
_LONE = re.compile("[\ud800-\udc7f\udd00-\udfff]")
_LINE_ENDS = re.compile(r"\r{1,3}\n|\r|[\u2028\u2029\x0b\x0c\x1c-\x1f\x85]")
_WORD = re.compile(
    r"=\?(?P<charset>[^?\s]{1,60})\?(?P<how>[bq])\?(?P<text>[^?\s]{0,4000})\?=(?:\s{1,80}(?==\?))?", re.IGNORECASE
)
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,250}>")
_ADDRESS = re.compile(
    r"(?P<local>\"[^\"\r\n]{1,64}\"|[^\s@<>()\",;:\\\[\]]{1,64})@(?P<domain>\[[0-9A-Fa-f:.]{2,50}\]|[^\s@<>()\",;:\\\[\]]{1,253})"
)


_LAST = re.compile(r"<(?:mailto:)?(?P<address>[^<>\s]{1,320})>{1,2}\s*", re.IGNORECASE)
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|\((?:[^()\\]|\\.)*\)?|<[^<>]*>?|[,;:]|[^"(<,;:]+', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def octets(text: str) -> bytes:
    """The bytes that a text was made of, as UTF-8; what cannot be encoded at all is replaced."""
    return _LONE.sub("\ufffd", text).encode("utf-8", "surrogateescape")


def clean(text: str) -> str:
    """The text without what is invisible or unstorable, and with one kind of line end.

    For a byte that could not be decoded comes a space. Often it was one, and without it two words would be one.
    """
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text  # most texts have nothing of it, and this is seen ten times as quickly
    return _UNSAFE.sub("", _LINE_ENDS.sub("\n", text).replace("\ufffd", " "))


def one_line(text: str) -> str:
    """The text on one line, cleaned, runs of space made one."""
    return " ".join(clean(text).split())


def decode(value: str, *, longest: int = LONGEST) -> str:
    """A header value as a person reads it: RFC 2047 words and raw 8-bit decoded, on one line, without controls."""
    value = decode_8_bit(value[:longest])
    if "=?" not in value:
        return one_line(value)
    try:
        # It decodes line by line, and of a fold at an encoded word it would lose the space.
        chunks = decode_header(" ".join(value.splitlines()))
    except (HeaderParseError, ValueError, LookupError):
        return one_line(value)
    decoded = [
        chunk if isinstance(chunk, str) else charsets.decode_bytes(chunk, charset or "latin-1")
        for chunk, charset in chunks
    ]
    return one_line("".join(decoded))


def decode_8_bit(value: str) -> str:
    """The value with the bytes decoded that stand in it as surrogates."""
    is_plain = value.isascii() and "\x1b$" not in value  # by which ISO-2022-JP begins
    return value if is_plain else charsets.decode_bytes(octets(value), "utf-8")


def words(text: str) -> str:
    """Any text with the RFC 2047 words in it decoded where they stand; linear, as ``decode`` is not."""
    return _WORD.sub(_word, text)


def _word(found: re.Match[str]) -> str:
    written = octets(found["text"])
    try:
        data = a2b_base64(written + b"===") if found["how"] in "bB" else a2b_qp(written, header=True)
    except ValueError:
        return found[0]
    return charsets.decode_bytes(data, found["charset"].partition("*")[0])


def mailboxes(value: str) -> list[Mailbox]:
    """The addresses of a From, To or Reply-To value (RFC 5322 §3.4) in one scan; what is no address is left out.

    The value is cut before encoded words in display names are decoded, so that no encoded comma or bracket makes an
    address that the raw text does not have. Raw 8-bit is decoded before (RFC 6532 §3.2). An address is taken as it
    is or not at all: one that is made better may be another person's.
    """
    found = []
    value = decode_8_bit(value[:LONGEST])
    for piece in _pieces(value):
        name = piece.phrase if piece.angle is not None else piece.comment
        found += _mailbox(name, piece.candidate())
        if len(found) >= MOST_MAILBOXES:
            break
    return found or _behind_broken_name(value)


def _mailbox(name: str, written: str) -> list[Mailbox]:
    match = _ADDRESS.fullmatch(written)
    if match and match["local"].strip('." ') and clean(written) == written:
        return [Mailbox(name=decode(name.strip(), longest=500), address=written)]
    return []


def _behind_broken_name(value: str) -> list[Mailbox]:
    """The address that ends a value of which nothing can be read, as where a name has a quote mark or a bracket that
    nothing closes, ``Silva (Office. <kim@b.example>``.
    """
    start = value.rfind("<")
    last = _LAST.fullmatch(value, start) if start >= 0 else None
    return _mailbox(value[:start].rstrip("< ").strip('"( '), last["address"]) if last else []


@dataclass(slots=True)
class _Piece:
    """What stands between two separators of an address list."""

    raw: str = ""
    phrase: str = ""
    comment: str = ""
    angle: str | None = None

    def candidate(self) -> str:
        """What would be the address: the text in angle brackets, else the first word with an @."""
        if self.angle is None:
            return next((word for word in self.raw.split() if "@" in word), "")
        is_routed = self.angle.startswith("@")  # RFC 5322 §4.4
        written = (self.angle.rpartition(":")[2] if is_routed else self.angle).strip()
        is_quoted = written.startswith("'") and written.endswith("'")  # by a program; no domain ends so
        return written[1:-1] if is_quoted else written

    def add(self, token: str) -> None:
        """Take in one token that is no separator."""
        match token[0]:
            case "<":
                self.angle = self.angle if self.angle is not None else token[1:].removesuffix(">")
            case "(":
                self.comment += token[1:].removesuffix(")")
            case '"':
                self.raw += token
                self.phrase += _ESCAPED.sub(r"\1", token[1:].removesuffix('"'))
            case _:
                self.raw += token
                self.phrase += token


def _pieces(value: str) -> Iterator[_Piece]:
    """Cut at the commas, semicolons and group colons outside of quotes, comments and brackets."""
    piece = _Piece()
    for match in _TOKEN.finditer(value):
        if match[0] in {",", ";"}:
            yield piece
            piece = _Piece()
        elif match[0] == ":":  # what stood before it was a group's name
            piece = _Piece()
        else:
            piece.add(match[0])
    yield piece


def message_ids(value: str) -> tuple[str, ...]:
    """The ``<…>`` ids of a Message-ID, In-Reply-To or References value, the last fifty, each once."""
    found = dict.fromkeys(_MESSAGE_ID.findall(value[-LONGEST:]))
    return tuple(one for one in found if one.isascii() and one.isprintable())[-MOST_REFERENCES:]


def file_name(value: str) -> str:
    """A name that is safe to show and to save under: no path, no controls. It is cut to length after it is masked."""
    name = unicodedata.normalize("NFC", decode(value, longest=1_000)).replace("\\", "/").rpartition("/")[2]
    return "".join(char for char in name if char not in '<>:"|?*').strip(". ")


def short_file_name(name: str) -> str:
    """The name at most 120 characters long, with its ending."""
    stem, dot, suffix = name.rpartition(".")
    return f"{stem[:100]}{dot}{suffix[:16]}" if dot else name[:120]
