"""Background work on orders; each task may be lost, doubled or late without harm."""

from __future__ import annotations

import logging

from celery import shared_task
from django.utils import timezone
from kombu.exceptions import OperationalError
from redis import RedisError

from orders import aliases, events, flow, payment

log = logging.getLogger(__name__)

BATCH = 2_000


def wake_events() -> None:
    """Wake a worker for what happened on orders. Losing the call is no loss: beat sweeps."""
    try:
        dispatch_events.apply_async(retry=False, expires=60)
    except (OperationalError, RedisError, OSError) as error:
        log.warning("wake-up lost task=%s error=%s", dispatch_events.name, type(error).__name__)


@shared_task
def dispatch_events() -> None:
    """Tell the subscribers what happened, and let them wake whoever goes on."""
    while events.dispatch(now=timezone.now()):
        events.after_dispatch()


@shared_task
def close_windows() -> None:
    """Make orders ready for handling whose cancellation window is over."""
    while flow.close_windows(now=timezone.now()):
        wake_events()


@shared_task
def remind_of_payments() -> None:
    """Tell that payments are still awaited."""
    while payment.remind(now=timezone.now()):
        wake_events()


@shared_task
def expire_aliases() -> int:
    """Retire every alias that is due, batch by batch."""
    total = 0
    while count := aliases.expire_due(now=timezone.now(), batch=BATCH):
        total += count
    return total
