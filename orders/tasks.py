"""Background work on orders; each task may be lost, doubled or late without harm."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from orders import aliases

BATCH = 2_000


@shared_task
def expire_aliases() -> int:
    """Retire every alias that is due, batch by batch."""
    total = 0
    while count := aliases.expire_due(now=timezone.now(), batch=BATCH):
        total += count
    return total
