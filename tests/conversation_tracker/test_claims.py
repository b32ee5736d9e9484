"""Two workers at one queue: each row is worked on once, and its attempts are counted once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from django.core import mail
from django.db import DataError, connection
from django.test import Client
from django.utils import timezone

from conversation_tracker import bytea, inbox, outbox
from conversation_tracker.models import OutboundMail, Receipt, ReceiptState
from orders import claims
from tests import factories, letters

WORKERS = 4
LOCKS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
pytestmark = pytest.mark.django_db(transaction=True)


def at_once(work: Callable[[], object]) -> None:
    """Do it in several threads, each with a connection of its own, until each has nothing more to do."""

    def run() -> None:
        try:
            while work():
                pass
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def let_go() -> None:
    """Begin with a session that holds nothing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock_all()")


def post(client: Client, count: int) -> None:
    aliases = [factories.place_order().customer_alias for _ in range(5)]
    for number in range(count):
        headers = [{"Name": "Message-ID", "Value": f"<{number}@x.example>"}]
        letters.post_postmark(client, letters.postmark(aliases[number % 5], Headers=headers))
        if number % 10 == 0:
            letters.post_postmark(client, b"garbage")


def test_every_receipt_is_settled_by_one_worker_at_its_first_attempt(client: Client) -> None:
    post(client, 150)
    at_once(lambda: inbox.work(now=timezone.now()))
    assert inbox.counts() == {"pending": 0, "done": 150, "quarantined": 15}
    assert set(Receipt.objects.filter(state=ReceiptState.DONE).values_list("attempts", flat=True)) <= {1, 2}
    assert set(Receipt.objects.values_list("trouble", flat=True)) == {"", "unreadable"}


def test_every_mail_leaves_once(client: Client) -> None:
    post(client, 60)
    while inbox.work(now=timezone.now()):
        pass
    at_once(lambda: outbox.work(now=timezone.now()))
    assert len(mail.outbox) == 60
    assert set(OutboundMail.objects.values_list("attempts", flat=True)) == {1}


def test_a_row_that_is_held_is_not_taken_by_another(client: Client) -> None:
    post(client, 1)
    params = {"now": timezone.now(), "batch": 20, "large": bytea.LARGE, "slow": []}
    seen: list[object] = []
    with claims.held(claims.Space.INBOX, inbox._TAKE, params) as taken:
        at_once(lambda: seen.append(inbox.work(now=timezone.now())))
    assert len(taken) == 2
    assert seen == [None] * WORKERS
    assert inbox.work(now=timezone.now()) == 1  # of the two that are to be read alone now


def test_a_statement_that_fails_when_it_has_taken_a_row_holds_it_for_nobody(client: Client) -> None:
    """As on a disk that is full; the session is used again."""
    post(client, 1)
    inbox.work(now=timezone.now())
    row = OutboundMail.objects.get()
    lock = claims.Space.OUTBOX.first + row.pk
    failing = "SELECT pg_advisory_lock(%(number)s), 1 / (random() * 0)::int"
    with pytest.raises(DataError), claims.held(claims.Space.OUTBOX, failing, {"number": lock}):
        pass
    free: list[bool] = []

    def look() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [lock])
            free.append(cursor.fetchone()[0])
            cursor.execute("SELECT pg_advisory_unlock_all()")

    at_once(look)
    assert True in free


def test_a_limit_of_time_that_comes_with_the_answer_leaves_no_row_held() -> None:
    let_go()

    def end_the_first(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        answer = execute(sql, *args)
        if sql == taking:
            raise SoftTimeLimitExceeded
        return answer

    taking = "SELECT 1 WHERE pg_try_advisory_lock(%(lock)s + 1)"
    with (
        connection.execute_wrapper(end_the_first),
        pytest.raises(SoftTimeLimitExceeded),
        claims.held(claims.Space.OUTBOX, taking, {}),
    ):
        pass
    with connection.cursor() as cursor:
        cursor.execute(LOCKS)
        assert cursor.fetchone() == (0,)


def test_what_a_block_around_it_holds_stays_held(client: Client) -> None:
    """As hooks that are posted to at once hold one another's neighbours."""
    let_go()
    with claims.held(claims.Space.HOOKS, "SELECT 1 WHERE pg_try_advisory_lock(%(lock)s + 1)", {}) as taken:
        assert taken == [(1,)]
        with pytest.raises(DataError), claims.held(claims.Space.HOOKS, "SELECT 1 / (random() * 0)::int", {}):
            pass
        with connection.cursor() as cursor:
            cursor.execute(LOCKS)
            assert cursor.fetchone() == (1,)


def test_what_failed_in_another_block_is_free_when_that_has_ended(client: Client) -> None:
    let_go()
    failing = "SELECT pg_advisory_lock(%(lock)s + 7), 1 / (random() * 0)::int"
    with claims.held(claims.Space.HOOK_TURNS, "SELECT 1 WHERE pg_try_advisory_lock(%(lock)s + 1)", {}):
        with pytest.raises(DataError), claims.held(claims.Space.HOOKS, failing, {}):
            pass
        with connection.cursor() as cursor:
            cursor.execute(LOCKS)
            assert cursor.fetchone() == (2,)
    with connection.cursor() as cursor:
        cursor.execute(LOCKS)
        assert cursor.fetchone() == (0,)
