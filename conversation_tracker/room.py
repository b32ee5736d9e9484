"""Bound how much a web process holds at once of calls whose sender has shown nothing yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition

FREE = 1_000_000  # octets that each call may have without asking
PATIENCE = 2.0  # seconds that a call waits for others to end


class Full(Exception):
    """Others take the room; the call may come again."""


class Room:
    """So many octets for all threads of this process. A call that is larger than that has it alone."""

    def __init__(self) -> None:
        self._taken = 0
        self._changed = Condition()

    @contextmanager
    def holding(self, size: int) -> Iterator[Callable[[int], None]]:
        """Give a call what it takes to say how many more octets it is about to read, of ``size`` that there are for
        all. That raises Full when others hold them for longer than is waited for. After the block they are free again.
        """
        read = held = 0

        def take(octets: int) -> None:
            nonlocal read, held
            read += octets
            more = max(read - FREE, 0) - held
            with self._changed:
                if more and not self._changed.wait_for(lambda: self._fits(more, held, size), PATIENCE):
                    raise Full
                self._taken += more
                held += more

        try:
            yield take
        finally:
            with self._changed:
                self._taken -= held
                self._changed.notify_all()

    def _fits(self, more: int, held: int, size: int) -> bool:
        return self._taken == held or self._taken + more <= size
