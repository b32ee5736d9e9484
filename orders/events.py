"""Tell what happened on orders to those who want to hear of it: order mails, feeds, hooks.

What happens is published in the transaction it happens in, as a row; a worker hands the rows to every subscriber in
one transaction that also notes that it did. So each event reaches each subscriber once, whatever is killed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection, transaction
from django.db.models import Max, Q

from orders import claims, faults
from orders.models import EventKind, Invoice, Order, OrderEvent, TimelineEntry
from orders.models.order import UNPAID
from orders.secrecy import KeyMissing, Secret

log = logging.getLogger(__name__)

PAUSE = timedelta(minutes=10)  # until an event that could not be told is tried again


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


def message(kind: EventKind, *, order: Order, entry_id: int, occasion: str, now: datetime) -> OrderEvent:
    """An event about a mail of the order to be published; all that is said of it is said by its timeline entry."""
    event = build(order, kind, occasion=occasion, old_status=order.status, now=now)
    event.entry_id = entry_id
    return event


# Of mails just recorded, for a statement of which this is a part: %(entries)s, and what ``received`` gives.
RECEIVED = """
    INSERT INTO orders_orderevent
        (store_id, order_id, kind, occasion, old_status, new_status, entry_id, details, occurred_at)
    SELECT entry.store_id, entry.order_id, %(kind)s, 'received:' || entry.id, told.status, told.status, entry.id,
        %(details)s, %(now)s
    FROM orders_timelineentry AS entry JOIN orders_order AS told ON told.id = entry.order_id
    WHERE entry.id = ANY(%(entries)s) ORDER BY entry.id
"""


def received(entries: Sequence[int], *, now: datetime) -> dict[str, Any]:
    """What the statement ``RECEIVED`` is filled in with, to publish that these mails were received."""
    field = OrderEvent._meta.get_field("details")
    details = field.get_db_prep_value(Secret.of(""), connection)
    return {"kind": EventKind.MESSAGE_RECEIVED.value, "entries": list(entries), "details": details, "now": now}


def publish(events: Iterable[OrderEvent]) -> list[OrderEvent]:
    """Write them, in the caller's transaction."""
    return OrderEvent.objects.bulk_create(events)


def dispatch(*, now: datetime, batch: int = 200) -> int:
    """Hand the oldest events to every subscriber, with their order, store and invoice; returns how many.

    What a subscriber raises undoes the batch for all; it is tried again. With a batch of one it is put off instead, so
    that it holds up no others, unless the fault is one that passes. Of several workers one does it at a time, else
    a later event of an order could be told before an earlier one that another worker has just taken; to the others it
    is as if there were none, since that one goes on until there is none.
    """
    with transaction.atomic():
        if not claims.takes_turn(claims.Space.EVENTS):
            return 0
        waiting = list(
            OrderEvent.objects.select_related("order__store", "order__customer", "invoice")
            .defer("order__document", "invoice__document")  # each event would have its own copy
            .filter(Q(put_off_until=None) | Q(put_off_until__lte=now), dispatched_at=None)
            .order_by("id")[:batch]
        )
        if waiting:
            _hand_on(waiting, now=now)
    return len(waiting)


def _hand_on(waiting: Sequence[OrderEvent], *, now: datetime) -> None:
    told = OrderEvent.objects.filter(pk__in=[event.pk for event in waiting])
    try:
        with transaction.atomic():
            for subscriber in _subscribers:
                subscriber.take(waiting)
            told.update(dispatched_at=now)
    except Exception as error:
        if len(waiting) > 1 or not is_of_one(error):
            raise
        log.error("event put off event=%s detail=%s", waiting[0].pk, faults.describe(error))  # noqa: TRY400  no values
        told.update(put_off_until=now + PAUSE)


def is_of_one(error: Exception) -> bool:
    """Whether it may be about one event, so that the others can be told without it."""
    if isinstance(error, KeyMissing):  # of what one was sealed with
        return True
    return not isinstance(error, SoftTimeLimitExceeded) and not faults.is_passing(error)


MAILS = (EventKind.MESSAGE_RECEIVED, EventKind.MESSAGE_SENT, EventKind.MESSAGE_BOUNCED)


def newest(order: Order) -> int:
    """The id of the newest event of the order; 0 when there is none."""
    return OrderEvent.objects.filter(order=order).aggregate(newest=Max("pk"))["newest"] or 0


def keep_untold(order: Order, *, after: int, before: datetime, is_all: bool, now: datetime) -> None:
    """Tell nobody what was published of this order after the event with that id, mails aside, and happened ``before``,
    in the caller's transaction. ``is_all``: nor what happened nobody knows when; of what happened ``now`` nobody does.
    """
    waiting = OrderEvent.objects.filter(order=order, dispatched_at=None, pk__gt=after).select_related("invoice")
    waiting = waiting.exclude(kind__in=MAILS)
    times = {event.pk: _happened_at(event) for event in waiting}
    old = [pk for pk, at in times.items() if (is_all if at is None or at == now else at < before)]
    OrderEvent.objects.filter(pk__in=old).update(dispatched_at=now)


def _happened_at(event: OrderEvent) -> datetime | None:
    """When it happened, as somebody told; None where nobody did."""
    invoice = event.invoice
    match EventKind(event.kind):
        case EventKind.INVOICED | EventKind.REFUNDED:
            return invoice.issued_at if invoice else None
        case EventKind.SHIPPED:
            known = (invoice.dispatched_at, invoice.shop_changed_at) if invoice else ()  # another number comes later
            return max((at for at in known if at), default=None)
        case EventKind.DELIVERED:
            return invoice.delivered_at if invoice else None
        case EventKind.TRACKING:
            said = (event.details.json() or {}).get("happened_at")
            return datetime.fromisoformat(said) if said else None
        case _:
            return None


def forget(*, before: datetime, batch: int = 2_000) -> int:
    """Delete up to one batch of events that were handed on before a moment; returns how many.

    That a payment is awaited is remembered for as long as it is: the event keeps it from being said again.
    """
    told = OrderEvent.objects.filter(dispatched_at__lt=before)
    still_true = Q(kind=EventKind.PAYMENT_PENDING, order__status__in=UNPAID)
    gone = told.exclude(still_true).order_by("id").values_list("pk", flat=True)[:batch]
    return OrderEvent.objects.filter(pk__in=list(gone)).delete()[0]


def after_dispatch() -> None:
    """Let the subscribers wake whoever goes on with what they wrote."""
    for subscriber in _subscribers:
        subscriber.then()
