"""Hold rows of a queue for this worker, from before an attempt is counted until the work on them has ended.

A row lock ends with the commit that counts the attempt, and until the worker has locked the row again another could
take it. An advisory lock of the session (PostgreSQL manual §13.3.5) is held through any number of commits, and is
free by itself when the worker's connection ends, however it ends.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from enum import IntEnum
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, connection


class Space(IntEnum):
    """Keeps the locks of the tables apart: the upper bytes of a lock's number, below them stands the row's id."""

    INBOX = 1
    OUTBOX = 2
    HOOKS = 3
    SHOPS = 4
    ORDER_MAILS = 5
    EVENTS = 6
    HOOK_TURNS = 7

    @property
    def first(self) -> int:
        """The number of the lock of row 0."""
        return int(self) << 48


class _Open(threading.local):
    """How many blocks of ``held`` this thread is in, and whether a statement in one of them has left locks behind."""

    blocks = 0
    has_failed = False


_open = _Open()


@contextmanager
def held(space: Space, sql: str, params: Mapping[str, Any]) -> Iterator[list[tuple[Any, ...]]]:
    """Run the statement that takes rows (their ids first in what it returns), and let go of their locks at the end.

    In it, ``pg_try_advisory_lock(%(lock)s + id)`` takes a row.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql, {**params, "lock": space.first})
            rows: list[tuple[Any, ...]] = cursor.fetchall()
    except BaseException:  # also the limit of a task's time, which may come with the answer
        _open.has_failed = True
        _let_go_of_all()
        raise
    _open.blocks += 1
    try:
        yield rows
    finally:
        _open.blocks -= 1
        if rows:
            _let_go(space, [row[0] for row in rows])
        if _open.has_failed:
            _let_go_of_all()


def reconnect() -> None:
    """Have a session that works; the same where it does, since it holds the locks."""
    if not connection.is_usable():
        connection.close()


def takes_turn(space: Space) -> bool:
    """Have this turn until the transaction ends, unless somebody else has it: who waited for one that stands still
    would do nothing else either.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [space.first])
        return bool(cursor.fetchone()[0])


def _let_go_of_all() -> None:
    """A statement that failed half-way, on a full disk say, keeps the locks that it took until its session ends; and
    sessions are used again. In a block of another statement they have to wait for its end, or its rows would be free.
    """
    if _open.blocks:
        return
    _open.has_failed = False
    with suppress(DatabaseError, InterfaceError), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock_all()")


def _let_go(space: Space, ids: Sequence[int]) -> None:
    with suppress(OperationalError, InterfaceError), connection.cursor() as cursor:  # a lost connection holds nothing
        cursor.execute(
            "SELECT pg_advisory_unlock(%s + id) FROM unnest(%s::bigint[]) AS held(id)", [space.first, [*ids]]
        )
