"""A stopwatch that stands still while the machine does: a second in which nothing ran is nobody's fault."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

TICK = 0.02  # seconds


class Stopwatch:
    """The seconds in which this process could run, to a tick, of those that went by: never more than did."""

    def __init__(self) -> None:
        self._ticks = 0
        self._is_over = threading.Event()

    @property
    def seconds(self) -> float:
        return self._ticks * TICK

    def run(self) -> None:
        while not self._is_over.wait(TICK):
            self._ticks += 1

    def stop(self) -> None:
        self._is_over.set()


@contextmanager
def running() -> Iterator[Stopwatch]:
    """One that runs in the block, and may be read in it and after."""
    watch = Stopwatch()
    thread = threading.Thread(target=watch.run, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        watch.stop()
        thread.join()


def least(call: Callable[[], object], *, tries: int = 3) -> float:
    """The processor time of the quickest try, in seconds: a machine with much else to do takes longer for each."""
    taken = []
    for _ in range(tries):
        began = time.process_time()
        call()
        taken.append(time.process_time() - began)
    return min(taken)
