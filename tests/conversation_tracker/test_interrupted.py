"""A mail that has left is known as sent, and one whose worker was stopped says so."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from unittest.mock import Mock, patch

import psycopg
import pytest
from anymail.message import AnymailRecipientStatus, AnymailStatus
from billiard.exceptions import SoftTimeLimitExceeded
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from conversation_tracker import celery, inbox, outbox, send, tasks
from conversation_tracker.models import OutboundMail, SendState
from orders import claims
from orders.models import Alert, AlertKind
from orders.placing import Placed
from tests import letters
from tests.conversation_tracker.failing import lose_worker

Work = Callable[..., list[EmailMultiAlternatives]]
taken: list[EmailMessage] = []


class Provider(BaseEmailBackend):
    """Takes each mail."""

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        taken.extend(messages)
        return len(messages)


class Cutting(Provider):
    """Takes a mail while our connection to the database is cut."""

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        ours = connection.connection.info.backend_pid
        known = {key: connection.get_connection_params()[key] for key in ("dbname", "host", "user", "password")}
        with psycopg.connect(**known, autocommit=True) as another:
            another.execute("SELECT pg_terminate_backend(%s)", [ours])
        return super().send_messages(messages)


class Slow(Provider):
    """Takes a mail, and longer than the server lets a transaction be idle."""

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        with connection.cursor() as cursor:
            cursor.execute("SET idle_in_transaction_session_timeout = 50")
        time.sleep(0.3)
        return super().send_messages(messages)


class Stopping(Provider):
    """Takes a mail while the worker is told to stop."""

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        if (child := os.fork()) == 0:  # who is told is not who sends, and shares nothing else with it
            celery.end_turns()
            os._exit(0)
        os.waitpid(child, 0)
        return super().send_messages(messages)


class Odd(Provider):
    """Gives a mail a name that no database keeps."""

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        status = AnymailStatus()
        status.set_recipient_status({messages[0].to[0]: AnymailRecipientStatus("a\x00b\ud800", "sent")})
        messages[0].anymail_status = status  # type: ignore[attr-defined]
        return super().send_messages(messages)


def waiting(client: Client, placed: Placed, settings: Settings, backend: type[Provider]) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.{backend.__name__}"
    taken.clear()
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    inbox.work(now=timezone.now())


@pytest.mark.django_db(transaction=True)
def test_what_left_while_the_database_was_away_leaves_once(client: Client, placed: Placed, settings: Settings) -> None:
    waiting(client, placed, settings, Cutting)
    assert outbox.work(now=timezone.now())
    assert OutboundMail.objects.get().state == SendState.SENT
    assert not outbox.work(now=timezone.now() + timedelta(days=1))
    assert len(taken) == 1


@pytest.mark.django_db(transaction=True)
def test_what_left_while_the_server_ended_our_transaction_leaves_once(
    client: Client, placed: Placed, settings: Settings
) -> None:
    waiting(client, placed, settings, Slow)
    assert outbox.work(now=timezone.now())
    assert OutboundMail.objects.get().state == SendState.SENT
    assert not outbox.work(now=timezone.now() + timedelta(days=1))
    assert len(taken) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("has_pool", [True, False])
@pytest.mark.parametrize("bound", ["idle_in_transaction_session_timeout", "transaction_timeout"])
def test_the_server_ends_no_transaction_of_ours(bound: str, *, has_pool: bool) -> None:
    params = {name: value for name, value in connection.get_connection_params().items() if name != "pool"}
    database = connection.ops.quote_name(connection.settings_dict["NAME"])
    wrapper = connection.copy(alias="bounded")
    if not has_pool:
        wrapper.settings_dict["OPTIONS"].pop("pool", None)
    with psycopg.connect(**params, autocommit=True) as operator:
        operator.execute(f"ALTER DATABASE {database} SET {bound} = 30000")
        try:
            with wrapper.cursor() as cursor:
                cursor.execute(f"SHOW {bound}")
                found = cursor.fetchone()
        finally:
            wrapper.close()
            wrapper.close_pool()  # type: ignore[attr-defined]  # not in the stubs
            operator.execute(f"ALTER DATABASE {database} RESET {bound}")
    assert found == ("0",)


@pytest.mark.django_db(transaction=True)
def test_what_left_just_before_the_end_of_its_task_leaves_once(
    client: Client, placed: Placed, settings: Settings
) -> None:
    waiting(client, placed, settings, Provider)
    is_over = patch("orders.events.publish", side_effect=[SoftTimeLimitExceeded, None])
    with is_over, pytest.raises(SoftTimeLimitExceeded):
        outbox.work(now=timezone.now())
    row = OutboundMail.objects.get()
    assert row.state == SendState.SENT
    assert not outbox.work(now=timezone.now() + timedelta(days=1))
    assert len(taken) == 1
    with connection.cursor() as cursor:  # which a session of the pool would keep
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s", [row.pk])
        assert cursor.fetchone() == (0,)


@pytest.mark.django_db(transaction=True)
def test_a_mail_that_another_worker_tries_again_is_left_to_it(
    client: Client, placed: Placed, settings: Settings
) -> None:
    waiting(client, placed, settings, Provider)
    lose_worker()
    row = OutboundMail.objects.get()
    late = outbox._Attempt(row.pk, number=row.attempts + 1, result=send.Never("x"))
    outbox._write_down_again(late, now=timezone.now())
    assert OutboundMail.objects.get().state == SendState.SENDING


@pytest.mark.django_db
def test_a_name_that_no_database_keeps_costs_no_second_mail(client: Client, placed: Placed, settings: Settings) -> None:
    waiting(client, placed, settings, Odd)
    assert outbox.work(now=timezone.now())
    row = OutboundMail.objects.get()
    assert (row.state, row.provider_message_id, len(taken)) == (SendState.SENT, "ab", 1)


@pytest.mark.django_db
def test_an_answer_that_nobody_expects_leaves_a_doubt(
    client: Client, placed: Placed, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting(client, placed, settings, Odd)
    monkeypatch.setattr(send, "_told", Mock(side_effect=AttributeError("recipients")))
    assert outbox.work(now=timezone.now())
    row = OutboundMail.objects.get()
    assert (row.state, row.problem, row.doubts) == (SendState.RETRY, send.MISUNDERSTOOD, 1)


@pytest.mark.django_db
def test_a_mail_whose_worker_was_stopped_is_not_said_to_be_leaving(
    client: Client, placed: Placed, settings: Settings
) -> None:
    waiting(client, placed, settings, Provider)
    lose_worker()
    assert outbox.note_interrupted(now=timezone.now()) == 1
    row = OutboundMail.objects.get()
    assert (row.state, row.problem, row.failures) == (SendState.RETRY, outbox.INTERRUPTED, 0)
    assert not outbox.work(now=timezone.now())
    assert outbox.work(now=timezone.now() + timedelta(seconds=outbox.PATIENCE + outbox.MARGIN + 1))
    row.refresh_from_db()
    assert (row.state, row.problem, len(taken)) == (SendState.SENT, "", 1)


@pytest.mark.django_db
def test_a_mail_whose_workers_are_stopped_for_hours_is_late(client: Client, placed: Placed, settings: Settings) -> None:
    waiting(client, placed, settings, Provider)
    for late, kinds in ((timedelta(), []), (timedelta(hours=4, minutes=1), [AlertKind.LATE])):
        at = timezone.now() + late
        lose_worker(at)
        assert outbox.note_interrupted(now=at) == 1
        assert [alert.kind for alert in Alert.objects.open()] == kinds
    assert outbox.work(now=at + timedelta(seconds=outbox.PATIENCE + outbox.MARGIN + 1))
    assert OutboundMail.objects.get().state == SendState.SENT
    assert not Alert.objects.open()


@pytest.mark.django_db(transaction=True)
def test_a_mail_that_is_leaving_is_not_said_to_be_interrupted(
    client: Client, placed: Placed, settings: Settings
) -> None:
    waiting(client, placed, settings, Provider)
    row = OutboundMail.objects.get()
    OutboundMail.objects.update(state=SendState.SENDING, next_attempt_at=timezone.now() + timedelta(minutes=1))
    known = {key: connection.get_connection_params()[key] for key in ("dbname", "host", "user", "password")}
    with psycopg.connect(**known, autocommit=True) as worker:
        worker.execute("SELECT pg_advisory_lock(%s)", [claims.Space.OUTBOX.first + row.pk])
        tasks.drain_outbox()
        assert OutboundMail.objects.get().state == SendState.SENDING
        worker.execute("SELECT pg_advisory_unlock_all()")
        tasks.drain_outbox()
    assert OutboundMail.objects.get().state == SendState.RETRY


@pytest.fixture
def starting_anew() -> Iterator[Callable[[], None]]:
    def start() -> None:
        celery._told[0] = 0

    yield start
    start()


@pytest.mark.django_db
def test_a_worker_that_is_told_to_stop_sends_no_more(
    client: Client, placed: Placed, settings: Settings, starting_anew: Callable[[], None]
) -> None:
    """A supervisor that waits for less than a turn would kill it while it hands over another mail."""
    waiting(client, placed, settings, Stopping)
    for subject in ("Again", "And again"):
        letters.post_postmark(client, letters.postmark(placed.customer_alias, Subject=subject))
    inbox.work(now=timezone.now())
    for _ in range(2):
        tasks.drain_outbox()
        assert len(taken) == 1
    starting_anew()
    tasks.drain_outbox()
    assert len(taken) == 2


def test_a_process_that_can_start_no_thread_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(celery._End, "told_at", 0.0)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    usual = Mock()
    celery._End(usual)(15, None)
    usual.assert_called_once_with(15, None)
    assert celery.is_stopping()
