"""The order's statuses and the transitions between them: one table, and the only code that changes a status."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import DateTimeField, DurationField, ExpressionWrapper, F, Func, Value

from orders import events, masking, timeline
from orders.models import EventKind, Order, OrderEvent, ShopKind, Status
from orders.models.order import UNPAID

# From each status, those that may follow it.
NEXT: dict[Status, frozenset[Status]] = {
    Status.ORDER_CREATED: frozenset({Status.ORDER_COMPLETED, Status.WAITING_FOR_AUTHORIZATION, Status.CANCEL}),
    Status.ORDER_COMPLETED: frozenset({Status.WAITING_FOR_AUTHORIZATION, Status.PAYMENT_PENDING, Status.CANCEL}),
    Status.WAITING_FOR_AUTHORIZATION: frozenset({Status.PAYMENT_PENDING, Status.CANCEL}),
    Status.PAYMENT_PENDING: frozenset({Status.PAYMENT_APPROVED, Status.PAYMENT_DENIED, Status.CANCEL}),
    Status.PAYMENT_APPROVED: frozenset({Status.WINDOW_TO_CANCEL, Status.WAITING_FOR_FULFILLMENT, Status.CANCEL}),
    Status.PAYMENT_DENIED: frozenset({Status.CANCEL}),
    Status.WAITING_FOR_FULFILLMENT: frozenset({Status.READY_FOR_HANDLING, Status.CANCEL}),
    Status.WINDOW_TO_CANCEL: frozenset({Status.READY_FOR_HANDLING, Status.CANCEL}),
    Status.READY_FOR_HANDLING: frozenset({Status.START_HANDLING, Status.CANCELLATION_REQUESTED, Status.CANCEL}),
    Status.START_HANDLING: frozenset({Status.HANDLING, Status.CANCELLATION_REQUESTED, Status.CANCEL}),
    Status.HANDLING: frozenset({Status.INVOICE, Status.CANCELLATION_REQUESTED, Status.CANCEL}),
    Status.INVOICE: frozenset({Status.INVOICED}),
    Status.INVOICED: frozenset(),
    Status.CANCELLATION_REQUESTED: frozenset({Status.CANCEL, Status.READY_FOR_HANDLING, Status.HANDLING}),
    Status.CANCEL: frozenset({Status.CANCELED}),
    Status.CANCELED: frozenset(),
}

# What follows by itself, at once, when somebody advances an order to the status on the left.
FOLLOWS: dict[Status, Status] = {
    Status.PAYMENT_APPROVED: Status.WINDOW_TO_CANCEL,
    Status.START_HANDLING: Status.HANDLING,
    Status.PAYMENT_DENIED: Status.CANCEL,
    Status.CANCEL: Status.CANCELED,
}

# Over what an order does not pass: one from a shop was completed there, and nobody confirms it any more; one that was
# placed here was never at a checkout of ours.
_NOT_OVER = {True: Status.WAITING_FOR_AUTHORIZATION, False: Status.ORDER_COMPLETED}

# The column that keeps when an order came to a status.
_MARKS = {
    Status.PAYMENT_APPROVED: "authorized_at",
    Status.INVOICED: "invoiced_at",
    Status.CANCELED: "canceled_at",
}


BY_CUSTOMER = "by_customer"  # on a timeline entry: the step is the customer's wish


class IllegalTransition(ValueError):
    """The order cannot go from where it stands to the status asked for."""

    def __init__(self, old: Status, new: Status) -> None:
        self.old, self.new = old, new
        super().__init__(f"an order that is {old} cannot become {new}")


def hold(order: Order) -> None:
    """Lock the order's row until the transaction ends, and take over what others have changed of it."""
    held = Order.objects.select_for_update().get(pk=order.pk)
    for field in ("status", "status_changed_at", "changed_at", "value", "item_count", "document", *_MARKS.values()):
        setattr(order, field, getattr(held, field))


def move(order: Order, new: Status, *, actor: str, now: datetime, why: str = "") -> list[OrderEvent]:
    """Move the order one step and write it on the timeline. Raises IllegalTransition; nothing is changed then."""
    with transaction.atomic():
        hold(order)
        old = Status(order.status)
        if new not in NEXT[old]:
            raise IllegalTransition(old, new)
        return _take(order, [new], actor=actor, now=now, why=why)


def advance(
    order: Order,
    to: Status,
    *,
    actor: str,
    now: datetime,
    why: str = "",
    details: dict[str, Any] | None = None,
    is_customers_wish: bool = False,
) -> list[OrderEvent]:
    """Bring the order to this status, and on to what follows by itself; every step stands on the timeline.

    Steps before a payment that nobody told of are taken on the way. ``why`` is masked; ``details`` go with the event
    of the status itself; a customer's wish is noted on each step. Raises IllegalTransition; nothing is changed then.
    """
    with transaction.atomic():
        hold(order)
        steps = route(order, to)
        steps += _following(order, to)
        facts = {BY_CUSTOMER: True} if is_customers_wish else {}
        return _take(order, steps, actor=actor, now=now, why=why, details={to: details or {}}, facts=facts)


def start_handling(order: Order, *, actor: str, now: datetime) -> None:
    """The order is being picked and packed. Told again of it, nothing changes. Raises IllegalTransition."""
    with transaction.atomic():
        hold(order)
        if order.status != Status.HANDLING:
            advance(order, Status.START_HANDLING, actor=actor, now=now)


def route(order: Order, new: Status) -> list[Status]:
    """The shortest way from where the order stands, over statuses before a payment only, and of several the one by the
    steps furthest along. Raises IllegalTransition when there is none.
    """
    old = Status(order.status)
    passed = set(UNPAID) - {_NOT_OVER[order.source in ShopKind.values]}
    ways: deque[list[Status]] = deque([[old]])
    while ways:
        way = ways.popleft()
        if new in NEXT[way[-1]]:
            return [*way[1:], new]
        ahead = sorted(NEXT[way[-1]] & passed - set(way), key=UNPAID.index, reverse=True)
        ways.extend([*way, step] for step in ahead)
    raise IllegalTransition(old, new)


def _following(order: Order, status: Status) -> list[Status]:
    steps: list[Status] = []
    while following := FOLLOWS.get(status):
        steps.append(status := following)
    if status is Status.WINDOW_TO_CANCEL and not order.store.cancellation_window:
        steps.append(Status.READY_FOR_HANDLING)
    return steps


def _take(
    order: Order,
    steps: Iterable[Status],
    *,
    actor: str,
    now: datetime,
    why: str = "",
    details: dict[Status, dict[str, Any]] | None = None,
    facts: dict[str, Any] | None = None,
) -> list[OrderEvent]:
    reason = masking.text(why, masking.of_order(order)) if why else ""
    pairs: list[tuple[Status, Status]] = []
    old = Status(order.status)
    for new in steps:
        pairs.append((old, new))
        old = new
    entries = timeline.statuses_changed(order, pairs, actor=actor, why=reason, facts=facts, now=now)
    published = events.publish(
        events.build(
            order,
            EventKind.STATUS,
            occasion=f"status:{new}",
            old_status=before,
            new_status=new,
            entry=entry,
            details={"reason": reason, **(details or {}).get(new, {})},
            previous_at=order.status_changed_at,
            now=now,
        )
        for (before, new), entry in zip(pairs, entries, strict=True)
    )
    order.status, order.status_changed_at, order.changed_at = old, now, now
    marks = [_MARKS[new] for _, new in pairs if new in _MARKS]
    for mark in marks:
        setattr(order, mark, now)
    order.save(update_fields=["status", "status_changed_at", "changed_at", *marks])
    return published


def close_windows(*, now: datetime, batch: int = 200) -> int:
    """Make orders ready for handling whose cancellation window is over; returns how many."""
    minutes = F("store__cancellation_window")
    window = Func(minutes, template="make_interval(mins => %(expressions)s)", output_field=DurationField())
    opened = ExpressionWrapper(Value(now) - window, DateTimeField())
    with transaction.atomic():
        due = list(
            Order.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("store")
            .defer("document")
            .filter(status=Status.WINDOW_TO_CANCEL, status_changed_at__lte=opened)
            .order_by("status_changed_at")[:batch]
        )
        for order in due:
            _take(order, [Status.READY_FOR_HANDLING], actor="", now=now)
    return len(due)
