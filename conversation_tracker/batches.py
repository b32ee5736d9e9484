"""Take a receipt that holds a batch apart into a receipt for each of its items."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime

from billiard.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from django.db.models import DateTimeField, Func, Value
from django.db.models.functions import Greatest

from conversation_tracker import bytea, replay
from conversation_tracker.models import Receipt, ReceiptState, Trouble
from orders import faults
from orders.secrecy import Secret

log = logging.getLogger(__name__)

LARGEST_GROUP = 1_000_000  # bytes of parts, from which on they are inserted
MOST_IN_GROUP = 500


class _Broken(Exception):
    """What cannot be read cannot be taken apart either."""


def split(row: Receipt, *, now: datetime) -> bool:
    """Put a receipt for each item of a batch in its place, so that a bad one does not keep the good ones back.

    False where there is nothing to split.
    """
    try:
        with transaction.atomic():
            count = _insert(row, now=now)
    except _Broken:
        return False
    if not count:
        return False
    row.state, row.settled_at, row.trouble, row.trouble_detail = ReceiptState.DONE, moment(now), Trouble.NONE, ""
    row.results = []
    row.save(update_fields=["state", "settled_at", "trouble", "trouble_detail", "results"])
    log.info("receipt split receipt=%s parts=%s", row.pk, count)
    return True


def _insert(row: Receipt, *, now: datetime) -> int:
    count = 0
    for bodies in _groups(_bodies(row)):
        parts = [_part(row, body, now=now) for body in bodies]
        bodies.clear()
        with bytea.sent():
            Receipt.objects.bulk_create(parts)
        count += len(parts)
        parts.clear()  # before the next ones are read
    return count


def _bodies(row: Receipt) -> Iterator[bytes]:
    try:
        yield from replay.split(row)
    except (MemoryError, SoftTimeLimitExceeded):  # these say nothing of the mail
        raise
    except Exception as error:
        if faults.is_passing(error):
            raise
        raise _Broken from error


def _groups(bodies: Iterator[bytes]) -> Iterator[list[bytes]]:
    """As many at once as take little memory."""
    group: list[bytes] = []
    size = 0
    for body in bodies:
        group.append(body)
        size += len(body)
        del body  # the next one may be as large
        if size >= LARGEST_GROUP or len(group) == MOST_IN_GROUP:
            yield group
            group, size = [], 0
    if group:
        yield group


def _part(row: Receipt, body: bytes, *, now: datetime) -> Receipt:
    return Receipt(
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


def moment(now: datetime) -> Greatest:
    """The moment at which a receipt is settled, not the one at which work on it began."""
    return Greatest(Value(now), Func(function="clock_timestamp"), output_field=DateTimeField())
