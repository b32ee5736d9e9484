"""Keep what staff say among themselves about an order; it stands on the timeline and is never mailed."""

from __future__ import annotations

from datetime import datetime

from orders import masking, timeline
from orders.models import Kind, Order, TimelineEntry

LONGEST = 10_000  # characters


def add(order: Order, text: str, *, actor: str, now: datetime) -> TimelineEntry:
    """Write a comment on the timeline; the addresses of the order's parties are masked in it."""
    masked = masking.text(text, masking.of_order(order))
    return timeline.happened(order, Kind.NOTE, text=masked, actor=actor, now=now)
