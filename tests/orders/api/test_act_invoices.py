"""Orders are invoiced and their parcels followed by calls."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from orders.models import Invoice, Order, Status, TrackingEvent
from tests import factories
from tests.orders import told
from tests.orders.api.acts import EVERY_ACT, INVOICE, TRACKING, error, is_receipt, make, problems


def test_an_invoice_is_kept_whole_and_its_receipt_stays(api, store):
    order = make(store)
    first, again = (api.act(order, "invoice", INVOICE) for _ in range(2))
    assert is_receipt(first, order)
    assert first.json() == again.json()
    kept = Invoice.objects.get()
    assert (kept.number, kept.value, kept.courier.text()) == ("F-1", 13_000, "Fast")
    assert kept.issued_at.isoformat() == "2026-02-01T13:00:00+00:00", "without an offset it is the store's time"
    document = kept.document.json()
    assert {name: document[name] for name in ("invoiceKey", "items")} == {
        "invoiceKey": "K",
        "items": [{**item, "description": ""} for item in INVOICE["items"]],
    }


@pytest.mark.parametrize(
    ("date", "kept"),
    [
        ("2026-02-01", "2026-02-01T03:00:00+00:00"),
        ("2026-02-01T10:00:00Z", "2026-02-01T10:00:00+00:00"),
        ("2026-02-01T10:00:00.1234567-05:00", "2026-02-01T15:00:00.123456+00:00"),
    ],
)
def test_dates_come_in_every_usual_form(api, store, date, kept):
    order = make(store)
    assert is_receipt(api.act(order, "invoice", {**INVOICE, "issuanceDate": date}), order)
    assert Invoice.objects.get().issued_at.isoformat() == kept


def test_the_least_that_an_invoice_needs_and_nulls(api, store):
    order = make(store)
    nothing = dict.fromkeys(["invoiceKey", "invoiceUrl", "courier", "trackingNumber", "trackingUrl", "dispatchDate"])
    body = {"invoiceNumber": 77, "invoiceValue": 13_000, "issuanceDate": "2026-02-01", **nothing}
    assert is_receipt(api.act(order, "invoice", body), order)
    assert (Invoice.objects.get().number, Order.objects.get().status) == ("77", Status.INVOICED)


def test_an_invoice_is_taken_as_public_descriptions_of_the_call_write_it(api, store):
    order, xml = make(store), "<NFe>" + "<det/>" * 40_000 + "</NFe>"
    body = {
        **INVOICE, "type": "output", "invoiceValue": "13000", "embeddedInvoice": xml, "dispatchedDate": "2026-02-03",
    }  # fmt: skip
    assert is_receipt(api.act(order, "invoice", body), order)
    made = Invoice.objects.get()
    assert (made.kind, made.value, Order.objects.get().status) == ("Output", 13_000, Status.INVOICED)
    assert str(made.dispatched_at) == "2026-02-03 03:00:00+00:00"
    assert api.read(order.number).json()["packageAttachment"]["packages"][0]["embeddedInvoice"] == xml


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"type": "Other"}, "type"),
        ({"type": None}, "type"),
        ({"invoiceNumber": ""}, "invoiceNumber"),
        ({"invoiceNumber": "maria@people.example"}, "invoiceNumber"),
        ({"invoiceNumber": "maria(at)people.example"}, "invoiceNumber"),
        ({"invoiceNumber": "n" * 129}, "invoiceNumber"),
        ({"invoiceNumber": "\0"}, "invoiceNumber"),
        ({"invoiceValue": -1}, "invoiceValue"),
        ({"invoiceValue": "130.00"}, "invoiceValue"),
        ({"invoiceValue": "9" * 20}, "invoiceValue"),
        ({"embeddedInvoice": "x" * 500_001}, "embeddedInvoice"),
        ({"invoiceValue": 10**16}, "invoiceValue"),
        ({"issuanceDate": "soon"}, "issuanceDate"),
        ({"issuanceDate": "20261123"}, "issuanceDate"),
        ({"issuanceDate": 1_764_000_000}, "issuanceDate"),
        ({"dispatchedDate": "2026"}, "dispatchedDate"),
        ({"issuanceDate": "0001-01-01T00:00:00+14:00"}, "issuanceDate"),
        ({"issuanceDate": "9999-12-31T23:59:59-12:00"}, "issuanceDate"),
        ({"items": [{"id": "lamp", "quantity": 0, "price": 1}]}, "items.0.quantity"),
        ({"courier": ["Fast"]}, "courier"),
    ],
)
def test_what_is_wrong_with_an_invoice_is_named_by_its_path(api, store, change, path):
    order = make(store)
    answer = api.act(order, "invoice", {**INVOICE, **change})
    assert (answer.status_code, [found["path"] for found in answer.json()["problems"]]) == (400, [path])
    assert "Value error" not in answer.content.decode()
    assert (Invoice.objects.count(), Order.objects.get().status) == (0, Status.HANDLING)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({}, {"invoiceValue": 12_000}, (409, "already_invoiced")),
        ({"invoiceValue": 12_000}, {"invoiceNumber": "F-2", "invoiceValue": 1_001}, (400, "invalid")),
        ({"invoiceValue": 12_000}, {"invoiceNumber": "R", "type": "Input", "invoiceValue": 12_001}, (400, "invalid")),
    ],
)
def test_an_invoice_that_contradicts_another_is_refused(api, store, first, second, expected):
    order = make(store)
    assert is_receipt(api.act(order, "invoice", {**INVOICE, **first}), order)
    assert error(api.act(order, "invoice", {**INVOICE, **second}))[:2] == expected
    assert Invoice.objects.count() == 1


def test_a_parcel_is_handed_over_and_tracked(api, store):
    order = make(store)
    api.act(order, "invoice", {**INVOICE, "trackingNumber": None, "trackingUrl": None, "courier": None})
    parcel = {
        "courier": "Fast", "trackingNumber": 123, "trackingUrl": "https://fast.example/123",
        "dispatchedDate": "2026-02-01T12:00:00",
    }  # fmt: skip
    for _ in range(2):
        assert is_receipt(api.act(order, "invoice/F-1", parcel, method="PATCH"), order)
        assert is_receipt(api.act(order, "invoice/F-1/tracking", TRACKING, method="PUT"), order)
    assert [kind for kind, _ in told.events(order)][-2:] == ["order.shipped", "order.tracking"]
    kept = Invoice.objects.get()
    assert (kept.tracking_number.text(), kept.dispatched_at and kept.dispatched_at.isoformat()) == (
        "123",
        "2026-02-01T15:00:00+00:00",
    )
    seen = TrackingEvent.objects.get()
    assert (seen.city, seen.happened_at.isoformat()) == ("Recife", "2026-02-02T03:00:00+00:00")


def test_the_number_of_an_invoice_may_hold_slashes(api, store):
    order = make(store)
    assert is_receipt(api.act(order, "invoice", {**INVOICE, "invoiceNumber": "2026/A/1"}), order)
    parcel = {"courier": "Fast", "trackingNumber": "T-2", "trackingUrl": "https://fast.example/T-2"}
    assert is_receipt(api.act(order, "invoice/2026%2FA%2F1", parcel, method="PATCH"), order)
    assert is_receipt(api.act(order, "invoice/2026%2FA%2F1/tracking", TRACKING, method="PUT"), order)
    assert (Invoice.objects.get().tracking_number.text(), TrackingEvent.objects.count()) == ("T-2", 1)


def test_a_parcel_is_delivered_when_it_is_said_or_now(api, store):
    order = make(store)
    api.act(order, "invoice", INVOICE)
    begun = timezone.now() - timedelta(seconds=1)  # the database's clock is another
    api.act(order, "invoice/F-1/tracking", {"isDelivered": True, "events": None}, method="PUT")
    delivered_at = Invoice.objects.get().delivered_at
    assert delivered_at is not None
    assert delivered_at >= begun
    assert Order.objects.get().status == Status.INVOICED


@pytest.mark.parametrize(("method", "act", "body"), [EVERY_ACT[3], EVERY_ACT[4]])
def test_an_invoice_that_does_not_exist_is_404(api, store, method, act, body):
    order = make(store)
    assert error(api.act(order, act, body, method=method)) == (
        404, "not_found", "The order has no invoice F-1. Nothing was changed.",
    )  # fmt: skip


def test_an_invoice_holds_no_more_than_was_ordered(api, store):
    order = make(store)
    lamp, bulb = ({"id": name, "quantity": many, "price": 1} for name, many in (("lamp", 1), ("bulb", 4)))
    body = {**INVOICE, "invoiceValue": 100, "items": [lamp, bulb, {**lamp, "id": "sofa"}]}
    refused = api.act(order, "invoice", body)
    assert (refused.status_code, problems(refused), Invoice.objects.count()) == (
        400, ["items.1.quantity", "items.2.id"], 0,
    )  # fmt: skip
    assert order.status == Order.objects.get().status
    assert api.act(order, "invoice", {**body, "items": [lamp]}).status_code == 200
    twice = api.act(order, "invoice", {**body, "invoiceNumber": "F-2", "items": [lamp, lamp]})
    assert (twice.status_code, problems(twice)) == (400, ["items.1.quantity"])
    assert api.act(order, "invoice", {**body, "invoiceNumber": "F-2", "items": [lamp]}).status_code == 200


def test_an_invoice_over_nothing_is_refused_but_for_an_order_that_costs_nothing(api, store):
    order, gift = make(store), factories.make_order_at(Status.HANDLING, store=store, value=0)
    body = {**INVOICE, "invoiceValue": 0, "items": []}
    for value in (0, -1):
        refused = api.act(order, "invoice", {**body, "invoiceValue": value})
        assert (refused.status_code, problems(refused)) == (400, ["invoiceValue"])
    assert (api.act(gift, "invoice", body).status_code, Order.objects.get(pk=gift.pk).status) == (200, "invoiced")


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "ftp://fast.example/1", "data:text/html,x", "https://", "//x", "x y"]
)
def test_a_parcel_is_followed_at_an_address_of_the_web_alone(api, store, url):
    order = make(store)
    invoiced = api.act(order, "invoice", {**INVOICE, "trackingUrl": url})
    assert (invoiced.status_code, problems(invoiced), Invoice.objects.count()) == (400, ["trackingUrl"], 0)
    api.act(order, "invoice", {**INVOICE, "trackingUrl": ""})
    patched = api.act(order, "invoice/F-1", {"trackingUrl": url}, method="PATCH")
    assert (patched.status_code, problems(patched)) == (400, ["trackingUrl"])


def test_what_was_not_invoiced_is_not_taken_back(api, store):
    order = make(store)
    refused = api.act(order, "invoice", {**INVOICE, "type": "Input"})
    why = "Nothing of the order was invoiced, so there is nothing to take back. Nothing was changed."
    assert error(refused) == (409, "not_invoiced", why)
    assert (Invoice.objects.count(), Order.objects.get().status) == (0, "handling")


def test_an_invoice_posted_again_fills_what_was_empty_and_never_drops_what_it_says(api, store):
    order = make(store)
    key, url, items = INVOICE["invoiceKey"], INVOICE["invoiceUrl"], INVOICE["items"]
    api.act(order, "invoice", {**INVOICE, "invoiceKey": "", "invoiceUrl": None, "items": []})
    too_many = {**INVOICE, "items": [{"id": "lamp", "quantity": 3}]}
    assert problems(api.act(order, "invoice", too_many)) == ["items.0.quantity"]
    assert api.act(order, "invoice", INVOICE).status_code == 200
    for other in ({"invoiceUrl": "https://erp.example/F-2"}, {"invoiceKey": "L"}, {"items": items[:1]}):
        refused = api.act(order, "invoice", {**INVOICE, **other})
        why = f"The order has an invoice F-1 with another {next(iter(other))}. Nothing was changed."
        assert error(refused) == (409, "already_invoiced", why)
    assert api.act(order, "invoice", {**INVOICE, "invoiceUrl": "", "items": []}).status_code == 200
    [package] = api.read(order.number).json()["packageAttachment"]["packages"]
    places = [(one["itemIndex"], one["quantity"]) for one in package["items"]]
    assert (package["invoiceKey"], package["invoiceUrl"], places) == (key, url, [(0, 2), (1, 3)])


def test_what_was_invoiced_is_not_removed_and_no_more_of_it_comes_back(api, store):
    order = make(store)
    lamp, bulb = {"id": "lamp", "quantity": 1}, {"id": "bulb", "quantity": 1}
    api.act(order, "invoice", {**INVOICE, "invoiceValue": 5_000, "items": [lamp]})
    removed = api.act(order, "changes", {"itemsRemoved": [{**lamp, "quantity": 2}]})
    why = "Of the item lamp, 1 were invoiced, and 0 would be left. Nothing was changed."
    assert error(removed) == (409, "already_invoiced", why)
    taken = {**INVOICE, "type": "Input", "invoiceNumber": "R-1", "invoiceValue": 1_000}
    for items in ([bulb], [lamp, lamp]):
        refused = api.act(order, "invoice", {**taken, "items": items})
        why = f"Of the item {items[-1]['id']}, 0 are left of what was invoiced. Nothing was changed."
        assert error(refused) == (409, "not_invoiced", why)
    assert api.act(order, "invoice", {**taken, "items": [lamp]}).status_code == 200
    assert api.act(order, "changes", {"itemsRemoved": [lamp]}).status_code == 200
