"""Say what time it is by the database's clock, which is one for all hosts, so that rows of queues wait for nobody's."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

import psycopg
from django.db import connection

ASKED_EVERY = 30.0  # seconds; in between this process counts on by itself

_asked: tuple[float, datetime] | None = None  # when, by time.monotonic(), and what the answer was


def now() -> datetime:
    """The database's time; raises what the database raises when it is away.

    By the host's clock a mail that a host takes in whose clock is five minutes ahead would lie for five minutes. This
    is never ahead of the database, and behind it by as long as its answer took: so whoever takes rows asks in the
    statement what is due by then, or a wake-up would now and then come before its row is due.
    """
    global _asked  # noqa: PLW0603  one for the process
    if _asked is None or time.monotonic() - _asked[0] > ASKED_EVERY:
        answer = _ask()
        _asked = time.monotonic(), answer
    at, answer = _asked
    return answer + timedelta(seconds=time.monotonic() - at)


def _ask() -> datetime:
    """Beside Django's cursors, whose statements are counted for each page and mail: this is none of theirs."""
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    raw: psycopg.Connection[Any] = connection.connection
    with psycopg.Cursor(raw) as cursor, connection.wrap_database_errors:
        found: datetime = cursor.execute("SELECT clock_timestamp()").fetchone()[0]  # type: ignore[index]  # it has one
    return found
