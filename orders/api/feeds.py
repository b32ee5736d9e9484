"""The calls for feeds and hooks: what happened on the store's orders, fetched or posted."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Query, Router
from ninja.errors import HttpError
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from orders import expressions, feeds, hooks, telling
from orders.api.errors import BadRequest, Problem
from orders.api.openapi import answers
from orders.api.shapes import subscriptions
from orders.models import ApiKey, Feed, Hook, Status
from orders.models.feed import LONGEST_INVISIBLE, LONGEST_KEPT, SHORTEST_KEPT, Wish

router = Router(tags=["Feed and hook"])

FROM_WORKFLOW, FROM_ORDERS = "FromWorkflow", "FromOrders"
MOST_ITEMS = 10
MOST_HANDLES = 100


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore")


class Filter(_Body):
    """What is to be heard of: statuses that orders come to, and other kinds of events, none of them by default.

    With FromOrders the statuses are those that meet the expression, and an order that goes from one of them to another
    is not heard of again, unless ``disableSingleFire`` is set.
    """

    type: str = FROM_WORKFLOW
    status: list[str] = []
    events: list[str] = []
    expression: Annotated[str, Field(validate_default=True)] = ""
    disableSingleFire: bool = False  # noqa: N815  the wire's name

    @field_validator("type")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value not in {FROM_WORKFLOW, FROM_ORDERS}:
            raise ValueError(f"write {FROM_WORKFLOW} or {FROM_ORDERS}")
        return value

    @field_validator("expression")
    @classmethod
    def _is_read(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("type") != FROM_ORDERS:
            return ""
        try:
            expressions.statuses(value, Status.values)
        except expressions.Unreadable as error:
            raise ValueError(f"this is not understood: {error}") from error
        return value

    def choice(self) -> telling.Choice:
        """What was asked for, by name or by an expression."""
        if self.type != FROM_ORDERS:
            return telling.Choice(self.status, self.events)
        met = expressions.statuses(self.expression, Status.values)
        return telling.Choice(met, self.events, self.expression, fires_once=not self.disableSingleFire)

    @field_validator("status")
    @classmethod
    def _are_statuses(cls, value: list[str]) -> list[str]:
        return _known(value, [status.value for status in Status])

    @field_validator("events")
    @classmethod
    def _are_events(cls, value: list[str]) -> list[str]:
        return _known(value, [kind.value for kind in telling.OTHERS])


def _known(wanted: list[str], known: list[str]) -> list[str]:
    if unknown := [one for one in wanted if one not in known]:
        raise ValueError(f"there is no {unknown[0][:50]!r}; known are {', '.join(known)}")
    return list(dict.fromkeys(wanted))


class Queue(_Body):
    """How long an item that was read is hidden from others, and how long one is kept that nobody commits."""

    visibilityTimeoutInSeconds: Annotated[int, Field(ge=1, le=LONGEST_INVISIBLE)] = 240  # noqa: N815  the wire's names
    messageRetentionPeriodInSeconds: Annotated[int, Field(ge=SHORTEST_KEPT, le=LONGEST_KEPT)] = SHORTEST_KEPT  # noqa: N815


class FeedConfig(_Body):
    """A feed as posted."""

    filter: Filter = Filter()
    queue: Queue = Queue()


class Target(_Body):
    """Where a hook posts to."""

    url: Annotated[str, Field(min_length=1, max_length=2_000)]
    headers: Annotated[dict[str, str], Field(max_length=hooks.MOST_HEADERS)] = {}

    @field_validator("headers")
    @classmethod
    def _are_headers(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if not hooks.may_be_header(name):
                raise ValueError(f"{name[:50]!r} cannot be a header of the call")
            if not hooks.may_be_value(text):
                raise ValueError(f"the value of {name!r} holds characters that no header has, or too many")
        return value


class HookConfig(_Body):
    """A hook as posted."""

    filter: Filter = Filter()
    hook: Target


class Handles(_Body):
    """Items to commit."""

    handles: Annotated[list[str], Field(min_length=1, max_length=MOST_HANDLES)]


@router.get("/feed/config", summary="Read the feed's configuration", openapi_extra=answers(subscriptions.Feed))
def read_feed_config(request: HttpRequest) -> dict[str, Any]:
    """The key's feed, with how much waits in it."""
    return _feed_document(_feed(_key(request)))


@router.post("/feed/config", summary="Configure the feed", openapi_extra=answers(subscriptions.Feed))
def configure_feed(request: HttpRequest, config: FeedConfig) -> dict[str, Any]:
    """Give the key a feed, or change the one it has."""
    queue = config.queue
    wanted = feeds.Wanted(
        config.filter.choice(), queue.visibilityTimeoutInSeconds, queue.messageRetentionPeriodInSeconds
    )
    return _feed_document(feeds.configure(_key(request), wanted, now=timezone.now()))


@router.delete("/feed/config", summary="Remove the feed", response={204: None})
def remove_feed(request: HttpRequest) -> HttpResponse:
    """Take the key's feed away, and all that waits in it."""
    if not feeds.remove(_key(request), now=timezone.now()):
        raise _no_feed()
    return HttpResponse(status=204)


@router.get("/feed", summary="Read the next items of the feed", openapi_extra=answers([subscriptions.FeedItem]))
def read_feed(
    request: HttpRequest, maxlot: Annotated[int, Query(ge=1, le=MOST_ITEMS)] = MOST_ITEMS
) -> list[dict[str, Any]]:
    """Up to ``maxlot`` items; each comes again after the feed's time-out, until it is committed."""
    return feeds.read(_feed(_key(request)), most=maxlot, now=timezone.now())


@router.post("/feed", summary="Commit items of the feed", openapi_extra=answers(subscriptions.Committed))
def commit_feed(request: HttpRequest, body: Handles) -> dict[str, int]:
    """Take items out of the feed; those that are not in it are passed over."""
    return {"committed": feeds.commit(_feed(_key(request)), body.handles)}


@router.get("/hook/config", summary="Read the hook's configuration", openapi_extra=answers(subscriptions.Hook))
def read_hook_config(request: HttpRequest) -> dict[str, Any]:
    """The key's hook, with how its deliveries fare."""
    hook = hooks.of_key(_key(request))
    if hook is None:
        raise _no_hook()
    return _hook_document(hook)


@router.post("/hook/config", summary="Configure the hook", openapi_extra=answers(subscriptions.Hook))
def configure_hook(request: HttpRequest, config: HookConfig) -> dict[str, Any]:
    """Give the key a hook, or change the one it has, once its target has answered the ping with 200.

    The secret that signs what is posted is in the answer of the call that makes the hook, and in no other.
    """
    wanted = hooks.Wanted(config.filter.choice(), config.hook.url, config.hook.headers)
    try:
        hook, is_new = hooks.configure(_key(request), wanted, now=timezone.now())
    except hooks.NotTaken as error:
        raise BadRequest([Problem("hook.url", f"The ping was not taken. {error}")]) from error
    document = _hook_document(hook)
    if is_new:
        document["hook"]["secret"] = hook.secret.text()
    return document


@router.delete("/hook/config", summary="Remove the hook", response={204: None})
def remove_hook(request: HttpRequest) -> HttpResponse:
    """Take the key's hook away, and all that waits to be posted to it."""
    if not hooks.remove(_key(request), now=timezone.now()):
        raise _no_hook()
    return HttpResponse(status=204)


def _key(request: HttpRequest) -> ApiKey:
    key: ApiKey = request.auth  # type: ignore[attr-defined]  # ninja sets it to what AppKeyAuth returned
    return key


def _feed(key: ApiKey) -> Feed:
    feed = feeds.of_key(key)
    if feed is None:
        raise _no_feed()
    return feed


def _no_feed() -> HttpError:
    return HttpError(404, "This key has no feed. Make one with POST /api/orders/feed/config.")


def _no_hook() -> HttpError:
    return HttpError(404, "This key has no hook. Make one with POST /api/orders/hook/config.")


def _filter(wish: Wish) -> dict[str, Any]:
    found = {"type": FROM_WORKFLOW, "status": wish.statuses, "events": wish.kinds}
    if wish.expression:
        found |= {"type": FROM_ORDERS, "expression": wish.expression, "disableSingleFire": not wish.fires_once}
    return found


def _feed_document(feed: Feed) -> dict[str, Any]:
    depth = feeds.depth(feed, now=timezone.now())
    return {
        "filter": _filter(feed),
        "queue": {
            "visibilityTimeoutInSeconds": feed.visibility_timeout,
            "messageRetentionPeriodInSeconds": feed.retention,
        },
        "quantity": depth.quantity,
        "approximateAgeOfOldestMessageInSeconds": int(depth.oldest.total_seconds()),
    }


def _hook_document(hook: Hook) -> dict[str, Any]:
    counts = hooks.counts(hook)
    return {
        "filter": _filter(hook),
        "hook": {"url": hook.url.text(), "headers": hook.headers.json()},
        "deliveries": {
            **counts,
            "lastDeliveredAt": hook.last_delivered_at.isoformat() if hook.last_delivered_at else None,
            "lastProblem": hook.last_problem or None,
            "lastProblemAt": hook.last_problem_at.isoformat() if hook.last_problem_at else None,
        },
    }
