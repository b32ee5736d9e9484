"""Feeds: what happened on a store's orders, waiting until a system has fetched and committed it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Min

from orders import audit, telling
from orders.models import Action, ApiKey, Feed, FeedItem, User
from orders.secrecy import Secret
from orders.telling import Telling


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a feed is to be, checked. Times in seconds."""

    choice: telling.Choice
    visibility_timeout: int
    retention: int

    def __str__(self) -> str:
        return f"{self.choice}; {self.visibility_timeout} s, {self.retention} s"


@dataclass(frozen=True, slots=True)
class Depth:
    """How much waits in a feed, and for how long its oldest item does."""

    quantity: int
    oldest: timedelta


def of_key(key: ApiKey) -> Feed | None:
    """The key's feed, if it has one."""
    return Feed.objects.filter(api_key=key).first()


def configure(key: ApiKey, wanted: Wanted, *, user: User | None = None, now: datetime) -> Feed:
    """Give the key a feed, or change the one that it has; audited. What waits in it stays."""
    with transaction.atomic():
        ApiKey.objects.select_for_update().get(pk=key.pk)  # two calls at once make one feed
        before = of_key(key)
        changed = {
            **wanted.choice.columns(),
            "visibility_timeout": wanted.visibility_timeout,
            "retention": wanted.retention,
            "changed_at": now,
        }
        feed, _ = Feed.objects.update_or_create(
            api_key=key,
            defaults=changed,
            create_defaults={**changed, "store_id": key.store_id, "created_at": now},
        )
        _note(key, before=_says(before), after=str(wanted), user=user, now=now)
    return feed


def remove(key: ApiKey, *, user: User | None = None, now: datetime) -> bool:
    """Take the key's feed away with all that waits in it; False when it has none. Audited."""
    with transaction.atomic():
        feed = Feed.objects.select_for_update().filter(api_key=key).first()
        if feed is None:
            return False
        _note(key, before=_says(feed), after="", user=user, now=now)
        feed.delete()
    return True


def hear(tellings: Sequence[Telling], *, now: datetime) -> None:
    """Put what happened into every feed that wants it, in the caller's transaction."""
    feeds = list(Feed.objects.filter(store__in={one.store_id for one in tellings}, api_key__revoked_at=None))
    FeedItem.objects.bulk_create(
        FeedItem(
            store_id=feed.store_id,
            feed=feed,
            document=Secret.of_json(one.item()),
            created_at=now,
            visible_at=now,
            expires_at=now + timedelta(seconds=feed.retention),
        )
        for feed in feeds
        for one in tellings
        if telling.wants(feed, one)
    )


def read(feed: Feed, *, most: int, now: datetime) -> list[dict[str, Any]]:
    """The next items with their handles; nobody else sees them until the feed's time-out is over."""
    with transaction.atomic():
        items = list(
            FeedItem.objects.select_for_update(skip_locked=True)
            .filter(feed=feed, visible_at__lte=now, expires_at__gt=now)
            .order_by("visible_at", "id")[:most]
        )
        until = now + timedelta(seconds=feed.visibility_timeout)
        FeedItem.objects.filter(pk__in=[item.pk for item in items]).update(visible_at=until)
    return [{**item.document.json(), "handle": item.handle.hex} for item in items]


def commit(feed: Feed, handles: Sequence[str]) -> int:
    """Take the items with these handles out of the feed; returns how many. One that is not in it is passed over."""
    known = [found for handle in handles if (found := _handle(handle))]
    return FeedItem.objects.filter(feed=feed, handle__in=known).delete()[0]


def depth(feed: Feed, *, now: datetime) -> Depth:
    """How much waits in the feed, read or not."""
    waiting = FeedItem.objects.filter(feed=feed, expires_at__gt=now)
    oldest = waiting.aggregate(at=Min("created_at"))["at"]
    return Depth(waiting.count(), now - oldest if oldest else timedelta())


def forget_expired(*, now: datetime, batch: int = 2_000) -> int:
    """Delete up to one batch of items that nobody committed in time; returns how many."""
    gone = FeedItem.objects.filter(expires_at__lte=now).order_by("expires_at").values_list("pk", flat=True)
    return FeedItem.objects.filter(pk__in=list(gone[:batch])).delete()[0]


def _handle(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(hex=text)
    except ValueError:
        return None


def _says(feed: Feed | None) -> str:
    return str(Wanted(telling.choice_of(feed), feed.visibility_timeout, feed.retention)) if feed else ""


def _note(key: ApiKey, *, before: str, after: str, user: User | None = None, now: datetime) -> None:
    audit.record(
        Action.FEED_CHANGED,
        subject=f"feed of {key.app_key}",
        store=key.store,
        user=user,
        actor=str(user or key.label or key.app_key),
        before=before,
        after=after,
        now=now,
    )
