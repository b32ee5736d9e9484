"""Parcels are followed: handed over, on the way, delivered; each said once, and masked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orders import invoicing, shipping
from orders.models import Invoice, InvoiceKind, Kind, MaskType, Order, Status, TrackingEvent
from tests import factories
from tests.factories import make_invoice_draft
from tests.orders import told
from tests.orders.concurrency import at_once

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
PARCEL = shipping.Parcel("Fast", "T-1", "https://fast.example/T-1")
SEEN = shipping.Sighting(NOW, "Left the depot", "Recife", "PE")


def invoiced(order: Order, *, parcel: shipping.Parcel | None = None) -> Invoice:
    made, _ = invoicing.invoice(
        order, make_invoice_draft(parcel=parcel or shipping.Parcel()), actor="ERP", now=NOW
    )  # fmt: skip
    return made


def track(invoice: Invoice, *seen: shipping.Sighting, delivered_at: datetime | None = None) -> int:
    order = Order.objects.select_related("store").get(pk=invoice.order_id)
    fresh = Invoice.objects.get(pk=invoice.pk)
    return shipping.track(order, fresh, seen, delivered_at=delivered_at, actor="Fast", now=NOW + HOUR)


def hand_over(invoice: Invoice, **parcel: Any) -> bool:
    order = Order.objects.select_related("store").get(pk=invoice.order_id)
    return shipping.hand_over(order, invoice, shipping.Parcel(**parcel), actor="ERP", now=NOW + HOUR)


@pytest.fixture
def order(store) -> Order:
    return factories.make_order_at(Status.HANDLING, store=store, email="maria@people.example")


@pytest.fixture
def invoice(order) -> Invoice:
    return invoiced(order)


def test_a_parcel_is_told_of_once_its_number_and_address_are_known(order, invoice):
    before = told.count(order)
    assert hand_over(invoice, courier="Fast")
    assert hand_over(invoice, number="T-1")
    assert told.events(order, since=before) == []
    assert hand_over(invoice, url="https://fast.example/T-1")
    assert told.events(order, since=before) == [("order.shipped", "shipped:F-1")]
    assert told.entries(order, Kind.TRACKING)[0].data == {
        "event": "order.shipped", "invoice": "F-1", "courier": "Fast", "tracking_number": "T-1",
        "url": "https://fast.example/T-1", "dispatched_at": None,
    }  # fmt: skip
    assert Order.objects.get().changed_at == NOW + HOUR


def test_a_parcel_handed_over_twice_is_told_of_once(order, invoice):
    known = {"courier": "Fast", "number": "T-1", "url": "https://fast.example/T-1", "dispatched_at": NOW}
    assert [hand_over(invoice, **known), hand_over(invoice, **known), hand_over(invoice)] == [True, False, False]
    assert len(told.entries(order, Kind.TRACKING)) == 1


@pytest.mark.django_db(transaction=True)
def test_a_parcel_handed_over_four_times_at_once_is_told_of_once():
    order = factories.make_order_at(Status.HANDLING)
    invoice = invoiced(order)
    calls = [lambda: hand_over(Invoice.objects.get(pk=invoice.pk), number="T-1", url="https://fast.example/1")] * 4
    assert sorted(at_once(*calls)) == [False, False, False, True]
    assert len(told.entries(order, Kind.TRACKING)) == 1


def shipped(order: Order) -> list[str]:
    return [occasion for kind, occasion in told.events(order) if kind == "order.shipped"]


def test_a_corrected_number_is_an_occasion_of_its_own(order, invoice):
    hand_over(invoice, number="T-1", url="https://fast.example/T-1")
    hand_over(invoice, number="T-2")
    assert [entry.data["tracking_number"] for entry in told.entries(order, Kind.TRACKING)] == ["T-1", "T-2"]
    first, second = shipped(order)
    assert (first, second.startswith("shipped:F-1:")) == ("shipped:F-1", True)


def test_all_else_that_is_corrected_of_a_parcel_is_the_same_occasion(order, invoice):
    hand_over(invoice, number="T-1", url="https://fast.example/T-1")
    hand_over(invoice, courier="Slow", dispatched_at=NOW)
    assert shipped(order) == ["shipped:F-1", "shipped:F-1"]


def test_what_is_left_out_stays(invoice):
    hand_over(invoice, courier="Fast", number="T-1", url="https://fast.example/T-1", dispatched_at=NOW)
    hand_over(invoice, courier="Slow")
    kept = Invoice.objects.get()
    assert (kept.courier.text(), kept.tracking_number.text(), kept.dispatched_at) == ("Slow", "T-1", NOW)


def test_each_sighting_is_told_once_in_the_order_it_happened(order, invoice):
    later = shipping.Sighting(NOW + HOUR, "Out for delivery", "Olinda", "PE")
    assert [track(invoice, later, SEEN), track(invoice, SEEN, later, SEEN), track(invoice)] == [2, 0, 0]
    said = [entry.data for entry in told.entries(order, Kind.TRACKING)]
    assert [(one["event"], one["description"], one["city"]) for one in said] == [
        ("order.tracking", "Left the depot", "Recife"),
        ("order.tracking", "Out for delivery", "Olinda"),
    ]
    assert [kind for kind, _ in told.events(order)].count("order.tracking") == 2
    assert Order.objects.get().status == Status.INVOICED


def test_the_same_moment_in_another_zone_is_the_same_sighting(invoice):
    from datetime import timezone

    elsewhere = shipping.Sighting(NOW.astimezone(timezone(-3 * HOUR)), "Left the depot", "Recife", "PE")
    assert [track(invoice, SEEN), track(invoice, elsewhere)] == [1, 0]


@pytest.mark.django_db(transaction=True)
def test_a_sighting_told_four_times_at_once_is_one():
    invoice = invoiced(factories.make_order_at(Status.HANDLING))
    assert sorted(at_once(*[lambda: track(invoice, SEEN)] * 4)) == [0, 0, 0, 1]
    assert TrackingEvent.objects.count() == 1


def test_a_parcel_is_delivered_once_and_the_status_stays(order, invoice):
    before = told.count(order)
    counts = [track(invoice, delivered_at=NOW), track(invoice, delivered_at=NOW + HOUR), track(invoice, SEEN)]
    assert (counts, Invoice.objects.get().delivered_at) == ([1, 0, 1], NOW)
    assert [kind for kind, _ in told.events(order, since=before)] == ["order.delivered", "order.tracking"]
    assert Order.objects.get().status == Status.INVOICED


@pytest.mark.parametrize("mask_type", MaskType)
def test_what_a_carrier_says_is_masked_wherever_it_stands(db, mask_type):
    store = factories.make_store("acme", mask_type=mask_type)
    order = factories.make_order_at(Status.HANDLING, store=store, email="maria@people.example")
    url = "https://fast.example/T-1?to=maria%40people.example"
    invoice = invoiced(order, parcel=shipping.Parcel("maria@people.example", "T-1", url))
    track(
        invoice, shipping.Sighting(NOW, "Left at maria@people.example", "MARIA@people.example", "maria@people.example")
    )
    alias = order.aliases.get(party="customer").address.text()
    kept = TrackingEvent.objects.get()
    assert (kept.description, kept.city, kept.state) == (f"Left at {alias}", alias, alias)
    seen = str([entry.data for entry in told.entries(order, Kind.TRACKING)]) + str(
        told.details(order, "order.tracking") + told.details(order, "order.shipped")
    )
    assert "people.example" not in seen.replace(alias, "").lower()


def test_a_masked_text_that_is_too_long_is_never_cut_inside_an_alias(db):
    store = factories.make_store("acme", mask_type=MaskType.SOFT)
    order = factories.make_order_at(Status.HANDLING, store=store, email="maria@people.example")
    alias = order.aliases.get(party="customer").address.text()
    for length in range(940, 1_000):
        track_text = "x" * (length - 1) + " maria@people.example and on"
        track(Invoice.objects.first() or invoiced(order), shipping.Sighting(NOW, track_text))
    kept = list(TrackingEvent.objects.values_list("description", flat=True))
    assert len(kept) == 60
    assert [text for text in kept if "people" in text.replace(alias, "")] == []


def test_only_an_invoice_of_the_order_is_found(order, invoice):
    other = factories.make_order_at(Status.HANDLING)
    invoicing.invoice(order, make_invoice_draft("R-1", 1, kind=InvoiceKind.INPUT), actor="ERP", now=NOW)
    assert shipping.find(order, "F-1") == invoice
    for place, number in ((order, "F-2"), (order, "R-1"), (other, "F-1")):
        with pytest.raises(shipping.NoSuchInvoice, match=number):
            shipping.find(place, number)
