"""Bound what one mail may cost the process that reads or sends it: processor time and memory.

Processor time, not time on the clock: a slow database or provider is not the mail's doing. Only the provider to which a
mail is handed over is given time on the clock.
"""

from __future__ import annotations

import resource
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

SECONDS = 10.0  # of processor time, until TooSlow is raised
MOST_MORE = 60.0  # within a task's time
AGAIN = 2.0  # after which TooLong is raised once more, where it was lost
GRACE = 5.0  # more, until the process is killed: a library in C or Rust cannot be interrupted


class TooSlow(BaseException):
    """It took too long. No Exception, so that nothing that guards against broken mail swallows it."""


@contextmanager
def processor_time(seconds: float | None = None) -> Iterator[None]:
    """Raise TooSlow in the block after so much processor time, SECONDS unless told.

    The system kills the process when that does not end the block. Only in a main thread, where signals arrive;
    elsewhere the block runs without a limit.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def expire(_number: int, _frame: FrameType | None) -> None:
        raise TooSlow

    seconds = SECONDS if seconds is None else seconds
    before = signal.signal(signal.SIGPROF, expire)
    try:
        with _stopping(signal.ITIMER_PROF, signal.ITIMER_VIRTUAL):
            signal.setitimer(signal.ITIMER_PROF, seconds)
            # Without a handler of ours, which Python would call only once the library returns.
            signal.setitimer(signal.ITIMER_VIRTUAL, seconds + GRACE)
            yield
    finally:
        signal.signal(signal.SIGPROF, before)


@contextmanager
def _stopping(*timers: int) -> Iterator[None]:
    """Stop these timers after the block. One may go off just then, so that what stops them is itself cut short."""
    try:
        try:
            yield
        finally:
            _stop(timers)
    finally:
        _stop(timers)


def _stop(timers: Iterable[int]) -> None:
    for timer in timers:
        signal.setitimer(timer, 0)


def extend(seconds: float) -> None:
    """Give the block that is under way so much processor time more, MOST_MORE at most; nothing outside of one."""
    seconds = min(seconds, MOST_MORE)
    for timer in (signal.ITIMER_PROF, signal.ITIMER_VIRTUAL):
        left, _ = signal.getitimer(timer)
        if left and threading.current_thread() is threading.main_thread():
            signal.setitimer(timer, left + seconds)


class TooLong(TimeoutError):
    """It took too long by the clock."""


@contextmanager
def clock_time(seconds: float) -> Iterator[None]:
    """Raise TooLong in the block after so many seconds. Only in a main thread, as above.

    A timer that was set before goes on afterwards.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def expire(_number: int, _frame: FrameType | None) -> None:
        raise TooLong

    began = time.monotonic()
    before = signal.signal(signal.SIGALRM, expire)
    left, interval = signal.getitimer(signal.ITIMER_REAL)
    try:
        with _stopping(signal.ITIMER_REAL):
            # Again and again: what is raised while Python collects garbage, or within a finaliser, it only prints. Keep
            # it within the block, since it may be over at once.
            signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
            yield
    finally:
        signal.signal(signal.SIGALRM, before)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - began), 0.001), interval)


def has_grown(size: int) -> bool:
    """Whether this process once held more than half of so many bytes: memory is hardly ever given back, and a large
    mail may need all of the rest.
    """
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024 > size // 2


def memory(size: int) -> None:
    """Let this process hold at most so many bytes of data; beyond that Python raises MemoryError."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (size, hard))
