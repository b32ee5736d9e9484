"""Tell what happened on orders to those who want to hear of it: order mails, feeds, hooks.

What happens is published in the transaction it happens in, as a row; a worker hands the rows to every subscriber in
one transaction that also notes that it did. So each event reaches each subscriber once, whatever is killed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from orders.models import EventKind, Invoice, Order, OrderEvent, TimelineEntry
from orders.secrecy import Secret


@dataclass(frozen=True, slots=True)
class Subscriber:
    """``take`` writes what follows from the events, in the dispatcher's transaction; ``then`` runs after its commit."""

    take: Callable[[Sequence[OrderEvent]], None]
    then: Callable[[], None] = lambda: None


_subscribers: list[Subscriber] = []


def subscribe(subscriber: Subscriber) -> None:
    """Hear of every event from now on; called while Django starts."""
    if subscriber not in _subscribers:
        _subscribers.append(subscriber)


def build(
    order: Order,
    kind: EventKind,
    *,
    occasion: str,
    now: datetime,
    old_status: str = "",
    new_status: str = "",
    entry: TimelineEntry | None = None,
    invoice: Invoice | None = None,
    details: dict[str, Any] | None = None,
    previous_at: datetime | None = None,
) -> OrderEvent:
    """An event to be published. The same ``occasion`` again is the same thing again: it is mailed once at most."""
    return OrderEvent(
        store_id=order.store_id,
        order=order,
        kind=kind,
        occasion=occasion[:200],
        old_status=old_status,
        new_status=new_status or order.status,
        entry=entry,
        invoice=invoice,
        details=Secret.of_json(details) if details else Secret.of(""),
        previous_at=previous_at,
        occurred_at=now,
    )


def publish(events: Iterable[OrderEvent]) -> list[OrderEvent]:
    """Write them, in the caller's transaction."""
    return OrderEvent.objects.bulk_create(events)


def dispatch(*, now: datetime, batch: int = 200) -> int:
    """Hand the oldest events to every subscriber, with their order, store and invoice; returns how many.

    What a subscriber raises undoes the batch for all; it is tried again. Several may run at once: rows are locked.
    """
    with transaction.atomic():
        waiting = list(
            OrderEvent.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("order__store", "order__customer", "invoice")
            .filter(dispatched_at=None)
            .order_by("id")[:batch]
        )
        if waiting:
            for subscriber in _subscribers:
                subscriber.take(waiting)
            OrderEvent.objects.filter(pk__in=[event.pk for event in waiting]).update(dispatched_at=now)
    return len(waiting)


def after_dispatch() -> None:
    """Let the subscribers wake whoever goes on with what they wrote."""
    for subscriber in _subscribers:
        subscriber.then()
