"""The inbox: accept a receipt, claim what waits, settle it, quarantine what cannot be read, put it back for replay.

PostgreSQL is the queue. A worker takes rows, counts the attempt in a commit of its own, and holds them while it works
(see claims), so that a killed worker's rows are free again by themselves and a receipt that kills its worker is
recognised.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from billiard.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Count, Min

from conversation_tracker import batches, bytea, delivery, limits, nowhere, providers, replay, setbacks
from conversation_tracker.mailflow import guards, pipeline
from conversation_tracker.mailflow.shapes import Arrival
from conversation_tracker.models import REPLAYABLE, Channel, Receipt, ReceiptState, Trouble
from conversation_tracker.providers import fetching, mime
from conversation_tracker.providers.smtp_verdict import Handover
from orders import audit, claims, events, faults, secrecy
from orders.models import Action, User
from orders.secrecy import Secret

log = logging.getLogger(__name__)

BATCH = 20
MOST_ATTEMPTS = 3


class UsedBefore(Exception):
    """The call carries a token that came with another body before: whoever sent it had seen that call."""


def accept(
    *,
    provider: str,
    channel: Channel,
    method: str,
    path: str,
    query: str,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    now: datetime,
    once: str = "",
) -> Receipt:
    """Keep one call byte for byte; it is safe once this returns (or once the caller's transaction commits).

    ``once`` is a token that is good for one call, and is used up by the same commit that keeps the call: a call that
    was not kept may come again with it, one that was kept is not kept twice. Raises UsedBefore for another body.
    """
    receipt = Receipt(
        provider=provider,
        channel=channel,
        method=method,
        path=path[:200],
        query=Secret.of(query),
        headers=Secret.of_json(headers),
        body=Secret.of(body),
        size=len(body),
        next_attempt_at=now,
        received_at=now,
    )
    if not once:
        with bytea.sent():
            receipt.save(force_insert=True)
        return receipt
    receipt.once = secrecy.digest(f"{provider}:{once}", purpose="once")
    try:
        with transaction.atomic(), bytea.sent():
            receipt.save(force_insert=True)
    except IntegrityError:
        earlier = Receipt.objects.filter(once=receipt.once).first()
        if earlier is None or replay.said(earlier) != replay.said(receipt):
            raise UsedBefore from None
        return earlier
    return receipt


def accept_mime(
    raw: bytes, *, sender: str, recipients: Sequence[str], handover: Handover | None = None, now: datetime
) -> Receipt:
    """Keep a mail handed over as bytes with its envelope, and with the SMTP client that did, if one did."""
    envelope = mime.Handed(raw, sender, tuple(recipients), handover).pairs()
    return accept(
        provider="mime", channel=Channel.MIME, method="", path="", query="", headers=envelope, body=raw, now=now
    )


# Settles receipts and tells of the mails that they brought, in one statement.
_DONE = f"""
    WITH told AS ({events.RECEIVED})
    UPDATE conversation_tracker_receipt AS receipt
    SET state = 'done', settled_at = greatest(%(now)s, clock_timestamp()), trouble = found.trouble,
        trouble_detail = found.reason, results = found.results
    FROM unnest(%(ids)s::bigint[], %(results)s::text[]::jsonb[], %(troubles)s::text[], %(reasons)s::text[])
        AS found(id, results, trouble, reason)
    WHERE receipt.id = found.id
"""  # noqa: S608  two constants


# A batch of new receipts, whose attempt is counted here, and one that is to be read alone: tried before, large, or
# slow because its mail has to be fetched. All of those have a turn before one has its next, so that a good mail waits
# for one attempt of each bad one at most, and not for all; one that was put off goes behind what came until it was due.
# What has to be fetched waits until nothing new does: while an API is slow, a worker stands still for most of a minute.
_TAKE = """
    WITH new AS (
        SELECT id FROM conversation_tracker_receipt
        WHERE state = 'pending' AND next_attempt_at <= greatest(%(now)s, statement_timestamp()) AND attempts = 0
          AND size <= %(large)s AND provider <> ALL(%(slow)s)
        ORDER BY id LIMIT 200 FOR UPDATE SKIP LOCKED
    ), lone AS (
        SELECT id FROM conversation_tracker_receipt
        WHERE state = 'pending' AND next_attempt_at <= greatest(%(now)s, statement_timestamp())
          AND (provider = ANY(%(slow)s) AND NOT EXISTS (SELECT FROM new)
               OR provider <> ALL(%(slow)s) AND (attempts > 0 OR size > %(large)s))
        ORDER BY attempts, next_attempt_at, id LIMIT 200 FOR UPDATE SKIP LOCKED
    ), batch AS MATERIALIZED (
        SELECT id FROM new WHERE pg_try_advisory_lock(%(lock)s + id) LIMIT %(batch)s
    ), held AS MATERIALIZED (
        SELECT id FROM lone WHERE pg_try_advisory_lock(%(lock)s + id) LIMIT 1
    ), counted AS (
        UPDATE conversation_tracker_receipt AS receipt SET attempts = 1 FROM batch WHERE receipt.id = batch.id
        RETURNING receipt.id
    )
    SELECT id, false AS is_lone FROM counted UNION ALL SELECT id, true FROM held
"""
# The attempt of the lone one: only now, since a batch before it that stops the worker must not cost it one.
_COUNT = """
    UPDATE conversation_tracker_receipt SET attempts = attempts + 1 WHERE id = %s AND state = 'pending'
    RETURNING attempts, size
"""


def work(*, now: datetime) -> int | None:
    """Settle the next batch of new receipts, and one more that has to be read alone. Returns how many were looked at,
    None when nothing waits.
    """
    params = {"now": now, "batch": BATCH, "large": bytea.LARGE, "slow": providers.fetching_ones()}
    with claims.held(claims.Space.INBOX, _TAKE, params) as taken:
        together = sorted(pk for pk, is_lone in taken if not is_lone)
        if together:
            _work_on(together, attempts=1, now=now)
        is_full = bool(together) and limits.has_grown(settings.WORKER_MEMORY_BYTES)
        for pk, is_lone in taken:
            if is_lone:
                _work_alone(pk, is_full=is_full, now=now)
    return len(taken) or None


def _work_alone(pk: int, *, is_full: bool, now: datetime) -> None:
    """``is_full``: what a batch left of this process's memory may be too little, which is not this one's fault."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [pk])
        counted = cursor.fetchone()
    if counted is None:  # somebody settled it meanwhile
        return
    attempts, size = counted
    if attempts > MOST_ATTEMPTS:  # every attempt so far ended with its worker
        setbacks.give_up([pk], Trouble.KILLED_WORKER, "", now=now)
    else:
        _work_on([pk], attempts=attempts, is_large=size > bytea.LARGE, is_full=is_full, now=now)


def _work_on(
    ids: Sequence[int], *, attempts: int, is_large: bool = False, is_full: bool = False, now: datetime
) -> None:
    """Settle these receipts, all in one transaction; what goes wrong becomes their state."""
    alone = attempts > 1
    lost: tuple[Trouble, str] | None = None
    was_full = False
    try:
        with limits.processor_time(), transaction.atomic():
            _settle(_locked(ids, is_large=is_large), alone=alone, now=now)
    except limits.TooSlow as error:
        if alone or len(ids) == 1:  # in a batch each is tried again by itself, so that the good ones are recorded
            lost = Trouble.TOO_SLOW, faults.describe(error)
    except SoftTimeLimitExceeded as error:
        _put_off_slow(ids, error, now=now)
        raise
    except Exception as error:  # noqa: BLE001  whatever it is, the receipt is kept and shown
        is_short = faults.lacks_memory(error)
        if faults.is_passing(error) and not is_short:
            _pass_over(ids, error, now=now)
            return
        # Another worker recorded a copy of the same mail at this moment: looked at again, it is known as a repeat. Or
        # mails before these filled the memory of this process, in whose place another one comes.
        is_tried_again = isinstance(error, IntegrityError) or is_short
        if is_tried_again:
            log.info("receipts are to be looked at again receipts=%s detail=%s", ids, faults.describe(error))
        else:
            log.error("recording failed receipts=%s\n%s", ids, faults.trace(error))  # noqa: TRY400  the text may quote a mail
        was_full = is_full and is_short
        if attempts >= MOST_ATTEMPTS or (not is_tried_again and (alone or len(ids) == 1)):
            lost = Trouble.FAILED, faults.describe(error)
    if was_full:
        setbacks.defer(ids, MemoryError(), now=now)
    elif lost is not None:  # only now, when what went wrong and its memory are gone
        setbacks.split_or_give_up(ids, *lost, now=now)


def _pass_over(ids: Sequence[int], error: Exception, *, now: datetime) -> None:
    """Put the receipts off; of a batch each is tried alone, unless the database is away: it may be one mail's fault
    only, such as a file that cannot be written, and a batch put off would meet again.
    """
    is_away = connection.connection is None or connection.connection.closed
    if len(ids) == 1 or is_away:
        setbacks.defer(ids, error, now=now)
    else:
        log.warning("receipts are to be tried alone receipts=%s detail=%s", ids, faults.describe(error))


def _put_off_slow(ids: Sequence[int], error: SoftTimeLimitExceeded, *, now: datetime) -> None:
    """The task's time was over, which may be due to what it did before these. Of a batch each is tried alone."""
    if len(ids) == 1:
        setbacks.defer(ids, error, trouble=Trouble.TOO_SLOW, now=now)
    else:
        log.warning("receipts are to be tried alone receipts=%s detail=%s", ids, faults.describe(error))


def _locked(ids: Sequence[int], *, is_large: bool) -> list[Receipt]:
    """Those of the receipts that still wait."""
    rows = Receipt.objects.select_for_update().filter(pk__in=ids, state=ReceiptState.PENDING).order_by("id")
    return bytea.fetched(rows, "body") if is_large else list(rows)


def _settle(rows: Sequence[Receipt], *, alone: bool, now: datetime) -> None:
    """Replay the rows through anymail, record all their mails at once, and settle each row."""
    arrivals: list[Arrival] = []
    owners: list[Receipt] = []
    readable = []
    for row in rows:
        found = _read(row, alone=alone or len(rows) == 1, was_tried=alone, now=now)
        if found is not None:
            row.body = secrecy.nothing()  # the mails are out of it, and a large one would be held twice
            readable.append(row)
            arrivals.extend(found)
            owners.extend([row] * len(found))
    received_at = [owner.received_at for owner in owners]
    results = pipeline.process(arrivals, received_at=received_at, now=now) if arrivals else []
    for row in readable:
        row.results, row.trouble, row.trouble_detail = [], Trouble.NONE, ""
    for owner, arrival, found_results in zip(owners, arrivals, results, strict=True):
        if arrival.unread is not None:
            owner.trouble = Trouble.OVER_LIMIT if arrival.unread.is_over_limit else Trouble.UNREADABLE
            owner.trouble_detail = arrival.unread.detail
        for result in found_results:
            owner.results.append(
                {
                    "outcome": result.outcome,
                    "reason": result.reason,
                    "entry": result.entry_id,
                    "repeat": result.is_repeat,
                }
            )
            log.info(
                "mail settled receipt=%s provider=%s outcome=%s reason=%s entry=%s repeat=%s",
                owner.pk, owner.provider, result.outcome, result.reason, result.entry_id, result.is_repeat,
            )  # fmt: skip
    for owner, arrival in zip(owners, arrivals, strict=True):
        if not owner.trouble and not any(found["entry"] for found in owner.results):
            owner.trouble, owner.trouble_detail = nowhere.trouble(arrival)
    lost = [row for row in readable if row.trouble and not any(found["entry"] for found in row.results)]
    for row in lost:
        setbacks.quarantine(row, Trouble(row.trouble), row.trouble_detail, now=now)
    _mark_done([row for row in readable if row not in lost], now=now)


def _mark_done(rows: Sequence[Receipt], *, now: datetime) -> None:
    """Settle the rows in one statement; Django's bulk_update took a third of the time of a whole batch."""
    if rows:
        recorded = [found["entry"] for row in rows for found in row.results if found["entry"] and not found["repeat"]]
        columns: dict[str, Any] = {
            "ids": [row.pk for row in rows],
            "results": [json.dumps(row.results) for row in rows],
            "troubles": [str(row.trouble) for row in rows],
            "reasons": [row.trouble_detail for row in rows],
        }
        with connection.cursor() as cursor:
            cursor.execute(_DONE, {**columns, **events.received(recorded, now=now)})


def _read(row: Receipt, *, alone: bool, was_tried: bool, now: datetime) -> list[Arrival] | None:
    """The mails that a receipt brings; None where something else became of it. What concerns others too is raised."""
    if (was_tried or row.trouble == Trouble.TOO_SLOW) and batches.split(row, now=now):
        return None
    try:
        found = _replay(row, alone=alone, now=now)
        is_apart = any(arrival.unread or nowhere.may_be_trouble(arrival) for arrival in found) and batches.split(
            row, now=now
        )
        return None if is_apart else found  # noqa: TRY300  what it raises is sorted below
    except (fetching.Unavailable, fetching.NotAlone, delivery.TooEarly) as error:
        _wait(row, error, now=now)
    except SoftTimeLimitExceeded:
        raise
    except guards.OverLimit as error:
        if not batches.split(row, now=now):
            setbacks.quarantine(row, Trouble.OVER_LIMIT, error.limit.value, now=now)
    except MemoryError:
        raise
    except Exception as error:
        # anymail's views raise whatever the payload makes them raise.
        if faults.is_passing(error) or faults.lacks_memory(error):
            raise
        # In a batch it is tried again alone, since it may have been a neighbour's doing.
        if alone and not batches.split(row, now=now):
            setbacks.quarantine(row, Trouble.UNREADABLE, faults.describe(error), now=now)
    return None


def _wait(row: Receipt, error: Exception, *, now: datetime) -> None:
    """What heals by itself is one receipt's own affair: its provider's API is away, its mail is not yet sent."""
    if isinstance(error, fetching.NotAlone):
        return  # its attempt is counted, so that it is read by itself next
    # Reports of one call wait together: an account that others use too has many that are about no mail of ours.
    if row.channel != Channel.TRACKING and batches.split(row, now=now):
        return
    if isinstance(error, fetching.Unavailable) and now > row.received_at + error.patience:
        setbacks.quarantine(row, Trouble.UNREADABLE, faults.describe(error), now=now)
        return
    setbacks.defer([row.pk], error, now=now, most=None)


def _replay(row: Receipt, *, alone: bool, now: datetime) -> list[Arrival]:
    """The mails that a receipt brings, with what came as their original where the provider gives no raw mail.

    Raises TooEarly for a report about a mail that may just be on its way.
    """
    with pipeline.gathering() as basket, delivery.noting() as unknown, fetching.within(alone=alone):
        replay.run(row)
        for arrival in basket:
            delivery.returned(arrival, at=row.received_at, now=now)
    if unknown and now < row.received_at + delivery.PATIENCE:
        raise delivery.TooEarly
    return [
        arrival
        if arrival.original_type
        else replace(arrival, original=replay.body(row), original_type=replay.content_type(row)[:100])
        for arrival in basket
    ]


def put_back(receipt: Receipt, *, user: User, now: datetime) -> bool:
    """Let a receipt be tried anew that was not read; False when there is nothing to try. Audited."""
    with transaction.atomic():
        changed = Receipt.objects.filter(REPLAYABLE, pk=receipt.pk).update(
            state=ReceiptState.PENDING, attempts=0, deferrals=0, settled_at=None, next_attempt_at=now
        )
        if changed:
            audit.record(Action.RECEIPT_REPLAYED, subject=str(receipt), user=user, now=now)
    return bool(changed)


def dismiss(receipt: Receipt, *, user: User, reason: str, now: datetime) -> bool:
    """Take a receipt that was not read off the list of what has to be seen to; False when it is not there. Audited,
    with what was wrong. Its bytes go with those of all that is settled: see ``forget_settled``.
    """
    with transaction.atomic():
        rows = Receipt.objects.select_for_update().filter(REPLAYABLE, pk=receipt.pk)
        found = rows.values_list("trouble", flat=True).first()
        if found is None:
            return False
        rows.update(state=ReceiptState.DONE, settled_at=now, trouble=Trouble.NONE, trouble_detail="")
        subject = str(receipt)
        audit.record(Action.RECEIPT_DISMISSED, subject=subject, user=user, before=found, reason=reason, now=now)
    return True


def reveal(receipt: Receipt, *, user: User, reason: str, now: datetime) -> bytes:
    """The bytes as they came, with every real address in them. Audited; raises what opening them raises."""
    with transaction.atomic():
        audit.record(Action.RECEIPT_REVEALED, subject=str(receipt), user=user, reason=reason, now=now)
        return receipt.body.bytes()


def forget_settled(*, before: datetime, batch: int = 1_000) -> int:
    """Delete up to one batch of receipts that were settled before a moment; those that were not read stay."""
    done = Receipt.objects.filter(state=ReceiptState.DONE, trouble=Trouble.NONE, settled_at__lt=before)
    return Receipt.objects.filter(pk__in=list(done.values_list("pk", flat=True)[:batch])).delete()[0]


def counts() -> dict[str, int]:
    """How many receipts stand in each state."""
    found = dict(Receipt.objects.values_list("state").annotate(Count("id")))
    return {state.value: found.get(state, 0) for state in ReceiptState}


def oldest_pending() -> datetime | None:
    """When the receipt that waits longest came in."""
    at: datetime | None = Receipt.objects.filter(state=ReceiptState.PENDING).aggregate(at=Min("received_at"))["at"]
    return at
