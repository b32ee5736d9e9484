"""Django's PostgreSQL with connections that need not wait for ever, and a pool that gives all up when one is dead.

A server that stands still without being gone, stopped or on a disk that hangs, leaves its sockets open: nothing but a
limit of ours ends the wait. And after a restart of the database all connections are dead. A pool tries them one by one,
with a pause after each that doubles, so that a call could wait in vain for longer than it may, though the database is
back. And one that led to a server that another has replaced meanwhile is alive and of no use.
"""

from __future__ import annotations

import atexit
import time
from threading import Lock
from types import SimpleNamespace
from typing import Any, ClassVar

import psycopg
from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base
from psycopg import Connection, OperationalError
from psycopg.errors import ReadOnlySqlTransaction
from psycopg.pq import TransactionStatus
from psycopg_pool import ConnectionPool

PAUSE = 1.0  # seconds in which those that others hold, and give back dead, cost no new ones
PATIENCE = 30.0  # seconds
FAREWELL = 1.0  # seconds for each of a pool's threads when the process ends
SIGN_OF_LIFE = 3.0  # seconds for the answer of a connection that is to be handed out


class Bounded(Connection[Any]):
    """A connection that waits ``patience`` seconds for an answer, then is closed and raises OperationalError.

    One to a server that takes no writes is closed when it says so: after a failover it may be the one that was
    replaced, to which the name led for a moment longer, and whoever kept the connection would write nothing any more.
    """

    patience: ClassVar[float | None] = None  # None: as long as it takes, as a migration may
    asked: float | None = None  # for this connection alone
    is_outdated = False  # it leads to a server that takes no writes

    def wait(self, gen: Any, interval: Any = 0.1, timeout: float | None = None) -> Any:
        """Wait as psycopg does, where no other end is given until ours."""
        try:
            return super().wait(gen, interval, timeout or self.asked or self.patience)
        except OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.close()  # what it may still answer is an answer to nobody
            raise
        except ReadOnlySqlTransaction:
            self.is_outdated = True
            self.close()
            raise


def limit_waiting() -> None:
    """Let no statement of this process wait longer than PATIENCE: for processes whose callers wait with them."""
    Bounded.patience = PATIENCE


class Pool(ConnectionPool[Bounded]):
    """The connections of one process."""

    def __init__(self, **options: Any) -> None:
        self._emptied_at = 0.0
        self._emptying = Lock()
        super().__init__(connection_class=Bounded, check=self._try, **options)

    def _try(self, conn: Bounded) -> None:
        """Raise what the connection raises that is to be handed out."""
        conn.asked = SIGN_OF_LIFE
        try:
            self.check_connection(conn)
        except Exception:
            self._empty()
            raise
        finally:
            conn.asked = None

    def putconn(self, conn: Bounded) -> None:
        """Take a connection back; where it led to the wrong server, leave those that were made with it too."""
        if conn.is_outdated:
            self._empty()
        super().putconn(conn)

    def _empty(self) -> None:
        """Leave all connections, unless that was done just now."""
        with self._emptying:
            is_first = time.monotonic() > self._emptied_at + PAUSE
            if is_first:
                self._emptied_at = time.monotonic()
        if is_first:
            self.drain()


# What would end a transaction that waits for a provider to take a mail, which then left again. Older servers know the
# first alone.
_UNBOUNDED = """
    SELECT set_config(name, '0', false) FROM unnest(%s::text[]) AS name WHERE current_setting(name, true) <> '0'
"""
_BOUNDS = ["idle_in_transaction_session_timeout", "transaction_timeout"]


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's, but for its connections and the pool that they come from."""

    Database: Any = SimpleNamespace(**{**vars(psycopg), "connect": Bounded.connect})  # makes those that no pool makes

    @property
    def pool(self) -> Pool | None:
        """The pool of this process; None where there is none. As Django makes it, with checks."""
        options = self.settings_dict["OPTIONS"].get("pool")
        if self.alias == NO_DB_ALIAS or not options:
            return None
        known: Any = self  # django-stubs says nothing of pools
        if self.alias not in known._connection_pools:
            made = Pool(
                kwargs={**self.get_connection_params(), "autocommit": True},
                open=False,
                configure=known._configure_connection,
                **options,
            )
            if known._connection_pools.setdefault(self.alias, made) is made:
                # Before Python stops its threads where they are: what one of them holds then, none would give back, and
                # a pool that is open still waits for its own.
                atexit.register(made.close, FAREWELL)
        pool: Pool = known._connection_pools[self.alias]
        return pool

    def _configure_connection(self, connection: Connection[Any]) -> bool:
        super()._configure_connection(connection)  # type: ignore[misc]  # not in the stubs
        connection.execute(_UNBOUNDED, [_BOUNDS])
        return True  # what was set is to be committed
