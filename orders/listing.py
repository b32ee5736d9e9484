"""Read a page of the order list, or find orders by what people have in hand: a number, an alias, or who bought."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import BooleanField, Count, Exists, ExpressionWrapper, Max, OuterRef, Q, QuerySet

from orders import aliases, customers, finding, secrecy
from orders.models import Alert, Customer, Kind, Order, Status, Store, TimelineEntry, User
from orders.paging import Place

PAGE = 50
LONGEST_QUERY = 320  # characters: an address at its longest is 254, and somebody may write a name around it
_NEEDS_ATTENTION = ExpressionWrapper(
    Q(Exists(Alert.objects.open().filter(order=OuterRef("pk")))) | Q(status=Status.CANCELLATION_REQUESTED),
    BooleanField(),
)
_NUMBER = re.compile(r"[0-9]{13}-[0-9]{2,}", re.ASCII)
_IN_BRACKETS = re.compile(r"<([^<>]+)>\s*$")


@dataclass(frozen=True, slots=True)
class Row:
    """An order in the list, how many mails it has, when something last happened to it, and whether one should look."""

    order: Order
    mails: int
    active_at: datetime
    needs_attention: bool


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the list, newest first; ``older`` is where the next one starts, None at the end."""

    rows: list[Row]
    older: Place | None


def of_stores(
    stores: Sequence[Store], *, status: Status | None = None, needs_attention: bool = False
) -> QuerySet[Order]:
    """The orders of these stores; ``needs_attention``: those with an open alert, and those that ask to be cancelled."""
    found = Order.objects.filter(store__in=stores)
    if needs_attention:
        found = found.filter(pk__in=_in_need(stores))
    return found.filter(status=status) if status else found


def count_in_need(stores: Sequence[Store]) -> int:
    """How many orders of these stores need attention."""
    return _in_need(stores).count()


def _in_need(stores: Sequence[Store]) -> QuerySet[Alert, Any]:
    # A union, so that each half is looked up in an index of its own, and an order in both is in it once.
    asked = Order.objects.filter(store__in=stores, status=Status.CANCELLATION_REQUESTED)
    return Alert.objects.open().filter(store__in=stores).values("order_id").union(asked.values("pk"))


def found_by(stores: Sequence[Store], query: str) -> QuerySet[Order]:
    """The orders of these stores with exactly this number, alias (also an expired one) or customer's address or
    document, or whose customer's name has these words.
    """
    query = wanted(query)
    orders = of_stores(stores)
    if "@" in query:
        alias = aliases.find([query]).get(query)
        people = Customer.objects.filter(store__in=stores, address_digest=customers.real_digest(query))
        exact = Q(customer__in=list(people.values_list("pk", flat=True)))
        return orders.filter(exact | Q(pk=alias.order_id) if alias is not None else exact)
    # A union, so that each half is looked up in an index of its own.
    numbered = orders.filter(Q(number=query) | Q(marketplace_number=query)).values("pk")
    bought = orders.filter(customer__in=finding.people(stores, query).values("pk")).values("pk")
    return orders.filter(pk__in=numbered.union(bought))


def wanted(query: str) -> str:
    """What was typed, as it is looked for: the address of ``Name <address>``, and no NUL, which no column holds."""
    query = query.replace("\0", "").strip()[:LONGEST_QUERY]
    return found[1].strip() if (found := _IN_BRACKETS.search(query)) else query


def is_number(query: str) -> bool:
    """Whether this is shaped as an order's number. Anything else may be somebody's name, document or address, or a
    Soft alias, which shows an address: then no URL may hold it.
    """
    return _NUMBER.fullmatch(query) is not None


def veiled(query: str, user: User) -> str:
    """The query for a URL, which histories and logs keep: sealed, and opened for this user only."""
    sealed = secrecy.seal(query.encode("utf-8", "replace"), place=f"search.{user.pk}")
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def unveiled(text: str, user: User) -> str:
    """What was ``veiled`` for this user; empty for anything else."""
    try:
        sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return secrecy.unseal(sealed, place=f"search.{user.pk}").decode()
    except (ValueError, secrecy.KeyMissing):
        return ""


def page(orders: QuerySet[Order], *, before: Place | None = None) -> Page:
    """One page of these orders: two queries however many rows."""
    if before:
        orders = orders.filter(before.before("placed_at"))
    orders = orders.select_related("store", "customer").defer("document").annotate(needs_attention=_NEEDS_ATTENTION)
    found = list(orders.order_by("-placed_at", "-pk")[: PAGE + 1])
    shown, more = found[:PAGE], found[PAGE:]
    activity = _activity(shown)
    rows = [
        Row(order, *activity.get(order.pk, (0, order.placed_at)), needs_attention=order.needs_attention)
        for order in shown
    ]
    return Page(rows, Place(shown[-1].placed_at, shown[-1].pk) if more else None)


def _activity(orders: Sequence[Order]) -> dict[int, tuple[int, datetime]]:
    found = (
        TimelineEntry.objects.filter(order__in=orders)
        .values("order_id")
        .annotate(mails=Count("pk", filter=Q(kind=Kind.MAIL)), last=Max("occurred_at"))
        .order_by()
    )
    return {row["order_id"]: (row["mails"], row["last"]) for row in found}
