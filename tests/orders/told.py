"""Read what was written and published of an order."""

from __future__ import annotations

from typing import Any

from orders.models import Kind, Order, OrderEvent, TimelineEntry


def statuses(order: Order) -> list[str]:
    """The statuses that the order went through, from the timeline, oldest first."""
    found = TimelineEntry.objects.filter(order=order, kind=Kind.STATUS).order_by("id")
    return list(found.values_list("new_status", flat=True))


def entries(order: Order, kind: Kind) -> list[TimelineEntry]:
    """The order's entries of a kind, oldest first."""
    return list(TimelineEntry.objects.filter(order=order, kind=kind).order_by("id"))


def events(order: Order, *, since: int = 0) -> list[tuple[str, str]]:
    """Kind and occasion of what was published of the order, oldest first; ``since``: how many to leave out."""
    found = OrderEvent.objects.filter(order=order).order_by("id").values_list("kind", "occasion")
    return list(found)[since:]


def details(order: Order, kind: str) -> list[Any]:
    """What was published of the order under this kind, oldest first."""
    return [event.details.json() for event in OrderEvent.objects.filter(order=order, kind=kind).order_by("id")]


def count(order: Order) -> int:
    """How many events were published of the order."""
    return OrderEvent.objects.filter(order=order).count()
