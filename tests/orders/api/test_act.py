"""An order goes on by calls: each in its shape, each refusal with its reason, each told once."""

from __future__ import annotations

import re

import pytest

from orders import tasks
from orders.models import EventKind, Invoice, Kind, Order, OrderEvent, Status, TimelineEntry
from tests import factories
from tests.orders import told
from tests.orders.api.acts import EVERY_ACT, INVOICE, TRACKING, error, is_receipt, make
from tests.orders.api.conftest import READ, Api


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
    refusal = "An order that is invoiced, even in part, cannot be cancelled. The refusal is on the order’s timeline."
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


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, [("Pix", 12_990)]),
        ({"transactions": [{"payments": [{"id": "A", "paymentSystemName": "Card"}]}]}, [("Pix", 12_990)]),
        (
            {"payments": [{"id": "A", "paymentSystemName": "Card", "value": 1}, {"id": "P-1", "value": 2}]},
            [("Card", 1), ("Pix", 2)],
        ),
    ],
)
def test_the_order_is_paid_in_the_new_way_from_then_on(api, store, before, after):
    order = factories.make_order(store, document={"items": [], "paymentData": before})
    assert api.act(order, "payments/P-1/payment-changed", {"paymentSystemName": "Pix"}).status_code == 204
    [transaction] = api.read(order.number).json()["paymentData"]["transactions"]
    assert [(one["paymentSystemName"], one["value"]) for one in transaction["payments"]] == after


@pytest.mark.parametrize("act", ["invoice", "changes", "interactions"])
@pytest.mark.parametrize("body", ["", "[]", "7", "null", "{", '"text"', "\xff"])
def test_a_body_that_is_none_is_400(api, store, act, body):
    order = make(store)
    answer = api._client.generic(
        "POST", f"{READ}{order.number}/{act}", body.encode("latin-1"), content_type="application/json",
        headers=api.headers,
    )  # fmt: skip
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid")


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
    after = "The refusal is on the order’s timeline" if act == "cancel" else "Nothing was changed"
    assert message.lower() == f"{problem['message']}. {after}.".lower()


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


def test_an_order_takes_the_place_of_one_other_and_none_in_a_circle(api, store):
    first, second, third, other = (make(store) for _ in range(4))
    pairs = [(first, second), (second, third), (other, second), (second, first), (third, first), (first, second)]
    answers = [api.act(old, "replacement", {"orderId": new.number}) for old, new in pairs]
    assert [answer.status_code for answer in answers] == [204, 204, 400, 400, 400, 204]
    replaced = dict(Order.objects.exclude(replaces=None).values_list("pk", "replaces"))
    assert replaced == {second.pk: first.pk, third.pk: second.pk}
    assert OrderEvent.objects.filter(kind=EventKind.REPLACED).count() == 2


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
