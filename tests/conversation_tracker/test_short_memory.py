"""A mail that fills its worker's memory costs the mails beside it and after it nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import psycopg
import pytest
from django.db import DatabaseError, OperationalError
from django.test import Client
from django.utils import timezone

from conversation_tracker import inbox, limits
from conversation_tracker.mailflow import pipeline
from conversation_tracker.models import Receipt, ReceiptState, Trouble
from orders import faults
from orders.placing import Placed
from tests import letters

pytestmark = pytest.mark.django_db


def libpqs() -> DatabaseError:
    """What libpq says without memory, as Django raises it."""
    error = DatabaseError("out of memory")
    error.__cause__ = psycopg.DatabaseError("out of memory")
    return error


def psycopgs(said: str) -> OperationalError:
    error = OperationalError(said)
    error.__cause__ = psycopg.OperationalError(said)
    return error


SHORT = [
    MemoryError(),
    RuntimeError("can't start new thread"),
    libpqs(),
    psycopgs("sending query and params failed: cannot allocate memory for output buffer"),
    psycopgs("escape_literal failed: out of memory"),
]


def servers() -> DatabaseError:
    error = DatabaseError("value too long")
    error.__cause__ = psycopg.errors.StringDataRightTruncation("value too long")
    return error


def gone() -> OperationalError:
    error = OperationalError("the connection is lost")
    error.__cause__ = psycopg.OperationalError("the connection is lost")
    return error


@pytest.mark.parametrize("error", SHORT)
def test_what_says_that_memory_is_short_is_known(error: Exception) -> None:
    assert faults.lacks_memory(error)


@pytest.mark.parametrize(
    "error", [RuntimeError("dictionary changed size"), servers(), gone(), DatabaseError(), ValueError()]
)
def test_what_says_something_else_is_not(error: Exception) -> None:
    assert not faults.lacks_memory(error)


@pytest.mark.parametrize("error", SHORT)
def test_a_mail_for_which_memory_was_short_is_looked_at_again(client: Client, placed: Placed, error: Exception) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    Receipt.objects.update(attempts=1)
    with patch.object(pipeline, "process", side_effect=error):
        inbox.work(now=timezone.now())
    assert Receipt.objects.get().state == ReceiptState.PENDING
    inbox.work(now=timezone.now())
    assert Receipt.objects.get().state == ReceiptState.DONE


@pytest.mark.parametrize("error", SHORT)
def test_a_mail_for_which_memory_is_always_short_is_quarantined(
    client: Client, placed: Placed, error: Exception
) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    with patch.object(pipeline, "process", side_effect=error):
        for _ in range(inbox.MOST_ATTEMPTS):
            inbox.work(now=timezone.now())
    receipt = Receipt.objects.get()
    assert (receipt.state, receipt.trouble) == (ReceiptState.QUARANTINED, Trouble.FAILED)


@pytest.mark.parametrize("is_full", [True, False])
def test_memory_that_a_batch_filled_is_not_the_fault_of_the_lone_one(
    client: Client, placed: Placed, *, is_full: bool
) -> None:
    for _ in range(2):
        letters.post_postmark(client, letters.postmark(placed.customer_alias))
    lone, _ = Receipt.objects.order_by("pk")
    Receipt.objects.filter(pk=lone.pk).update(attempts=inbox.MOST_ATTEMPTS - 1)
    settle = inbox._settle

    def settling(rows: Sequence[Receipt], **options: Any) -> None:
        if [row.pk for row in rows] == [lone.pk]:
            raise MemoryError
        settle(rows, **options)

    now = timezone.now()
    with patch.object(limits, "has_grown", return_value=is_full), patch.object(inbox, "_settle", settling):
        inbox.work(now=now)
    lone.refresh_from_db()
    assert lone.state == (ReceiptState.PENDING if is_full else ReceiptState.QUARANTINED)
    if is_full:
        assert (lone.attempts, lone.deferrals) == (inbox.MOST_ATTEMPTS - 1, 1)
        inbox.work(now=now + timedelta(seconds=10))
        lone.refresh_from_db()
        assert lone.state == ReceiptState.DONE


def test_a_lone_one_has_its_turn_whatever_the_batch_before_it_took(client: Client, placed: Placed) -> None:
    for _ in range(2):
        letters.post_postmark(client, letters.postmark(placed.customer_alias))
    Receipt.objects.filter(pk=Receipt.objects.earliest("pk").pk).update(attempts=1)
    with patch.object(limits, "has_grown", return_value=True):
        inbox.work(now=timezone.now())
    assert list(Receipt.objects.values_list("state", flat=True)) == [ReceiptState.DONE] * 2


def test_a_lone_one_that_was_put_off_goes_behind_what_came_meanwhile(client: Client, placed: Placed) -> None:
    for _ in range(2):
        letters.post_postmark(client, letters.postmark(placed.customer_alias))
    put_off, younger = Receipt.objects.order_by("pk")
    now = timezone.now()
    Receipt.objects.filter(pk=put_off.pk).update(attempts=1, deferrals=1, next_attempt_at=now - timedelta(seconds=1))
    Receipt.objects.filter(pk=younger.pk).update(attempts=1, next_attempt_at=now - timedelta(seconds=3))
    inbox.work(now=now)
    assert list(Receipt.objects.filter(state=ReceiptState.DONE)) == [younger]
    inbox.work(now=now)
    assert set(Receipt.objects.filter(state=ReceiptState.DONE)) == {put_off, younger}
