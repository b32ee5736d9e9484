"""Fetch from a provider's API while its notice is replayed, with an end in time and size. Only in a worker.

anymail's own calls have neither, and do not tell what heals from what does not. Some addresses come with the notice:
nothing is fetched from a private network, without https, or from where a redirect leads. A name that means another
place a moment later gains nothing either, since that place has no certificate for it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import requests
from django.conf import settings
from requests import exceptions

from conversation_tracker import limits
from conversation_tracker.mailflow import guards
from orders import names, outside

CONNECT, READ = 10.0, 30.0  # seconds: until there is a connection, between two of its packets
LONGEST = 45.0  # seconds for all that one receipt needs, so that a worker reaches no limit of its own meanwhile
LONGEST_URL = 16_000  # one that is signed carries a token, for whose length Amazon names no limit
LARGEST = guards.LARGEST_MAIL + 1_000_000  # bytes; a mail beyond the guard is seen to be that
CHUNK = 64 * 1024

# What an operator can put right (a key that is wrong), or time does.
_PASSING = {
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
}


class Unavailable(Exception):
    """The provider does not answer, or not now: come again later, for so long."""

    patience = timedelta(days=3)


class Missing(Unavailable):
    """The provider does not know of it: a notice may be quicker than what it tells of."""

    patience = timedelta(hours=1)


class NotThere(Exception):
    """The provider answers, and what was asked for is not to be had."""


class NotAlone(Exception):
    """A receipt in a batch turns out to need fetching: it is to be read by itself, so that nobody waits for it."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came."""

    content: bytes
    content_type: str

    def json(self) -> Any:
        """The document that it is."""
        return json.loads(self.content)


_end: ContextVar[float | None] = ContextVar("end of what one receipt may fetch", default=None)
_is_alone: ContextVar[bool] = ContextVar("whether no other receipt waits meanwhile", default=True)


@contextmanager
def within(*, alone: bool = True) -> Iterator[None]:
    """All that is fetched in the block has LONGEST together. ``alone``: no other receipt waits for its end."""
    tokens = _end.set(time.monotonic() + LONGEST), _is_alone.set(alone)
    try:
        yield
    finally:
        _end.reset(tokens[0])
        _is_alone.reset(tokens[1])


def alone() -> None:
    """Raise NotAlone where others wait: for a provider of whom only some receipts need fetching."""
    if not _is_alone.get():
        raise NotAlone


def _ends_at() -> float:
    """When what is fetched now has to be there, by the monotonic clock."""
    return time.monotonic() + LONGEST if (shared := _end.get()) is None else shared


@contextmanager
def ending() -> Iterator[float]:
    """Raise Unavailable in the block when what is fetched has to be there; gives the seconds until then.

    Libraries count time for each read; an answer that comes byte by byte has no end else.
    """
    left = _ends_at() - time.monotonic()
    if left <= 0:
        raise Unavailable("too slow")
    try:
        with limits.clock_time(left):
            yield left
    except limits.TooLong as error:
        raise Unavailable("too slow") from error


def get(url: str, *, headers: dict[str, str] | None = None) -> Fetched:
    """Fetch it. Raises Unavailable or NotThere."""
    try:
        with ending() as left:
            connecting, reading = min(CONNECT, left), min(READ, left)
            servers = tuple(settings.DNS_SERVERS)
            rules = outside.Rules(
                may_be_local=settings.LOCAL, longest=LONGEST_URL, name_servers=servers, seconds=connecting
            )
            outside.check(url, rules)
            return _asked(url, headers or {}, timeout=(connecting, reading))
    except outside.NoHost as error:
        raise Unavailable(type(error).__name__) from error
    except outside.Refused as error:
        raise NotThere(f"refused: {error}") from error
    except names.Unanswered as error:
        raise Unavailable(type(error).__name__) from error
    except (exceptions.InvalidURL, exceptions.MissingSchema, exceptions.InvalidSchema) as error:
        raise NotThere(type(error).__name__) from error
    except requests.RequestException as error:
        raise Unavailable(type(error).__name__) from error


def _asked(url: str, headers: dict[str, str], *, timeout: tuple[float, float]) -> Fetched:
    """What the answer holds; nothing is taken for whole that does not say where it ends."""
    asked = {"Accept-Encoding": "identity", **headers}  # of what is packed, nobody notices that its end is missing
    with requests.get(url, headers=asked, timeout=timeout, stream=True, allow_redirects=False) as response:
        if response.status_code in _PASSING or response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Unavailable(f"HTTP {response.status_code}")
        if response.status_code == HTTPStatus.NOT_FOUND:
            raise Missing(f"HTTP {response.status_code}")
        if response.status_code != HTTPStatus.OK:
            raise NotThere(f"HTTP {response.status_code}")
        if "Content-Length" not in response.headers and "Transfer-Encoding" not in response.headers:
            raise Unavailable("cut off")
        return Fetched(joined(response.iter_content(CHUNK)), response.headers.get("Content-Type", ""))


def joined(chunks: Iterable[bytes]) -> bytes:
    """What comes in pieces, whole. Raises guards.OverLimit, and Unavailable for what takes too long."""
    end, content = _ends_at(), bytearray()
    for chunk in chunks:
        content += chunk
        if len(content) > LARGEST:
            raise guards.OverLimit(guards.Limit.SIZE)
        if time.monotonic() > end:
            raise Unavailable("too slow")
    return bytes(content)
