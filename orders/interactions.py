"""Keep what other systems say that they did with an order: its interactions."""

from __future__ import annotations

from datetime import datetime

from orders import masking, timeline
from orders.models import Kind, Order, TimelineEntry


def tell(order: Order, *, source: str, message: str, actor: str, now: datetime) -> TimelineEntry:
    """Write it on the timeline, masked. Calls that say the same twice did something twice, so both are kept."""
    parties = masking.of_order(order)
    said = {"source": masking.text(source, parties)}
    return timeline.happened(
        order, Kind.INTERACTION, data=said, text=masking.text(message, parties), actor=actor, now=now
    )
