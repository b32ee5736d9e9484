"""What staff of a store do about its hooks and feeds: set them up, look at them, try them, switch hooks off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import Count, Min, Q, QuerySet

from orders import access, hooks, outside, telling
from orders.models import ApiKey, DeliveryState, Feed, Hook, HookDelivery, Store, User

SHOWN_DELIVERIES = 20


@dataclass(frozen=True, slots=True)
class Wish:
    """What a hook is to be, as somebody entered it; ``headers`` None keeps those there are."""

    url: str
    statuses: Sequence[str]
    kinds: Sequence[str]
    headers: dict[str, str] | None


def of_store(store: Store) -> QuerySet[Hook]:
    """The hooks of the store's keys, with how many of their deliveries are ``waiting`` and ``given_up``."""
    return (
        Hook.objects.filter(store=store, api_key__revoked_at=None)
        .select_related("api_key__store")
        .annotate(
            waiting=Count("deliveries", filter=Q(deliveries__state=DeliveryState.WAITING)),
            given_up=Count("deliveries", filter=Q(deliveries__state=DeliveryState.FAILED)),
        )
        .order_by("api_key__app_key")
    )


def one(store: Store, pk: int) -> Hook:
    """A hook of the store. Raises access.NotFound."""
    found = of_store(store).filter(pk=pk).first()
    if found is None:
        raise access.NotFound(pk)
    return found


def feeds_of(store: Store, *, now: datetime) -> QuerySet[Feed]:
    """The feeds of the store's keys, with how many items wait in them, and since when: ``waiting``, ``oldest_at``."""
    waits = Q(items__expires_at__gt=now)
    return (
        Feed.objects.filter(store=store, api_key__revoked_at=None)
        .select_related("api_key")
        .annotate(waiting=Count("items", filter=waits), oldest_at=Min("items__created_at", filter=waits))
        .order_by("api_key__app_key")
    )


def feed(store: Store, pk: int) -> Feed:
    """A feed of the store. Raises access.NotFound."""
    found = Feed.objects.select_related("api_key__store").filter(store=store, pk=pk).first()
    if found is None:
        raise access.NotFound(pk)
    return found


def keys_without_hook(store: Store) -> list[ApiKey]:
    """The store's keys that could have a hook."""
    return list(_keys(store).filter(hooks=None))


def keys_without_feed(store: Store) -> list[ApiKey]:
    """The store's keys that could have a feed."""
    return list(_keys(store).filter(feeds=None))


def _keys(store: Store) -> QuerySet[ApiKey]:
    return ApiKey.objects.filter(store=store, revoked_at=None).select_related("store").order_by("app_key")


def latest(store: Store) -> list[HookDelivery]:
    """The newest deliveries to the store's hooks."""
    found = HookDelivery.objects.filter(store=store).select_related("hook__api_key")
    return list(found.defer("body").order_by("-created_at", "-pk")[:SHOWN_DELIVERIES])


def add(key: ApiKey, wish: Wish, *, user: User, now: datetime) -> Hook:
    """Give the key a hook once its target has answered a ping. Raises hooks.NotTaken. Not in a transaction."""
    wanted = hooks.Wanted(telling.chosen(wish.statuses, wish.kinds), wish.url, wish.headers or {})
    return hooks.configure(key, wanted, user=user, now=now)[0]


def change(hook: Hook, wish: Wish, *, user: User, now: datetime) -> Hook:
    """Let the hook be so, once its target has answered a ping. Raises hooks.NotTaken. Not in a transaction.

    Headers that are kept are kept for the same host alone: they may be its password, and no other's.
    """
    is_same_host = urlsplit(wish.url).netloc.lower() == urlsplit(hook.url.text()).netloc.lower()
    kept = hook.headers.json() if is_same_host else {}
    choice = telling.chosen(wish.statuses, wish.kinds, before=hook)
    wanted = hooks.Wanted(choice, wish.url, kept if wish.headers is None else wish.headers)
    return hooks.configure(hook.api_key, wanted, user=user, now=now)[0]


def ping(hook: Hook, *, now: datetime) -> outside.Answer:
    """Post a test to the hook's target. Not in a transaction: it may take five seconds."""
    return hooks.ping(hook.url.text(), hook.headers.json(), hook.secret, now=now)


def reveal_secret(hook: Hook, *, user: User, now: datetime) -> str:
    """The secret that signs the hook's posts, audited."""
    with transaction.atomic():
        hooks.note(hook.api_key, before="", after="secret shown", user=user, now=now)
    return hook.secret.text()


def replace_secret(hook: Hook, *, user: User, now: datetime) -> str:
    """Sign by another secret from now on, and return it; audited."""
    fresh = hooks.fresh_secret()
    with transaction.atomic():
        Hook.objects.filter(pk=hook.pk).update(secret=fresh)
        hooks.note(hook.api_key, before="", after="secret replaced and shown", user=user, now=now)
    return fresh.text()


def switch(hook: Hook, *, is_on: bool, user: User, now: datetime) -> bool:
    """Post to the hook or not; False when it was so already. What waits stays, and goes once it is on again."""
    with transaction.atomic():
        rows = Hook.objects.filter(pk=hook.pk, switched_off_at__isnull=not is_on)
        changed = rows.update(switched_off_at=None if is_on else now, failures=0, next_try_at=now)
        if changed:
            hooks.hurry(hook, now=now)
            after = "switched on" if is_on else "switched off"
            hooks.note(hook.api_key, before="", after=after, user=user, now=now)
    return bool(changed)
