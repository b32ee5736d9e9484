"""A call with an Idempotency-Key is carried out once, and answered alike however often it comes."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from orders import interactions, repeats, tasks
from orders.models import AnsweredCall, Kind, Order, Status, TimelineEntry
from tests import factories
from tests.orders import told
from tests.orders.api.conftest import PLACE, Api, make_order
from tests.orders.concurrency import at_once

NAME = {"Idempotency-Key": "wish-1"}
SAID = {"source": "ERP", "message": "exported"}


def make(store: Any, status: Status = Status.HANDLING) -> Order:
    return factories.make_order_at(status, store=store)


def exact(answer: Any) -> tuple[int, bytes, str | None]:
    return answer.status_code, answer.content, answer.headers.get("Content-Type")


def interact(api: Api, order: Order, body: Any = SAID, **headers: str) -> Any:
    return api.act(order, "interactions", body, **{**NAME, **headers})


def kept(order: Order) -> int:
    return TimelineEntry.objects.filter(order=order, kind=Kind.INTERACTION).count()


@pytest.mark.parametrize(
    ("act", "body", "code"),
    [
        ("interactions", SAID, 201),
        ("changes", {"discountValue": 7}, 200),
        ("start-handling", None, 204),
        ("changes", {"discountValue": 99_999}, 400),
        ("payments/1/payment-denied", None, 409),
        ("interactions", {}, 400),
    ],
)
def test_the_same_call_again_gets_the_same_answer_and_does_nothing(api, store, act, body, code):
    order = make(store)
    first = api.act(order, act, body, **NAME)
    before = (told.count(order), TimelineEntry.objects.count(), Order.objects.get().value)
    again = api.act(order, act, body, **NAME)
    assert (first.status_code, exact(again)) == (code, exact(first))
    assert (told.count(order), TimelineEntry.objects.count(), Order.objects.get().value) == before
    assert ["Idempotency-Replayed" in answer.headers for answer in (first, again)] == [False, True]


def test_orders_placed_again_are_answered_as_they_were(api):
    first = api.place(make_order(), **NAME)
    Order.objects.update(status=Status.CANCELED)
    again = api.place(make_order(), **NAME)
    assert (first.status_code, exact(again), Order.objects.count()) == (200, exact(first), 1)


@pytest.mark.parametrize("change", ["body", "path", "method"])
def test_another_call_of_that_name_is_422_and_does_nothing(api, store, change):
    order, other = make(store), make(store)
    assert interact(api, order).status_code == 201
    refused = {
        "body": lambda: interact(api, order, {**SAID, "message": "something else"}),
        "path": lambda: interact(api, other),
        "method": lambda: api.act(order, "interactions", SAID, method="PUT", **NAME),
    }[change]()
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "another_call")
    assert [problem["path"] for problem in refused.json()["problems"]] == ["Idempotency-Key"]
    assert (kept(order), kept(other)) == (1, 0)


def test_another_name_is_another_call(api, store):
    order = make(store)
    for name in ("wish-1", "wish-2", "Wish-1"):
        interact(api, order, **{"Idempotency-Key": name})
    assert kept(order) == 3


def test_names_belong_to_a_key(api, store):
    other_store = factories.make_store()
    orders = [make(store), make(other_store)]
    answers = [interact(one, order) for one, order in zip((api, Api(other_store)), orders, strict=True)]
    assert ([answer.status_code for answer in answers], [kept(order) for order in orders]) == ([201, 201], [1, 1])


def test_without_a_name_nothing_is_kept(api, store):
    api.act(make(store), "interactions", SAID)
    api.send("GET", "/api/oms/pvt/orders", **NAME)
    assert AnsweredCall.objects.count() == 0


@pytest.mark.parametrize("name", ["x" * 256, "a\tb", "é\x85"])
def test_a_name_that_is_none_is_400(api, store, name):
    order = make(store)
    answer = interact(api, order, **{"Idempotency-Key": name})
    assert (answer.status_code, kept(order)) == (400, 0)


def test_who_is_not_let_in_leaves_no_answer(api, store):
    order = make(store)
    wrong = {"X-VTEX-API-AppToken": "wrong"}
    assert [interact(api, order, **wrong).status_code for _ in range(2)] == [401, 401]
    assert (AnsweredCall.objects.count(), interact(api, order).status_code) == (0, 201)


def test_a_call_too_many_is_no_answer_to_it(api, store, settings):
    settings.API_CALLS_PER_MINUTE = 1
    order = make(store)
    api.read("1")
    assert interact(api, order).status_code == 429
    settings.API_CALLS_PER_MINUTE = 0
    assert (interact(api, order).status_code, kept(order)) == (201, 1)


def test_a_call_that_fails_leaves_nothing_and_may_come_again(api, store, monkeypatch):
    order = make(store)
    with monkeypatch.context() as broken:
        tell = interactions.tell

        def fail(*arguments: Any, **named: Any) -> None:
            tell(*arguments, **named)
            raise RuntimeError("the disk is full")

        broken.setattr(interactions, "tell", fail)
        assert interact(api, order).status_code == 500
    assert (kept(order), AnsweredCall.objects.count()) == (0, 0)
    assert (interact(api, order).status_code, kept(order)) == (201, 1)


def test_what_is_kept_shows_nobody(api):
    api.place(make_order(), **NAME)
    [row] = AnsweredCall.objects.values("name_digest", "call_digest", "content_type")
    assert b"wish" not in bytes(row["name_digest"])
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM orders_answeredcall")
        sealed = bytes(cursor.fetchone()[0])
    assert b"Silva" not in sealed


@pytest.mark.django_db(transaction=True)
def test_a_twin_that_comes_while_the_first_is_at_work_is_409():
    store = factories.make_store("acme")
    order, api = factories.make_order(store), Api(store)
    started, go_on = threading.Event(), threading.Event()
    real = interactions.tell

    def slow(*arguments: Any, **named: Any) -> Any:
        started.set()
        assert go_on.wait(20)
        return real(*arguments, **named)

    def second() -> Any:
        assert started.wait(20)
        try:
            return interact(api, order)
        finally:
            go_on.set()

    interactions.tell = slow
    try:
        first, twin = at_once(lambda: interact(api, order), second)
    finally:
        interactions.tell = real
    assert (first.status_code, twin.status_code, twin["Retry-After"]) == (201, 409, "1")
    assert (kept(order), interact(api, order).status_code) == (1, 201)


@pytest.mark.django_db(transaction=True)
def test_four_twins_at_once_are_carried_out_once():
    store = factories.make_store("acme")
    order, api = factories.make_order_at(Status.HANDLING, store=store), Api(store)
    codes = [answer.status_code for answer in at_once(*[lambda: interact(api, order)] * 4)]
    assert (set(codes) <= {201, 409}, 201 in codes, kept(order)) == (True, True, 1)


@pytest.mark.django_db(transaction=True)
def test_what_a_call_did_and_its_answer_are_one_transaction():
    store = factories.make_store("acme")
    order, api = factories.make_order(store), Api(store)
    with transaction.atomic():
        assert interact(api, order).status_code == 201
        transaction.set_rollback(True)  # as when it is killed before the commit
    assert (kept(order), AnsweredCall.objects.count()) == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_subscribers_are_woken_once_after_the_commit(monkeypatch):
    store = factories.make_store("acme")
    order, api = factories.make_order(store), Api(store)
    woken: list[int] = []
    monkeypatch.setattr(tasks.dispatch_events, "apply_async", lambda **_: woken.append(AnsweredCall.objects.count()))
    for _ in range(2):
        assert api.act(order, "cancel", {"reason": "x"}, **NAME).status_code == 200
    assert woken == [1]


def test_a_refusal_that_the_customer_is_told_of_is_told_once(api, store):
    order = make(store)
    api.act(order, "invoice", {"invoiceNumber": "F", "invoiceValue": 1, "issuanceDate": "2026-01-01"})
    codes = [api.act(order, "cancel", {"reason": "x"}, **NAME).status_code for _ in range(2)]
    assert (codes, [kind for kind, _ in told.events(order)].count("order.cancel_refused")) == ([400, 400], 1)


def test_old_answers_are_forgotten(api, store, settings):
    order = make(store)
    for name in ("old", "new"):
        interact(api, order, **{"Idempotency-Key": name})
    AnsweredCall.objects.filter(pk=AnsweredCall.objects.earliest("pk").pk).update(
        created_at=timezone.now() - timedelta(hours=settings.API_REPEAT_HOURS, seconds=1)
    )
    tasks.forget_answered_calls()
    assert AnsweredCall.objects.count() == 1
    assert repeats.forget(before=timezone.now() + timedelta(hours=1), batch=1) == 1


@pytest.mark.parametrize(("body", "code"), [("--x", 400), ('--x\r\nContent-Disposition: form-data; name="a"', 400)])
def test_a_form_to_a_call_that_takes_none_is_refused_and_so_again(api, body, code):
    headers = {**api.headers, **NAME}
    answers = [
        Client().post(PLACE, body, content_type="multipart/form-data; boundary=x", headers=headers) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [code, code]
    assert [answer.headers.get("Idempotency-Replayed") for answer in answers] == [None, "true"]


def test_a_form_that_cannot_be_read_is_refused(api):
    answer = Client().post(PLACE, b"x", content_type="multipart/form-data", headers={**api.headers, **NAME})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid")
