"""What tests of hooks do again and again."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from orders import events, hook_posts, hooks, telling
from orders.models import Hook, HookDelivery, Store
from tests import factories

NOWHERE = "http://127.0.0.1:1/"


def wanted(url: str, *, statuses=(), kinds=(), **headers: str) -> hooks.Wanted:
    return hooks.Wanted(telling.Choice(list(statuses), list(kinds)), url, headers)


def wait_for(store: Store, *urls: str) -> list[Hook]:
    """Hooks of the store, and one order created of which each is to be told."""
    made = [factories.make_hook(factories.make_key(store), url) for url in urls]
    factories.make_order(store)
    events.dispatch(now=timezone.now())
    return made


def work(*, at: datetime | None = None) -> int:
    return hook_posts.work(clock=lambda: at or timezone.now())


def states() -> list[str]:
    return list(HookDelivery.objects.order_by("pk").values_list("state", flat=True))
