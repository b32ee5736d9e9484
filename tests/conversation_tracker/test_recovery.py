"""After an outage, work goes on by itself and soon."""

from __future__ import annotations

import time
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from psycopg_pool import ConnectionPool, PoolTimeout

from conversation_tracker.celery import app

OUTAGE = 8.0  # seconds; by then a pool with psycopg's own patience tries again only every eight


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
