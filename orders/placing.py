"""Place an order: customer, order, aliases and first timeline entry, in one transaction."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from orders import aliases, customers, events, secrecy, timeline
from orders.models import Alias, EventKind, Order, PartyKind, Status, Store
from orders.secrecy import Secret

DEFAULT_CURRENCY = "BRL"


@dataclass(frozen=True, slots=True)
class Draft:
    """An order as a marketplace or shop posts it, checked. ``value`` in minor units; ``document`` as posted."""

    marketplace_number: str
    person: customers.Person
    value: int
    item_count: int
    document: dict[str, Any]
    currency: str = DEFAULT_CURRENCY
    source: str = "api"


@dataclass(frozen=True, slots=True)
class Placed:
    """The order with the aliases of its customer and its store; ``is_new`` is False when it had been placed before."""

    order: Order
    customer_alias: Alias
    store_alias: Alias
    is_new: bool


def place(store: Store, draft: Draft, *, now: datetime, actor: str) -> Placed:
    """Place an order; the same marketplace order placed again gives the first one, also when both come at once.

    What fails undoes the transaction around it as well: no savepoint is set.
    """
    [placed] = place_all(store, [draft], now=now, actor=actor)
    return placed


def place_all(store: Store, drafts: Sequence[Draft], *, now: datetime, actor: str) -> list[Placed]:
    """Place every order or, when one cannot be placed, none; the answers in the order of the drafts."""
    with transaction.atomic(savepoint=False):
        _take_turns(store, drafts)
        return [
            _placed_before(store, draft.marketplace_number) or _place_new(store, draft, now=now, actor=actor)
            for draft in drafts
        ]


def _take_turns(store: Store, drafts: Sequence[Draft]) -> None:
    """Wait for whoever is placing one of these orders, or orders of these customers, and keep others waiting.

    So nobody has to try, fail and go back. Every call takes its locks in the same order, so none waits in a circle.
    """
    names = {b"number\0" + draft.marketplace_number.encode(errors="surrogatepass") for draft in drafts}
    names |= {b"customer\0" + customers.real_digest(draft.person.address) for draft in drafts}
    digests = (secrecy.digest(b"%d\0%b" % (store.pk, name), purpose="placing") for name in names)
    locks = sorted({int.from_bytes(digest[:8], signed=True) for digest in digests})
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(lock) FROM unnest(%s::bigint[]) AS wanted(lock)", [locks])


def _place_new(store: Store, draft: Draft, *, now: datetime, actor: str) -> Placed:
    customer = customers.remember(store, draft.person, now=now)
    order = Order.objects.create(
        store=store,
        customer=customer,
        number=new_number(),
        marketplace_number=draft.marketplace_number,
        value=draft.value,
        currency=draft.currency,
        item_count=draft.item_count,
        document=Secret.of_json(draft.document),
        placed_at=now,
        status_changed_at=now,
        changed_at=now,
        source=draft.source,
    )
    customer_alias, store_alias = aliases.issue_first(
        order,
        [
            aliases.Party(PartyKind.CUSTOMER, draft.person.address, draft.person.name),
            aliases.Party(PartyKind.STORE, store.sender_address.text(), store.sender_name),
        ],
        now=now,
    )
    entry = timeline.begin(order, {customer_alias.pk, store_alias.pk}, now=now, actor=actor)
    status = f"status:{Status.ORDER_CREATED}"
    events.publish([events.build(order, EventKind.STATUS, occasion=status, entry=entry, now=now)])
    return Placed(order, customer_alias, store_alias, is_new=True)


def new_number() -> str:
    """A new order number: thirteen digits, a hyphen and the package, ``1305371685465-01``."""
    return f"1{secrets.randbelow(10**12):012d}-01"


def _placed_before(store: Store, marketplace_number: str) -> Placed | None:
    order = (
        Order.objects.select_related("store", "customer")
        .filter(store=store, marketplace_number=marketplace_number)
        .first()
    )
    if order is None:
        return None
    customer_alias, store_alias = parties(order.aliases.all())
    return Placed(order, customer_alias, store_alias, is_new=False)


def parties(of_order: Iterable[Alias]) -> tuple[Alias, Alias]:
    """Among all aliases of an order, its customer's and its store's: the first, as senders of mails have theirs too."""
    found = {alias.party: alias for alias in sorted(of_order, key=lambda alias: alias.pk, reverse=True)}
    customer = found[PartyKind.CUSTOMER]
    return customer, found.get(PartyKind.STORE, customer)
