"""An order is placed once and whole, or not at all."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DataError, IntegrityError, transaction

from orders import placing
from orders.models import Alias, AliasEvent, Customer, Kind, MaskType, Order, PartyKind, Status, Store, TimelineEntry
from tests import factories
from tests.orders.concurrency import at_once

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def rows() -> dict[str, int]:
    return {model.__name__: model._default_manager.count() for model in (Customer, Order, Alias, TimelineEntry)}


NOTHING = {"Customer": 0, "Order": 0, "Alias": 0, "TimelineEntry": 0}
ONE = {"Customer": 1, "Order": 1, "Alias": 2, "TimelineEntry": 3}


def place(store: Store, *, now: datetime = NOW, **draft: Any) -> placing.Placed:
    return placing.place(store, factories.make_draft(**draft), now=now, actor="Shop API")


def test_a_placed_order_is_kept_with_its_two_aliases(store):
    placed = place(store, email="john@example.com", marketplace_number="shop-7", value=12_990)
    order = Order.objects.get()
    assert (order.marketplace_number, order.status, order.value, order.currency, order.item_count, order.placed_at) == (
        "shop-7",
        Status.ORDER_CREATED,
        12_990,
        "BRL",
        2,
        NOW,
    )
    assert {alias.party: alias.real.text() for alias in order.aliases.all()} == {
        PartyKind.CUSTOMER: "john@example.com",
        PartyKind.STORE: "help@acme.example",
    }
    assert (placed.is_new, placed.order, rows()) == (True, order, ONE)
    assert (placed.customer_alias.party, placed.store_alias.party) == (PartyKind.CUSTOMER, PartyKind.STORE)


def test_the_timeline_begins_with_the_order_then_its_aliases(store):
    place(store)
    entries = TimelineEntry.objects.order_by("id").values_list("kind", "new_status", "alias_event", "actor")
    assert list(entries) == [
        (Kind.STATUS, Status.ORDER_CREATED, "", "Shop API"),
        (Kind.ALIAS, "", AliasEvent.ISSUED, ""),
        (Kind.ALIAS, "", AliasEvent.ISSUED, ""),
    ]


def test_what_was_posted_is_kept_whole(store):
    document = {"items": [{"id": "1", "quantity": 2}], "openTextField": "Olá \N{WAVING HAND SIGN}", "extra": None}
    place(store, document=document)
    assert Order.objects.get().document.json() == document


def test_an_order_number_is_thirteen_digits_and_the_package():
    numbers = {placing.new_number() for _ in range(1_000)}
    assert len(numbers) == 1_000
    assert all(re.fullmatch(r"1[0-9]{12}-01", number) for number in numbers)


def test_the_same_marketplace_order_again_is_the_first_one(store):
    first = place(store, marketplace_number="shop-7", email="john@example.com")
    again = place(store, marketplace_number="shop-7", email="mary@example.com", now=NOW + timedelta(days=1))
    assert (again.is_new, again.order, again.customer_alias, again.store_alias) == (
        False,
        first.order,
        first.customer_alias,
        first.store_alias,
    )
    assert rows() == ONE


def test_another_store_may_use_the_same_marketplace_number(store):
    first = place(store, marketplace_number="shop-7")
    second = place(factories.make_store(), marketplace_number="shop-7")
    assert (second.is_new, first.order != second.order, Order.objects.count()) == (True, True, 2)


def test_a_customers_second_order_belongs_to_the_same_customer(store):
    first = place(store, email="john@example.com")
    second = place(store, email="JOHN@example.com")
    assert (first.order.customer_id, Customer.objects.count()) == (second.order.customer_id, 1)


def test_a_customer_of_two_stores_is_two_customers(store):
    first = place(store, email="john@example.com")
    second = place(factories.make_store(), email="john@example.com")
    assert first.order.customer.profile_id != second.order.customer.profile_id


def test_a_store_that_orders_from_itself_has_one_alias_also_when_placed_again(store):
    first = place(store, email="help@acme.example", marketplace_number="shop-7")
    again = place(store, email="help@acme.example", marketplace_number="shop-7")
    assert {one.pk for one in (first.customer_alias, first.store_alias, again.customer_alias, again.store_alias)} == {
        first.customer_alias.pk
    }


def test_a_new_mask_type_counts_from_the_next_order_on(store):
    before = place(store)
    Store.objects.update(mask_type=MaskType.SOFT)
    after = place(Store.objects.get())
    assert [one.mask_type for one in (before.customer_alias, before.store_alias)] == [MaskType.HARD] * 2
    assert [one.mask_type for one in (after.customer_alias, after.store_alias)] == [MaskType.SOFT] * 2


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        ({"value": -1}, IntegrityError),
        ({"currency": "REAIS"}, DataError),
        ({"item_count": 10**10}, DataError),
        ({"marketplace_number": "x" * 129}, DataError),
    ],
)
def test_an_order_the_database_refuses_leaves_nothing(store, broken, error):
    draft = replace(factories.make_draft(), **broken)
    with pytest.raises(error), transaction.atomic():
        placing.place(store, draft, now=NOW, actor="tests")
    assert rows() == NOTHING


def test_an_order_whose_aliases_cannot_be_issued_leaves_nothing(store):
    store.mask_type = "none"
    with pytest.raises(ValueError, match="none"), transaction.atomic():
        place(store)
    assert rows() == NOTHING


class TestAtOnce:
    """Several calls, each with a connection of its own."""

    pytestmark = pytest.mark.django_db(transaction=True)

    def test_the_same_marketplace_order_at_once_is_placed_once(self):
        store = factories.make_store()
        placed = at_once(*[lambda: place(store, marketplace_number="shop-7", email="john@example.com")] * 6)
        assert len({one.order.pk for one in placed}) == 1
        assert (sorted(one.is_new for one in placed), rows()) == ([False] * 5 + [True], ONE)

    def test_who_comes_second_waits_and_gets_the_first_ones_order(self):
        store = factories.make_store()
        written, second_runs = threading.Event(), threading.Event()

        def first() -> placing.Placed:
            with transaction.atomic():
                placed = place(store, marketplace_number="shop-7", email="john@example.com")
                written.set()
                second_runs.wait(10)
            return placed

        def second() -> placing.Placed:
            written.wait(10)
            threading.Timer(0.3, second_runs.set).start()
            return place(store, marketplace_number="shop-7", email="mary@example.com")

        one, other = at_once(first, second)
        assert (one.order, one.is_new, other.order, other.is_new) == (one.order, True, one.order, False)
        assert rows() == ONE

    def test_who_comes_second_places_it_when_the_first_one_fails(self):
        store = factories.make_store()
        written, second_runs = threading.Event(), threading.Event()

        def first() -> bool:
            with transaction.atomic():
                place(store, marketplace_number="shop-7")
                written.set()
                second_runs.wait(10)
                transaction.set_rollback(True)
            return False

        def second() -> bool:
            written.wait(10)
            threading.Timer(0.3, second_runs.set).start()
            return place(store, marketplace_number="shop-7").is_new

        assert at_once(first, second) == [False, True]
        assert rows() == ONE

    def test_one_customers_orders_at_once_share_the_customer(self):
        store = factories.make_store()
        at_once(*[lambda: place(store, email="john@example.com", name="John")] * 6)
        assert rows() == {"Customer": 1, "Order": 6, "Alias": 12, "TimelineEntry": 18}
