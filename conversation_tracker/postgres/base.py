"""Django's PostgreSQL with a pool that gives up all its connections when it meets a dead one.

After a restart of the database all are dead. A pool tries them one by one, with a pause after each that doubles, so
that a call could wait in vain for longer than it may, though the database is back.
"""

from __future__ import annotations

import time
from threading import Lock
from typing import Any

from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base
from psycopg import Connection
from psycopg_pool import ConnectionPool

PAUSE = 1.0  # seconds in which those that others hold, and give back dead, cost no new ones


class Pool(ConnectionPool[Connection[Any]]):
    """The connections of one process."""

    def __init__(self, **options: Any) -> None:
        self._emptied_at = 0.0
        self._emptying = Lock()
        super().__init__(check=self._try, **options)

    def _try(self, conn: Connection[Any]) -> None:
        """Raise what the connection raises that is to be handed out."""
        try:
            self.check_connection(conn)
        except Exception:
            with self._emptying:
                is_first = time.monotonic() > self._emptied_at + PAUSE
                if is_first:
                    self._emptied_at = time.monotonic()
            if is_first:
                self.drain()
            raise


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's, but for the pool."""

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
            known._connection_pools.setdefault(self.alias, made)
        pool: Pool = known._connection_pools[self.alias]
        return pool
