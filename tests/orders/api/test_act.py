"""An order goes on by calls: each in its shape, each refusal with its reason, each told once."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.utils import timezone

from orders import tasks
from orders.models import EventKind, Invoice, Kind, Order, OrderEvent, Status, TimelineEntry, TrackingEvent
from tests import factories
from tests.orders import told
from tests.orders.api.conftest import READ, Api

INVOICE: dict[str, Any] = {
    "type": "Output",
    "issuanceDate": "2026-02-01T10:00:00",
    "invoiceNumber": "F-1",
    "invoiceValue": 13_000,
    "invoiceKey": "K",
    "invoiceUrl": "https://erp.example/F-1",
    "courier": "Fast",
    "trackingNumber": "T-1",
    "trackingUrl": "https://fast.example/T-1",
    "items": [{"id": "lamp", "price": 5_000, "quantity": 2}, {"id": "bulb", "price": 1_000, "quantity": 3}],
}
TRACKING = {
    "isDelivered": False,
    "events": [{"city": "Recife", "state": "PE", "description": "Left the depot", "date": "2026-02-02"}],
}
EVERY_ACT: list[tuple[str, str, Any]] = [
    ("POST", "start-handling", None),
    ("POST", "cancel", {"reason": "x"}),
    ("POST", "invoice", INVOICE),
    ("PATCH", "invoice/F-1", {"courier": "Slow"}),
    ("PUT", "invoice/F-1/tracking", TRACKING),
    ("POST", "payments/P-1/payment-notification", None),
    ("POST", "payments/P-1/payment-denied", {"reason": "x"}),
    ("POST", "payments/P-1/payment-changed", {"paymentSystemName": "Card"}),
    ("POST", "changes", {"discountValue": 1}),
    ("POST", "interactions", {"source": "ERP", "message": "exported"}),
]


def error(answer: Any) -> tuple[int, str, str]:
    return answer.status_code, answer.json()["error"]["code"], answer.json()["error"]["message"]


def make(store: Any, status: Status = Status.HANDLING) -> Order:
    return factories.make_order_at(status, store=store, email="maria@people.example")


def is_receipt(answer: Any, order: Order) -> bool:
    found = answer.json()
    assert sorted(found) == ["date", "orderId", "receipt"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d.*[+]00:00", found["date"])
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", found["receipt"])
    return bool(found["orderId"] == order.number and answer.status_code == 200)


def test_the_usual_path_of_an_order_by_calls_alone(api, store):
    store.cancellation_window = 0
    store.save()
    order = factories.make_order(store, value=13_000, document={"items": factories.ITEMS})
    answers = [
        api.act(order, "payments/P-1/payment-notification"),
        api.act(order, "start-handling"),
        api.act(order, "invoice", INVOICE),
        api.act(order, "invoice/F-1/tracking", {**TRACKING, "isDelivered": True}, method="PUT"),
        api.act(order, "invoice", {**INVOICE, "type": "Input", "invoiceNumber": "R-1", "invoiceValue": 5_000}),
    ]
    assert [answer.status_code for answer in answers] == [204, 204, 200, 200, 200]
    assert told.statuses(order) == [
        "order-created", "waiting-for-authorization", "payment-pending", "payment-approved", "window-to-cancel",
        "ready-for-handling", "start-handling", "handling", "invoice", "invoiced",
    ]  # fmt: skip
    assert [kind for kind, _ in told.events(order) if kind != "order.status"] == [
        "order.invoiced", "order.shipped", "order.tracking", "order.delivered", "order.refunded",
    ]  # fmt: skip
    actors = {entry.actor for entry in told.entries(order, Kind.STATUS)[1:]}
    assert actors == {"Acme ERP"}


@pytest.mark.parametrize(("method", "act", "body"), EVERY_ACT)
def test_a_foreign_order_is_the_same_as_one_that_does_not_exist(api, method, act, body):
    foreign = make(factories.make_store(), Status.ORDER_CREATED)
    before = told.count(foreign)
    answers = [
        api.act(foreign, act, body, method=method),
        api.send(method, f"{READ}1999999999999-01/{act}", body),
        api.send(method, f"{READ}%00/{act}", body),
    ]
    assert [error(answer) for answer in answers] == [(404, "not_found", "There is no such order in this store.")] * 3
    assert (Order.objects.get().status, told.count(foreign), Invoice.objects.count()) == ("order-created", before, 0)


@pytest.mark.parametrize(("method", "act", "body"), EVERY_ACT)
def test_every_act_needs_a_key(client, store, method, act, body):
    order = make(store, Status.ORDER_CREATED)
    answer = client.generic(method, f"{READ}{order.number}/{act}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")


def test_an_order_is_cancelled_once_and_its_receipt_stays(api, store):
    order = make(store)
    first, again = (api.act(order, "cancel", {"reason": "sold out"}) for _ in range(2))
    assert is_receipt(first, order)
    assert first.json() == again.json()
    assert (Order.objects.get().status, told.statuses(order).count("canceled")) == (Status.CANCELED, 1)


@pytest.mark.parametrize("body", [None, {}, {"reason": None}, {"headers": {}, "metric": "oms-cancelOrder"}])
def test_an_order_is_cancelled_without_a_reason_too(api, store, body):
    order = make(store)
    assert is_receipt(api.act(order, "cancel", body), order)
    assert Order.objects.get().status == Status.CANCELED


def test_an_order_that_is_partly_invoiced_is_not_cancelled(api, store):
    order = make(store)
    api.act(order, "invoice", {**INVOICE, "invoiceValue": 1})
    refusal = "An order that is invoiced, even in part, cannot be cancelled. Nothing was changed."
    assert error(api.act(order, "cancel", {"reason": "late"})) == (400, "too_late", refusal)
    assert Order.objects.get().status == Status.INVOICE


@pytest.mark.parametrize(
    ("status", "act", "body"),
    [
        (Status.ORDER_CREATED, "start-handling", None),
        (Status.WINDOW_TO_CANCEL, "start-handling", None),
        (Status.CANCELED, "start-handling", None),
        (Status.READY_FOR_HANDLING, "invoice", INVOICE),
        (Status.CANCELED, "payments/1/payment-notification", None),
        (Status.HANDLING, "payments/1/payment-denied", None),
    ],
)
def test_an_illegal_transition_is_409_with_the_reason(api, store, status, act, body):
    order = make(store, status)
    before = told.count(order)
    code, name, message = error(api.act(order, act, body))
    assert (code, name) == (409, "illegal_transition")
    assert message.startswith(f"An order that is {status} cannot become ")
    assert (Order.objects.get().status, told.count(order), Invoice.objects.count()) == (status, before, 0)


def test_handling_started_twice_is_started_once(api, store):
    order = make(store, Status.READY_FOR_HANDLING)
    assert [api.act(order, "start-handling").status_code for _ in range(2)] == [204, 204]
    assert told.statuses(order).count("start-handling") == 1


def test_a_denied_payment_cancels_the_order_and_says_why(api, store):
    order = make(store, Status.PAYMENT_PENDING)
    answers = [api.act(order, "payments/P-1/payment-denied", {"reason": "no funds"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [204, 204]
    assert told.entries(order, Kind.STATUS)[-1].text == "no funds"
    assert told.statuses(order)[-3:] == ["payment-denied", "cancel", "canceled"]


def test_a_payment_changed_is_on_the_timeline(api, store):
    order = make(store, Status.PAYMENT_PENDING)
    body = {"paymentSystemName": "Card", "installments": 3, "cardNumber": "4111111111111111"}
    assert api.act(order, "payments/P-1/payment-changed", body).status_code == 204
    [entry] = told.entries(order, Kind.PAYMENT)
    assert entry.data == {"id": "P-1", "paymentSystem": "", "paymentSystemName": "Card", "installments": 3}


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


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"type": "Other"}, "type"),
        ({"type": None}, "type"),
        ({"invoiceNumber": ""}, "invoiceNumber"),
        ({"invoiceNumber": "maria@people.example"}, "invoiceNumber"),
        ({"invoiceNumber": "n" * 129}, "invoiceNumber"),
        ({"invoiceNumber": "\0"}, "invoiceNumber"),
        ({"invoiceValue": -1}, "invoiceValue"),
        ({"invoiceValue": "13000"}, "invoiceValue"),
        ({"invoiceValue": 10**16}, "invoiceValue"),
        ({"issuanceDate": "soon"}, "issuanceDate"),
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
    assert (Invoice.objects.count(), Order.objects.get().status) == (0, Status.HANDLING)


@pytest.mark.parametrize("act", ["invoice", "changes", "interactions"])
@pytest.mark.parametrize("body", ["", "[]", "7", "null", "{", '"text"', "\xff"])
def test_a_body_that_is_none_is_400(api, store, act, body):
    order = make(store)
    answer = api._client.generic(
        "POST", f"{READ}{order.number}/{act}", body.encode("latin-1"), content_type="application/json",
        headers=api.headers,
    )  # fmt: skip
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid")


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
    begun = timezone.now()
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


def test_an_order_is_changed_once_for_one_request(api, store):
    order = make(store)
    body = {
        "reason": "sold out",
        "requestId": "wish-1",
        "itemsRemoved": [{"id": "bulb", "quantity": 3, "price": 7}],
        "itemsAdded": [{"id": "shade", "quantity": 1, "price": 700}],
        "discountValue": 100,
        "incrementValue": 50,
    }
    first, again = (api.act(order, "changes", body) for _ in range(2))
    assert is_receipt(first, order)
    assert first.json() == again.json()
    assert Order.objects.get().value == 10_650


def test_a_change_that_cannot_be_is_refused(api, store):
    order, ended = make(store), make(store, Status.CANCELED)
    assert error(api.act(order, "changes", {"discountValue": 13_001}))[:2] == (400, "invalid")
    assert error(api.act(ended, "changes", {"discountValue": 1}))[:2] == (409, "too_late")
    assert set(Order.objects.values_list("value", flat=True)) == {13_000}


@pytest.mark.parametrize(
    ("act", "body", "path"),
    [("changes", {}, ""), ("invoice", {**INVOICE, "invoiceValue": 13_001}, "invoiceValue"), ("cancel", {}, "")],
)  # fmt: skip
def test_each_400_names_its_problems_and_ends_in_one_full_stop(api, store, act, body, path):
    order = make(store)
    if act == "cancel":
        api.act(order, "invoice", {**INVOICE, "invoiceValue": 1})
    answer = api.act(order, act, body)
    [problem] = answer.json()["problems"]
    message = answer.json()["error"]["message"]
    assert (answer.status_code, problem["path"]) == (400, path)
    assert message.lower() == f"{problem['message']}. nothing was changed.".lower()


def test_an_interaction_is_kept_on_the_timeline_and_masked(api, store):
    order = make(store)
    body = {"source": "ERP of maria@people.example", "message": "Exported for MARIA@people.example"}
    answers = [api.act(order, "interactions", body) for _ in range(2)]
    assert [(answer.status_code, answer.content) for answer in answers] == [(201, b"")] * 2
    alias = order.aliases.get(party="customer").address.text()
    assert [(e.text, e.data, e.actor) for e in told.entries(order, Kind.INTERACTION)] == [
        (f"Exported for {alias}", {"source": f"ERP of {alias}"}, "Acme ERP")
    ] * 2


@pytest.mark.parametrize("body", [{}, {"source": "ERP"}, {"source": "", "message": "x"}, {"source": 1, "message": "x"}])
def test_an_interaction_says_who_and_what(api, store, body):
    answer = api.act(make(store), "interactions", body)
    assert (answer.status_code, TimelineEntry.objects.filter(kind=Kind.INTERACTION).count()) == (400, 0)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("status", "act", "code"),
    [
        (Status.READY_FOR_HANDLING, "start-handling", 204),
        (Status.READY_FOR_HANDLING, "cancel", 200),
        (Status.CANCELED, "start-handling", 409),
    ],
)
def test_subscribers_are_woken_after_the_commit(monkeypatch, status, act, code):
    woken: list[int] = []
    store = factories.make_store("acme")
    order = factories.make_order_at(status, store=store)
    monkeypatch.setattr(tasks.dispatch_events, "apply_async", lambda **_: woken.append(told.count(order)))
    assert Api(store).act(order, act).status_code == code
    assert woken == ([] if code == 409 else [told.count(order)])


@pytest.mark.django_db(transaction=True)
def test_subscribers_are_woken_for_a_refusal_that_the_customer_is_told_of(monkeypatch):
    store = factories.make_store("acme")
    order = factories.make_order_at(Status.HANDLING, store=store)
    api = Api(store)
    api.act(order, "invoice", {**INVOICE, "invoiceValue": 1})
    woken: list[bool] = []
    monkeypatch.setattr(tasks.dispatch_events, "apply_async", lambda **_: woken.append(True))
    assert (api.act(order, "cancel").status_code, woken) == (400, [True])


def test_an_order_is_replaced_once_by_another_of_the_store(api, store):
    old, new, foreign = make(store), make(store), make(factories.make_store())
    numbers = (new.number, new.number, foreign.number, old.number)
    answers = [api.act(old, "replacement", {"orderId": number}).status_code for number in numbers]
    assert answers == [204, 204, 404, 400]
    assert OrderEvent.objects.filter(kind=EventKind.REPLACED).count() == 1


DENY = "/api/orders/pvt/document/{}/deny-cancellation-request"


def test_a_customer_s_wish_past_the_window_is_asked_for_refused_and_agreed_to(api, store):
    order = make(store)
    wish = {"reason": "too late", "requestedByUser": True}
    asked, again = (api.act(order, "cancel", wish) for _ in range(2))
    named = asked.json()["receipt"]
    assert (asked.status_code, asked.json(), re.fullmatch("[0-9a-f]{32}", named) is not None) == (
        200,
        again.json(),
        True,
    )
    refused = api.send(
        "POST", DENY.format(order.number), {"cancellationRequestId": named, "denyReason": "made to order"}
    )
    found = api.read(order.number).json()
    [request] = found["cancellationRequests"]
    assert (refused.status_code, found["status"], found["cancellationData"]) == (200, "handling", None)
    assert (request["id"], request["reason"], request["requestedByUser"], request["deniedBySeller"]) == (
        named, "too late", True, True,
    )  # fmt: skip
    assert (request["deniedBySellerReason"], request["cancellationRequestDenyDate"] is not None) == (
        "made to order",
        True,
    )
    api.act(order, "cancel", wish)
    assert api.act(order, "cancel", {"reason": "agreed"}).status_code == 200
    found = api.read(order.number).json()
    assert (found["status"], found["cancellationData"]["RequestedByUser"]) == ("canceled", True)
    assert [one["deniedBySeller"] for one in found["cancellationRequests"]] == [True, False]


def test_what_nobody_asked_for_cannot_be_refused(api, store):
    order = make(store)
    body = {"cancellationRequestId": "0" * 32, "denyReason": "no"}
    never = api.send("POST", DENY.format(order.number), body)
    api.act(order, "cancel", {"requestedByUser": True})
    other = api.send("POST", DENY.format(order.number), body)
    assert (never.status_code, other.status_code, other.json()["problems"][0]["path"]) == (
        409,
        400,
        "cancellationRequestId",
    )
    assert Order.objects.get().status == "cancellation-requested"


def problems(answer: Any) -> list[str]:
    return [problem["path"] for problem in answer.json()["problems"]]


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


def test_what_systems_leave_empty_is_taken_as_nothing(api, store):
    order = make(store)
    empty = {"invoiceKey": None, "invoiceUrl": None, "courier": None, "trackingNumber": None, "trackingUrl": None}
    body = {**INVOICE, **empty, "invoiceValue": 12_990, "dispatchDate": "", "items": None}
    assert api.act(order, "invoice", body).status_code == 200
    assert api.act(order, "invoice/F-1", {"courier": "C", "dispatchedDate": ""}, method="PATCH").status_code == 200
    nothing = {"isDelivered": None, "deliveredDate": "", "events": None}
    assert api.act(order, "invoice/F-1/tracking", nothing, method="PUT").status_code == 200
    [package] = api.read(order.number).json()["packageAttachment"]["packages"]
    assert (package["invoiceValue"], package["invoiceKey"], package["invoiceUrl"], package["courier"]) == (
        12_990, None, None, "C",
    )  # fmt: skip
