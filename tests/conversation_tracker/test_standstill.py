"""A database that stands still keeps nobody waiting for ever: its process is stopped here, its sockets stay open."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from psycopg import Connection, OperationalError

from conversation_tracker.postgres import base
from tests import stopwatch

SOON = 5.0  # seconds; without a limit the wait would last until the test's own end


@pytest.fixture
def pool(db: None) -> Iterator[base.Pool]:
    params = {name: value for name, value in connection.get_connection_params().items() if name != "pool"}
    with base.Pool(kwargs={**params, "autocommit": True}, min_size=0, max_size=2, timeout=SOON, open=True) as found:
        yield found


@contextmanager
def standing_still(conn: Connection[Any]) -> Iterator[None]:
    pid = conn.info.backend_pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_statement_under_way_is_given_up(pool: base.Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "PATIENCE", 0.3)
    monkeypatch.setattr(base.Bounded, "patience", None)
    base.limit_waiting()
    conn = pool.getconn()
    conn.execute("SELECT 1")
    with standing_still(conn), stopwatch.running() as took, pytest.raises(OperationalError):
        conn.execute("SELECT 1")
    assert took.seconds < SOON
    assert conn.closed
    pool.putconn(conn)


def test_a_statement_is_given_up_without_a_pool_too(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base.Bounded, "patience", 0.3)
    params = {name: value for name, value in connection.get_connection_params().items() if name != "pool"}
    alone = base.DatabaseWrapper({**connection.settings_dict, "OPTIONS": {}}, alias="alone")
    conn = alone.get_new_connection(params)
    try:
        conn.execute("SELECT 1")
        with standing_still(conn), pytest.raises(alone.Database.OperationalError):
            conn.execute("SELECT 1")
        assert conn.closed
    finally:
        conn.close()


def test_a_connection_that_stands_still_is_not_handed_out(pool: base.Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "SIGN_OF_LIFE", 0.3)
    conn = pool.getconn()
    pid = conn.info.backend_pid
    pool.putconn(conn)
    with standing_still(conn), pool.connection() as other:
        assert other.info.backend_pid != pid
        assert other.execute("SELECT 1").fetchone() == (1,)


def test_a_process_that_nobody_waits_for_waits_as_long_as_it_takes(pool: base.Pool) -> None:
    with pool.connection() as conn:
        assert conn.asked is conn.patience is None
        assert conn.execute("SELECT pg_sleep(0.5)").fetchone() == ("",)


def test_an_answer_in_time_leaves_the_connection_open(pool: base.Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base.Bounded, "patience", 5.0)
    with pool.connection() as conn:
        with pytest.raises(OperationalError, match="statement timeout"):
            conn.execute("SET statement_timeout = 100; SELECT pg_sleep(3)")
        assert conn.execute("SELECT 1").fetchone() == (1,)
