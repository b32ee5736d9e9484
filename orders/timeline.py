"""Append to an order's timeline, and read it in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Case, Prefetch, QuerySet, Value, When
from django.db.models.functions import Left

from orders import masking
from orders.models import Alias, AliasEvent, Kind, Order, Status, TimelineEntry

SHOWN_TEXT = 20_000  # characters of a mail's text shown on the page; the whole is one click away
FIRST_WORDS = 140  # characters


def begin(order: Order, aliases: Iterable[int], *, now: datetime, actor: str) -> TimelineEntry:
    """Write down that the order was created and its first aliases were issued; returns the first of these entries."""
    created = TimelineEntry(
        store_id=order.store_id,
        order=order,
        kind=Kind.STATUS,
        occurred_at=now,
        actor=actor,
        new_status=order.status,
    )
    issued = [
        TimelineEntry(
            store_id=order.store_id,
            order=order,
            kind=Kind.ALIAS,
            occurred_at=now,
            alias_event=AliasEvent.ISSUED,
            recipient_alias_id=pk,
        )
        for pk in sorted(aliases)
    ]
    return TimelineEntry.objects.bulk_create([created, *issued])[0]


def statuses_changed(
    order: Order,
    steps: Iterable[tuple[Status | None, Status]],
    *,
    now: datetime,
    actor: str = "",
    why: str = "",
    facts: dict[str, Any] | None = None,
) -> list[TimelineEntry]:
    """Write down that the order's status changed, from and to, step by step. ``why`` and ``facts`` are masked."""
    return TimelineEntry.objects.bulk_create(
        [
            TimelineEntry(
                store_id=order.store_id,
                order=order,
                kind=Kind.STATUS,
                occurred_at=now,
                actor=actor,
                old_status=old or "",
                new_status=new,
                text=why,
                data=facts or {},
            )
            for old, new in steps
        ]
    )


def happened(
    order: Order, kind: Kind, *, now: datetime, actor: str, data: dict[str, Any] | None = None, text: str = ""
) -> TimelineEntry:
    """Write down a payment, an invoice, what a carrier said, a change, a note or an interaction; all of it masked."""
    return TimelineEntry.objects.create(
        store_id=order.store_id,
        order=order,
        kind=kind,
        occurred_at=now,
        actor=actor,
        data=data or {},
        text=text,
        first_words=text[:FIRST_WORDS].rpartition(" ")[0] if len(text) > FIRST_WORDS else text,
    )


def alias_events(aliases: Iterable[Alias], event: AliasEvent, *, now: datetime, actor: str = "") -> None:
    """Write down what happened to these aliases, each on its own order's timeline."""
    TimelineEntry.objects.bulk_create(
        [
            TimelineEntry(
                store_id=alias.store_id,
                order_id=alias.order_id,
                kind=Kind.ALIAS,
                occurred_at=now,
                actor=actor,
                alias_event=event,
                recipient_alias_id=alias.pk,
            )
            for alias in aliases
        ]
    )


def alias_events_of(found: str, event: AliasEvent, *, after: str, params: dict[str, Any], now: datetime) -> int:
    """Write down what happened to very many aliases, in the statement that finds them; returns how many.

    ``after`` is SQL: a WITH clause that ends in a table ``found`` with an alias's ``id``, ``store_id`` and
    ``order_id`` a row. Both are text of ours, never a user's.
    """
    like = TimelineEntry(kind=Kind.ALIAS, occurred_at=now, alias_event=event)
    taken = {"store_id": "store_id", "order_id": "order_id", "recipient_alias_id": "id"}
    values: dict[str, Any] = dict(params)
    columns: dict[str, str] = {}
    for field in TimelineEntry._meta.concrete_fields:
        name = str(field.column)
        if not field.primary_key:
            columns[name] = taken.get(name) or f"%({name})s"
            values[name] = field.get_db_prep_save(field.pre_save(like, add=True), connection)
    names, picked, table = ", ".join(columns), ", ".join(columns.values()), TimelineEntry._meta.db_table
    insert = f"INSERT INTO {table} ({names}) SELECT {picked} FROM {found}"  # noqa: S608  names of ours
    with connection.cursor() as cursor:
        cursor.execute(f"{after} {insert}", values)
        written: int = cursor.rowcount
    return written


def read(order: Order) -> QuerySet[TimelineEntry]:
    """The order's timeline, oldest first: three queries however long it is.

    Each entry carries ``shown_text`` (the first 20,000 characters), ``has_html``, ``files`` and ``outgoing`` (what
    became of the copy that was sent on; that relation belongs to the mail side). Its aliases are the order's, and are
    not read with it.
    """
    return (
        TimelineEntry.objects.filter(order=order)
        .prefetch_related(Prefetch("attachments", to_attr="files"), Prefetch("outbound", to_attr="outgoing"))
        .annotate(
            shown_text=Left("text", SHOWN_TEXT),
            has_html=Case(When(html="", then=Value(False)), default=Value(True)),
        )
        .defer("text", "html")
        .order_by("occurred_at", "id")
    )


def entry(order: Order, pk: int) -> TimelineEntry | None:
    """One entry of this order with its attachments, to be shown, or None."""
    found = TimelineEntry.objects.prefetch_related("attachments").filter(order=order, pk=pk).first()
    if found is not None:
        masking.entries([found], masking.of_order(order))
    return found
