"""Post what happened to hooks, and try again until it is taken.

A worker holds a hook while it posts to it, one event at a time, and many hooks at once: a target that does not
answer costs one place among many for five seconds, and then rests longer each time.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

from django.db import Error, transaction

from orders import claims, faults, hooks, outside
from orders.models import DeliveryState, Hook, HookDelivery

log = logging.getLogger(__name__)

MOST_AT_ONCE = 16
MOST_TURNS = 2  # at once; workers beyond them have mail to send
MOST_REFUSED = 3  # refusals and none taken: then it may not be about the events
TURN = 5.0  # seconds after which no further post begins, so that a worker's place is free for mail
MOST_FAILURES = 16  # of one delivery: a good day
FIRST_DELAY = timedelta(seconds=10)
LONGEST_DELAY = timedelta(hours=4)
FIRST_REST = timedelta(seconds=5)  # of a hook whose target did not answer
LONGEST_REST = timedelta(minutes=5)
LATELY = timedelta(hours=1)
LONGEST_REST_BETWEEN = timedelta(minutes=1)  # where it answered, or took something lately
LONGEST_WAIT = timedelta(days=3)
TOO_OLD = "It was not taken within 3 days."

# The hook whose turn it is, and its next delivery: the less often one was refused, the sooner. The hook's
# lock is free by itself when this worker is killed; a delivery that another worker has just settled is not found again,
# and the lock is given back all the same. The hook's row is locked first, as when the hook is taken away.
_TAKE = """
    WITH due AS MATERIALIZED (
        SELECT hook.id FROM orders_hook AS hook
        JOIN orders_apikey AS key ON key.id = hook.api_key_id AND key.revoked_at IS NULL
        WHERE hook.next_try_at <= greatest(%(now)s, statement_timestamp()) AND hook.switched_off_at IS NULL
          AND hook.id <> ALL(%(busy)s) AND EXISTS (
            SELECT FROM orders_hookdelivery AS waiting
            WHERE waiting.hook_id = hook.id AND waiting.state = 'waiting'
              AND waiting.next_attempt_at <= greatest(%(now)s, statement_timestamp())
        )
        ORDER BY hook.served_at LIMIT 200
    ), taken AS MATERIALIZED (
        SELECT id FROM due WHERE pg_try_advisory_lock(%(lock)s + id) LIMIT 1
    ), served AS (
        UPDATE orders_hook AS hook SET served_at = %(now)s FROM taken WHERE hook.id = taken.id RETURNING hook.id
    ), counted AS (
        UPDATE orders_hookdelivery AS delivery SET attempts = delivery.attempts + 1
        FROM served WHERE delivery.state = 'waiting' AND delivery.id = (
            SELECT next.id FROM orders_hookdelivery AS next
            WHERE next.hook_id = served.id AND next.state = 'waiting'
              AND next.next_attempt_at <= greatest(%(now)s, statement_timestamp())
            ORDER BY next.failures, next.next_attempt_at, next.id LIMIT 1
        )
        RETURNING delivery.hook_id, delivery.id
    )
    SELECT taken.id, counted.id FROM taken LEFT JOIN counted ON counted.hook_id = taken.id
"""


_TAKE_TURN = "SELECT id FROM generate_series(1, %(most)s) AS turn(id) WHERE pg_try_advisory_lock(%(lock)s + id) LIMIT 1"


@dataclass(frozen=True, slots=True)
class _Held:
    """A hook that this worker holds, with the delivery it is about; ``lock`` lets go of it."""

    hook_id: int
    delivery_id: int
    lock: ExitStack


def work(*, clock: Callable[[], datetime], seconds: float = TURN) -> int:
    """Post what is due, to many hooks at once, and begin nothing after so many seconds; returns how many posts. None
    where as many workers as may post already, who go on until nothing is due.

    Raises django.db.Error when the database failed, after all posts that were under way have been settled; one that
    could not be stays due.
    """
    with claims.held(claims.Space.HOOK_TURNS, _TAKE_TURN, {"most": MOST_TURNS}) as turn:
        return _work(clock=clock, seconds=seconds) if turn else 0


def _work(*, clock: Callable[[], datetime], seconds: float) -> int:
    until = time.monotonic() + seconds
    flying: dict[Future[outside.Answer], _Held] = {}
    made = 0
    problem: Error | None = None
    with ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="hook") as pool:
        try:
            while True:
                try:
                    while len(flying) < MOST_AT_ONCE and problem is None and time.monotonic() < until:
                        if not _begin_next(pool, flying, clock=clock):
                            break
                        made += 1
                except Error as error:
                    problem = _mended(error)
                if not flying:
                    break
                for post in wait(flying, return_when=FIRST_COMPLETED).done:
                    try:
                        held = flying.pop(post)
                        with held.lock:
                            _settle(held, _answer(post), now=clock())
                    except Error as error:
                        problem = _mended(error)
        finally:
            for held in flying.values():
                held.lock.close()
    if problem is not None:
        raise problem
    return made


def _mended(error: Error) -> Error:
    """The error, with a connection that works again. One that does still holds the locks of the other hooks."""
    claims.reconnect()
    return error


def _begin_next(
    pool: ThreadPoolExecutor, flying: dict[Future[outside.Answer], _Held], *, clock: Callable[[], datetime]
) -> bool:
    """Begin the next post; False when none is due."""
    held = _take([one.hook_id for one in flying.values()], now=clock())
    if held is None:
        return False
    try:
        flying[_begin(pool, held, now=clock())] = held
    except BaseException:
        held.lock.close()
        raise
    return True


def _take(busy: Sequence[int], *, now: datetime) -> _Held | None:
    """Hold the next hook that waits for a post, with the attempt counted; None when none does."""
    while True:
        lock = ExitStack()
        rows = lock.enter_context(claims.held(claims.Space.HOOKS, _TAKE, {"now": now, "busy": list(busy)}))
        if not rows:
            return None
        [(hook_id, delivery_id)] = rows
        if delivery_id is not None:
            return _Held(hook_id, delivery_id, lock)
        lock.close()  # another worker has just settled its last one


def _begin(pool: ThreadPoolExecutor, held: _Held, *, now: datetime) -> Future[outside.Answer]:
    delivery = HookDelivery.objects.select_related("hook").filter(pk=held.delivery_id).first()
    if delivery is None:  # the hook was taken away meanwhile
        return pool.submit(outside.Answer, None, "")
    return pool.submit(_post_to, delivery.hook, delivery, now=now)


def _answer(post: Future[outside.Answer]) -> outside.Answer:
    """What came of a post. One that could not be made, for want of a key, is told as one that failed: what is raised
    would end the posts to all other hooks, which would be made again and again and never settled.
    """
    try:
        return post.result()
    except Exception as error:  # noqa: BLE001  whatever it is, it concerns this hook alone
        log.error("hook not posted\n%s", faults.trace(error))  # noqa: TRY400  the text may quote what was posted
        return outside.Answer(None, faults.describe(error))


def _post_to(hook: Hook, delivery: HookDelivery, *, now: datetime) -> outside.Answer:
    return hooks.post(
        hook.url.text(),
        hook.headers.json(),
        hook.secret.text(),
        id=delivery.event,
        body=delivery.body.text(),
        now=now,
    )


def _settle(held: _Held, answer: outside.Answer, *, now: datetime) -> None:
    with transaction.atomic():
        hook = Hook.objects.select_for_update().filter(pk=held.hook_id).first()  # first, as when it is taken away
        delivery = HookDelivery.objects.select_for_update().filter(pk=held.delivery_id).first()
        if hook is None or delivery is None:
            return
        delivery.status = answer.status
        if answer.is_ok:
            delivery.state, delivery.settled_at, delivery.problem = DeliveryState.DELIVERED, now, ""
            if hook.failures and not _took_lately(hook, now=now):  # it is back
                hooks.hurry(hook, now=now)
            hook.failures, hook.last_delivered_at = 0, now
        else:
            delivery.problem = answer.problem
            _put_off(hook, delivery, answer, now=now)
            hook.last_problem, hook.last_problem_at = answer.problem, now
        delivery.save(update_fields=["state", "status", "failures", "problem", "next_attempt_at", "settled_at"])
        hook.save(update_fields=["failures", "next_try_at", "last_delivered_at", "last_problem", "last_problem_at"])
    log.info(
        "hook posted delivery=%s hook=%s state=%s attempts=%s status=%s",
        delivery.pk, delivery.hook_id, delivery.state, delivery.attempts, answer.status,
    )  # fmt: skip


def _put_off(hook: Hook, delivery: HookDelivery, answer: outside.Answer, *, now: datetime) -> None:
    """Say when a delivery that was not taken is posted again, and whether its target rests until then.

    A target that is busy or does not answer rests. So does one that refuses several events and has taken none for a
    while: that says nothing of an event, which is tried again with the target. One that is refused while others are
    taken comes back later and later by itself, and hardly anything rests for it: others would wait for hours behind
    events that come back again and again. Some targets answer 500 to what they do not like.
    """
    is_busy = answer.status is None or answer.status == HTTPStatus.TOO_MANY_REQUESTS
    is_new = delivery.failures == 0
    hook.failures += is_busy or is_new or not _took_lately(hook, now=now)
    is_away = max(hook.failures, delivery.failures) > MOST_REFUSED and not _took_lately(hook, now=now)
    is_silent = is_busy and not _took_lately(hook, now=now)
    rest = _after(hook.failures, FIRST_REST, LONGEST_REST if is_silent else LONGEST_REST_BETWEEN)
    if is_busy or (is_away and not is_new):  # a new one says what the target takes, and is tried at once
        hook.next_try_at = now + rest
    elif is_new and hook.failures > MOST_REFUSED and (answer.status or 0) >= HTTPStatus.INTERNAL_SERVER_ERROR:
        hook.next_try_at = now + FIRST_REST
    if is_busy and hook.failures > MOST_REFUSED:  # what comes later goes before what it is too slow for
        others = HookDelivery.objects.filter(hook=hook, state=DeliveryState.WAITING, failures=0)
        others.exclude(pk=delivery.pk).update(failures=1)
    if is_away or answer.status == HTTPStatus.TOO_MANY_REQUESTS:  # neither says anything of the event
        delivery.failures = max(delivery.failures, 1)
        delivery.next_attempt_at = now + rest
        return
    delivery.failures += 1
    delivery.next_attempt_at = now + _after(delivery.failures, FIRST_DELAY, LONGEST_DELAY)
    if delivery.failures >= MOST_FAILURES:
        delivery.state, delivery.settled_at = DeliveryState.FAILED, now


def _took_lately(hook: Hook, *, now: datetime) -> bool:
    """Whether the target has taken something within the last hour; the ping, when it was made, counts."""
    return now - max(hook.created_at, hook.last_delivered_at or hook.created_at) < LATELY


def _after(failures: int, first: timedelta, longest: timedelta) -> timedelta:
    delay: timedelta = min(first * 2 ** min(failures - 1, 20), longest)
    return delay * random.uniform(0.75, 1.25)  # noqa: S311  spreads retries, guards nothing


def give_up(*, now: datetime) -> int:
    """Settle what no target took for days, so that it is seen; returns how many."""
    late = HookDelivery.objects.filter(state=DeliveryState.WAITING, created_at__lte=now - LONGEST_WAIT)
    return late.update(state=DeliveryState.FAILED, settled_at=now, problem=TOO_OLD)


def forget_settled(*, before: datetime, batch: int = 2_000) -> int:
    """Delete up to one batch of deliveries of before a moment that are settled; returns how many."""
    done = HookDelivery.objects.filter(created_at__lt=before).exclude(state=DeliveryState.WAITING)
    gone = done.order_by("created_at").values_list("pk", flat=True)[:batch]
    return HookDelivery.objects.filter(pk__in=list(gone)).delete()[0]
