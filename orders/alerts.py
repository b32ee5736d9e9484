"""Raise an alert for a mail that did not arrive, settle it, and find those that are open."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, QuerySet

from orders import audit
from orders.models import Action, Alert, AlertKind, Order, TimelineEntry, User


def raise_for(kind: AlertKind, *, entry_id: int, order_id: int, store_id: int, now: datetime) -> None:
    """Say that the copy of this mail needs attention; an alert that is open already takes the new kind.

    Call it in the transaction that writes down what happened to the copy, so that neither stands without the other.
    """
    if Alert.objects.open().filter(entry_id=entry_id).update(kind=kind, raised_at=now):
        return
    fresh = Alert(store_id=store_id, order_id=order_id, entry_id=entry_id, kind=kind, raised_at=now)
    Alert.objects.bulk_create([fresh], ignore_conflicts=True)


def raise_once(kind: AlertKind, entry: TimelineEntry, *, now: datetime) -> None:
    """Say of this mail that it needs attention, unless an alert of the kind is open for its order already."""
    if not Alert.objects.open().filter(order_id=entry.order_id, kind=kind).exists():
        raise_for(kind, entry_id=entry.pk, order_id=entry.order_id, store_id=entry.store_id, now=now)


def raise_late(entry_id: int, *, order_id: int, store_id: int, since: datetime, now: datetime) -> None:
    """Say that the copy of this mail waits for long, once since it was to be sent: one that was dismissed stays so."""
    if not Alert.objects.filter(entry_id=entry_id, kind=AlertKind.LATE, raised_at__gte=since).exists():
        raise_for(AlertKind.LATE, entry_id=entry_id, order_id=order_id, store_id=store_id, now=now)


def settle(entry_id: int, *, now: datetime) -> None:
    """The copy of this mail left after all."""
    Alert.objects.open().filter(entry_id=entry_id).update(settled_at=now)


def raise_about(kind: AlertKind, about: str, *, order: Order, unless: Exists | None = None, now: datetime) -> None:
    """Say that an order mail, by its name, needs attention although there is no mail to point at. An open alert of that
    name takes the new kind, ``unless`` what it tells of still is so.
    """
    with transaction.atomic():
        found = _held(about, order=order)
        if unless is not None and found.filter(unless).exists():
            return
        if found.update(kind=kind, raised_at=now):
            return
        fresh = Alert(store_id=order.store_id, order=order, about=about, kind=kind, raised_at=now)
        Alert.objects.bulk_create([fresh], ignore_conflicts=True)


def settle_about(about: str, *, order: Order, unless: Exists | None = None, now: datetime) -> None:
    """What this is about is as it should be after all, ``unless`` something of that name still is not."""
    with transaction.atomic():
        found = _held(about, order=order)
        (found if unless is None else found.exclude(unless)).update(settled_at=now)


def _held(about: str, *, order: Order) -> QuerySet[Alert]:
    """The open alert of that name, held until the transaction ends. What it depends on is looked at only then, since
    who held it before may have changed that.
    """
    found = Alert.objects.open().filter(order=order, entry=None, about=about)
    return Alert.objects.open().filter(pk__in=list(found.select_for_update().values_list("pk", flat=True)))


def dismiss(order: Order, pk: int, *, user: User, now: datetime) -> Alert | None:
    """Somebody looked at it; audited unless it was settled already. None when the order has no such alert."""
    with transaction.atomic():
        found = Alert.objects.select_for_update().filter(order=order, pk=pk).first()
        if found is not None and found.settled_at is None:
            found.settled_at, found.settled_by = now, user
            found.save(update_fields=["settled_at", "settled_by"])
            audit.record(
                Action.ALERT_DISMISSED,
                subject=f"{found} of order {order.number}",
                store=order.store,
                user=user,
                before=found.kind,
                now=now,
            )
    return found


def open_of(order: Order) -> list[Alert]:
    """The order's open alerts, newest first, each with its entry and what became of the copy; two queries at most."""
    found = Alert.objects.open().filter(order=order).select_related("entry").prefetch_related("entry__outbound")
    return list(found.defer("entry__text", "entry__html").order_by("-raised_at", "-pk"))
