"""A mail that fills its worker's memory costs the mails beside it and after it nothing."""

from __future__ import annotations

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
def test_after_a_batch_that_filled_the_memory_the_lone_one_waits_for_another_process(
    client: Client, placed: Placed, *, is_full: bool
) -> None:
    for _ in range(2):
        letters.post_postmark(client, letters.postmark(placed.customer_alias))
    lone, new = Receipt.objects.order_by("pk")
    Receipt.objects.filter(pk=lone.pk).update(attempts=1)
    with patch.object(limits, "has_grown", return_value=is_full):
        inbox.work(now=timezone.now())
        lone.refresh_from_db()
        new.refresh_from_db()
        assert new.state == ReceiptState.DONE
        assert (lone.state == ReceiptState.PENDING, lone.attempts) == (is_full, 1 if is_full else 2)
        inbox.work(now=timezone.now())
    lone.refresh_from_db()
    assert lone.state == ReceiptState.DONE
