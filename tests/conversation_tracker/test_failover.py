"""A server that is replaced takes no writes, and its name leads to it for a moment longer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, cast

import psycopg
import pytest
from django.core.mail import EmailMessage
from django.db import InternalError, connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from conversation_tracker import inbox, outbox
from conversation_tracker.mailflow import pipeline
from conversation_tracker.models import OutboundMail, Receipt, ReceiptState, SendState
from conversation_tracker.postgres import base
from orders.placing import Placed
from tests import letters
from tests.conversation_tracker.test_interrupted import Provider, taken

pytestmark = pytest.mark.django_db(transaction=True)

_REPLACED = "ALTER DATABASE {} SET default_transaction_read_only = on"
_REPLACING = "SET default_transaction_read_only = off; ALTER DATABASE {} RESET default_transaction_read_only"


@pytest.fixture
def failover() -> Iterator[Failover]:
    with Failover.of_ours() as found:
        yield found
    connection.close()
    cast("Any", connection).close_pool()


class Failover:
    """Lets connections lead to a server that takes no writes, and those made after it to one that does."""

    def __init__(self, conn: psycopg.Connection[Any]) -> None:
        self._conn = conn

    @classmethod
    @contextmanager
    def of_ours(cls) -> Iterator[Failover]:
        params = {name: value for name, value in connection.get_connection_params().items() if name != "pool"}
        with psycopg.connect(**params, autocommit=True) as conn:
            found = cls(conn)
            try:
                yield found
            finally:
                found.end()

    def begin(self) -> None:
        """Cut all connections; those made now lead to the server that was replaced."""
        self._conn.execute(_REPLACED.format(self._name))
        self._conn.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    def end(self) -> None:
        """From now on the name leads to the new server; no connection is cut."""
        self._conn.execute(_REPLACING.format(self._name))

    @property
    def _name(self) -> Any:
        return connection.ops.quote_name(connection.settings_dict["NAME"])


def post(client: Client, placed: Placed) -> int:
    answer = letters.post_postmark(client, letters.postmark(placed.customer_alias))
    connection.close()  # as after each request
    return answer.status_code


def test_a_process_that_met_the_replaced_server_keeps_mail_again_once_the_name_leads_to_the_new_one(
    client: Client, placed: Placed, failover: Failover
) -> None:
    connection.close()
    failover.begin()
    assert [post(client, placed) for _ in range(3)] == [503, 503, 503]
    failover.end()
    time.sleep(base.PAUSE)
    # The first call finds out what the pool made meanwhile, however many these are, unless it has found out by itself.
    first, *others = [post(client, placed) for _ in range(4)]
    assert (first in {200, 503}, others) == (True, [200, 200, 200])


class Replaced(Provider):
    """Takes a mail while the database is replaced."""

    begin: Callable[[], None]

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        type(self).begin()
        return super().send_messages(messages)


def test_what_left_while_the_database_was_replaced_leaves_once(
    client: Client, placed: Placed, settings: Settings, failover: Failover, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    inbox.work(now=timezone.now())
    settings.EMAIL_BACKEND = f"{__name__}.{Replaced.__name__}"
    Replaced.begin = failover.begin
    taken.clear()
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            failover.end()

    monkeypatch.setattr("conversation_tracker.outbox.time.sleep", pause)
    assert outbox.work(now=timezone.now())
    assert OutboundMail.objects.get().state == SendState.SENT
    assert not outbox.work(now=timezone.now() + timedelta(days=1))
    assert len(taken) == 1


def test_a_minute_is_waited_to_write_down_what_left() -> None:
    assert outbox.PATIENCE >= 60


def test_a_mail_that_is_settled_just_then_is_put_off_and_not_quarantined(
    client: Client, placed: Placed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise InternalError from psycopg.errors.ReadOnlySqlTransaction

    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "process", refuse)
        for hours in range(5):
            inbox.work(now=timezone.now() + timedelta(hours=hours))
    assert Receipt.objects.get().state == ReceiptState.PENDING
    inbox.work(now=timezone.now() + timedelta(hours=6))
    assert Receipt.objects.get().state == ReceiptState.DONE
