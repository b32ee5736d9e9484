"""What staff see and do on the order page when a customer asks to cancel."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from orders import cancelling
from orders.models import Alert, Kind, Order, Role, Status, Store
from tests import factories
from tests.orders import told
from tests.orders.concurrency import at_once

HEADING = "The customer asks to cancel this order"


def asked_of(store: Store, status: Status = Status.HANDLING) -> Order:
    order = factories.make_order_at(status, store=store, email="maria@people.example")
    cancelling.cancel(order, reason="ordered twice", actor="Shop", now=timezone.now(), is_customers_wish=True)
    return order


def page(client: Client, order: Order) -> str:
    return client.get(f"/orders/{order.store.account}/{order.number}/").content.decode()


def post(client: Client, order: Order, *, answer: str, reason: str = "", request: int = 0) -> Any:
    found = cancelling.request_of(order)
    assert found is not None
    url = f"/orders/{order.store.account}/{order.number}/requests/{request or found.pk}/answer/"
    return client.post(url, {"answer": answer, "reason": reason}, follow=True)


def state(order: Order) -> str:
    return Order.objects.get(pk=order.pk).status


def test_a_request_is_shown_with_its_reason_until_it_is_answered(as_support, store):
    order = asked_of(store)
    shown = page(as_support, order)
    assert (shown.count(HEADING), shown.count('value="accept"'), shown.count('value="refuse"')) == (1, 1, 1)
    assert "ordered twice</blockquote>" in shown
    assert "No mail tells the customer" in shown
    post(as_support, order, answer="refuse", reason="sent already")
    assert HEADING not in page(as_support, order)


def test_a_request_needs_attention_until_it_is_answered(as_support, store):
    order = asked_of(store)
    asked_of(factories.make_store())
    factories.make_order(store)
    factories.make_alert(factories.make_mail(None, order.aliases.get(party="customer")))
    assert "2 matters need attention" in page(as_support, order)
    found = as_support.get("/orders/", {"attention": "1"})
    assert [row.order.number for row in found.context["page"].rows] == [order.number]
    assert (found.context["in_need"], found.context["page"].rows[0].needs_attention) == (1, True)
    Alert.objects.update(settled_at=timezone.now())
    assert "1 matter needs attention" in page(as_support, order)
    assert as_support.get("/orders/").context["in_need"] == 1
    post(as_support, order, answer="refuse", reason="sent already")
    assert "needs attention" not in page(as_support, order)
    assert as_support.get("/orders/").context["in_need"] == 0


@pytest.mark.parametrize("status", [Status.READY_FOR_HANDLING, Status.HANDLING])
def test_a_refused_request_lets_the_order_go_on_and_the_history_says_who_and_why(as_support, support, store, status):
    order = asked_of(store, status)
    response = post(as_support, order, answer="refuse", reason="made for maria@people.example")
    last = told.entries(order, Kind.STATUS)[-1]
    assert (state(order), last.actor) == (status, str(support))
    assert last.text.startswith("made for ")
    assert "people.example" not in last.text
    assert "The request is refused" in response.content.decode()


def test_an_accepted_request_cancels_the_order(as_support, support, store):
    order = asked_of(store)
    before = told.count(order)
    response = post(as_support, order, answer="accept", reason="agreed")
    assert [(one.new_status, one.actor, one.text) for one in told.entries(order, Kind.STATUS)[-2:]] == [
        ("cancel", str(support), "agreed"), ("canceled", str(support), "agreed"),
    ]  # fmt: skip
    assert told.events(order, since=before) == [("order.status", "status:cancel"), ("order.status", "status:canceled")]
    assert "The order is cancelled." in response.content.decode()


@pytest.mark.parametrize(
    ("answer", "reason"), [("accept", ""), ("refuse", " \r\n\0"), ("refuse", "x" * 2_001), ("other", "agreed")]
)
def test_without_a_reason_or_a_choice_nothing_changes(as_support, store, answer, reason):
    order = asked_of(store)
    response = post(as_support, order, answer=answer, reason=reason)
    assert state(order) == Status.CANCELLATION_REQUESTED
    assert "Nothing was changed: say why, in at most 2000 characters." in response.content.decode()


@pytest.mark.parametrize("answer", ["accept", "refuse"])
def test_who_answers_what_somebody_else_has_answered_is_told_so(as_support, store, answer):
    order = asked_of(store)
    cancelling.deny(order, reason="too late", actor="Sam", now=timezone.now())
    before = told.count(order)
    response = post(as_support, order, answer=answer, reason="mine")
    assert (state(order), told.count(order)) == (Status.HANDLING, before)
    assert "Nothing was changed: the request was answered before." in response.content.decode()


def test_a_form_for_an_earlier_request_does_not_answer_a_later_one(as_support, store):
    order = asked_of(store)
    first = cancelling.request_of(order)
    assert first is not None
    cancelling.deny(order, reason="no", actor="Sam", now=timezone.now())
    cancelling.cancel(order, reason="please", actor="Shop", now=timezone.now(), is_customers_wish=True)
    post(as_support, order, answer="accept", reason="agreed", request=first.pk)
    assert state(order) == Status.CANCELLATION_REQUESTED


@pytest.mark.django_db(transaction=True)
def test_answered_both_ways_at_once_one_answer_counts():
    order = asked_of(factories.make_store())
    request = cancelling.request_of(order)
    assert request is not None

    def attempt(answer: Any) -> bool:
        try:
            answer(Order.objects.get(pk=order.pk), request=request.pk, reason="r", actor="Sam", now=timezone.now())
        except cancelling.NotAsked:
            return False
        return True

    done = at_once(lambda: attempt(cancelling.accept), lambda: attempt(cancelling.deny))
    assert sorted(done) == [False, True]
    assert state(order) == (Status.CANCELED if done[0] else Status.HANDLING)


def test_who_may_only_read_sees_the_request_and_cannot_answer_it(client, store, outsider):
    order = asked_of(store)
    client.force_login(factories.make_user(store=store, role=Role.VIEWER))
    shown = page(client, order)
    assert HEADING in shown
    assert 'value="accept"' not in shown
    assert post(client, order, answer="accept", reason="agreed").status_code == 403
    client.force_login(outsider)
    assert post(client, order, answer="accept", reason="agreed").status_code == 404
    assert state(order) == Status.CANCELLATION_REQUESTED
