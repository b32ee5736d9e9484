"""Change what was ordered: items, price, data; or replace the order by another."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from orders import bounds, events, flow, invoicing, masking, secrecy, timeline
from orders.models import EventKind, InvoiceKind, Kind, Order, Status, TimelineEntry
from orders.secrecy import Secret

FINAL = (Status.INVOICED, Status.CANCEL, Status.CANCELED)
_REQUEST = "request"  # on a timeline entry: a digest of the change's name


class TooLate(ValueError):
    """The order has ended, so nothing of it changes any more."""


class NotSo(ValueError):
    """The order has no such items, would stay as it is, or be worth less than was invoiced of it, or be too large."""


class Invoiced(NotSo):
    """What would be removed was invoiced already."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is to change, as posted: values in minor units, items as in the order.

    What is removed is worth what it costs in the order, whatever was posted. ``request_id`` is the caller's own name
    for the change; a second one of the same name is the first one again.
    """

    reason: str
    request_id: str = ""
    discount: int = 0
    increment: int = 0
    removed: list[dict[str, Any]] = field(default_factory=list)
    added: list[dict[str, Any]] = field(default_factory=list)


def change(order: Order, wanted: Change, *, actor: str, now: datetime) -> TimelineEntry:
    """Change the order's items and value, and return what was written on the timeline. Raises TooLate or NotSo.

    An order whose invoices add up to its new value is invoiced with that.
    """
    with transaction.atomic():
        flow.hold(order)
        request = _request(wanted)
        if request and (known := _made_before(order, request)):
            return known
        _ensure_open(order)
        before = order.document.json().get("items") or []
        items, removed_value = _items(before, wanted)
        after = order.value + wanted.increment - wanted.discount + _worth(wanted.added) - removed_value
        if after == order.value and not _without(before, items) and not _without(items, before):
            raise NotSo("nothing of the order would change")
        return _apply(order, wanted, items, after, request=request, actor=actor, now=now)


def restate(
    order: Order, *, items: list[dict[str, Any]], value: int, reason: str, actor: str, now: datetime
) -> TimelineEntry | None:
    """Take over an order's items and value as the system has them that it came from; None when they are these already.

    Raises TooLate or NotSo.
    """
    with transaction.atomic():
        flow.hold(order)
        known = order.document.json().get("items") or []
        removed, added = _without(known, items), _without(items, known)
        if not removed and not added and value == order.value:
            return None
        rest = value - (order.value + _worth(added) - _worth(removed))
        wanted = Change(
            reason=reason, increment=max(rest, 0), discount=max(-rest, 0), removed=removed, added=added
        )  # fmt: skip
        return _apply(order, wanted, items, value, request="", actor=actor, now=now)


def _apply(
    order: Order, wanted: Change, items: list[dict[str, Any]], after: int, *, request: str, actor: str, now: datetime
) -> TimelineEntry:
    _ensure_open(order)
    _ensure_kept(order, items)
    before, invoiced = order.value, invoicing.total(order, InvoiceKind.OUTPUT)
    if after < invoiced:
        raise NotSo(f"the order would be worth {after}, and {invoiced} of it was invoiced")
    if after > bounds.LARGEST:
        raise NotSo(f"the order would be worth {after}, and no order is worth more than {bounds.LARGEST}")
    if (count := _count(items)) > bounds.MOST_ITEMS:
        raise NotSo(f"the order would hold {count} items, and none holds more than {bounds.MOST_ITEMS}")
    _write(order, {**order.document.json(), "items": items}, after, now=now)
    parties = masking.of_order(order)
    why = masking.text(wanted.reason, parties)
    said = masking.document(
        {
            "event": EventKind.CHANGED.value, "before": before, "after": after, "discount": wanted.discount,
            "increment": wanted.increment, "removed": wanted.removed, "added": wanted.added,
        },
        parties,
    )  # fmt: skip
    kept = {**said, _REQUEST: request} if request else said
    entry = timeline.happened(order, Kind.CHANGE, data=kept, text=why, actor=actor, now=now)
    details, occasion = {**said, "reason": why}, f"changed:{request or uuid.uuid4().hex}"
    events.publish([events.build(order, EventKind.CHANGED, occasion=occasion, entry=entry, details=details, now=now)])
    if order.status == Status.INVOICE and after == invoiced:
        flow.advance(order, Status.INVOICED, actor=actor, now=now)
    return entry


def _ensure_open(order: Order) -> None:
    if order.status in FINAL:
        raise TooLate(f"an order that is {order.status} does not change any more")


def _ensure_kept(order: Order, items: list[dict[str, Any]]) -> None:
    """Raise Invoiced when there would be fewer of an article than were invoiced."""
    before, after = invoicing.count(order.document.json()), invoicing.count({"items": items})
    for article, many in invoicing.pieces(order, InvoiceKind.OUTPUT).items():
        if after[article] < min(many, before[article]):
            raise Invoiced(f"of the item {article}, {many} were invoiced, and {after[article]} would be left")


def _without(items: list[dict[str, Any]], others: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What these hold more than the others, article by article and price by price."""
    left = Counter[tuple[str, int]]()
    for other in others:
        left[other["id"], other.get("price", 0)] += other["quantity"]
    found = []
    for item in items:
        name = (item["id"], item.get("price", 0))
        covered = min(left[name], item["quantity"])
        left[name] -= covered
        if more := item["quantity"] - covered:
            found.append({**item, "quantity": more})
    return found


def _made_before(order: Order, request: str) -> TimelineEntry | None:
    """The change of this name: the timeline keeps it for good, while events are forgotten."""
    return TimelineEntry.objects.filter(order=order, kind=Kind.CHANGE, **{f"data__{_REQUEST}": request}).first()


def _request(wanted: Change) -> str:
    """The name that the caller gave the change; it may hold anything, so it is kept as a digest."""
    return secrecy.digest(wanted.request_id, purpose="change-request").hex() if wanted.request_id else ""


def _write(order: Order, document: dict[str, Any], value: int, *, now: datetime) -> None:
    order.value = value
    order.item_count = _count(document["items"])
    order.document = Secret.of_json(document)
    order.changed_at = now
    order.save(update_fields=["value", "item_count", "document", "changed_at"])


def replace(old: Order, new: Order, *, actor: str, now: datetime) -> None:
    """Say that an order takes another's place. Said again, nothing changes. Raises NotSo."""
    if old.pk == new.pk or old.store_id != new.store_id:
        raise NotSo("an order takes the place of another one of its store")
    with transaction.atomic():
        pair = sorted([old, new], key=lambda order: order.pk)  # whoever says the opposite at once waits, in no circle
        for order in pair:
            flow.hold(order)
        of_new = Order.objects.values_list("replaces", flat=True).get(pk=new.pk)
        if of_new == old.pk:
            return
        if of_new is not None:
            raise NotSo("that order takes the place of another one already")
        if _stands_for(old, new):
            raise NotSo("the order takes the place of that one itself")
        new.replaces = old
        new.save(update_fields=["replaces"])
        said = {"event": EventKind.REPLACED.value, "order": old.number, "by": new.number}
        entry = timeline.happened(new, Kind.CHANGE, data=said, actor=actor, now=now)
        timeline.happened(old, Kind.CHANGE, data=said, actor=actor, now=now)
        occasion = f"replaces:{old.number}"
        events.publish([events.build(new, EventKind.REPLACED, occasion=occasion, entry=entry, details=said, now=now)])


def _stands_for(order: Order, other: Order) -> bool:
    """Whether an order took the other's place, or that of one that did."""
    found, last = set[int](), Order.objects.values_list("replaces", flat=True).get(pk=order.pk)
    while last is not None and last not in found:
        found.add(last)
        last = Order.objects.values_list("replaces", flat=True).get(pk=last)
    return other.pk in found


def _count(items: list[dict[str, Any]]) -> int:
    return sum(item["quantity"] for item in items)


def _worth(items: list[dict[str, Any]]) -> int:
    return sum(item.get("price", 0) * item["quantity"] for item in items)


def _items(items: list[dict[str, Any]], wanted: Change) -> tuple[list[dict[str, Any]], int]:
    """The items that are left with those that are new, and what the removed ones were worth."""
    left = [dict(item) for item in items]
    worth = 0
    for gone in wanted.removed:
        quantity = gone["quantity"]
        for item in [item for item in left if item["id"] == gone["id"]]:  # one article may stand in several positions
            taken = min(quantity, item["quantity"])
            item["quantity"] -= taken
            quantity -= taken
            worth += taken * item.get("price", 0)
        if quantity:
            raise NotSo(f"the order does not hold {gone['quantity']} of the item {gone['id']}")
    left = [item for item in left if item["quantity"]] + wanted.added
    if not left:
        raise NotSo("nothing would be left of the order: cancel it")
    return left, worth
