"""Notice when we are asked to stop: by a signal, or by a `make` that was interrupted and does not pass it on."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from conversation_tracker.local import processes

ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# `make` and a killed process group deliver one request two or three times within milliseconds.
AGAIN_AFTER = 1.0
MAKES = ("make", "gmake")


class Asked(Exception):
    """We were asked to stop."""


class Stopping:
    """Whether we were asked to stop. Signals only set it; the work looks at it where it can stop in good order."""

    def __init__(self) -> None:
        self.asked_at: float | None = None
        self.hurry: Callable[[], None] | None = None
        self._make = _make_above_us()

    def listen(self) -> None:
        """Take the signals over, and let the kernel tell us when the `make` above us is killed."""
        for asking in ASKING:
            signal.signal(asking, self._on_signal)
        if self._make is not None:
            processes.die_with_parent(signal.SIGTERM)

    @property
    def asked(self) -> bool:
        """Whether we were asked to stop."""
        if self.asked_at is None and self._make is not None and _was_interrupted(self._make):
            self.asked_at = time.monotonic()
        return self.asked_at is not None

    def check(self) -> None:
        """Raise Asked when we were asked to stop."""
        if self.asked:
            raise Asked

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.asked_at is None:
            self.asked_at = now
        elif now - self.asked_at > AGAIN_AFTER and self.hurry is not None:
            self.hurry()


def _make_above_us() -> Path | None:
    """The status file of our parent, when that is a `make` that catches SIGINT."""
    status = processes.PROC / str(os.getppid()) / "status"
    try:
        name = status.with_name("comm").read_text().strip()
    except OSError:
        return None
    return status if name in MAKES and _catches_interrupt(status) else None


def _was_interrupted(make: Path) -> bool:
    """Whether the `make` above us got a SIGINT of its own, as from `kill -INT`.

    GNU make then puts the signal back to its default and waits for us without passing it on (fatal_error_signal in
    commands.c): it takes for granted that a SIGINT came from a terminal, which would have sent it to us too.
    """
    return not _catches_interrupt(make)


def _catches_interrupt(status: Path) -> bool:
    """Whether a process catches SIGINT; also true when that cannot be seen. See proc(5) on SigCgt."""
    try:
        caught = next(line for line in status.read_text().splitlines() if line.startswith("SigCgt:"))
        return bool(int(caught.split()[1], base=16) & 1 << (signal.SIGINT - 1))
    except (OSError, StopIteration):
        return True
