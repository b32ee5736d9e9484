"""What the SMTP door asks of the database, in threads of their own: is this domain ours, and keep this mail."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import TypeVar

import psycopg
from django.conf import settings
from django.db import DatabaseError, Error, close_old_connections

from conversation_tracker import inbox, tasks
from conversation_tracker.providers.mime import Handed
from orders import addresses, aliases, clock, faults

log = logging.getLogger(__name__)

T = TypeVar("T")
# What the database says when it has no room (class 53 of its codes); of the library's classes none stands above these.
_FULL = (psycopg.errors.InsufficientResources, psycopg.errors.DiskFull, psycopg.errors.OutOfMemory)
MOST_THREADS = 8
LARGE = 4_000_000  # bytes; writing such a mail takes ten times its size in memory, so one at a time is written
REMEMBER = 60.0  # seconds for which a tracking domain that was found counts as ours


class NotStored(Exception):
    """The mail is not kept, and may be handed in again later. ``is_full``: the database has no room."""

    def __init__(self, *, is_full: bool) -> None:
        self.is_full = is_full
        super().__init__()


class Desk:
    """Answers the sessions of one server; used from its event loop only."""

    def __init__(self) -> None:
        threads = min(MOST_THREADS, settings.DATABASE_POOL_SIZE or MOST_THREADS)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="smtpd-desk")
        self._known: dict[str, float] = {}
        self._kept = asyncio.Event()
        self._large = asyncio.Lock()
        self._waker = asyncio.get_running_loop().create_task(self._wake())

    async def is_ours(self, address: str) -> bool:
        """Whether the address is at a store's tracking domain or below it. Raises NotStored when nobody can tell.

        Nothing is asked about the alias: an unknown one is accepted like an expired one, and decided on later.
        """
        domains = addresses.with_parents(addresses.split(address).domain)
        now = time.monotonic()
        if any(self._known.get(domain, 0) > now for domain in domains):
            return True
        try:
            found = await self._run(lambda: aliases.homes(domains))
        except (Error, OSError) as error:
            raise NotStored(is_full=False) from error
        self._known = {domain: until for domain, until in self._known.items() if until > now}
        self._known.update(dict.fromkeys(found, now + REMEMBER))
        return bool(found)

    async def keep(self, handed: Handed) -> None:
        """Put the mail into the inbox; it is committed when this returns. Raises NotStored."""
        try:
            async with self._large if len(handed.raw) > LARGE else nullcontext():
                await self._run(lambda: _accept(handed))
        except DatabaseError as error:
            raise NotStored(is_full=isinstance(error.__cause__, _FULL)) from error
        except Exception as error:
            # A mistake of ours must not cost the mail either: the client keeps it and tries again.
            log.error("mail not stored\n%s", faults.trace(error))  # noqa: TRY400  the text may quote the mail
            raise NotStored(is_full=False) from error
        self._kept.set()

    async def close(self) -> None:
        """Let what is under way end, and wake a worker once more if need be."""
        self._waker.cancel()
        await asyncio.get_running_loop().run_in_executor(None, self._pool.shutdown)
        if self._kept.is_set():
            await asyncio.to_thread(tasks.wake_inbox)

    async def _run(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: _with_connection(call))

    async def _wake(self) -> None:
        """Wake a worker after mails were kept; apart from their answers, since a broker that is down takes a second."""
        while await self._kept.wait():
            self._kept.clear()
            await asyncio.to_thread(tasks.wake_inbox)


def _with_connection(call: Callable[[], T]) -> T:
    """As around a web request: a connection that is still good, given back afterwards."""
    close_old_connections()
    try:
        return call()
    finally:
        close_old_connections()


def _accept(handed: Handed) -> None:
    inbox.accept_mime(
        handed.raw,
        sender=handed.sender,
        recipients=handed.recipients,
        handover=handed.handover,
        now=clock.now(),
    )
