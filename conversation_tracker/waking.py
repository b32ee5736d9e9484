"""Wake workers once for many calls that come at a time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from orders import faults

log = logging.getLogger(__name__)

PAUSE = 0.02  # seconds


class Together:
    """Calls ``wake`` for the first of several calls, and once more after the last of them, PAUSE later at most.

    Whoever is woken by the first may have looked before the others had come: so that the second is never left out, it
    is made by a thread of its own. A process that ends first loses it, and beat sweeps.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._woken_at = float("-inf")
        self._is_due = False  # a thread is about to wake, or at it
        self._is_late = False  # somebody called while it was

    def __call__(self) -> None:
        with self._lock:
            if self._is_due:
                self._is_late = True
                return
            if time.monotonic() - self._woken_at < PAUSE and self._is_put_off():
                return
            self._woken_at = time.monotonic()
        self._wake()

    def _is_put_off(self) -> bool:
        """Whether there is a thread that will wake somebody; the process may have too many."""
        try:
            threading.Thread(target=self._wake_later, daemon=True).start()
        except RuntimeError:
            return False
        self._is_due = True
        return True

    def _wake_later(self) -> None:
        """One thread at most, however long it takes to wake somebody: who called meanwhile is woken for again."""
        is_late = True
        while is_late:
            time.sleep(PAUSE)
            with self._lock:
                self._is_late, self._woken_at = False, time.monotonic()
            try:
                self._wake()
            except Exception as error:  # noqa: BLE001  whoever calls next must be woken for
                log.error("wake-up failed\n%s", faults.trace(error))  # noqa: TRY400  as everywhere
            with self._lock:
                is_late = self._is_due = self._is_late
