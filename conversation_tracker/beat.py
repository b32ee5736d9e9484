"""Beat's scheduler: it goes on when the clock is set back or its file cannot be written, and fills no Redis while no
worker takes tasks.
"""

from __future__ import annotations

import logging
import shelve
import time
from contextlib import suppress
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import redis
from celery.beat import PersistentScheduler
from django.conf import settings

from orders import faults

log = logging.getLogger(__name__)

SLACK = timedelta(seconds=1)
MOST_TASKS = 1_000  # that wait in one queue; each only wakes a worker, and any of them may be lost
LOOKED_EVERY = 5.0  # seconds


class Scheduler(PersistentScheduler):
    """Celery's, which keeps in a file when each task was last due."""

    _store: Any = None  # the file, which Celery opens
    persistence: Any = shelve  # with what
    _looked_at = float("-inf")
    _remove_db: Any  # Celery's, which deletes the file

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Do what is due; returns in how many seconds the next is."""
        self._follow_clock()
        if time.monotonic() > self._looked_at + LOOKED_EVERY:
            self._looked_at = time.monotonic()
            drop_old_tasks()
        waits: float = super().tick(*args, **kwargs)
        return waits

    def setup_schedule(self) -> None:
        """Read the file, or make it anew where it is damaged; where it can be neither read nor made, do without until
        the next start.
        """
        try:
            self._read_or_make()
        except OSError as error:
            log.warning("schedule not kept error=%s", faults.describe(error))
            self.persistence = SimpleNamespace(open=lambda *_, **__: shelve.Shelf({}, writeback=True))
            super().setup_schedule()

    def _read_or_make(self) -> None:
        try:
            super().setup_schedule()
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001  what a power failure leaves of a file is misread in every way
            log.warning("schedule made anew error=%s", faults.describe(error))
            with suppress(Exception):  # else it writes what it holds over the new one, whenever it is forgotten
                self._store.cache.clear()
                self._store.close()
            self._remove_db()
            super().setup_schedule()

    def sync(self) -> None:
        """Write the file, which is worth less than going on: on a full disk Celery's would end, and end at each start
        anew, so that nothing were swept for as long.
        """
        try:
            super().sync()
        except OSError as error:  # those of every dbm are
            log.warning("schedule not written error=%s", faults.describe(error))
            self._store.writeback = True  # shelve leaves it off when it fails, and would write nothing any more

    def _follow_clock(self) -> None:
        """What was last due in the future was so by a clock that has been set back since, and would rest until then."""
        entries: list[Any] = list(self.schedule.values())
        ahead = [one for one in entries if one.last_run_at > one.default_now() + SLACK]
        for one in ahead:
            one.last_run_at = one.default_now()
        if ahead:
            log.warning("the clock was set back tasks=%s", len(ahead))
            self._heap = None  # their order; Celery makes it anew


def drop_old_tasks() -> None:
    """Keep the newest tasks of each queue. A Redis that is full lets go of some, but gives no worker any."""
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_connect_timeout=settings.REDIS_PATIENCE, socket_timeout=settings.REDIS_PATIENCE
        ) as client:
            for queue in settings.CELERY_TASK_QUEUES:
                client.ltrim(queue.name, 0, MOST_TASKS - 1)  # put in at the front, taken from the end
    except (redis.RedisError, OSError) as error:
        log.warning("tasks not looked at error=%s", type(error).__name__)
