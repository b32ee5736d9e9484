"""Feeds and hooks, and what they carry. The names are the wire's."""
# ruff: noqa: N815

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict

from orders.api.shapes.base import Answer


class _Partly(Answer):
    """What has a default is there only where there is something to say."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)


class Filter(_Partly):
    """What is heard of. ``expression`` and ``disableSingleFire`` are there for filters of the type FromOrders alone."""

    type: str
    status: list[str]
    events: list[str]
    expression: str | None = None
    disableSingleFire: bool | None = None


class Queue(Answer):
    """For how long an item that was read is hidden, and for how long one is kept."""

    visibilityTimeoutInSeconds: int
    messageRetentionPeriodInSeconds: int


class Feed(Answer):
    """A feed, and how much waits in it."""

    filter: Filter
    queue: Queue
    quantity: int
    approximateAgeOfOldestMessageInSeconds: int


class FeedItem(_Partly):
    """Something that happened. ``type`` and ``data`` are there for what is no change of status."""

    eventId: str
    handle: str
    domain: str
    state: str
    lastState: str
    orderId: str
    lastChange: str
    currentChange: str
    type: str | None = None
    data: dict[str, Any] | None = None


class Committed(Answer):
    """How many items were taken out of the feed."""

    committed: int


class Target(_Partly):
    """Where a hook posts to. ``secret`` is there in the answer of the call that makes the hook, and in no other."""

    url: str
    headers: dict[str, str]
    secret: str | None = None


class Deliveries(Answer):
    """How many posts of a hook stand in each state, and what went wrong last."""

    waiting: int
    delivered: int
    failed: int
    lastDeliveredAt: str | None
    lastProblem: str | None
    lastProblemAt: str | None


class Hook(Answer):
    """A hook, and how its deliveries fare."""

    filter: Filter
    hook: Target
    deliveries: Deliveries
