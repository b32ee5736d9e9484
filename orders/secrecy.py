"""Keep real addresses at rest: seal, open, digest. The only file that holds a key.

Sealed bytes are ``01 | len(key id) | key id | 12-byte nonce | AES-256-GCM ciphertext and tag``; the place a secret
belongs to (table and column, or a file's purpose) is authenticated with it, so that a sealed value moved elsewhere
does not open. Sealed values are found again by a keyed digest (HMAC-SHA-256 under another key).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import models

VERSION = 1
HEAD_BYTES = 2  # version and length of the key id
LONGEST_KEY_ID = 255  # octets
NONCE_BYTES = 12
TAG_BYTES = 16
LEAST_ADDED = HEAD_BYTES + 1 + NONCE_BYTES + TAG_BYTES  # by which a sealed value is longer than what is in it
KEY_BYTES = 32


class KeyMissing(RuntimeError):
    """No usable key is configured, or the one that sealed a value is gone."""


class CannotOpen(ValueError):
    """The sealed bytes are damaged, or belong somewhere else."""


@dataclass(frozen=True, slots=True)
class _Keys:
    current: str
    ciphers: Mapping[str, AESGCM]


def parse_keys(entries: list[str]) -> dict[str, bytes]:
    """Read ``kid:base64`` entries into keys; raises KeyMissing saying which entry is wrong."""
    keys: dict[str, bytes] = {}
    for position, entry in enumerate(entries, 1):
        kid, _, encoded = entry.strip().partition(":")
        if not kid or len(kid.encode()) > LONGEST_KEY_ID:
            raise KeyMissing(f"SEAL_KEYS entry {position} is not of the form id:base64")
        if kid in keys:
            raise KeyMissing(f"SEAL_KEYS entry {position} has the id of another one")
        keys[kid] = parse_key(encoded, name=f"SEAL_KEYS entry {position}")
    return keys


def parse_key(encoded: str, *, name: str) -> bytes:
    """Read one base64 key of 32 bytes; raises KeyMissing naming the setting."""
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise KeyMissing(f"{name} is not base64") from error
    if len(key) != KEY_BYTES:
        raise KeyMissing(f"{name} is not 32 bytes long")
    return key


@lru_cache(maxsize=4)
def _keys(entries: tuple[str, ...]) -> _Keys:
    keys = parse_keys(list(entries))
    if not keys:
        raise KeyMissing("SEAL_KEYS is not set")
    return _Keys(next(iter(keys)), {kid: AESGCM(key) for kid, key in keys.items()})


@lru_cache(maxsize=4)
def _digest_key(encoded: str) -> bytes:
    if not encoded:
        raise KeyMissing("DIGEST_KEY is not set")
    return parse_key(encoded, name="DIGEST_KEY")


def seal(plain: bytes, *, place: str) -> bytes:
    """Seal bytes for a place with the current key."""
    keys = _keys(tuple(settings.SEAL_KEYS))
    nonce = os.urandom(NONCE_BYTES)
    start = head() + nonce
    # Encrypted where it is to stand: with a large file each copy counts, and these bytes are given out as they are.
    sealed = BytesIO(bytes(len(start) + len(plain) + TAG_BYTES))
    with sealed.getbuffer() as room:
        room[: len(start)] = start
        keys.ciphers[keys.current].encrypt_into(nonce, plain, place.encode(), room[len(start) :])
    return sealed.getvalue()


def current_key_id() -> str:
    """The id of the key that seals."""
    return _keys(tuple(settings.SEAL_KEYS)).current


def head() -> bytes:
    """How everything begins that the current key sealed."""
    kid = current_key_id().encode()
    return bytes((VERSION, len(kid))) + kid


def unseal(sealed: bytes, *, place: str) -> bytes:
    """Open what ``seal`` made for the same place; raises CannotOpen or KeyMissing."""
    if len(sealed) < HEAD_BYTES or sealed[0] != VERSION:
        raise CannotOpen("not a sealed value")
    start = HEAD_BYTES + sealed[1]
    kid = sealed[HEAD_BYTES:start].decode(errors="replace")
    cipher = _keys(tuple(settings.SEAL_KEYS)).ciphers.get(kid)
    if cipher is None:
        raise KeyMissing(f"the key {kid!r} that sealed this value is not in SEAL_KEYS")
    try:
        nonce, ciphertext = sealed[start : start + NONCE_BYTES], memoryview(sealed)[start + NONCE_BYTES :]
        return cipher.decrypt(nonce, ciphertext, place.encode())
    except (InvalidTag, ValueError) as error:
        raise CannotOpen("the sealed value is damaged or belongs to another place") from error


def digest(value: str | bytes, *, purpose: str) -> bytes:
    """The keyed digest (32 bytes) under which a sealed value is found; digests of two purposes never match."""
    key = _digest_key(settings.DIGEST_KEY)
    data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    return hmac.new(key, purpose.encode() + b"\0" + data, hashlib.sha256).digest()


class Secret:
    """A value that does not show itself: printing, logging or rendering it gives dots. ``text()`` reveals it."""

    __slots__ = ("_place", "_plain", "_sealed")
    DOTS: ClassVar[str] = "•••"

    def __init__(self, plain: bytes | None, *, sealed: bytes = b"", place: str = "") -> None:
        self._plain, self._sealed, self._place = plain, sealed, place

    @classmethod
    def of(cls, value: str | bytes) -> Secret:
        """Wrap a text or bytes."""
        return cls(value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value)

    @classmethod
    def of_json(cls, value: object) -> Secret:
        """Wrap anything JSON can carry."""
        return cls.of(json.dumps(value, ensure_ascii=False, separators=(",", ":")))

    def bytes(self) -> bytes:
        """Reveal the bytes; opened on first use."""
        if self._plain is None:
            self._plain = unseal(self._sealed, place=self._place)
            self._sealed = b""  # not needed again
        return self._plain

    def text(self) -> str:
        """Reveal the text."""
        return self.bytes().decode("utf-8", "surrogatepass")

    def json(self) -> Any:
        """Reveal the JSON value; None when empty."""
        return json.loads(self.text() or "null")

    def __bool__(self) -> bool:
        return bool(self.bytes())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self.bytes(), other.bytes())

    def __hash__(self) -> int:
        return hash(self.bytes())

    def __str__(self) -> str:
        return self.DOTS

    __repr__ = __str__

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled: a cache or queue would hold it open")


def nothing() -> Secret:
    """A secret with nothing in it, for a column that often has none."""
    return Secret(b"")


if TYPE_CHECKING:
    _SecretField = models.Field[Secret, Secret]
else:
    _SecretField = models.Field


class SealedField(_SecretField):
    """A column of sealed bytes; in Python a Secret. Bound to its table and column, so rows cannot be swapped about."""

    description = "Sealed value"
    empty_strings_allowed = False

    def get_internal_type(self) -> str:
        return "BinaryField"

    @property
    def place(self) -> str:
        """What the sealed bytes are bound to."""
        return f"{self.model._meta.db_table}.{self.column}"

    def get_prep_value(self, value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, Secret):
            raise TypeError(f"{self.place} takes a Secret")
        return seal(value.bytes(), place=self.place)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        value = super().get_db_prep_value(value, connection, prepared)
        return None if value is None else connection.Database.Binary(value)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Secret | None:
        return None if value is None else Secret(None, sealed=bytes(value), place=self.place)

    def value_to_string(self, obj: models.Model) -> str:
        return Secret.DOTS
