"""What happened is told to each subscriber in the order in which it happened."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from orders import clock, events, flow, tasks
from orders.events import Subscriber
from orders.models import OrderEvent, Status
from orders.secrecy import KeyMissing
from tests import factories


@pytest.mark.django_db
def test_events_are_told_without_the_documents_of_their_orders(monkeypatch):
    """Each of two hundred events would have its own copy of what may be megabytes."""
    factories.make_order(factories.make_store())
    told: list[OrderEvent] = []
    monkeypatch.setattr(events, "_subscribers", [Subscriber(told.extend)])
    events.dispatch(now=timezone.now())
    assert [event.order.get_deferred_fields() for event in told] == [{"document"}]


@pytest.mark.django_db
def test_events_that_do_not_go_into_the_memory_are_told_a_few_at_a_time(monkeypatch):
    store = factories.make_store()
    for _ in range(7):
        factories.make_order(store)
    told: list[int] = []

    def take(given: Sequence[OrderEvent]) -> None:
        if len(given) > 3:
            raise MemoryError
        told.extend(event.pk for event in given)

    monkeypatch.setattr(events, "_subscribers", [Subscriber(take)])
    monkeypatch.setattr(tasks, "MOST_TOLD", 8)
    tasks.dispatch_events()
    assert (told, OrderEvent.objects.filter(dispatched_at=None).count()) == (sorted(told), 0)
    assert len(told) >= 7


@pytest.mark.django_db
def test_an_event_that_cannot_be_told_holds_up_no_others_and_is_tried_again(monkeypatch, caplog):
    """Such as one whose details are damaged."""
    store = factories.make_store()
    orders = [factories.make_order(store) for _ in range(7)]
    bad = OrderEvent.objects.filter(order=orders[3], dispatched_at=None).earliest("id")
    told: list[int] = []
    refused, now = [ValueError, MemoryError, KeyMissing], timezone.now()

    def take(given: Sequence[OrderEvent]) -> None:
        OrderEvent.objects.filter(order=orders[0]).update(occasion="half done")
        if any(event.pk == bad.pk for event in given) and refused:
            if len(given) > 1:
                raise refused[0]("of jane@doe.example")
            raise refused.pop(0)("of jane@doe.example")
        told.extend(event.pk for event in given)

    monkeypatch.setattr(events, "_subscribers", [Subscriber(take)])
    for number in range(3):
        monkeypatch.setattr(clock, "now", lambda: now + number * events.PAUSE)  # noqa: B023  called at once
        tasks.dispatch_events()
        tasks.dispatch_events()  # not yet again
        assert (list(OrderEvent.objects.filter(dispatched_at=None)), len(refused)) == ([bad], 2 - number)
    monkeypatch.setattr(clock, "now", lambda: now + 3 * events.PAUSE)
    tasks.dispatch_events()
    assert not OrderEvent.objects.filter(dispatched_at=None).exists()
    assert sorted(told) == sorted({event.pk for event in OrderEvent.objects.filter(order__in=orders)})
    assert told[-1] == bad.pk
    assert "jane" not in caplog.text
    assert caplog.text.count(f"event put off event={bad.pk}") == 3


@pytest.mark.django_db
def test_a_fault_that_passes_puts_no_event_off(monkeypatch):
    factories.make_order(factories.make_store())
    monkeypatch.setattr(events, "_subscribers", [Subscriber(lambda _: (_ for _ in ()).throw(OperationalError))])
    with pytest.raises(OperationalError):
        tasks.dispatch_events()
    assert not OrderEvent.objects.exclude(put_off_until=None).exists()
    assert OrderEvent.objects.filter(dispatched_at=None).exists()


@pytest.mark.django_db(transaction=True)
def test_an_event_is_not_told_while_another_worker_tells_an_earlier_one(monkeypatch):
    order = factories.make_order(factories.make_store(cancellation_window=0))
    told: list[int] = []
    holding, release = threading.Event(), threading.Event()

    def take(given: Sequence[OrderEvent]) -> None:
        told.extend(event.pk for event in given)
        holding.set()
        assert release.wait(20)

    def dispatch() -> None:
        try:
            events.dispatch(now=timezone.now())
        finally:
            connection.close()

    monkeypatch.setattr(events, "_subscribers", [Subscriber(take)])
    first = threading.Thread(target=dispatch)
    first.start()
    assert holding.wait(20)
    flow.advance(order, Status.PAYMENT_APPROVED, actor="shop", now=timezone.now())
    earlier = len(told)
    assert events.dispatch(now=timezone.now()) == 0  # nor is it waited for the other one
    assert len(told) == earlier
    release.set()
    first.join(20)
    events.dispatch(now=timezone.now())
    assert told == sorted(OrderEvent.objects.values_list("pk", flat=True))
    assert 0 < earlier < len(told)
