"""Take a receipt that holds a batch apart into a receipt for each of its items."""

from __future__ import annotations

import logging
from datetime import datetime

from billiard.exceptions import SoftTimeLimitExceeded
from django.db.models import DateTimeField, Func, Value
from django.db.models.functions import Greatest

from conversation_tracker import replay
from conversation_tracker.models import Receipt, ReceiptState, Trouble
from orders.secrecy import Secret

log = logging.getLogger(__name__)


def split(row: Receipt, *, now: datetime) -> bool:
    """Put a receipt for each item of a batch in its place, so that a bad one does not keep the good ones back.

    False where there is nothing to split.
    """
    try:
        bodies = replay.split(row)
    except (MemoryError, SoftTimeLimitExceeded):  # these say nothing of the mail
        raise
    except Exception:  # noqa: BLE001  what cannot be read cannot be taken apart either
        return False
    if len(bodies) < 2:  # noqa: PLR2004  one is the whole
        return False
    parts = [
        Receipt(
            provider=row.provider,
            channel=row.channel,
            method=row.method,
            path=row.path,
            query=row.query,
            headers=row.headers,
            body=Secret.of(body),
            size=len(body),
            next_attempt_at=now,
            received_at=row.received_at,
            split_from=row.pk,
        )
        for body in bodies
    ]
    Receipt.objects.bulk_create(parts, batch_size=500)
    row.state, row.settled_at, row.trouble, row.trouble_detail = ReceiptState.DONE, moment(now), Trouble.NONE, ""
    row.results = []
    row.save(update_fields=["state", "settled_at", "trouble", "trouble_detail", "results"])
    log.info("receipt split receipt=%s parts=%s", row.pk, len(parts))
    return True


def moment(now: datetime) -> Greatest:
    """The moment at which a receipt is settled, not the one at which work on it began."""
    return Greatest(Value(now), Func(function="clock_timestamp"), output_field=DateTimeField())
