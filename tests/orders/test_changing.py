"""What was ordered changes until the order ends; what is removed is worth what it costs in the order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orders import changing, events, invoicing
from orders.models import EventKind, Kind, Order, OrderEvent, Status
from tests import factories
from tests.factories import make_invoice_draft
from tests.orders import told
from tests.orders.concurrency import at_once

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def change(order: Order, **wanted: Any) -> None:
    changing.change(order, changing.Change(**{"reason": "sold out", **wanted}), actor="Shop", now=NOW)


def items(order: Order) -> list[tuple[str, int]]:
    return [(item["id"], item["quantity"]) for item in Order.objects.get(pk=order.pk).document.json()["items"]]


@pytest.fixture
def order(store) -> Order:
    return factories.make_order_at(Status.HANDLING, store=store, email="maria@people.example")


def test_items_are_removed_and_added_and_the_value_follows(order):
    before = told.count(order)
    change(
        order,
        removed=[{"id": "lamp", "quantity": 1, "price": 5_000}, {"id": "bulb", "quantity": 3, "price": 1_000}],
        added=[{"id": "shade", "quantity": 2, "price": 700}],
    )
    changed = Order.objects.get()
    assert (changed.value, changed.item_count, items(order)) == (6_400, 3, [("lamp", 1), ("shade", 2)])
    [(kind, _)] = told.events(order, since=before)
    [entry] = told.entries(order, Kind.CHANGE)
    assert (kind, entry.text, entry.actor) == ("order.changed", "sold out", "Shop")
    assert (entry.data["before"], entry.data["after"]) == (13_000, 6_400)
    assert changed.document.json().keys() == order.document.json().keys()


@pytest.mark.parametrize("posted", [0, 1, 99_999, 10**15])
def test_what_is_removed_is_worth_what_it_costs_in_the_order_whatever_was_posted(order, posted):
    change(order, removed=[{"id": "lamp", "quantity": 1, "price": posted}])
    assert Order.objects.get().value == 8_000


def test_a_discount_and_an_increment(order):
    change(order, discount=2_000, increment=500)
    assert (Order.objects.get().value, items(order)) == (11_500, [("lamp", 2), ("bulb", 3)])


def test_an_article_in_two_positions_is_removed_from_both(store):
    positions = [{"id": "lamp", "quantity": 2, "price": 100}, {"id": "lamp", "quantity": 2, "price": 90}]
    order = factories.make_order(store, value=380, document={"items": positions})
    change(order, removed=[{"id": "lamp", "quantity": 3, "price": 0}])
    assert (Order.objects.get().value, items(order)) == (90, [("lamp", 1)])


@pytest.mark.parametrize(
    "wanted",
    [
        {"removed": [{"id": "lamp", "quantity": 3, "price": 1}]},
        {"removed": [{"id": "door", "quantity": 1, "price": 1}]},
        {"removed": [{"id": "lamp", "quantity": 1}] * 3},
        {"removed": [{"id": "lamp", "quantity": 2}, {"id": "bulb", "quantity": 3}]},
        {"discount": 13_001},
        {},
        {"discount": 5, "increment": 5},
        {"removed": [{"id": "lamp", "quantity": 1}], "added": [{"id": "lamp", "quantity": 1, "price": 5_000}]},
        {"added": [{"id": "z", "quantity": 1_000_000, "price": 10**15}]},
        {"added": [{"id": "z", "quantity": 1_000_000, "price": 0}] * 2_148},
        {"increment": 10**15},
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(order, wanted):
    before = told.count(order)
    with pytest.raises(changing.NotSo):
        change(order, **wanted)
    assert (Order.objects.get().value, items(order)) == (13_000, [("lamp", 2), ("bulb", 3)])
    assert (told.count(order), told.entries(order, Kind.CHANGE)) == (before, [])


@pytest.mark.parametrize("status", [Status.INVOICED, Status.CANCEL, Status.CANCELED])
def test_an_order_that_ended_does_not_change(store, status):
    order = factories.make_order_at(status, store=store)
    before = told.count(order)
    with pytest.raises(changing.TooLate, match=status):
        change(order, discount=1)
    assert (Order.objects.get().value, told.count(order)) == (13_000, before)


def test_an_order_is_never_worth_less_than_was_invoiced_of_it(order):
    invoicing.invoice(order, make_invoice_draft(value=10_000), actor="ERP", now=NOW)
    with pytest.raises(changing.NotSo, match="10000 of it was invoiced"):
        change(order, discount=3_001)
    assert Order.objects.get().value == 13_000


def test_an_order_whose_invoices_add_up_to_its_new_value_is_invoiced(order):
    invoicing.invoice(order, make_invoice_draft(value=10_000), actor="ERP", now=NOW)
    change(order, removed=[{"id": "bulb", "quantity": 3}])
    assert (Order.objects.get().status, Order.objects.get().invoiced_at) == (Status.INVOICED, NOW)


def test_a_change_of_the_same_name_is_made_once(order):
    for _ in range(2):
        change(Order.objects.get(), discount=1_000, request_id="wish 7 of maria@people.example")
    change(Order.objects.get(), discount=1_000, request_id="wish 8")
    assert (Order.objects.get().value, len(told.entries(order, Kind.CHANGE))) == (11_000, 2)
    assert "people" not in str(told.events(order))


def test_a_change_of_the_same_name_is_made_once_also_when_its_event_is_forgotten(order):
    change(order, discount=1_000, request_id="wish 7")
    OrderEvent.objects.update(dispatched_at=NOW)
    events.forget(before=NOW + timedelta(seconds=1))
    change(Order.objects.get(), discount=1_000, request_id="wish 7")
    assert (Order.objects.get().value, told.events(order)) == (12_000, [])


def test_a_change_without_a_name_is_another_one_each_time(order):
    for _ in range(2):
        change(Order.objects.get(), discount=1_000)
    assert (Order.objects.get().value, len(set(told.events(order)))) == (11_000, told.count(order))


@pytest.mark.django_db(transaction=True)
def test_changes_that_come_at_once_all_count():
    order = factories.make_order_at(Status.HANDLING)
    held = [Order.objects.select_related("store").get(pk=order.pk) for _ in range(2)]
    at_once(
        lambda: change(held[0], removed=[{"id": "lamp", "quantity": 1}]),
        lambda: change(held[1], removed=[{"id": "bulb", "quantity": 1}]),
    )
    assert (Order.objects.get().value, items(order)) == (7_000, [("lamp", 1), ("bulb", 2)])


def test_no_address_is_told_of(order):
    shade = {"id": "shade", "quantity": 1, "price": 1, "name": "engraved maria@people.example"}
    change(order, reason="maria@people.example asked for it", added=[shade])
    [entry] = told.entries(order, Kind.CHANGE)
    assert "people.example" not in f"{entry.text} {entry.data} {told.details(order, EventKind.CHANGED)}"


def test_an_order_takes_the_place_of_another_once(store):
    old, new = factories.make_order(store), factories.make_order(store)
    for _ in range(2):
        changing.replace(old, Order.objects.get(pk=new.pk), actor="Shop", now=NOW)
    said = {"event": "order.replaced", "order": old.number, "by": new.number}
    assert Order.objects.get(pk=new.pk).replaces == old
    assert [[entry.data for entry in told.entries(order, Kind.CHANGE)] for order in (old, new)] == [[said], [said]]
    assert told.events(new, since=1) == [("order.replaced", f"replaces:{old.number}")]
    assert told.count(old) == 1


def test_an_order_takes_the_place_of_none_of_another_store_nor_its_own(store):
    order = factories.make_order(store)
    for other in (order, factories.make_order()):
        with pytest.raises(changing.NotSo):
            changing.replace(order, other, actor="Shop", now=NOW)
    assert not Order.objects.filter(replaces__isnull=False).exists()
