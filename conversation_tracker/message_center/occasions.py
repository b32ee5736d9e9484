"""Which order mail goes with what happened on an order, and whether that still holds when the mail is to leave."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from django.utils.translation import gettext_noop

from conversation_tracker.models.template import TemplateKey
from orders.models import EventKind, Order, OrderEvent, Status
from orders.models.order import UNPAID

PAID = gettext_noop("The payment is no longer awaited.")
CANCELLED = gettext_noop("The order was cancelled meanwhile.")

_STATUSES = {
    Status.ORDER_CREATED: TemplateKey.NEW_ORDER,
    Status.PAYMENT_APPROVED: TemplateKey.PAYMENT_APPROVED,
    Status.PAYMENT_DENIED: TemplateKey.PAYMENT_DENIED,
    Status.HANDLING: TemplateKey.IN_HANDLING,
    Status.CANCELED: TemplateKey.CANCELLED,
}
# Mails that speak of what is still to come. The others tell what has happened, and that stays so.
_AHEAD = (
    TemplateKey.PAYMENT_PENDING, TemplateKey.PAYMENT_CHANGED, TemplateKey.ORDER_CHANGED, TemplateKey.ORDER_CHANGED_V2,
    TemplateKey.IN_HANDLING,
)  # fmt: skip
_ENDED = (Status.PAYMENT_DENIED, Status.CANCEL, Status.CANCELED)


def over(key: TemplateKey, order: Order) -> str:
    """Why the mail is not to be sent any more, for staff, untranslated; empty while it is."""
    if key in _AHEAD and order.status in _ENDED:
        return CANCELLED
    if key is TemplateKey.PAYMENT_PENDING and order.status not in UNPAID:
        return PAID
    return ""


def template_of(event: OrderEvent) -> TemplateKey | None:  # noqa: PLR0911, PLR0912, C901  one line for each kind there is
    """The template of the mail, or None when none goes with it."""
    kind = EventKind(event.kind)
    match kind:
        case EventKind.STATUS:
            return _of_status(event)
        case EventKind.PAYMENT_PENDING:
            return TemplateKey.PAYMENT_PENDING
        case EventKind.PAYMENT_CHANGED:
            return TemplateKey.PAYMENT_CHANGED
        case EventKind.INVOICED:
            is_closing = bool((event.details.json() or {}).get("closing"))
            return None if is_closing else TemplateKey.INVOICED
        case EventKind.SHIPPED:
            return None if _has_arrived(event) else TemplateKey.SHIPPED
        case EventKind.TRACKING:
            return None if _came_late(event) or _says_more(event) else TemplateKey.SHIPPING_UPDATE
        case EventKind.DELIVERED:
            return TemplateKey.DELIVERED
        case EventKind.REFUNDED:
            return TemplateKey.REFUNDED
        case EventKind.CHANGED:
            said = event.details.json() or {}
            is_about_items = bool(said.get("added") or said.get("removed"))
            return TemplateKey.ORDER_CHANGED_V2 if is_about_items else TemplateKey.ORDER_CHANGED
        case EventKind.REPLACED:
            return TemplateKey.REPLACED
        case EventKind.CANCEL_REFUSED:
            is_shipped = bool((event.details.json() or {}).get("shipped"))
            return TemplateKey.CANCEL_REFUSED_SHIPPED if is_shipped else TemplateKey.CANCEL_REFUSED_INVOICED
        case EventKind.MESSAGE_RECEIVED | EventKind.MESSAGE_SENT | EventKind.MESSAGE_BOUNCED:
            return None
        case _:
            assert_never(kind)


def _of_status(event: OrderEvent) -> TemplateKey | None:
    template = _STATUSES.get(Status(event.new_status))
    if template is TemplateKey.CANCELLED and _was_denied(event):
        return None  # the mail about the denied payment says it already
    return template


def _was_denied(event: OrderEvent) -> bool:
    """Whether the order was cancelled because its payment was denied."""
    denied = OrderEvent.objects.filter(
        order=event.order_id, kind=EventKind.STATUS, new_status=Status.PAYMENT_DENIED, pk__lt=event.pk
    )
    return denied.exists()


def _came_late(event: OrderEvent) -> bool:
    """Whether a carrier's word is older than the delivery that was told before it: nobody waits for that parcel."""
    arrived_at = event.invoice.delivered_at if event.invoice else None
    happened_at = (event.details.json() or {}).get("happened_at")
    if arrived_at is None or not happened_at or datetime.fromisoformat(happened_at) >= arrived_at:
        return False
    return _has_arrived(event)


def _says_more(event: OrderEvent) -> bool:
    """Whether the carrier said more in the same breath: the last word has its mail, which lists them all."""
    same = {"order": event.order_id, "invoice": event.invoice_id, "kind": event.kind, "occurred_at": event.occurred_at}
    return OrderEvent.objects.filter(**same, pk__gt=event.pk).exists()


def _has_arrived(event: OrderEvent) -> bool:
    """Whether the parcel's delivery was told before: of a tracking number that comes after it nobody waits to hear."""
    told = OrderEvent.objects.filter(
        order=event.order_id, invoice=event.invoice_id, kind=EventKind.DELIVERED, pk__lt=event.pk
    )
    return told.exists()
