"""An order is invoiced once its invoices add up to it, and goods come back up to what was invoiced."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orders import flow, invoicing, shipping
from orders.models import Invoice, InvoiceKind, Kind, Order, Status
from tests import factories
from tests.factories import make_invoice_draft
from tests.orders import told
from tests.orders.concurrency import at_once

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def write(order: Order, number: str = "F-1", value: int = 13_000, **fields: object) -> tuple[Invoice, bool]:
    return invoicing.invoice(order, make_invoice_draft(number, value, **fields), actor="ERP", now=NOW)


def take_back(order: Order, number: str, value: int) -> tuple[Invoice, bool]:
    return write(order, number, value, kind=InvoiceKind.INPUT)


@pytest.fixture
def order(store) -> Order:
    return factories.make_order_at(Status.HANDLING, store=store)


def test_an_invoice_of_all_of_it_invoices_the_order(order):
    before = told.count(order)
    made, is_new = write(order)
    assert (is_new, made.value, order.status, order.invoiced_at) == (True, 13_000, Status.INVOICED, NOW)
    assert told.statuses(order)[-2:] == ["invoice", "invoiced"]
    assert told.events(order, since=before) == [
        ("order.status", "status:invoice"),
        ("order.invoiced", "invoice:F-1"),
        ("order.status", "status:invoiced"),
    ]
    [entry] = told.entries(order, Kind.INVOICE)
    assert (entry.data, entry.actor) == ({"number": "F-1", "value": 13_000, "type": "Output"}, "ERP")


def test_partial_invoices_invoice_the_order_with_the_last(order):
    statuses = []
    for number, value in (("F-1", 5_000), ("F-2", 7_999), ("F-3", 1)):
        write(order, number, value)
        statuses.append(Order.objects.get().status)
    assert statuses == [Status.INVOICE, Status.INVOICE, Status.INVOICED]
    assert told.statuses(order)[-3:] == ["handling", "invoice", "invoiced"]
    assert invoicing.total(order, InvoiceKind.OUTPUT) == 13_000


def test_an_invoice_posted_again_is_the_first_one(order):
    first, _ = write(order)
    before = told.count(order)
    again, is_new = write(Order.objects.get())
    assert (again.pk, again.receipt, is_new, told.count(order)) == (first.pk, first.receipt, False, before)
    assert len(told.entries(order, Kind.INVOICE)) == 1


def test_an_invoice_posted_again_brings_what_is_new_of_the_parcel(order):
    write(order)
    parcel = shipping.Parcel(courier="Fast", number="T-1", url="https://fast.example/T-1")
    again, is_new = write(order, parcel=parcel)
    write(order, parcel=parcel)
    assert (is_new, Invoice.objects.get().tracking_number.text(), again.number) == (False, "T-1", "F-1")
    assert [kind for kind, _ in told.events(order)].count("order.shipped") == 1


@pytest.mark.parametrize("change", [{"value": 12_999}, {"kind": InvoiceKind.INPUT}])
def test_a_number_that_is_taken_is_refused(order, change):
    write(order)
    before = told.count(order)
    with pytest.raises(invoicing.AlreadyInvoiced, match="F-1"):
        write(order, **change)
    assert (Invoice.objects.count(), told.count(order)) == (1, before)


@pytest.mark.django_db(transaction=True)
def test_one_invoice_posted_four_times_at_once_is_one():
    order = factories.make_order_at(Status.HANDLING)
    made = at_once(*[lambda: write(Order.objects.get(pk=order.pk))] * 4)
    assert (len({invoice.pk for invoice, _ in made}), sum(is_new for _, is_new in made)) == (1, 1)
    assert told.statuses(order)[-2:] == ["invoice", "invoiced"]


@pytest.mark.django_db(transaction=True)
def test_invoices_that_come_at_once_never_exceed_the_order():
    order = factories.make_order_at(Status.HANDLING)

    def attempt(number: str) -> bool:
        try:
            write(Order.objects.get(pk=order.pk), number, 5_000)
        except invoicing.TooMuch:
            return False
        return True

    assert sorted(at_once(*[lambda n=n: attempt(f"F-{n}") for n in range(4)])) == [False, False, True, True]
    assert invoicing.total(order, InvoiceKind.OUTPUT) == 10_000


@pytest.mark.parametrize("values", [[13_001], [5_000, 8_001]])
def test_more_than_the_order_is_worth_is_refused(order, values):
    *fitting, last = values
    for number, value in enumerate(fitting):
        write(order, f"F-{number}", value)
    before, status = told.count(order), order.status
    with pytest.raises(invoicing.TooMuch, match="worth 13000"):
        write(order, "F-9", last)
    assert (Invoice.objects.count(), told.count(order), Order.objects.get().status) == (len(fitting), before, status)


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.HANDLING, Status.INVOICE}))
def test_an_order_that_is_not_in_handling_is_not_invoiced(store, status):
    order = factories.make_order_at(status, store=store)
    before = told.count(order)
    with pytest.raises((flow.IllegalTransition, invoicing.TooMuch)):
        write(order)
    assert (Invoice.objects.count(), told.count(order), Order.objects.get().status) == (0, before, status)


def test_an_order_worth_nothing_is_invoiced_with_nothing(store):
    order = factories.make_order_at(Status.HANDLING, store=store, value=0)
    write(order, value=0)
    assert order.status == Status.INVOICED


def test_goods_come_back_and_the_order_stays_invoiced(order):
    write(order)
    before = told.count(order)
    take_back(order, "R-1", 5_000)
    take_back(order, "R-2", 8_000)
    assert told.events(order, since=before) == [("order.refunded", "invoice:R-1"), ("order.refunded", "invoice:R-2")]
    assert (Order.objects.get().status, invoicing.total(order, InvoiceKind.INPUT)) == (Status.INVOICED, 13_000)


def test_a_return_posted_again_is_the_first_one(order):
    write(order)
    first, _ = take_back(order, "R-1", 5_000)
    before = told.count(order)
    again, is_new = take_back(order, "R-1", 5_000)
    assert (again.pk, is_new, told.count(order)) == (first.pk, False, before)


def test_no_more_comes_back_than_was_invoiced(order):
    write(order, value=5_000)
    take_back(order, "R-1", 4_000)
    with pytest.raises(invoicing.TooMuch, match="5000 was invoiced"):
        take_back(order, "R-2", 1_001)
    assert invoicing.total(order, InvoiceKind.INPUT) == 4_000


def test_nothing_comes_back_of_what_was_never_invoiced(order):
    with pytest.raises(invoicing.NothingInvoiced):
        take_back(order, "R-1", 0)
    assert Invoice.objects.count() == 0


def test_a_parcel_known_with_the_invoice_is_told_of(order):
    parcel = shipping.Parcel("Fast", "T-1", "https://fast.example/T-1", NOW)
    made, _ = write(order, parcel=parcel)
    assert (made.courier.text(), made.dispatched_at) == ("Fast", NOW)
    assert told.events(order)[-1] == ("order.shipped", "shipped:F-1")
