"""The order's statuses and the transitions between them."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from orders import timeline
from orders.models import Order, Status

# From each status, those that may follow it.
NEXT: dict[Status, frozenset[Status]] = {
    Status.ORDER_CREATED: frozenset({Status.ORDER_COMPLETED, Status.WAITING_FOR_AUTHORIZATION, Status.CANCEL}),
    Status.ORDER_COMPLETED: frozenset({Status.WAITING_FOR_AUTHORIZATION, Status.PAYMENT_PENDING, Status.CANCEL}),
    Status.WAITING_FOR_AUTHORIZATION: frozenset({Status.PAYMENT_PENDING, Status.CANCEL}),
    Status.PAYMENT_PENDING: frozenset(
        {Status.PAYMENT_APPROVED, Status.PAYMENT_DENIED, Status.CANCELLATION_REQUESTED, Status.CANCEL}
    ),
    Status.PAYMENT_APPROVED: frozenset(
        {Status.WINDOW_TO_CANCEL, Status.WAITING_FOR_FULFILLMENT, Status.CANCELLATION_REQUESTED, Status.CANCEL}
    ),
    Status.PAYMENT_DENIED: frozenset({Status.CANCEL}),
    Status.WAITING_FOR_FULFILLMENT: frozenset(
        {Status.READY_FOR_HANDLING, Status.CANCELLATION_REQUESTED, Status.CANCEL}
    ),
    Status.WINDOW_TO_CANCEL: frozenset({Status.READY_FOR_HANDLING, Status.CANCELLATION_REQUESTED, Status.CANCEL}),
    Status.READY_FOR_HANDLING: frozenset({Status.START_HANDLING, Status.CANCELLATION_REQUESTED, Status.CANCEL}),
    Status.START_HANDLING: frozenset({Status.HANDLING, Status.CANCELLATION_REQUESTED, Status.CANCEL}),
    Status.HANDLING: frozenset({Status.INVOICE, Status.CANCELLATION_REQUESTED, Status.CANCEL}),
    Status.INVOICE: frozenset({Status.INVOICED}),
    Status.INVOICED: frozenset(),
    Status.CANCELLATION_REQUESTED: frozenset({Status.CANCEL, Status.HANDLING}),
    Status.CANCEL: frozenset({Status.CANCELED}),
    Status.CANCELED: frozenset(),
}


class IllegalTransition(ValueError):
    """The order cannot go from where it stands to the status asked for."""


def move(order: Order, new: Status, *, actor: str, now: datetime) -> None:
    """Move the order one step and write it on the timeline. Raises IllegalTransition; nothing is changed then."""
    with transaction.atomic():
        held = Order.objects.select_for_update().only("status", "store_id").get(pk=order.pk)
        old = Status(held.status)
        if new not in NEXT[old]:
            raise IllegalTransition(f"an order that is {old} cannot become {new}")
        Order.objects.filter(pk=order.pk).update(status=new)
        timeline.status_changed(order, old=old, new=new, actor=actor, now=now)
    order.status = new
