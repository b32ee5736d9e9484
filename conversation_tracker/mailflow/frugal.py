"""Read and write large mails in little memory, where the standard library takes five times their size. Pure."""

from __future__ import annotations

import base64
from binascii import a2b_base64
from email.feedparser import BytesFeedParser
from email.message import Message
from io import BytesIO
from typing import Any, TypeVar

PIECE = 1_000_000  # bytes that are given to the parser at once

M = TypeVar("M", bound="Message[Any, Any]")


def parse(raw: bytes, kind: type[M], *, policy: Any) -> M:
    """The mail in these bytes. Given to the parser whole, they would be made text whole first."""
    parser = BytesFeedParser(kind, policy=policy)
    for start in range(0, len(raw), PIECE):
        parser.feed(raw[start : start + PIECE])
    parsed: M = parser.close()
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
