"""Let a key make so many calls a minute, and say in each answer how many are left.

Counted in Redis, in windows of a minute. When Redis does not answer, calls are let through uncounted, and it is left
alone for a while, so that they do not wait for it one by one.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from orders.models import ApiKey

log = logging.getLogger(__name__)

WINDOW = 60  # seconds
PATIENCE = 0.25  # seconds that a call waits for Redis
REST = 5.0  # seconds without asking it again after it failed
_PREFIX = "api-limit"


@dataclass(frozen=True, slots=True)
class Limit:
    """How many calls are let through in a window; the number is read when it is needed."""

    name: str
    setting: str

    @property
    def most(self) -> int:
        return int(getattr(settings, self.setting))


CALLS = Limit("calls", "API_CALLS_PER_MINUTE")
DECODE = Limit("decode", "API_DECODES_PER_MINUTE")


@dataclass(frozen=True, slots=True)
class Standing:
    """What is left of a limit, and in how many seconds it is whole again."""

    limit: Limit
    left: int
    resets_in: int


class TooMany(RuntimeError):
    """The key has made all of its calls of this minute."""

    def __init__(self, standing: Standing) -> None:
        self.standing = standing
        super().__init__(
            f"this key makes {standing.limit.most} such calls a minute; come again in {standing.resets_in} s"
        )


class Headers:
    """Middleware: what is left of the key's limit, in the words of the IETF's draft (RateLimit, RateLimit-Policy)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        standing: Standing | None = getattr(request, "rate_limit", None)
        if standing is not None:
            limit = standing.limit
            response["RateLimit-Policy"] = f'"{limit.name}";q={limit.most};w={WINDOW}'
            response["RateLimit"] = f'"{limit.name}";r={standing.left};t={standing.resets_in}'
        return response


def spend(request: HttpRequest, limit: Limit, key: ApiKey) -> None:
    """Count a call against the limit. Raises TooMany when it is one too many."""
    if not limit.most or resting.is_on:
        return
    now = time.time()
    window = int(now // WINDOW)
    try:
        with _redis().pipeline(transaction=False) as pipe:
            name = f"{_PREFIX}:{limit.name}:{key.pk}:{window}"
            pipe.incr(name)
            pipe.expire(name, 2 * WINDOW)
            count: int = pipe.execute()[0]
    except (RedisError, OSError) as error:
        resting.begin()
        log.warning("calls are not counted error=%s", type(error).__name__)
        return
    standing = Standing(limit, max(limit.most - count, 0), WINDOW - int(now % WINDOW))
    request.rate_limit = standing  # type: ignore[attr-defined]  # Headers reads it
    if count > limit.most:
        raise TooMany(standing)


@cache
def _redis() -> Redis:
    return Redis.from_url(
        settings.REDIS_URL, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=Retry(NoBackoff(), 0)
    )


class _Rest:
    """The time in which Redis is left alone."""

    def __init__(self) -> None:
        self._until = 0.0

    @property
    def is_on(self) -> bool:
        return time.monotonic() < self._until

    def begin(self) -> None:
        self._until = time.monotonic() + REST

    def end(self) -> None:
        self._until = 0.0


resting = _Rest()
