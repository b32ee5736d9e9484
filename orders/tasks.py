"""Background work on orders; each task may be lost, doubled or late without harm."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import timedelta

from celery import Task, shared_task
from django.conf import settings
from kombu.exceptions import OperationalError
from redis import RedisError

from orders import aliases, clock, events, feeds, flow, hook_posts, hooks, payment, repeats, telling
from orders.models import OrderEvent
from orders.shops import deliveries

log = logging.getLogger(__name__)

BATCH = 2_000
MOST_TOLD = 200  # events at once; fewer where these do not go into the memory of a worker, or one cannot be told
TURN = 20.0  # seconds after which a task makes room for another


def wake_events() -> None:
    """Wake a worker for what happened on orders. Losing the call is no loss: beat sweeps."""
    _wake(dispatch_events)


def wake_hooks() -> None:
    """Wake a worker for what is to be posted to hooks."""
    _wake(deliver_hooks)


def wake_shops() -> None:
    """Wake a worker for what shops have posted."""
    _wake(drain_shops)


def _wake(task: Task[[], None]) -> None:
    try:
        task.apply_async(retry=False, expires=60)
    except (OperationalError, RedisError, OSError) as error:
        log.warning("wake-up lost task=%s error=%s", task.name, type(error).__name__)


def pass_on(happened: Sequence[OrderEvent]) -> None:
    """Put what happened into feeds and before hooks, in the dispatcher's transaction."""
    told, now = telling.tell(happened), clock.now()
    feeds.hear(told, now=now)
    hooks.hear(told, now=now)


@shared_task
def dispatch_events() -> None:
    """Tell the subscribers what happened, and let them wake whoever goes on."""
    batch = MOST_TOLD
    while True:
        try:
            told = events.dispatch(now=clock.now(), batch=batch)
        except Exception as error:
            if batch == 1 or not events.is_of_one(error):
                raise
            batch = max(batch // 4, 1)
            continue
        if not told:
            return
        events.after_dispatch()
        batch = min(batch * 4, MOST_TOLD)


@shared_task
def drain_shops() -> None:
    """Settle what shops have posted, and wake who tells of it."""
    until, settled = time.monotonic() + TURN, 0
    while deliveries.work(now=clock.now()):
        settled += 1
        if time.monotonic() > until:
            wake_shops()
            break
    if settled:
        wake_events()


@shared_task
def forget_shop_deliveries() -> None:
    """Delete the calls of shops that were settled long enough ago."""
    before = clock.now() - timedelta(days=settings.RECEIPT_KEEP_DAYS)
    while deliveries.forget_settled(before=before):
        pass


@shared_task
def deliver_hooks() -> None:
    """Post to hooks what waits for them, and make room for other tasks between the turns."""
    if hook_posts.work(clock=clock.now):
        wake_hooks()


@shared_task
def forget_answered_calls() -> None:
    """Forget the answers that no caller asks for again."""
    before = clock.now() - timedelta(hours=settings.API_REPEAT_HOURS)
    while repeats.forget(before=before):
        pass


@shared_task
def forget_told() -> None:
    """Delete events that were handed on, and what feeds and hooks kept of them for long enough."""
    now = clock.now()
    hook_posts.give_up(now=now)
    while feeds.forget_expired(now=now):
        pass
    while hook_posts.forget_settled(before=now - timedelta(days=settings.EVENT_KEEP_DAYS)):
        pass
    while events.forget(before=now - timedelta(days=settings.EVENT_KEEP_DAYS)):
        pass


@shared_task
def close_windows() -> None:
    """Make orders ready for handling whose cancellation window is over."""
    while flow.close_windows(now=clock.now()):
        wake_events()


@shared_task
def remind_of_payments() -> None:
    """Tell that payments are still awaited."""
    while payment.remind(now=clock.now()):
        wake_events()


@shared_task
def expire_aliases() -> int:
    """Retire every alias that is due, batch by batch."""
    total = 0
    while count := aliases.expire_due(now=clock.now(), batch=BATCH):
        total += count
    return total
