"""Originals and attachments at rest: sealed files in ``storages["mail"]``, named by keyed digest of their content."""

from __future__ import annotations

import logging
import os
import secrets
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, storages

from orders import secrecy

log = logging.getLogger(__name__)

PLACE = "vault"
UNFINISHED = ".writing-"  # how the name of a file begins that is not yet whole
WRITERS = 4  # at once
TRIED_EVERY = 10.0  # seconds, whoever asks whether the storage takes files
TRIAL = 8_192  # bytes
TRIAL_PATIENCE = 2.0  # seconds
LARGE = 5_000_000  # bytes; from here on one file is written after the other


class Missing(LookupError):
    """The storage does not hold this file."""


class Hanging(TimeoutError):
    """The storage does not answer, and whoever asks has a caller who waits."""


class Folder(FileSystemStorage):
    """A folder on disk in which a file is there whole or not at all, whenever the writer is killed or the power fails.

    What is saved is on the disk, its name too, once ``save`` returns. A file system may keep a new name before it keeps
    the content, so the content goes first.
    """

    def _save(self, name: str, content: Any) -> str:
        target = self.path(name)
        folder = os.path.dirname(target)  # noqa: PTH120  pathlib takes a fifth of the time of a small file
        grown = [folder]  # the folders in which there is a new name
        try:
            handle, temporary = tempfile.mkstemp(dir=folder, prefix=UNFINISHED)
        except FileNotFoundError:
            grown += _made(Path(folder))
            handle, temporary = tempfile.mkstemp(dir=folder, prefix=UNFINISHED)
        try:
            with os.fdopen(handle, "wb") as file:
                for chunk in content.chunks():
                    file.write(chunk)
                file.flush()
                os.fsync(handle)
            os.replace(temporary, target)  # noqa: PTH105  as above
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        for one in grown:
            _keep_names(one)
        return name

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name  # the same content has the same name: writing it again is the wish


def _made(folder: Path) -> list[str]:
    """Make the folder, and those above it that are missing; returns in which folders they are."""
    missing = list(takewhile(lambda one: not one.is_dir(), (folder, *folder.parents)))
    folder.mkdir(parents=True, exist_ok=True)
    return [str(one.parent) for one in missing]


def _keep_names(folder: str) -> None:
    """Wait until the names in the folder are on the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def save(content: bytes) -> str:
    """Keep content sealed and return its name; the same content again is the same file, written once."""
    name = _name(content)
    _keep(name, content)
    return name


class Saving:
    """Files on their way to the disk."""

    def __init__(self) -> None:
        self._written: list[Future[None]] = []

    def save(self, content: bytes) -> str:
        """The name at once, for content that is kept by the end of the block; a large one is kept by now."""
        name = _name(content)
        if len(content) > LARGE:
            _keep(name, content)
        else:
            self._written.append(_writers().submit(_keep, name, content))
        return name

    def wait(self) -> None:
        """Until all of them are kept. Raises what went wrong with one."""
        for one in self._written:
            one.result()

    def give_up(self) -> None:
        """Begin with none of them any more."""
        for one in self._written:
            one.cancel()


@cache
def _writers() -> ThreadPoolExecutor:
    """The threads of this process that write, the same at all times: while a storage hangs they do not grow in number
    until the process can start none.
    """
    return ThreadPoolExecutor(WRITERS, thread_name_prefix="vault")


os.register_at_fork(after_in_child=_writers.cache_clear)


@contextmanager
def saving() -> Iterator[Saving]:
    """Keep several contents, several at a time, while the block goes on: most of it is waiting for the disk.

    All of them are kept once the block has ended, and only then may a commit speak of them. Not so the large ones, each
    of which is in memory sealed while it is written.
    """
    _ensure_answers()
    files = Saving()
    try:
        yield files
        files.wait()
    except BaseException:
        # Nothing speaks of the files, so nobody waits for a storage that hangs: the worker's time may be over.
        files.give_up()
        raise


def save_all(contents: Sequence[bytes]) -> list[str]:
    """Keep each of them, and return their names in the same order."""
    with saving() as files:
        return [files.save(content) for content in contents]


def _name(content: bytes) -> str:
    # One level of folders, of which there are soon all: the name of a new one has to be made safe on the disk as well.
    digest = secrecy.digest(content, purpose="vault-name").hex()
    return f"{digest[:3]}/{digest}"


def _keep(name: str, content: bytes) -> None:
    storage = storages["mail"]
    # One that was cut off since, by a copy or a restore that had no room, is written anew.
    if not storage.exists(name) or storage.size(name) < len(content) + secrecy.LEAST_ADDED:
        storage.save(name, ContentFile(secrecy.seal(content, place=PLACE)))


def load(name: str) -> bytes:
    """Open what was kept under this name. Raises Missing, Hanging, or secrecy.CannotOpen when the file is damaged."""
    _ensure_answers()
    try:
        with storages["mail"].open(name, "rb") as file:
            return secrecy.unseal(file.read(), place=PLACE)
    except FileNotFoundError as error:
        raise Missing(name) from error


class _Trial(threading.Thread):
    """One try whether the storage takes a file, apart from those who ask: one that hangs must hold up none of them."""

    def __init__(self) -> None:
        super().__init__(name="vault-trial", daemon=True)
        self.began, self._is_well = time.monotonic(), False

    def run(self) -> None:
        self._is_well = _try_storage()

    def is_due(self) -> bool:
        """Whether it is over, and long ago; one that hangs is waited for by no second one."""
        return not self.is_alive() and time.monotonic() - self.began > TRIED_EVERY

    def answer(self) -> bool:
        """Whether it was well within TRIAL_PATIENCE of its beginning."""
        self.join(max(self.began + TRIAL_PATIENCE - time.monotonic(), 0))
        return not self.is_alive() and self._is_well


_trial: _Trial | None = None
_trying = threading.Lock()


def takes_files() -> bool:
    """Whether the storage keeps what is written to it, and soon; it is tried with a small file that is removed again.

    A web process that waited for a storage that hangs would soon take in no mail either: each who asks is a thread.
    """
    global _trial  # noqa: PLW0603  one for the process
    with _trying:
        if _trial is None or _trial.is_due():
            _trial = _Trial()
            _trial.start()
        trial = _trial
    return trial.answer()


_callers_wait = False


def limit_waiting() -> None:
    """Ask a storage that hangs for nothing more in this process: for those whose callers wait with them.

    Nothing ends a call to the storage once it has begun. What began before the hang was found out, within TRIED_EVERY,
    lasts as long as it does.
    """
    global _callers_wait  # noqa: PLW0603  one for the process
    _callers_wait = True


def _ensure_answers() -> None:
    """Raise Hanging when it is in vain to ask the storage."""
    if _callers_wait and not takes_files() and _trial is not None and _trial.is_alive():
        raise Hanging


def _try_storage() -> bool:
    storage = storages["mail"]
    try:
        name = storage.save(f"{UNFINISHED}{secrets.token_hex(8)}", ContentFile(secrets.token_bytes(TRIAL)))
        storage.delete(name)
    except Exception as error:  # noqa: BLE001  each kind of storage has errors of its own
        log.warning("storage takes no file error=%s", type(error).__name__)
        return False
    return True
