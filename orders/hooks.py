"""Hooks: what happened on a store's orders, posted to where the store wants it, signed, and tried again until it is
taken.

A worker holds a hook while it posts to it, one event at a time, and many hooks at once: a target that does not
answer costs one place among many for five seconds, and then rests longer each time.
"""

from __future__ import annotations

import base64
import json
import logging
import random
import re
import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import Count
from standardwebhooks import Webhook

from orders import audit, claims, faults, outside, telling
from orders.models import Action, ApiKey, DeliveryState, Hook, HookDelivery, User
from orders.secrecy import Secret
from orders.telling import Telling

log = logging.getLogger(__name__)

PING = {"hookConfig": "ping"}
MOST_AT_ONCE = 16
MOST_REFUSED = 3  # refusals and none taken: then it may not be about the events
TURN = 5.0  # seconds after which no further post begins, so that a worker's place is free for mail
MOST_FAILURES = 16  # of one delivery: a good day
FIRST_DELAY = timedelta(seconds=10)
LONGEST_DELAY = timedelta(hours=4)
FIRST_REST = timedelta(seconds=5)  # of a hook whose target did not answer
LONGEST_REST = timedelta(minutes=5)
LATELY = timedelta(hours=1)
LONGEST_REST_REFUSED = timedelta(minutes=1)  # where it answered
LONGEST_WAIT = timedelta(days=3)
TOO_OLD = "It was not taken within 3 days."
MOST_HEADERS = 20
LONGEST_HEADER = 2_000
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
# Headers that say how the call itself is made; and those that are ours, by which the target knows us.
OURS = {
    "connection", "content-length", "content-type", "expect", "host", "keep-alive", "te", "trailer",
    "transfer-encoding", "upgrade", "user-agent", "webhook-id", "webhook-signature", "webhook-timestamp",
}  # fmt: skip


class NotTaken(ValueError):
    """The target did not answer the ping with 200, or is none that is posted to; the message says why."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a hook is to be, checked."""

    choice: telling.Choice
    url: str
    headers: dict[str, str]


def may_be_header(name: str) -> bool:
    """Whether a store may have a header of this name sent along."""
    return bool(HEADER_NAME.fullmatch(name)) and name.lower() not in OURS


def may_be_value(text: str) -> bool:
    """Whether a header may hold this."""
    return text.isascii() and text.isprintable() and len(text) <= LONGEST_HEADER


def rules() -> outside.Rules:
    """Where hooks may post to in this installation."""
    return outside.Rules(may_be_local=settings.HOOK_LOCAL_TARGETS, name_servers=tuple(settings.DNS_SERVERS))


def of_key(key: ApiKey) -> Hook | None:
    """The key's hook, if it has one."""
    return Hook.objects.filter(api_key=key).first()


def fresh_secret() -> Secret:
    """By which posts are signed, in the form that Standard Webhooks ask for."""
    return Secret.of("whsec_" + base64.b64encode(secrets.token_bytes(32)).decode())


def ping(url: str, headers: dict[str, str], secret: Secret, *, now: datetime) -> outside.Answer:
    """Post a test, signed like any other post. Keep this outside of a transaction: the target may take its time."""
    body = json.dumps(PING)
    return _post(url, headers, secret.text(), id=f"ping_{secrets.token_hex(8)}", body=body, now=now)


def configure(key: ApiKey, wanted: Wanted, *, user: User | None = None, now: datetime) -> tuple[Hook, bool]:
    """Ping the target and give the key this hook; with True when it had none, so that its secret is new. Audited.

    A hook that is changed keeps its secret and what waits, and is switched on. Raises NotTaken, and nothing is changed
    then. Keep this outside of a transaction: the target may take its five seconds.
    """
    known = of_key(key)
    secret = known.secret if known else fresh_secret()
    answer = ping(wanted.url, wanted.headers, secret, now=now)
    if not answer.is_ok:
        raise NotTaken(answer.problem)
    with transaction.atomic():
        ApiKey.objects.select_for_update().get(pk=key.pk)  # two calls at once make one hook
        before = of_key(key)
        changed = {
            **wanted.choice.columns(),
            "url": Secret.of(wanted.url),
            "headers": Secret.of_json(wanted.headers),
            "changed_at": now,
            "switched_off_at": None,
            "failures": 0,
            "next_try_at": now,
        }
        hook, is_new = Hook.objects.update_or_create(
            api_key=key,
            defaults=changed,
            create_defaults={
                **changed, "store_id": key.store_id, "secret": secret, "created_at": now, "served_at": now,
            },
        )  # fmt: skip
        note(key, before=_says(before), after=_says(hook), user=user, now=now)
    return hook, is_new


def remove(key: ApiKey, *, user: User | None = None, now: datetime) -> bool:
    """Take the key's hook away with all that waits for it; False when it has none. Audited."""
    with transaction.atomic():
        hook = Hook.objects.select_for_update().filter(api_key=key).first()
        if hook is None:
            return False
        note(key, before=_says(hook), after="", user=user, now=now)
        hook.delete()
    return True


def hear(tellings: Sequence[Telling], *, now: datetime) -> None:
    """Write what is to be posted to every hook that wants it, in the caller's transaction."""
    hooks = list(
        Hook.objects.select_related("api_key").filter(
            store__in={one.store_id for one in tellings}, api_key__revoked_at=None, switched_off_at=None
        )
    )
    HookDelivery.objects.bulk_create(
        HookDelivery(
            store_id=hook.store_id,
            hook=hook,
            event=one.id,
            body=Secret.of_json(one.notice(hook.api_key.app_key)),
            created_at=now,
            next_attempt_at=now,
        )
        for hook in hooks
        for one in tellings
        if telling.wants(hook, one)
    )


def counts(hook: Hook) -> dict[str, int]:
    """How many deliveries of the hook stand in each state."""
    found = dict(HookDelivery.objects.filter(hook=hook).values_list("state").annotate(Count("id")))
    return {state.value: found.get(state, 0) for state in DeliveryState}


# The hook whose turn it is, and its next delivery: one that was never refused goes before those that were. The hook's
# lock is free by itself when this worker is killed; a delivery that another worker has just settled is not found again,
# and the lock is given back all the same.
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
        UPDATE orders_hook AS hook SET served_at = %(now)s FROM taken WHERE hook.id = taken.id
    ), counted AS (
        UPDATE orders_hookdelivery AS delivery SET attempts = delivery.attempts + 1
        FROM taken WHERE delivery.state = 'waiting' AND delivery.id = (
            SELECT next.id FROM orders_hookdelivery AS next
            WHERE next.hook_id = taken.id AND next.state = 'waiting'
              AND next.next_attempt_at <= greatest(%(now)s, statement_timestamp())
            ORDER BY next.failures > 0, next.next_attempt_at, next.id LIMIT 1
        )
        RETURNING delivery.hook_id, delivery.id
    )
    SELECT taken.id, counted.id FROM taken LEFT JOIN counted ON counted.hook_id = taken.id
"""


@dataclass(frozen=True, slots=True)
class _Held:
    """A hook that this worker holds, with the delivery it is about; ``lock`` lets go of it."""

    hook_id: int
    delivery_id: int
    lock: ExitStack


def work(*, clock: Callable[[], datetime], seconds: float = TURN) -> int:
    """Post what is due, to many hooks at once, and begin nothing after so many seconds; returns how many posts."""
    until = time.monotonic() + seconds
    flying: dict[Future[outside.Answer], _Held] = {}
    made = 0
    with ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="hook") as pool:
        try:
            while True:
                while len(flying) < MOST_AT_ONCE and time.monotonic() < until:
                    held = _take([one.hook_id for one in flying.values()], now=clock())
                    if held is None:
                        break
                    flying[_begin(pool, held, now=clock())] = held
                    made += 1
                if not flying:
                    return made
                for post in wait(flying, return_when=FIRST_COMPLETED).done:
                    with flying[post].lock:
                        _settle(flying[post].delivery_id, _answer(post), now=clock())
                    del flying[post]
        finally:
            for held in flying.values():
                held.lock.close()


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
    return _post(
        hook.url.text(),
        hook.headers.json(),
        hook.secret.text(),
        id=delivery.event,
        body=delivery.body.text(),
        now=now,
    )


def _post(url: str, headers: dict[str, str], secret: str, *, id: str, body: str, now: datetime) -> outside.Answer:  # noqa: A002  the header's word
    signed = {
        **headers,
        "Content-Type": "application/json",
        "User-Agent": "ConversationTracker",
        "Webhook-Id": id,
        "Webhook-Timestamp": str(int(now.timestamp())),
        "Webhook-Signature": Webhook(secret).sign(id, now.astimezone(UTC), body),
    }
    return outside.post(url, body=body.encode(), headers=signed, rules=rules())


def _settle(delivery_id: int, answer: outside.Answer, *, now: datetime) -> None:
    with transaction.atomic():
        delivery = HookDelivery.objects.select_for_update().filter(pk=delivery_id).first()
        if delivery is None:
            return
        hook = Hook.objects.select_for_update().get(pk=delivery.hook_id)
        delivery.status = answer.status
        if answer.is_ok:
            delivery.state, delivery.settled_at, delivery.problem = DeliveryState.DELIVERED, now, ""
            if hook.failures and not _took_lately(hook, now=now):  # it is back
                _wait_no_longer(hook, but=delivery, now=now)
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
    rest = _after(hook.failures, FIRST_REST, LONGEST_REST if is_busy else LONGEST_REST_REFUSED)
    if is_busy or (is_away and not is_new):  # a new one says what the target takes, and is tried at once
        hook.next_try_at = now + rest
    elif is_new and hook.failures > MOST_REFUSED and (answer.status or 0) >= HTTPStatus.INTERNAL_SERVER_ERROR:
        hook.next_try_at = now + FIRST_REST
    if is_away:
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


def _wait_no_longer(hook: Hook, *, but: HookDelivery, now: datetime) -> None:
    """Let what failed while the target was away be posted now."""
    waiting = HookDelivery.objects.filter(hook=hook, state=DeliveryState.WAITING, next_attempt_at__gt=now)
    waiting.exclude(pk=but.pk).update(next_attempt_at=now)


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


def _says(hook: Hook | None) -> str:
    if hook is None:
        return ""
    host = urlsplit(hook.url.text()).hostname  # the rest of it may be a password
    return f"{telling.choice_of(hook)}, to {host}"


def note(key: ApiKey, *, before: str, after: str, user: User | None = None, now: datetime) -> None:
    """Write a change of the key's hook into the audit log: made by somebody, or else by the key itself."""
    audit.record(
        Action.HOOK_CHANGED,
        subject=f"hook of {key.app_key}",
        store=key.store,
        user=user,
        actor=str(user or key.label or key.app_key),
        before=before,
        after=after,
        now=now,
    )
