"""An order is cancelled until something of it is invoiced; a refusal is told to the customer."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orders import cancelling, flow, invoicing, shipping
from orders.models import Invoice, Kind, Order, Status
from tests import factories
from tests.factories import make_invoice_draft
from tests.orders import told
from tests.orders.concurrency import at_once

NOW = datetime(2026, 3, 1, tzinfo=UTC)
OPEN = sorted(set(Status) - {Status.INVOICE, Status.INVOICED, Status.CANCEL, Status.CANCELED})


def cancel(order: Order, *, reason: str = "changed her mind") -> None:
    cancelling.cancel(order, reason=reason, actor="Shop", now=NOW)


def invoiced(order: Order, value: int, parcel: shipping.Parcel | None = None) -> None:
    draft = make_invoice_draft(value=value, parcel=parcel or shipping.Parcel())
    invoicing.invoice(order, draft, actor="ERP", now=NOW)


@pytest.mark.parametrize("status", OPEN)
def test_an_order_that_is_not_invoiced_is_cancelled_with_who_and_why(store, status):
    order = factories.make_order_at(status, store=store)
    before = told.count(order)
    cancel(order)
    assert (Order.objects.get().status, order.canceled_at) == (Status.CANCELED, NOW)
    assert [(e.new_status, e.actor, e.text) for e in told.entries(order, Kind.STATUS)[-2:]] == [
        ("cancel", "Shop", "changed her mind"),
        ("canceled", "Shop", "changed her mind"),
    ]
    assert told.events(order, since=before) == [("order.status", "status:cancel"), ("order.status", "status:canceled")]


def test_an_order_cancelled_twice_is_cancelled_once(store):
    order = factories.make_order(store)
    cancel(order)
    before = told.count(order)
    cancel(Order.objects.get())
    assert (told.count(order), told.statuses(order).count("canceled")) == (before, 1)


@pytest.mark.django_db(transaction=True)
def test_an_order_cancelled_four_times_at_once_is_cancelled_once():
    order = factories.make_order()
    at_once(*[lambda: cancel(Order.objects.get(pk=order.pk))] * 4)
    assert told.statuses(order)[-2:] == ["cancel", "canceled"]
    assert told.count(order) == 3


@pytest.mark.parametrize("value", [1, 12_999, 13_000])
def test_an_order_that_is_invoiced_even_partly_is_not_cancelled(store, value):
    order = factories.make_order_at(Status.HANDLING, store=store)
    invoiced(order, value)
    status, before = order.status, told.count(order)
    with pytest.raises(cancelling.TooLate, match="even in part"):
        cancel(order)
    assert (Order.objects.get().status, Order.objects.get().canceled_at) == (status, None)
    assert told.events(order, since=before) == [("order.cancel_refused", "cancel-refused:invoiced")]
    [entry] = told.entries(order, Kind.CHANGE)
    assert (entry.data, entry.text, entry.actor) == (
        {"event": "order.cancel_refused", "shipped": False, "invoice": "F-1"}, "changed her mind", "Shop",
    )  # fmt: skip


def test_a_refusal_says_whether_the_parcel_is_on_its_way(store):
    order = factories.make_order_at(Status.HANDLING, store=store)
    invoiced(order, 13_000, shipping.Parcel("Fast", "T-1", "https://fast.example/T-1"))
    with pytest.raises(cancelling.TooLate):
        cancel(order)
    assert [said["shipped"] for said in told.details(order, "order.cancel_refused")] == [True]


def test_a_refusal_does_not_say_of_a_parcel_that_arrived_that_it_is_on_its_way(store):
    order = factories.make_order_at(Status.HANDLING, store=store)
    invoiced(order, 13_000, shipping.Parcel("Fast", "T-1", "https://fast.example/T-1"))
    shipping.track(order, Invoice.objects.get(), [], delivered_at=NOW, actor="Fast", now=NOW)
    with pytest.raises(cancelling.TooLate):
        cancel(order)
    assert [said["shipped"] for said in told.details(order, "order.cancel_refused")] == [False]


def test_refused_twice_it_is_one_occasion(store):
    order = factories.make_order_at(Status.HANDLING, store=store)
    invoiced(order, 1)
    for _ in range(2):
        with pytest.raises(cancelling.TooLate):
            cancel(order)
    told_of = {occasion for kind, occasion in told.events(order) if kind == "order.cancel_refused"}
    assert told_of == {"cancel-refused:invoiced"}


@pytest.mark.parametrize("status", [Status.INVOICE, Status.INVOICED])
def test_an_order_said_to_be_invoiced_without_an_invoice_is_not_cancelled(store, status):
    order = factories.make_order_at(status, store=store)
    before = told.count(order)
    with pytest.raises(flow.IllegalTransition):
        cancel(order)
    assert (Order.objects.get().status, told.count(order)) == (status, before)


@pytest.mark.django_db(transaction=True)
def test_cancelled_and_invoiced_at_once_only_one_of_them_counts():
    order = factories.make_order_at(Status.HANDLING)

    def attempt(call: object) -> bool:
        try:
            call()  # type: ignore[operator]  # one of the two below
        except (cancelling.TooLate, flow.IllegalTransition):
            return False
        return True

    done = at_once(
        lambda: attempt(lambda: cancel(Order.objects.get(pk=order.pk))),
        lambda: attempt(lambda: invoiced(Order.objects.get(pk=order.pk), 13_000)),
    )
    assert sorted(done) == [False, True]
    assert (Order.objects.get().status == Status.CANCELED) is done[0]


def test_no_address_is_told_of_in_the_reason(store):
    order = factories.make_order(store, email="maria@people.example")
    cancel(order, reason="maria%40people.example asked for it")
    said = [entry.text for entry in told.entries(order, Kind.STATUS)] + told.details(order, "order.status")
    assert "people.example" not in str(said)


def test_no_address_is_told_of_in_the_reason_of_a_refused_wish(store):
    order = factories.make_order_at(Status.HANDLING, store=store, email="maria@people.example")
    invoiced(order, 1)
    with pytest.raises(cancelling.TooLate):
        cancel(order, reason="maria@people.example asked for it")
    said = [told.entries(order, Kind.CHANGE)[0].text, told.details(order, "order.cancel_refused")]
    assert "people.example" not in str(said)


def wish(order: Order, *, reason: str = "ordered twice") -> None:
    cancelling.cancel(order, reason=reason, actor="Shop", now=NOW, is_customers_wish=True)


def state(order: Order) -> str:
    return Order.objects.get(pk=order.pk).status


@pytest.mark.parametrize("status", [Status.ORDER_CREATED, Status.PAYMENT_PENDING, Status.WINDOW_TO_CANCEL])
def test_within_the_window_a_customer_s_wish_cancels_at_once(store, status):
    order = factories.make_order_at(status, store=store)
    wish(order)
    assert (state(order), told.entries(order, Kind.STATUS)[-1].data) == ("canceled", {flow.BY_CUSTOMER: True})


@pytest.mark.parametrize("status", cancelling.ASKED_FOR)
def test_past_the_window_a_customer_can_only_ask_and_the_store_cancels(store, status):
    order = factories.make_order_at(status, store=store)
    before = told.count(order)
    wish(order)
    wish(order)  # asked again, nothing changes
    assert (state(order), told.events(order, since=before)) == (
        "cancellation-requested", [("order.status", "status:cancellation-requested")],
    )  # fmt: skip
    cancel(order, reason="agreed")
    assert told.statuses(order)[-3:] == ["cancellation-requested", "cancel", "canceled"]


@pytest.mark.parametrize(
    ("status", "back"), [(Status.READY_FOR_HANDLING, "ready-for-handling"), (Status.HANDLING, "handling")]
)
def test_refused_the_order_goes_on_from_where_it_stood(store, status, back):
    order = factories.make_order_at(status, store=store)
    wish(order)
    cancelling.deny(order, reason="it is made to measure", actor="Store", now=NOW)
    last = told.entries(order, Kind.STATUS)[-1]
    assert (state(order), last.text, last.actor) == (back, "it is made to measure", "Store")
    with pytest.raises(cancelling.NotAsked):
        cancelling.deny(order, reason="again", actor="Store", now=NOW)


def test_an_order_that_was_asked_to_be_cancelled_is_not_invoiced_before_the_store_decides(store):
    order = factories.make_order_at(Status.HANDLING, store=store)
    wish(order)
    with pytest.raises(flow.IllegalTransition):
        invoiced(order, 13_000)
    cancelling.deny(order, reason="", actor="Store", now=NOW)
    invoiced(order, 13_000)
    assert state(order) == "invoiced"
