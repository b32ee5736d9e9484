"""Cancel an order, as long as nothing of it was invoiced; or ask for it, and be refused."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from orders import events, flow, masking, timeline
from orders.models import EventKind, Invoice, InvoiceKind, Kind, Order, Status, TimelineEntry

# Past the cancellation window the goods are being seen to, so a customer can only ask, and the store decides.
ASKED_FOR = (Status.READY_FOR_HANDLING, Status.START_HANDLING, Status.HANDLING)

LONGEST_REASON = 2_000  # characters


class TooLate(ValueError):
    """Something of the order was invoiced, so it cannot be cancelled any more."""


class NotAsked(ValueError):
    """There is no such request to cancel the order that waits for an answer."""


def cancel(order: Order, *, reason: str, actor: str, now: datetime, is_customers_wish: bool = False) -> None:
    """Cancel the order; one that is cancelled already stays as it is. Raises TooLate or flow.IllegalTransition.

    What the customer wishes past the cancellation window is only asked for: the order then stands where the store
    decides, by cancelling it or by refusing. Asked again, nothing changes. A refusal for an invoice is itself written
    on the timeline and published, since the customer is told of it: call this outside of a transaction that the error
    would undo.
    """
    with transaction.atomic():
        flow.hold(order)
        if order.status == Status.CANCELED:
            return
        invoices = list(Invoice.objects.filter(order=order, kind=InvoiceKind.OUTPUT).order_by("-id"))
        if not invoices:
            _cancel(order, reason=reason, actor=actor, now=now, is_customers_wish=is_customers_wish)
            return
        _refuse(order, invoices, reason=reason, actor=actor, now=now)
    raise TooLate("an order that is invoiced, even in part, cannot be cancelled")


def _cancel(order: Order, *, reason: str, actor: str, now: datetime, is_customers_wish: bool) -> None:
    if is_customers_wish and order.status == Status.CANCELLATION_REQUESTED:
        return
    to = Status.CANCELLATION_REQUESTED if is_customers_wish and order.status in ASKED_FOR else Status.CANCEL
    flow.advance(order, to, actor=actor, why=reason, now=now, is_customers_wish=is_customers_wish)


def _refuse(order: Order, invoices: list[Invoice], *, reason: str, actor: str, now: datetime) -> None:
    is_shipped = any(
        one.delivered_at is None and (bool(one.tracking_number) or one.dispatched_at is not None) for one in invoices
    )
    invoice = invoices[0]
    why = masking.text(reason, masking.of_order(order))
    said = {"event": EventKind.CANCEL_REFUSED.value, "shipped": is_shipped, "invoice": invoice.number}
    entry = timeline.happened(order, Kind.CHANGE, data=said, text=why, actor=actor, now=now)
    occasion = f"cancel-refused:{'shipped' if is_shipped else 'invoiced'}"
    refused = events.build(
        order, EventKind.CANCEL_REFUSED, occasion=occasion, entry=entry, invoice=invoice,
        details={**said, "reason": why}, now=now,
    )  # fmt: skip
    events.publish([refused])


def open_request(order: Order) -> TimelineEntry | None:
    """The request to cancel the order that waits for the store's answer."""
    return request_of(order) if order.status == Status.CANCELLATION_REQUESTED else None


def request_of(order: Order) -> TimelineEntry | None:
    """The timeline's entry of the latest request to cancel the order."""
    asked = TimelineEntry.objects.filter(order=order, new_status=Status.CANCELLATION_REQUESTED)
    return asked.order_by("-id").first()


def accept(order: Order, *, request: int | None = None, reason: str, actor: str, now: datetime) -> None:
    """Cancel the order as this request, or the latest, asks for. Raises NotAsked."""
    with transaction.atomic():
        _hold_asked(order, request)
        flow.advance(order, Status.CANCEL, actor=actor, why=reason, now=now)


def deny(order: Order, *, request: int | None = None, reason: str, actor: str, now: datetime) -> None:
    """Refuse this request, or the latest: the order goes on from where it stood. Raises NotAsked."""
    with transaction.atomic():
        asked = _hold_asked(order, request)
        back = Status.READY_FOR_HANDLING if asked.old_status == Status.READY_FOR_HANDLING else Status.HANDLING
        flow.move(order, back, actor=actor, why=reason, now=now)


def _hold_asked(order: Order, request: int | None) -> TimelineEntry:
    """Lock the order; the request that waits for an answer, if it is this one."""
    flow.hold(order)
    asked = request_of(order)
    if order.status != Status.CANCELLATION_REQUESTED or asked is None or request not in {None, asked.pk}:
        raise NotAsked(f"nobody waits for an answer: the order is {order.status}")
    return asked
