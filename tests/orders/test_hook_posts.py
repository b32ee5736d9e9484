"""Events are posted to hooks, signed, and tried again until they are taken."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import DataError, connection
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError

from orders import events, hook_posts, hooks, outside, payment
from orders.models import ApiKey, DeliveryState, Hook, HookDelivery
from tests import factories, stopwatch, targets
from tests.orders.concurrency import at_once
from tests.orders.hooking import NOWHERE, states, wait_for, work

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _at_home(settings):
    """Targets of tests are on this machine."""
    settings.HOOK_LOCAL_TARGETS = True


def end(session: int) -> None:
    """End a session of the database, as it ends with its worker."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [session])


def test_a_target_that_came_to_be_private_is_not_posted_to(store, settings):
    with targets.target() as target:
        wait_for(store, target.url)
        settings.HOOK_LOCAL_TARGETS = False
        work()
        assert target.posts == []
    assert HookDelivery.objects.get().problem == "Refused: it does not begin with https://."


def test_a_hook_whose_secret_cannot_be_opened_holds_up_no_other(store):
    with targets.target() as target:
        bad, good = wait_for(store, target.url, target.url)
        column = Hook._meta.get_field("secret").column
        with connection.cursor() as cursor:
            sealed = b"\x01\x04gone" + b"x" * 40
            cursor.execute(f"UPDATE orders_hook SET {column} = %s WHERE id = %s", [sealed, bad.pk])
        for _ in range(3):
            work()
        assert len(target.posts) == 1
    assert HookDelivery.objects.get(hook=good).state == DeliveryState.DELIVERED
    waiting = HookDelivery.objects.get(hook=bad)
    assert (waiting.state, waiting.failures) == (DeliveryState.WAITING, 1)
    assert waiting.problem.startswith("KeyMissing")


def test_a_change_of_status_is_posted_as_integrations_know_it_and_signed(store):
    with targets.target() as target:
        [hook] = wait_for(store, target.url)
        assert work() == 1
        [post] = target.posts
    body = Webhook(hook.secret.text()).verify(post.body, dict(post.headers.items()))
    order = store.orders.get()
    assert {name: value for name, value in body.items() if "Change" not in name} == {
        "Domain": "Fulfillment",
        "OrderId": order.number,
        "State": "order-created",
        "LastState": "",
        "Origin": {"Account": "acme", "Key": hook.api_key.app_key},
    }
    assert datetime.fromisoformat(body["CurrentChange"]) == order.placed_at
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_b3RoZXI=").verify(post.body, dict(post.headers.items()))
    assert states() == ["delivered"]


def test_another_event_is_posted_with_its_type(store):
    order = factories.make_order(store)
    with targets.target() as target:
        factories.make_hook(
            factories.make_key(store), target.url, statuses=["canceled"], kinds=["order.payment_changed"]
        )
        payment.change(order, data={"by": "card"}, actor="shop", now=timezone.now())
        events.dispatch(now=timezone.now())
        work()
        [post] = target.posts
    body = json.loads(post.body)
    assert (body["type"], body["data"]) == (
        "order.payment_changed", {"orderId": order.number, "state": order.status, "account": "acme", "by": "card"},
    )  # fmt: skip


def test_what_was_taken_is_posted_once(store):
    with targets.target() as target:
        wait_for(store, target.url)
        assert (work(), work(), len(target.posts)) == (1, 0, 1)


def test_what_was_not_taken_is_posted_again_later_and_later_with_the_same_id(store):
    taken = threading.Event()
    with targets.target(lambda _: (200 if taken.is_set() else 503, {})) as target:
        wait_for(store, target.url)
        now, waits = timezone.now(), []
        for _ in range(5):
            assert work(at=now) == 1
            assert work(at=now + timedelta(seconds=1)) == 0
            delivery = HookDelivery.objects.get()
            waits.append((delivery.next_attempt_at - now).total_seconds())
            now = max(delivery.next_attempt_at, Hook.objects.get().next_try_at)
        taken.set()
        assert work(at=now) == 1
    assert [10 * 2**turn * 0.75 <= wait <= 10 * 2**turn * 1.25 for turn, wait in enumerate(waits)] == [True] * 5
    assert len({post.headers["webhook-id"] for post in target.posts}) == 1
    delivery, hook = HookDelivery.objects.get(), Hook.objects.get()
    assert (delivery.state, delivery.attempts, delivery.failures) == ("delivered", 6, 5)
    assert (hook.failures, hook.last_problem, hook.last_delivered_at) == (0, "It answered 503, not 200.", now)


def test_a_target_that_dies_half_way_through_its_answer_is_posted_to_again(store):
    alive = threading.Event()
    with targets.target(lambda _: (200 if alive.is_set() else 0, {})) as target:
        wait_for(store, target.url)
        assert (work(), states()) == (1, ["waiting"])
        alive.set()
        assert work(at=timezone.now() + timedelta(minutes=1)) == 1
    assert (states(), len({(post.headers["webhook-id"], post.body) for post in target.posts}), len(target.posts)) == (
        ["delivered"], 1, 2,
    )  # fmt: skip


def test_what_is_never_taken_is_given_up_and_seen(store):
    wait_for(store, NOWHERE)
    HookDelivery.objects.update(failures=hook_posts.MOST_FAILURES - 1)
    work()
    delivery = HookDelivery.objects.get()
    assert (delivery.state, delivery.problem) == ("failed", "The connection failed: ConnectionRefusedError.")
    assert hooks.counts(Hook.objects.get()) == {"waiting": 0, "delivered": 0, "failed": 1}
    assert work(at=timezone.now() + timedelta(days=9)) == 0


def test_what_waits_for_days_is_given_up(store):
    wait_for(store, NOWHERE)
    assert hook_posts.give_up(now=timezone.now() + timedelta(days=2, hours=23)) == 0
    assert hook_posts.give_up(now=timezone.now() + timedelta(days=3)) == 1
    assert HookDelivery.objects.get().problem == hook_posts.TOO_OLD


def test_a_target_that_is_away_rests_and_its_other_events_wait_with_it(store):
    wait_for(store, NOWHERE)
    for _ in range(5):
        factories.make_order(store)
    events.dispatch(now=timezone.now())
    assert work() == 1
    assert Hook.objects.get().failures == 1


def test_one_event_that_is_refused_does_not_hold_up_the_others(store):
    with targets.target(lambda post: (400 if b'"State":"order-created"' in post.body else 200, {})) as target:
        wait_for(store, target.url)
        payment.approve(store.orders.get(), payment_id="1", actor="shop", now=timezone.now())
        events.dispatch(now=timezone.now())
        work()
        assert states() == ["waiting", *["delivered"] * 4]
        assert len(target.posts) == 5


@pytest.mark.parametrize("status", [401, 404, 302, 503])
def test_a_target_that_takes_nothing_for_hours_rests_and_then_gets_all_at_once(store, status):
    said = [status]
    with targets.target(lambda post: (said[0], {})) as target:
        wait_for(store, target.url)
        for _ in range(4):
            factories.make_order(store)
        events.dispatch(now=timezone.now())
        waiting = len(states())
        at = timezone.now()
        for _ in range(3 * 60):
            at += timedelta(minutes=1)
            work(at=at)
        assert set(states()) == {"waiting"}
        assert waiting < len(target.posts) < 3 * 60 * 2
        said[0] = 200
        for _ in range(2):
            at += hook_posts.LONGEST_REST_BETWEEN * 1.5
            work(at=at)
        assert set(states()) == {"delivered"}


def test_events_that_a_target_fails_over_again_and_again_hold_up_no_new_one(store):
    with targets.target(lambda post: (500 if b'"State":"order-created"' in post.body else 200, {})) as target:
        wait_for(store, target.url)
        for _ in range(5):
            factories.make_order(store)
        events.dispatch(now=timezone.now())
        at = timezone.now()
        for _ in range(20):
            at += timedelta(minutes=10)
            work(at=at)
        payment.approve(store.orders.first(), payment_id="1", actor="shop", now=at)
        events.dispatch(now=at)
        work(at=at + hook_posts.LONGEST_REST_BETWEEN * 2)
        assert states().count("delivered") == 4


def test_a_target_that_comes_back_is_sent_what_is_new_at_once(store):
    said = [401]
    with targets.target(lambda _: (said[0], {})) as target:
        wait_for(store, target.url)
        at = timezone.now()
        for _ in range(180):
            at += timedelta(minutes=1)
            work(at=at)
        factories.make_order(store)
        events.dispatch(now=at)
        at, asked = Hook.objects.get().next_try_at, len(target.posts)
        assert work(at=at) == 2  # the new one and the old one, refused again
        assert len({post.headers["webhook-id"] for post in target.posts[asked:]}) == 2
        said[0] = 200
        assert work(at=Hook.objects.get().next_try_at) == 2
    assert set(states()) == {"delivered"}


def test_a_target_that_times_out_now_and_then_rests_a_minute_at_most(store):
    [hook] = wait_for(store, NOWHERE)
    now = timezone.now()
    Hook.objects.update(failures=20, last_delivered_at=now)
    work(at=now)
    hook.refresh_from_db()
    assert timedelta(0) < hook.next_try_at - now <= hook_posts.LONGEST_REST_BETWEEN * 1.25


def test_what_the_database_does_not_take_of_one_post_is_lost_for_no_other(transactional_db, monkeypatch):
    store = factories.make_store()
    refused: list[int] = []
    put_off = hook_posts._put_off

    def break_down(hook: Hook, *args: Any, **kwargs: Any) -> None:
        if not refused:
            refused.append(hook.pk)
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")
        put_off(hook, *args, **kwargs)

    monkeypatch.setattr(hook_posts, "_put_off", break_down)
    with targets.target(lambda _: (503, {})) as target:
        wait_for(store, *[target.url] * 3)
        with pytest.raises(DataError):
            work()
    assert len(target.posts) == 3
    assert sorted(HookDelivery.objects.values_list("failures", flat=True)) == [0, 1, 1]
    assert HookDelivery.objects.get(failures=0).hook_id == refused[0]


def test_a_burst_that_a_target_is_too_slow_for_holds_up_nothing_that_comes_later(store):
    slow = set()

    def answer(post: Any) -> tuple[int, dict[str, str]]:
        return (0 if post.headers["webhook-id"] in slow else 200), {}

    with targets.target(answer) as target:
        [hook] = wait_for(store, target.url)
        at = timezone.now()
        work(at=at)
        for _ in range(40):
            factories.make_order(store)
        events.dispatch(now=at)
        slow |= set(HookDelivery.objects.filter(state=DeliveryState.WAITING).values_list("event", flat=True))
        until, is_new_told = at + timedelta(minutes=30), False
        while at < until:
            at += timedelta(seconds=10)
            work(at=at)
            if not is_new_told and at >= until - timedelta(minutes=25):
                is_new_told = True
                factories.make_order(store)
                events.dispatch(now=at)
            if (
                is_new_told
                and not set(HookDelivery.objects.filter(state="waiting").values_list("event", flat=True)) - slow
            ):
                break
    assert until - at > timedelta(minutes=22)
    hook.refresh_from_db()
    assert HookDelivery.objects.filter(hook=hook, state=DeliveryState.DELIVERED).count() == 2


def test_an_event_is_not_given_up_for_a_target_that_is_busy(store):
    with targets.target(lambda _: (429, {})) as target:
        wait_for(store, target.url)
        Hook.objects.update(last_delivered_at=timezone.now())
        at = timezone.now()
        for _ in range(40):
            at = max(at, Hook.objects.get().next_try_at)
            work(at=at)
        assert len(target.posts) == 40
    assert states() == ["waiting"]


def test_a_hook_may_be_taken_away_while_workers_post_to_it(transactional_db):
    store = factories.make_store()
    with targets.target() as target:
        hooks_of_store = wait_for(store, *[target.url] * 6)
        for _ in range(10):
            factories.make_order(store)
        events.dispatch(now=timezone.now())

        def take_away() -> None:
            for hook in hooks_of_store[:3]:
                hooks.remove(hook.api_key, now=timezone.now())

        at_once(work, work, take_away)
        while work():
            pass
    posted = [(post.headers["webhook-id"], post.headers["webhook-signature"]) for post in target.posts]
    kept = HookDelivery.objects.filter(hook__in=hooks_of_store[3:])
    assert set(kept.values_list("state", "attempts")) == {("delivered", 1)}
    assert len(posted) == len(set(posted))


def test_a_dead_target_delays_no_other_store(store):
    """Twenty that never answer, and one that does: it has its post long before the others have timed out."""
    release = threading.Event()

    def never(_: Any) -> tuple[int, dict[str, str]]:
        release.wait(20)
        return 200, {}

    stores = [factories.make_store() for _ in range(hook_posts.MOST_AT_ONCE - 1)]
    arrived: list[float] = []

    def note(_: Any) -> tuple[int, dict[str, str]]:
        arrived.append(watch.seconds)
        return 200, {}

    with targets.target(never) as dead, targets.target(note) as living, stopwatch.running() as watch:
        for one in stores:
            wait_for(one, dead.url)
        wait_for(store, living.url)
        began, since = watch.seconds, time.monotonic()
        work()
        took, lasted = watch.seconds - began, time.monotonic() - since
        release.set()
    assert (len(arrived), arrived[0] - began < 2, lasted > 4, took < 9) == (1, True, True, True)
    assert sorted(states()) == ["delivered", *["waiting"] * len(stores)]


def test_a_revoked_key_is_not_posted_for(store):
    with targets.target() as target:
        wait_for(store, target.url)
        ApiKey.objects.update(revoked_at=timezone.now())
        assert (work(), target.posts) == (0, [])


def test_a_worker_that_is_killed_while_it_posts_leaves_the_event_to_the_next(transactional_db):
    """Its session ends with it: the lock is free, and the attempt that it began is counted."""
    store = factories.make_store()
    with targets.target() as target:
        wait_for(store, target.url)
        killed = hook_posts._take([], now=timezone.now())
        assert killed is not None
        assert at_once(work) == [0]
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            [(session,)] = cursor.fetchall()
        at_once(lambda: end(session))
        connection.close()
        assert at_once(work) == [1]
    assert (len(target.posts), HookDelivery.objects.get().attempts) == (1, 2)


def test_two_workers_post_each_event_once(transactional_db):
    with targets.target() as target:
        for _ in range(8):
            store = factories.make_store()
            wait_for(store, target.url)
            factories.make_order(store)
        events.dispatch(now=timezone.now())
        assert sum(at_once(*[work] * 4)) == 16
    assert len({post.headers["webhook-id"] for post in target.posts}) == len(target.posts) == 16
    assert {delivery.attempts for delivery in HookDelivery.objects.all()} == {1}


def test_the_moment_of_each_try_is_signed(store):
    with targets.target() as target:
        [hook] = wait_for(store, target.url)
        later = datetime(2031, 1, 2, 3, 4, 5, tzinfo=UTC)
        work(at=later)
        [post] = target.posts
    assert int(post.headers["webhook-timestamp"]) == later.timestamp()
    with time_machine.travel(later, tick=False):
        Webhook(hook.secret.text()).verify(post.body, dict(post.headers.items()))


def test_settled_deliveries_are_forgotten_and_others_are_not(store):
    with targets.target() as target:
        wait_for(store, target.url, NOWHERE)
        work()
    assert hook_posts.forget_settled(before=timezone.now() - timedelta(days=1)) == 0
    assert hook_posts.forget_settled(before=timezone.now() + timedelta(days=1)) == 1
    assert states() == [DeliveryState.WAITING]


def test_a_post_that_blows_up_in_a_library_is_a_failure_and_no_end_of_the_work(store):
    assert outside.post("http://127.0.0.1:0/", body=b"", headers={}, rules=hooks.rules()).status is None
