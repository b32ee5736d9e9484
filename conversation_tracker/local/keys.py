"""The secrets of a data folder: made once, then kept, so that what was sealed yesterday opens today."""

from __future__ import annotations

import base64
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from conversation_tracker.local import envfile

FILE = "keys.env"
MARK = "demo"  # how each key begins, so that a production start knows it and refuses it


@dataclass(frozen=True, slots=True)
class Keys:
    """Every secret of one data folder."""

    secret_key: str
    seal_keys: str
    digest_key: str
    database_password: str
    stamp: str
    """Not secret: tells this data folder from an earlier one in the same place."""


def keep(var: Path) -> Keys:
    """Read the secrets of the data folder, and make those that are missing."""
    path = var / FILE
    kept = envfile.read(path) if path.is_file() else {}
    values = {name: kept.get(name) or make for name, make in _fresh().items()}
    if values != kept:
        envfile.write(path, values, heading="Secrets of this data folder. Without them its data cannot be read.")
    return Keys(
        secret_key=values["SECRET_KEY"],
        seal_keys=values["SEAL_KEYS"],
        digest_key=values["DIGEST_KEY"],
        database_password=values["DATABASE_PASSWORD"],
        stamp=values["STAMP"],
    )


def _fresh() -> dict[str, str]:
    return {
        "SECRET_KEY": MARK + secrets.token_urlsafe(48),
        "SEAL_KEYS": f"k1:{_key()}",
        "DIGEST_KEY": _key(),
        "DATABASE_PASSWORD": secrets.token_hex(24),
        "STAMP": secrets.token_hex(8),
    }


def _key() -> str:
    return base64.b64encode(MARK.encode() + os.urandom(32 - len(MARK))).decode()
