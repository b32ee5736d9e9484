"""Compose the relay: a new mail from masked parts and a short list of headers, never the old one edited. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from email.utils import format_datetime

from conversation_tracker.mailflow import headers
from conversation_tracker.mailflow.parse import HOP_HEADER
from conversation_tracker.mailflow.shapes import Content, Masked, Party, StoredFile


def compose(
    masked: Masked,
    *,
    sender: Party,
    message_id: str,
    hop: str,
    references: Sequence[str],
    files: Sequence[StoredFile],
    is_automatic: bool,
    now: datetime,
) -> Content:
    """What the recipient gets: From and Reply-To the sender's alias, threading translated, our mark against loops."""
    extra = {HOP_HEADER: hop}
    if is_automatic:
        extra["Auto-Submitted"] = "auto-replied"  # RFC 3834 §5: stays known as automatic behind the alias
    return Content(
        from_name=headers.one_line(masked.sender_name),
        from_address=sender.alias,
        subject=headers.one_line(masked.subject),
        text=masked.text,
        html=masked.html,
        message_id=message_id,
        date=format_datetime(now),
        in_reply_to=references[-1] if references else "",
        references=tuple(references),
        headers=extra,
        files=tuple(files),
    )
