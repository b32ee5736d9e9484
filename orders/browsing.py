"""Find a store's orders for a system that asks for them: filtered, sorted, counted, page by page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import (
    Avg,
    Count,
    F,
    FloatField,
    Max,
    Min,
    Prefetch,
    Q,
    QuerySet,
    StdDev,
    Sum,
)  # fmt: skip
from django.db.models.functions import Cast

from orders import listing
from orders.models import Invoice, Kind, Order, PartyKind, Status, Store, TimelineEntry
from orders.outcomes import Reason

# What a list may be sorted by, by the name that callers know.
SORTS = {
    "creationDate": "placed_at",
    "orderId": "number",
    "marketPlaceOrderId": "marketplace_number",
    "status": "status",
    "totalValue": "value",
    "totalItems": "item_count",
    "authorizedDate": "authorized_at",
    "invoicedDate": "invoiced_at",
    "lastChange": "changed_at",
}
_EMPTY = ("authorized_at", "invoiced_at")


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time with both ends in it; None is open."""

    start: datetime | None = None
    end: datetime | None = None

    def of(self, column: str) -> Q:
        """Rows whose column is in it."""
        wanted = Q()
        if self.start:
            wanted &= Q(**{f"{column}__gte": self.start})
        if self.end:
            wanted &= Q(**{f"{column}__lte": self.end})
        return wanted


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which orders, and in what order. ``query``: as ``listing.found_by`` takes it."""

    query: str = ""
    statuses: Sequence[Status] = ()
    spans: dict[str, Span] = field(default_factory=dict)  # by column
    sort: str = "creationDate"
    is_descending: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """An order with its customer, aliases and invoices, and what is read of its timeline."""

    order: Order
    last_mail: str
    ready_at: datetime | None


@dataclass(frozen=True, slots=True)
class Figures:
    """What a column of the orders found adds up to."""

    count: int
    most: float
    mean: float
    least: float
    deviation: float
    total: float
    squares: float


def find(store: Store, wanted: Wanted) -> QuerySet[Order]:
    """The store's orders that were asked for, unsorted."""
    found = listing.found_by([store], wanted.query) if wanted.query else listing.of_stores([store])
    if wanted.statuses:
        found = found.filter(status__in=wanted.statuses)
    for column, span in wanted.spans.items():
        found = found.filter(span.of(column))
    return found


def page(orders: QuerySet[Order], wanted: Wanted, *, number: int, size: int) -> list[Row]:
    """The rows of one page, the first being 1: five queries however many rows."""
    column = F(SORTS[wanted.sort])
    last = True if SORTS[wanted.sort] in _EMPTY else None  # asked for without need, it keeps an index from being used
    order = column.desc(nulls_last=last) if wanted.is_descending else column.asc(nulls_last=last)
    by = (order, "-pk" if wanted.is_descending else "pk")
    invoices = Prefetch("invoices", Invoice.objects.defer("document").order_by("id"))
    start = (number - 1) * size
    found = list(
        orders.select_related("store", "customer")
        .prefetch_related("aliases", invoices)
        .order_by(*by)[start : start + size]
    )
    mails, ready = _last_mails(found), _ready(found)
    return [Row(order, mails.get(order.pk, ""), ready.get(order.pk)) for order in found]


def _last_mails(orders: Iterable[Order]) -> dict[int, str]:
    found = TimelineEntry.objects.filter(
        order__in=[order.pk for order in orders], kind=Kind.MAIL, reason=Reason.ORDER_MAIL,
        recipient_alias__party=PartyKind.CUSTOMER,
    )  # fmt: skip
    newest = found.order_by("order_id", "-occurred_at", "-id").distinct("order_id")
    return dict(newest.values_list("order_id", "first_words"))


def _ready(orders: Iterable[Order]) -> dict[int, datetime]:
    found = TimelineEntry.objects.filter(
        order__in=[order.pk for order in orders], kind=Kind.STATUS, new_status=Status.READY_FOR_HANDLING
    )
    return dict(found.values("order_id").annotate(at=Min("occurred_at")).order_by().values_list("order_id", "at"))


def figures(orders: QuerySet[Order], columns: Iterable[str]) -> dict[str, Figures]:
    """What these columns of all orders found add up to; one query."""
    asked: dict[str, Any] = {}
    for column in columns:
        number = Cast(column, FloatField())
        asked |= {
            f"{column}_count": Count("pk"), f"{column}_most": Max(number), f"{column}_mean": Avg(number),
            f"{column}_least": Min(number), f"{column}_deviation": StdDev(number), f"{column}_total": Sum(number),
            f"{column}_squares": Sum(number * number),
        }  # fmt: skip
    found = orders.aggregate(**asked)
    names = Figures.__slots__
    return {column: Figures(**{name: found[f"{column}_{name}"] or 0 for name in names}) for column in columns}
