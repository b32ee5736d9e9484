"""Originals and attachments at rest: sealed files in ``storages["mail"]``, named by keyed digest of their content."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, storages

from orders import secrecy

PLACE = "vault"


class Missing(LookupError):
    """The storage does not hold this file."""


class Folder(FileSystemStorage):
    """A folder on disk in which a file is there whole or not at all, whenever the writer is killed."""

    def _save(self, name: str, content: Any) -> str:
        target = Path(self.path(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".writing-")
        try:
            with os.fdopen(handle, "wb") as file:
                for chunk in content.chunks():
                    file.write(chunk)
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        return name

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name  # the same content has the same name: writing it again is the wish


def save(content: bytes) -> str:
    """Keep content sealed and return its name; the same content again is the same file, written once."""
    digest = secrecy.digest(content, purpose="vault-name").hex()
    name = f"{digest[:2]}/{digest[2:4]}/{digest}"
    storage = storages["mail"]
    if not storage.exists(name):
        storage.save(name, ContentFile(secrecy.seal(content, place=PLACE)))
    return name


def load(name: str) -> bytes:
    """Open what was kept under this name. Raises Missing, or secrecy.CannotOpen when the file is damaged."""
    try:
        with storages["mail"].open(name, "rb") as file:
            return secrecy.unseal(file.read(), place=PLACE)
    except FileNotFoundError as error:
        raise Missing(name) from error
