"""What becomes of receipts that cannot be settled as they are: put off, taken apart, or quarantined."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from billiard.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, InternalError, OperationalError, connection, transaction

from conversation_tracker import batches, bytea, limits
from conversation_tracker.models import Receipt, ReceiptState, Trouble
from orders import claims, faults

log = logging.getLogger(__name__)

FIRST_DELAY = timedelta(seconds=5)
LONGEST_DELAY = timedelta(minutes=10)
MOST_DEFERRALS = 300  # of one receipt, which are two days
MOST_TOGETHER = 3  # deferrals of a batch, after which each of it is tried alone
PAUSES = (0.5, 2.0, 5.0)  # seconds between tries to reach the database


def quarantine(row: Receipt, trouble: Trouble, detail: str, *, now: datetime) -> None:
    """Put one receipt into quarantine, with its bytes and the reason."""
    row.state, row.settled_at, row.trouble, row.trouble_detail = (
        ReceiptState.QUARANTINED,
        batches.moment(now),
        trouble,
        detail,
    )
    row.save(update_fields=["state", "settled_at", "trouble", "trouble_detail"])
    log.warning("receipt quarantined receipt=%s trouble=%s detail=%s", row.pk, trouble, row.trouble_detail)


def give_up(ids: Sequence[int], trouble: Trouble, detail: str, *, now: datetime) -> None:
    """Put receipts into quarantine, with their bytes and the reason."""
    Receipt.objects.filter(pk__in=ids, state=ReceiptState.PENDING).update(
        state=ReceiptState.QUARANTINED, settled_at=batches.moment(now), trouble=trouble, trouble_detail=detail
    )
    log.warning("receipts quarantined receipts=%s trouble=%s detail=%s", ids, trouble, detail)


def split_or_give_up(ids: Sequence[int], trouble: Trouble, detail: str, *, now: datetime) -> None:
    """Take apart those that hold several mails or reports, of which one only may be bad; quarantine the others."""
    for pk in ids:
        rows = Receipt.objects.select_for_update().filter(pk=pk, state=ReceiptState.PENDING)
        try:
            with limits.processor_time(), transaction.atomic():
                is_apart = all(batches.split(row, now=now) for row in bytea.fetched(rows, "body"))
        except (limits.TooSlow, MemoryError) as error:
            log.warning("a receipt could not be split receipt=%s detail=%s", pk, faults.describe(error))
            is_apart = False
        except SoftTimeLimitExceeded as error:
            defer([pk], error, trouble=Trouble.TOO_SLOW, now=now)
            raise
        except Exception as error:  # noqa: BLE001  whatever it is, the receipt is kept and shown
            if faults.is_passing(error) and not faults.lacks_memory(error):
                defer([pk], error, now=now)
                continue
            log.error("splitting failed receipt=%s\n%s", pk, faults.trace(error))  # noqa: TRY400  it may quote a mail
            is_apart = False
        if not is_apart:
            give_up([pk], trouble, detail, now=now)


def defer(
    ids: Sequence[int],
    error: BaseException,
    *,
    now: datetime,
    trouble: Trouble = Trouble.STORAGE,
    most: int | None = MOST_DEFERRALS,
) -> None:
    """A passing fault is nobody's attempt: try again later, ever more slowly. One that was put off ``most`` times
    before, and now is tried alone, goes into quarantine: somebody has to look at a fault that should pass and stays.

    The fault may be the database's, which has to be back to note this: a restart takes seconds. Raises what the
    database raises when it is away for longer, and the attempt stays counted.
    """
    log.warning("receipts deferred receipts=%s detail=%s", ids, faults.describe(error))
    for pause in () if connection.in_atomic_block else PAUSES:
        try:
            _put_off(ids, error, trouble, most=most, now=now)
        except (OperationalError, InterfaceError, InternalError):
            time.sleep(pause)
            claims.reconnect()
        else:
            return
    _put_off(ids, error, trouble, most=most, now=now)


def _put_off(ids: Sequence[int], error: BaseException, trouble: Trouble, *, most: int | None, now: datetime) -> None:
    is_batch = len(ids) > 1
    for row in Receipt.objects.filter(pk__in=ids, state=ReceiptState.PENDING).only("id", "attempts", "deferrals"):
        if most is not None and not is_batch and row.deferrals >= most:
            give_up([row.pk], trouble, faults.describe(error), now=now)
            continue
        delay = min(FIRST_DELAY * 2 ** min(row.deferrals, 10), LONGEST_DELAY)
        Receipt.objects.filter(pk=row.pk).update(
            # One that has 1 left is tried alone, and stays so.
            attempts=max(row.attempts - 1, 1 if is_batch and row.deferrals >= MOST_TOGETHER else 0),
            deferrals=row.deferrals + 1,
            next_attempt_at=now + delay,
            trouble=trouble,
            trouble_detail=faults.describe(error),
        )
