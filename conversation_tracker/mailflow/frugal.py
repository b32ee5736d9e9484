"""Read and write large mails in little memory, where the standard library takes five times their size. Pure."""

from __future__ import annotations

import base64
import re
from binascii import a2b_base64
from email.feedparser import BytesFeedParser
from email.message import Message
from email.policy import Compat32
from io import BytesIO
from typing import Any, TypeVar

from conversation_tracker.mailflow import guards

PIECE = 1_000_000  # bytes that are given to the parser at once

# A space before the colon (RFC 5322 §4.5), at which Python takes the header to be over.
# A byte order mark, and a line of a mailbox file's, which mail programs pass over.
_NO_FIELD = re.compile(rb"\A\xef\xbb\xbf|(?m:^>?From (?![ \t]{0,200}:)[^\r\n]{0,300}\r?\n)")
_SPACED = re.compile(rb"(?m)^([!-9;-~]{1,200})[ \t]+:")

# Of a part that may be no text; some programs say so of text, too.
_BINARY = re.compile(rb"(?im)^content-transfer-encoding:[ \t\r\n]{0,9}\"?binary")
_DOUBLED, _DOUBLED_AT_MOST = b"\r\r\n", 3

M = TypeVar("M", bound="Message[Any, Any]")


class _Watched(Compat32):
    """Python's older policy, which looks into no field while it parses. ``watch`` hears of each."""

    watch: guards.Watch | None = None

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        """As Python's."""
        name, value = super().header_source_parse(sourcelines)
        if self.watch is not None:
            self.watch.field(name, value)
        return name, value


class _AsItCame(Compat32):
    """Writes each field as it stood, where Python's fold it anew: of hostile ones that takes for ever."""

    verify_generated_headers = False  # of a field as it came there is nothing to refuse

    def fold_binary(self, name: str, value: str) -> bytes:
        """The field in one piece, with the line ends that it had."""
        return f"{name}: {value}{self.linesep}".encode("utf-8", "surrogateescape")


AS_IT_CAME = _AsItCame()


def with_one_line_end(raw: bytes) -> bytes:
    """The mail with CR LF for the CR CR LF that some servers make of it (qmail and ssmtp, of what PHP writes): mail
    programs read one line end there, and Python's parser two.
    """
    if _DOUBLED not in raw or (b"\0" in raw and _BINARY.search(raw) is not None):
        return raw
    for _ in range(_DOUBLED_AT_MOST):
        raw = raw.replace(_DOUBLED, b"\r\n")
    return raw


def parse(raw: bytes, kind: type[M], *, policy: Any, watch: guards.Watch | None = None) -> M:
    """The mail in these bytes. Given to the parser whole, they would be made text whole first.

    ``policy`` is for those who read it then. Raises what ``watch`` raises.
    """

    def made(policy: Any) -> M:
        if watch is not None:
            watch.part()
        return kind(policy=policy)

    watching: Any = _Watched
    parser: Any = BytesFeedParser(made, policy=watching(watch=watch))  # type: ignore[arg-type]  # it is called with one
    begin = guards.END_OF_HEADER.search(raw, 0, guards.LARGEST_HEADER_BLOCK)
    header = raw[: begin.start()] if begin else b""
    parser.feed(_SPACED.sub(rb"\1:", _NO_FIELD.sub(b"", header)))
    for start in range(len(header), len(raw), PIECE):
        parser.feed(raw[start : start + PIECE])
    parsed: M = parser.close()
    for part in parsed.walk():
        part.policy = policy
    return parsed


def from_base64(part: Message[Any, Any]) -> bytes | None:
    """The content of a leaf in base64, None where it is in another encoding, or cannot be decoded in this way.

    ``get_payload`` decodes the same to the same, but cuts it into lines first.
    """
    encoding = str(part.get("Content-Transfer-Encoding", "")).strip().lower()
    try:
        payload = part.get_payload() if encoding == "base64" else None
        return (a2b_base64(payload) or None) if isinstance(payload, str) else None
    except ValueError:
        return None


def in_base64(content: bytes) -> str:
    """What ``email.encoders.encode_base64`` makes of it, without a list of all lines."""
    written = BytesIO()
    base64.encode(BytesIO(content), written)
    with written.getbuffer() as lines:
        return str(lines, "ascii")
