"""The calls of shops: kept byte for byte, read by a worker, settled or quarantined, put back.

PostgreSQL is the queue, as for mail: a worker counts the attempt in a commit of its own and holds the row (see claims),
so that a killed worker's row is free by itself, and a call that kills its worker is recognised.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from billiard.exceptions import SoftTimeLimitExceeded
from django.db import IntegrityError, transaction

from orders import audit, claims, faults, secrecy
from orders.models import (
    Action,
    ShopConnection,
    ShopDelivery,
    ShopDeliveryState,
    ShopKind,
    ShopOutcome,
    ShopTrouble,
    User,
)
from orders.secrecy import Secret
from orders.shops import applying, connections, reports

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 3
FIRST_DELAY = timedelta(seconds=5)
LONGEST_DELAY = timedelta(minutes=10)
PATIENCE = timedelta(hours=1)  # how long a parcel or refund may come before its order
LONGEST_TOPIC = 100


def accept(
    shop: ShopConnection, *, topic: str, call_id: str, headers: Sequence[tuple[str, str]], body: bytes, now: datetime
) -> bool:
    """Keep one call byte for byte; it is safe once this returns. False for one that was kept before."""
    delivery = ShopDelivery(
        store_id=shop.store_id,
        connection=shop,
        topic=topic[:LONGEST_TOPIC],
        fingerprint=secrecy.digest(b"\0".join((topic.encode(), call_id.encode(), body)), purpose="shop-call"),
        headers=Secret.of_json(headers),
        body=Secret.of(body),
        size=len(body),
        received_at=now,
        next_attempt_at=now,
    )
    try:
        with transaction.atomic():
            delivery.save(force_insert=True)
    except IntegrityError:
        if ShopDelivery.objects.filter(connection=shop, fingerprint=delivery.fingerprint).exists():
            return False
        raise
    return True


_TAKE = """
    WITH waiting AS (
        SELECT id FROM orders_shopdelivery
        WHERE state = 'pending' AND next_attempt_at <= greatest(%(now)s, statement_timestamp())
        ORDER BY next_attempt_at, id LIMIT 200 FOR UPDATE SKIP LOCKED
    ), taken AS MATERIALIZED (
        SELECT id FROM waiting WHERE pg_try_advisory_lock(%(lock)s + id) LIMIT 1
    )
    UPDATE orders_shopdelivery AS delivery SET attempts = delivery.attempts + 1
    FROM taken WHERE delivery.id = taken.id RETURNING delivery.id, delivery.attempts
"""


def work(*, now: datetime) -> bool:
    """Settle the next call that waits; False when none does."""
    with claims.held(claims.Space.SHOPS, _TAKE, {"now": now}) as taken:
        for pk, attempts in taken:
            if attempts > MOST_ATTEMPTS:  # every attempt so far ended with its worker
                _quarantine(pk, ShopTrouble.KILLED_WORKER, "", now=now)
            else:
                _work_on(pk, now=now)
    return bool(taken)


def _work_on(pk: int, *, now: datetime) -> None:
    try:
        with transaction.atomic():
            calls = ShopDelivery.objects.select_for_update(of=("self",)).select_related("connection__store")
            delivery = calls.filter(pk=pk, state=ShopDeliveryState.PENDING).first()
            if delivery is not None:
                _settle(delivery, _apply(delivery, now=now), now=now)
    except applying.TooEarly as error:
        _wait(pk, error, now=now)
    except reports.Unreadable as error:
        _quarantine(pk, ShopTrouble.UNREADABLE, faults.describe(error), now=now)
    except SoftTimeLimitExceeded as error:
        _defer(pk, ShopTrouble.STORAGE, error, now=now)
        raise
    except Exception as error:  # noqa: BLE001  whatever it is, the call is kept and shown
        if faults.is_passing(error):
            _defer(pk, ShopTrouble.STORAGE, error, now=now)
            return
        log.error("shop delivery failed delivery=%s\n%s", pk, faults.trace(error))  # noqa: TRY400  its text may quote it
        _quarantine(pk, ShopTrouble.FAILED, faults.describe(error), now=now)


def _apply(delivery: ShopDelivery, *, now: datetime) -> applying.Applied:
    shop = delivery.connection
    report = connections.SOFTWARE[ShopKind(shop.kind)].read(delivery.topic, delivery.body.bytes())
    return applying.apply(shop, report, now=now) if report else applying.Applied(ShopOutcome.TOPIC)


def _settle(delivery: ShopDelivery, applied: applying.Applied, *, now: datetime) -> None:
    delivery.state, delivery.outcome, delivery.order = ShopDeliveryState.DONE, applied.outcome, applied.order
    delivery.trouble, delivery.trouble_detail, delivery.settled_at = "", "", now
    delivery.save(update_fields=["state", "outcome", "order", "trouble", "trouble_detail", "settled_at"])
    log.info("shop delivery settled delivery=%s topic=%s outcome=%s", delivery.pk, delivery.topic, applied.outcome)


def _wait(pk: int, error: applying.TooEarly, *, now: datetime) -> None:
    """What came before its order, or before what the order holds, waits for it, and is settled when it never comes."""
    delivery = ShopDelivery.objects.select_related("connection").get(pk=pk)
    if now < delivery.received_at + PATIENCE:
        _defer(pk, ShopTrouble.WAITING, error, now=now)
    else:
        _settle(delivery, applying.give_up(error, now=now), now=now)


def _defer(pk: int, trouble: ShopTrouble, error: BaseException, *, now: datetime) -> None:
    """A passing fault is nobody's attempt: try again later, ever more slowly, for as long as it takes."""
    row = ShopDelivery.objects.only("attempts", "deferrals").get(pk=pk)
    delay: timedelta = min(FIRST_DELAY * 2 ** min(row.deferrals, 10), LONGEST_DELAY)
    ShopDelivery.objects.filter(pk=pk).update(
        attempts=max(row.attempts - 1, 0),
        deferrals=row.deferrals + 1,
        next_attempt_at=now + delay,
        trouble=trouble,
        trouble_detail=faults.describe(error),
    )


def _quarantine(pk: int, trouble: ShopTrouble, detail: str, *, now: datetime) -> None:
    ShopDelivery.objects.filter(pk=pk, state=ShopDeliveryState.PENDING).update(
        state=ShopDeliveryState.QUARANTINED, settled_at=now, trouble=trouble, trouble_detail=detail
    )
    log.warning("shop delivery quarantined delivery=%s trouble=%s detail=%s", pk, trouble, detail)


def put_back(delivery: ShopDelivery, *, user: User, now: datetime) -> bool:
    """Let a quarantined call be tried anew; False when it is not in quarantine. Audited."""
    with transaction.atomic():
        changed = ShopDelivery.objects.filter(pk=delivery.pk, state=ShopDeliveryState.QUARANTINED).update(
            state=ShopDeliveryState.PENDING, attempts=0, settled_at=None, next_attempt_at=now
        )
        if changed:
            audit.record(Action.RECEIPT_REPLAYED, subject=str(delivery), store=delivery.store, user=user, now=now)
    return bool(changed)


def forget_settled(*, before: datetime, batch: int = 1_000) -> int:
    """Delete up to one batch of calls that were settled before a moment; quarantined ones stay."""
    done = ShopDelivery.objects.filter(state=ShopDeliveryState.DONE, settled_at__lt=before).values_list("pk", flat=True)
    return ShopDelivery.objects.filter(pk__in=list(done[:batch])).delete()[0]
