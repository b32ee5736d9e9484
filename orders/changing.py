"""Change what was ordered: items, price, data; or replace the order by another."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from orders import events, flow, masking, timeline
from orders.models import EventKind, Kind, Order, Status
from orders.secrecy import Secret

FINAL = (Status.INVOICED, Status.CANCEL, Status.CANCELED)


class TooLate(ValueError):
    """The order has ended, so nothing of it changes any more."""


class NotSo(ValueError):
    """The order has no such items, or would be worth less than nothing."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is to change, as posted: values in minor units, items as in the order."""

    reason: str
    discount: int = 0
    increment: int = 0
    removed: list[dict[str, Any]] = field(default_factory=list)
    added: list[dict[str, Any]] = field(default_factory=list)


def change(order: Order, wanted: Change, *, actor: str, now: datetime) -> None:
    """Change the order's items and value, and write it on the timeline. Raises TooLate or NotSo."""
    with transaction.atomic():
        flow.hold(order)
        if order.status in FINAL:
            raise TooLate(f"an order that is {order.status} does not change any more")
        document = order.document.json()
        document["items"] = _items(document["items"], wanted)
        before = order.value
        order.value = _value(before, wanted)
        order.item_count = sum(item["quantity"] for item in document["items"])
        order.document = Secret.of_json(document)
        order.changed_at = now
        order.save(update_fields=["value", "item_count", "document", "changed_at"])
        parties = masking.of_order(order)
        why = masking.text(wanted.reason, parties)
        said = masking.document(
            {
                "event": EventKind.CHANGED.value, "before": before, "after": order.value,
                "removed": wanted.removed, "added": wanted.added,
            },
            parties,
        )  # fmt: skip
        entry = timeline.happened(order, Kind.CHANGE, data=said, text=why, actor=actor, now=now)
        details = {**said, "reason": why}
        changed = events.build(
            order, EventKind.CHANGED, occasion=f"changed:{entry.pk}", entry=entry, details=details, now=now
        )
        events.publish([changed])


def replace(old: Order, new: Order, *, actor: str, now: datetime) -> None:
    """Say that an order takes another's place. Said again, nothing changes."""
    with transaction.atomic():
        flow.hold(old)
        if Order.objects.filter(pk=new.pk, replaces=old).exists():
            return
        new.replaces = old
        new.save(update_fields=["replaces"])
        said = {"event": EventKind.REPLACED.value, "order": old.number, "by": new.number}
        entry = timeline.happened(new, Kind.CHANGE, data=said, actor=actor, now=now)
        timeline.happened(old, Kind.CHANGE, data=said, actor=actor, now=now)
        occasion = f"replaces:{old.number}"
        events.publish([events.build(new, EventKind.REPLACED, occasion=occasion, entry=entry, details=said, now=now)])


def _value(before: int, wanted: Change) -> int:
    def worth(items: list[dict[str, Any]]) -> int:
        return sum(int(item["price"]) * int(item["quantity"]) for item in items)

    after = before + wanted.increment - wanted.discount + worth(wanted.added) - worth(wanted.removed)
    if after < 0:
        raise NotSo("the order would be worth less than nothing")
    return after


def _items(items: list[dict[str, Any]], wanted: Change) -> list[dict[str, Any]]:
    left = [dict(item) for item in items]
    for gone in wanted.removed:
        item = next((item for item in left if item["id"] == gone["id"]), None)
        if item is None or item["quantity"] < gone["quantity"]:
            raise NotSo(f"the order does not hold {gone['quantity']} of the item {gone['id']}")
        item["quantity"] -= gone["quantity"]
    left = [item for item in left if item["quantity"]] + wanted.added
    if not left:
        raise NotSo("nothing would be left of the order: cancel it")
    return left
