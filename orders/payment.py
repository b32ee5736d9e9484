"""What becomes of an order's payment: approved, denied, changed, still awaited."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import DateTimeField, DurationField, Exists, ExpressionWrapper, F, Func, OuterRef, QuerySet, Value

from orders import events, flow, masking, timeline
from orders.models import EventKind, Kind, Order, OrderEvent, Status, TimelineEntry
from orders.models.order import UNPAID
from orders.secrecy import Secret

FINAL = (Status.INVOICED, Status.PAYMENT_DENIED, Status.CANCEL, Status.CANCELED)
PENDING = "payment:pending"  # the occasion: said once for an order


class TooLate(ValueError):
    """The order has ended, so nothing of its payment changes any more."""


def approve(order: Order, *, payment_id: str, actor: str, now: datetime) -> None:
    """The payment came. Told again of it, nothing changes. Raises flow.IllegalTransition."""
    with transaction.atomic():
        flow.hold(order)
        if order.authorized_at is None:
            flow.advance(order, Status.PAYMENT_APPROVED, actor=actor, now=now, details={"payment_id": payment_id})


def deny(order: Order, *, payment_id: str, reason: str, actor: str, now: datetime) -> None:
    """The payment was denied, which cancels the order. Told again, nothing changes. Raises flow.IllegalTransition."""
    with transaction.atomic():
        flow.hold(order)
        if not TimelineEntry.objects.filter(order=order, new_status=Status.PAYMENT_DENIED).exists():
            details = {"payment_id": payment_id}
            flow.advance(order, Status.PAYMENT_DENIED, actor=actor, why=reason, now=now, details=details)


def change(order: Order, *, data: dict[str, Any], actor: str, now: datetime) -> None:
    """The customer pays in another way: ``data`` says how, as posted. Told again, nothing changes. Raises TooLate.

    In the order's document it takes the place of the payment with its id, or else of all that were.
    """
    with transaction.atomic():
        flow.hold(order)
        if order.status in FINAL:
            raise TooLate(f"an order that is {order.status} is not paid for in another way any more")
        masked = masking.document(data, masking.of_order(order))
        last = TimelineEntry.objects.filter(order=order, kind=Kind.PAYMENT).order_by("-id").first()
        if last is not None and last.data == masked:
            return
        entry = timeline.happened(order, Kind.PAYMENT, data=masked, actor=actor, now=now)
        changed = events.build(
            order, EventKind.PAYMENT_CHANGED, occasion=f"payment:{entry.pk}", entry=entry, details=masked, now=now
        )
        events.publish([changed])
        order.document, order.changed_at = Secret.of_json(_repaid(order, data)), now
        order.save(update_fields=["document", "changed_at"])


def listed(data: Any) -> list[dict[str, Any]]:
    """The payments of an order's document, whether in transactions, in a list, or one that is said by itself."""
    if not isinstance(data, dict):
        return []
    found = [one for part in _dicts(data.get("transactions")) for one in _dicts(part.get("payments"))]
    found = found or _dicts(data.get("payments"))
    return found or ([data] if data.get("paymentSystemName") or data.get("paymentSystem") else [])


def _repaid(order: Order, data: dict[str, Any]) -> dict[str, Any]:
    """The order's document with this in the place of what was paid otherwise."""
    document = order.document.json() or {}
    posted = document.get("paymentData")
    said: dict[str, Any] = posted if isinstance(posted, dict) else {}
    old, new = listed(said), listed(data)
    like = [one for one in old if one.get("id") and one["id"] == data.get("id")]
    if len(old) > 1 and like:
        worth, kept = like[0].get("value"), [one for one in old if one not in like]
    else:
        worth, kept = order.value, []
    if len(new) == 1:
        new = [{"value": worth, **new[0]}]
    rest = {name: value for name, value in said.items() if name != "transactions"}
    return {**document, "paymentData": {**rest, "payments": [*kept, *new]}}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def remind_no_more(orders: QuerySet[Order], *, now: datetime) -> None:
    """Tell nobody that the payment of these orders is awaited, where it is. In the caller's transaction."""
    told = OrderEvent.objects.filter(order=OuterRef("pk"), kind=EventKind.PAYMENT_PENDING)
    for order in orders.filter(status__in=UNPAID).exclude(Exists(told)).defer("document").iterator():
        said = events.build(order, EventKind.PAYMENT_PENDING, occasion=PENDING, now=now)
        said.dispatched_at = now
        events.publish([said])


def remind(*, now: datetime, batch: int = 200) -> int:
    """Publish that a payment is still awaited, for orders that wait longer than their store says; returns how many.

    An order whose place another one took is not among them: its customer was told to use that.
    """
    replaced = Order.objects.filter(replaces=OuterRef("pk"))
    told = OrderEvent.objects.filter(order=OuterRef("pk"), kind=EventKind.PAYMENT_PENDING)
    hours = F("store__payment_pending_after")
    patience = Func(hours, template="make_interval(hours => %(expressions)s)", output_field=DurationField())
    placed = ExpressionWrapper(Value(now) - patience, DateTimeField())
    due = (
        Order.objects.filter(status__in=UNPAID, store__payment_pending_after__gt=0)
        .filter(placed_at__lte=placed)
        .exclude(Exists(told) | Exists(replaced))
        .order_by("placed_at")
    )
    with transaction.atomic():
        held = due.select_for_update(skip_locked=True, of=("self",)).values_list("pk", flat=True)[:batch]
        waiting = due.filter(pk__in=list(held)).defer("document")  # anew: another worker may have just told of them
        reminders = [events.build(order, EventKind.PAYMENT_PENDING, occasion=PENDING, now=now) for order in waiting]
        events.publish(reminders)
    return len(reminders)
