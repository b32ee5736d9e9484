"""Read header values that may be anything at all: decode, clean, find addresses and message ids. Pure, linear, never raises."""

from __future__ import annotations

import codecs
import re
import unicodedata
from email.errors import HeaderParseError
from email.header import decode_header

from conversation_tracker.mailflow.shapes import Mailbox

LONGEST = 16_000  # characters of one header value that are looked at
LONGEST_SUBJECT = 1_000
MOST_MAILBOXES = 200
MOST_REFERENCES = 50

# What must not reach a page or a database: C0 and C1 controls but tab and line ends, surrogates, bidirectional
# overrides, invisible format characters, non-characters. The joiners U+200C and U+200D stay: Persian, the Indic
# scripts and emoji need them.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff0-\uffff\U000e0000-\U000e0fff]"
)
_LINE_ENDS = re.compile(r"\r\n?|[\u2028\u2029\x0b\x0c\x85]")
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,250}>")
_ADDRESS = re.compile(r"(?P<local>\"[^\"\r\n]{1,64}\"|[^\s@<>()\",;:\\\[\]]{1,64})@(?P<domain>\[[0-9A-Fa-f:.]{2,50}\]|[^\s@<>()\",;:\\\[\]]{1,253})")


def clean(text: str) -> str:
    """The text without what is invisible or unstorable; line ends become ``\\n``."""
    return _UNSAFE.sub("", _LINE_ENDS.sub("\n", text))


def one_line(text: str) -> str:
    """The text on one line, cleaned, runs of space made one."""
    return " ".join(clean(text).split())


def text_codec(name: str) -> str | None:
    """The codec's name when it is a known text encoding, else None (also for ``hex``, ``zip`` and the like)."""
    try:
        info = codecs.lookup(name.strip().strip("'\""))
    except (LookupError, ValueError, UnicodeError):
        return None
    return info.name if getattr(info, "_is_text_encoding", True) and info.name not in {"idna", "punycode"} else None


def decode_bytes(data: bytes, charset: str | None) -> str:
    """Decode in the charset that is claimed, else UTF-8, else Windows-1252 with what does not exist there replaced."""
    for candidate in (charset, "utf-8"):
        codec = text_codec(candidate) if candidate else None
        if codec is not None:
            try:
                return data.decode(codec)
            except (UnicodeError, ValueError):
                continue
    return data.decode("cp1252", "replace")


def decode(value: str, *, longest: int = LONGEST) -> str:
    """A header value as a person reads it: RFC 2047 words and raw 8-bit decoded, on one line, without controls."""
    value = value[:longest]
    if not value.isascii():
        value = decode_bytes(value.encode("utf-8", "surrogateescape"), "utf-8")
    if "=?" not in value:
        return one_line(value)
    try:
        chunks = decode_header(value)
    except (HeaderParseError, ValueError, LookupError):
        return one_line(value)
    decoded = [chunk if isinstance(chunk, str) else decode_bytes(chunk, charset or "latin-1") for chunk, charset in chunks]
    return one_line("".join(decoded))


def mailboxes(value: str) -> list[Mailbox]:
    """The addresses of a From, To or Reply-To value (RFC 5322 §3.4) in one scan; what is no address is left out.

    The raw value is cut first and display names decoded afterwards, so that no encoded comma or bracket makes an
    address that the raw text does not have.
    """
    found = []
    for phrase, angle, comment in _pieces(value[:LONGEST]):
        candidate = angle if angle is not None else next((word for word in phrase.split() if "@" in word), "")
        if angle is not None and candidate.startswith("@"):  # RFC 5322 §4.4 source route
            candidate = candidate.rpartition(":")[2]
        if match := _ADDRESS.fullmatch(candidate.strip()):
            name = decode(phrase if angle is not None else comment, longest=500)
            found.append(Mailbox(name=name, address=clean(match[0])))
        if len(found) >= MOST_MAILBOXES:
            break
    return found


def _pieces(value: str) -> list[tuple[str, str | None, str]]:
    """Cut at the commas, semicolons and group colons outside of quotes, comments and brackets."""
    pieces: list[tuple[str, str | None, str]] = []
    phrase: list[str] = []
    angle: list[str] | None = None
    comment: list[str] = []
    depth, quoted, in_angle, escaped = 0, False, False, False

    def finish() -> None:
        nonlocal phrase, angle, comment
        if phrase or angle is not None:
            pieces.append(("".join(phrase).strip(), None if angle is None else "".join(angle), "".join(comment)))
        phrase, angle, comment = [], None, []

    for char in value:
        if escaped:
            escaped = False
            (comment if depth else angle if in_angle and angle is not None else phrase).append(char)
        elif char == "\\" and (quoted or depth):
            escaped = True
        elif depth:
            depth += (char == "(") - (char == ")")
            if depth:
                comment.append(char)
        elif char == '"':
            quoted = not quoted
            if in_angle and angle is not None:
                angle.append(char)
        elif quoted:
            (angle if in_angle and angle is not None else phrase).append(char)
        elif char == "(":
            depth = 1
        elif char == "<" and not in_angle:
            in_angle, angle = True, []
        elif char == ">":
            in_angle = False
        elif in_angle and angle is not None:
            angle.append(char)
        elif char in ",;":
            finish()
        elif char == ":":
            phrase, angle, comment = [], None, []
        else:
            phrase.append(char)
    finish()
    return pieces


def message_ids(value: str) -> tuple[str, ...]:
    """The ``<…>`` ids of a Message-ID, In-Reply-To or References value, the last fifty, each once."""
    found = dict.fromkeys(_MESSAGE_ID.findall(value[-LONGEST:]))
    return tuple(one for one in found if one.isascii() and one.isprintable())[-MOST_REFERENCES:]


def file_name(value: str) -> str:
    """A name that is safe to show and to save under: no path, no controls, at most 120 characters."""
    name = unicodedata.normalize("NFC", decode(value, longest=1_000)).replace("\\", "/").rpartition("/")[2]
    name = "".join(char for char in name if char not in '<>:"|?*').strip(". ")
    stem, dot, suffix = name.rpartition(".")
    return f"{stem[:100]}{dot}{suffix[:16]}" if dot else name[:120]
