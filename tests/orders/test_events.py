"""What happened is told to each subscriber in the order in which it happened."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from django.db import connection
from django.utils import timezone

from orders import events, flow
from orders.events import Subscriber
from orders.models import OrderEvent, Status
from tests import factories


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
