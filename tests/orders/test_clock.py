"""One clock for all hosts: what a host of another time takes in neither waits for it nor overtakes the rest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from conversation_tracker import tasks
from conversation_tracker.models import OutboundMail, Receipt, ReceiptState
from orders import clock
from orders.placing import Placed
from tests import letters

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_asked", None)


def _database_time() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        found: datetime = cursor.fetchone()[0]
    return found


def test_it_is_the_databases_and_goes_on_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    before = _database_time()
    first = clock.now()
    monkeypatch.setattr(clock, "_ask", lambda: pytest.fail("asked again"))
    second = clock.now()
    assert before <= first < second <= _database_time()
    assert second.utcoffset() == timedelta(0)


def test_after_a_while_it_is_asked_again_and_a_database_that_is_away_is_no_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at = datetime(2030, 1, 1, tzinfo=UTC)
    monkeypatch.setattr(clock, "_ask", lambda: at)
    assert clock.now() >= at
    monkeypatch.setattr(clock, "ASKED_EVERY", 0)
    monkeypatch.setattr(clock, "_ask", _away)
    with pytest.raises(OperationalError):
        clock.now()


def _away() -> datetime:
    raise OperationalError


@pytest.mark.parametrize("skew", [timedelta(minutes=-5), timedelta(minutes=5)])
def test_a_host_whose_clock_is_wrong_delays_no_mail(
    client: Client, placed: Placed, monkeypatch: pytest.MonkeyPatch, skew: timedelta
) -> None:
    right = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: right() + skew)  # the web's
    sender = {"Email": placed.customer_alias.real.text(), "Name": ""}
    assert letters.post_postmark(client, letters.postmark(placed.store_alias, FromFull=sender)).status_code == 200
    receipt = Receipt.objects.get()
    assert abs(receipt.next_attempt_at - right()) < timedelta(minutes=1)
    monkeypatch.setattr(timezone, "now", lambda: right() - skew)  # the worker's
    tasks.drain_inbox()
    receipt.refresh_from_db()
    assert receipt.state == ReceiptState.DONE
    assert abs(OutboundMail.objects.get().next_attempt_at - right()) < timedelta(minutes=1)
