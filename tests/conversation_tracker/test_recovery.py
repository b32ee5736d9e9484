"""After an outage, work goes on by itself and soon."""

from __future__ import annotations

import time
from typing import Any
from unittest.mock import Mock

import psycopg
import pytest
import redis
from django.conf import settings
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from kombu import Connection, Consumer, Queue
from psycopg_pool import ConnectionPool, PoolTimeout
from redis.exceptions import ReadOnlyError

from conversation_tracker import inbox, setbacks
from conversation_tracker.celery import app
from conversation_tracker.mailflow import pipeline
from conversation_tracker.models import Receipt, ReceiptState
from orders.placing import Placed
from tests import letters

OUTAGE = 8.0  # seconds; by then a pool with psycopg's own patience tries again only every eight
SOON = 5.0  # seconds


class Away(psycopg.Connection[Any]):
    """A connection to a database that is away for a while."""

    is_away = True

    @classmethod
    def connect(cls, *args: Any, **kwargs: Any) -> Any:
        if cls.is_away:
            raise psycopg.OperationalError("the database is away")
        return super().connect(*args, **kwargs)


def test_soon_after_the_database_is_back_a_process_is_connected(db: None) -> None:
    params = {name: value for name, value in connection.get_connection_params().items() if name != "pool"}
    options = settings.DATABASES["default"]["OPTIONS"]["pool"]
    with ConnectionPool(connection_class=Away, kwargs=params, open=True, **options) as pool:
        until = time.monotonic() + OUTAGE
        while time.monotonic() < until:
            with pytest.raises(PoolTimeout):
                pool.getconn(timeout=0.5)
        Away.is_away = False
        connected = pool.getconn(timeout=settings.DATABASES["default"]["OPTIONS"]["pool"]["timeout"])
        assert connected.execute("SELECT 1").fetchone() == (1,)
        pool.putconn(connected)


def test_a_worker_waits_for_its_broker_as_long_as_it_takes() -> None:
    assert app.conf.broker_connection_max_retries is None


def test_a_worker_does_not_end_over_a_broker_that_takes_no_writes() -> None:
    assert app.conf.broker_channel_error_retry is True
    assert issubclass(ReadOnlyError, app.connection_for_read().channel_errors)


def test_a_task_that_redis_was_too_slow_to_strike_out_keeps_no_place() -> None:
    taken: list[Any] = []
    options = {"socket_timeout": 0.3, "socket_connect_timeout": 1.0, "max_retries": 0}
    with (
        Connection(app.conf.broker_url, transport_options=options) as broker,
        redis.Redis.from_url(settings.REDIS_URL) as server,
    ):
        queue = broker.SimpleQueue("test-of-places")
        queue.clear()
        consumer = Consumer(broker, [Queue("test-of-places")], prefetch_count=1, on_message=taken.append)
        with consumer:
            queue.put("first")
            broker.drain_events(timeout=SOON)
            server.execute_command("CLIENT", "PAUSE", 700)
            with pytest.raises(broker.connection_errors):
                taken[0].ack()
            server.ping()  # answered once it is over
            queue.put("second")
            broker.drain_events(timeout=SOON)
        assert len(taken) == 2
        taken[1].ack()
        queue.close()


@pytest.mark.django_db(transaction=True)
def test_a_database_that_was_away_for_seconds_costs_a_mail_no_attempt(
    client: Client, placed: Placed, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    put_off, away = setbacks._put_off, [OperationalError, OperationalError]

    def try_to(*args: Any, **kwargs: Any) -> None:
        if away:
            raise away.pop()
        put_off(*args, **kwargs)

    monkeypatch.setattr(setbacks, "PAUSES", (0.0, 0.0, 0.0))
    monkeypatch.setattr(setbacks, "_put_off", try_to)
    monkeypatch.setattr(pipeline, "process", Mock(side_effect=OperationalError))
    inbox.work(now=timezone.now())
    receipt = Receipt.objects.get()
    assert (receipt.state, receipt.attempts, receipt.deferrals) == (ReceiptState.PENDING, 0, 1)
