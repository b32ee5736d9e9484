"""Hold a data folder, so that two runs never work on the same one. The kernel lets go of it however we die."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

FILE = "lock"
# Somebody who only looks whether a folder is held holds it for an instant.
PATIENCE = 0.5


class AlreadyHeld(Exception):
    """Another run holds the data folder."""


class Lock:
    """The lock of one data folder."""

    def __init__(self, var: Path) -> None:
        self.path = var / FILE
        self._handle: int | None = None

    @property
    def held(self) -> bool:
        """Whether we hold it."""
        return self._handle is not None

    def hold(self) -> None:
        """Take the lock. Raises AlreadyHeld when another process has it."""
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + PATIENCE
        while not _try(handle, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                os.close(handle)
                raise AlreadyHeld(
                    f"Another run uses the data folder {self.path.parent}. Stop it first, or choose another with VAR=."
                )
            time.sleep(0.05)
        self._handle = handle

    def release(self) -> None:
        """Let go."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def is_held(var: Path) -> bool:
    """Whether a run holds the data folder now."""
    try:
        handle = os.open(var / FILE, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _try(handle, fcntl.LOCK_SH)
    finally:
        os.close(handle)


def _try(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
