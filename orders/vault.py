"""Originals and attachments at rest: sealed files in ``storages["mail"]``, named by keyed digest of their content."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import takewhile
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, storages

from orders import secrecy

PLACE = "vault"
UNFINISHED = ".writing-"  # how the name of a file begins that is not yet whole
WRITERS = 4  # at once; with them waiting for the disk costs a batch of mails no time that could be measured
LARGE = 5_000_000  # bytes; from here on one file is written after the other


class Missing(LookupError):
    """The storage does not hold this file."""


class Folder(FileSystemStorage):
    """A folder on disk in which a file is there whole or not at all, whenever the writer is killed or the power fails.

    What is saved is on the disk, its name too, once ``save`` returns. A file system may keep a new name before it keeps
    the content, so the content goes first.
    """

    def _save(self, name: str, content: Any) -> str:
        target = Path(self.path(name))
        missing = list(takewhile(lambda folder: not folder.is_dir(), target.parents))
        if missing:
            target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=UNFINISHED)
        try:
            with os.fdopen(handle, "wb") as file:
                for chunk in content.chunks():
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        for folder in (target.parent, *(new.parent for new in missing)):
            _keep_names(folder)
        return name

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name  # the same content has the same name: writing it again is the wish


def _keep_names(folder: Path) -> None:
    """Wait until the names in the folder are on the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def save(content: bytes) -> str:
    """Keep content sealed and return its name; the same content again is the same file, written once."""
    digest = secrecy.digest(content, purpose="vault-name").hex()
    name = f"{digest[:2]}/{digest[2:4]}/{digest}"
    storage = storages["mail"]
    if not storage.exists(name):
        storage.save(name, ContentFile(secrecy.seal(content, place=PLACE)))
    return name


def save_all(contents: Sequence[bytes]) -> list[str]:
    """Keep each of them, and return their names in the same order; several at a time, since most of it is waiting.

    Not so the large ones, each of which is in memory sealed while it is written.
    """
    if len(contents) <= 1 or any(len(content) > LARGE for content in contents):
        return [save(content) for content in contents]
    with ThreadPoolExecutor(min(len(contents), WRITERS), thread_name_prefix="vault") as writers:
        return list(writers.map(save, contents))


def load(name: str) -> bytes:
    """Open what was kept under this name. Raises Missing, or secrecy.CannotOpen when the file is damaged."""
    try:
        with storages["mail"].open(name, "rb") as file:
            return secrecy.unseal(file.read(), place=PLACE)
    except FileNotFoundError as error:
        raise Missing(name) from error
