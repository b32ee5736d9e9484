"""Background work on mail; each task may be lost, doubled or late without harm."""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from celery import Task, shared_task
from django.conf import settings
from kombu.exceptions import OperationalError
from redis import RedisError

from conversation_tracker import celery, inbox, limits, order_mails, outbox
from conversation_tracker.message_center import trials
from orders import clock
from orders.tasks import wake_events

log = logging.getLogger(__name__)

TURN = 20.0  # seconds after which a task makes room for another
# Seconds that a task which sends may take: a turn, the longest that one mail may, building it included (backends.smtp),
# and a database that is away just then (outbox). A worker stopped before it has written down that its mail was taken
# sends it twice.
SENDING_SOFT, SENDING_HARD = 680, 710


def wake_inbox() -> None:
    """Wake a worker for the inbox. Losing the call is no loss: beat sweeps."""
    _wake(drain_inbox)


def wake_outbox() -> None:
    """Wake a worker for the outbox."""
    _wake(drain_outbox)


def wake_order_mails() -> None:
    """Wake a worker for the order mails that are due."""
    _wake(drain_order_mails)


def _wake(task: Task[[], None]) -> None:
    try:
        task.apply_async(retry=False, expires=60)
    except (OperationalError, RedisError, OSError) as error:
        log.warning("wake-up lost task=%s error=%s", task.name, type(error).__name__)


def _is_over(until: float) -> bool:
    """Whether this turn has lasted long, or its process grown so large that Celery starts another in its place; or its
    worker is to stop.
    """
    return time.monotonic() > until or celery.is_stopping() or limits.has_grown(settings.WORKER_MEMORY_BYTES)


@shared_task
def drain_inbox() -> None:
    """Settle what waits in the inbox, and wake the outbox for what is to be sent and who tells of it."""
    until, batches = time.monotonic() + TURN, 0
    while inbox.work(now=clock.now()) is not None:
        wake_outbox()
        batches += 1
        if _is_over(until):
            wake_inbox()
            break
    if batches:
        wake_events()


@shared_task(soft_time_limit=SENDING_SOFT, time_limit=SENDING_HARD)
def drain_outbox() -> None:
    """Send what waits in the outbox, and wake who tells of it."""
    if celery.is_stopping():  # taken before the worker was told to stop; whoever ends a turn for that wakes another
        return
    until, sent = time.monotonic() + TURN, 0
    outbox.note_interrupted(now=clock.now())
    while outbox.work(now=clock.now()):
        sent += 1
        if _is_over(until):
            wake_outbox()
            break
    if sent:
        wake_events()


@shared_task
def drain_order_mails() -> None:
    """Write the order mails that are due, and wake the outbox for them."""
    until = time.monotonic() + TURN
    while order_mails.work(now=clock.now()):
        wake_outbox()
        if _is_over(until):
            wake_order_mails()
            return


@shared_task(soft_time_limit=SENDING_SOFT, time_limit=SENDING_HARD)
def send_tests() -> None:
    """Send the templates and senders that admins try out."""
    until = time.monotonic() + TURN
    while trials.work(now=clock.now()) and not _is_over(until):
        pass


@shared_task
def forget_settled_receipts() -> None:
    """Delete receipts that were settled long enough ago."""
    before = clock.now() - timedelta(days=settings.RECEIPT_KEEP_DAYS)
    while inbox.forget_settled(before=before):
        pass
