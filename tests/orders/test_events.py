"""What happened is told to each subscriber in the order in which it happened."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from django.db import connection
from django.utils import timezone

from conversation_tracker.celery import OutOfMemory
from orders import events, flow, tasks
from orders.events import Subscriber
from orders.models import OrderEvent, Status
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
    monkeypatch.setattr(events, "_subscribers", [Subscriber(lambda _: (_ for _ in ()).throw(MemoryError))])
    factories.make_order(store)
    with pytest.raises(OutOfMemory):  # by which no worker ends
        tasks.dispatch_events()


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
