"""Compose the relay: a new mail from masked parts and a short list of headers, never the old one edited. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from email.utils import format_datetime

from conversation_tracker.mailflow import headers
from conversation_tracker.mailflow.shapes import Content, Masked, Party, StoredFile, Trait
from conversation_tracker.mailflow.traits import HOP_HEADER

_AUTOMATIC = {Trait.AUTO_REPLY: "auto-replied", Trait.AUTO_GENERATED: "auto-generated"}


def compose(
    masked: Masked,
    *,
    sender: Party,
    message_id: str,
    hop: str,
    references: Sequence[str],
    files: Sequence[StoredFile],
    traits: Collection[Trait] = (),
    now: datetime,
) -> Content:
    """What the recipient gets: From and Reply-To the sender's alias, threading translated, our mark against loops.

    ``traits`` are those of the mail that is passed on.
    """
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
        headers={HOP_HEADER: hop, **_automatic(traits)},
        files=tuple(files),
    )


def _automatic(traits: Collection[Trait]) -> dict[str, str]:
    """What is automatic stays known as such behind the alias (RFC 3834 §5), so that no program answers a program."""
    word = next((word for trait, word in _AUTOMATIC.items() if trait in traits), "")
    found = {"Auto-Submitted": word} if word else {}
    if word or Trait.NO_AUTO_REPLY in traits:
        found["X-Auto-Response-Suppress"] = "All"
    return found
