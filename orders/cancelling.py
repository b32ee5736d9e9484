"""Cancel an order, as long as nothing of it was invoiced."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from orders import events, flow, masking, timeline
from orders.models import EventKind, Invoice, InvoiceKind, Kind, Order, Status


class TooLate(ValueError):
    """Something of the order was invoiced, so it cannot be cancelled any more."""


def cancel(order: Order, *, reason: str, actor: str, now: datetime) -> None:
    """Cancel the order; one that is cancelled already stays as it is. Raises TooLate or flow.IllegalTransition.

    A refusal for an invoice is itself written on the timeline and published, since the customer is told of it: call
    this outside of a transaction that the error would undo.
    """
    with transaction.atomic():
        flow.hold(order)
        if order.status == Status.CANCELED:
            return
        invoices = list(Invoice.objects.filter(order=order, kind=InvoiceKind.OUTPUT).order_by("-id"))
        if not invoices:
            flow.advance(order, Status.CANCEL, actor=actor, why=reason, now=now)
            return
        is_shipped = any(bool(one.tracking_number) or one.dispatched_at is not None for one in invoices)
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
    raise TooLate("an order that is invoiced, even in part, cannot be cancelled")
