"""A batch is taken apart: each of its items becomes a receipt as it was written, all of them or none."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from conversation_tracker import batches, bytea, inbox, limits, replay
from conversation_tracker.mailflow import pipeline
from conversation_tracker.models import Channel, Receipt, ReceiptState, Trouble
from orders.models import Kind, TimelineEntry
from orders.placing import Placed
from tests import letters
from tests.conversation_tracker.test_limits import spin

pytestmark = pytest.mark.django_db
SPARKPOST = "/anymail/sparkpost/inbound/"
Work = Callable[..., object]


@pytest.fixture(autouse=True)
def _mounted(settings: Settings) -> None:
    letters.mount(settings, "sparkpost")


def large_batch(placed: Placed, *, subjects: str) -> list[dict[str, Any]]:
    """A mail for each of the subjects, which is read alone and not with others."""
    recipient = placed.customer_alias.address.text()
    found = [
        letters.sparkpost_mail(recipient, letters.mime(Message_ID=f"<{one}@carrier.example>", Subject=one))
        for one in subjects.split()
    ]
    found[0]["msys"]["relay_message"]["more"] = "x" * bytea.LARGE
    return found


def states() -> list[tuple[str, str]]:
    return list(Receipt.objects.order_by("id").values_list("state", "trouble"))


def split(body: bytes, *, provider: str = "sparkpost", content_type: str = "application/json") -> list[bytes]:
    row = inbox.accept(
        provider=provider, channel=Channel.INBOUND, method="POST", path="/", query="",
        headers=[("Content-Type", content_type)], body=body, now=timezone.now(),
    )  # fmt: skip
    found = batches.split(row, now=timezone.now())
    parts = Receipt.objects.filter(split_from=row.pk).order_by("id")
    assert found == bool(parts) == (Receipt.objects.get(pk=row.pk).state == ReceiptState.DONE)
    return [part.body.bytes() for part in parts]


def test_each_part_is_written_as_it_came() -> None:
    assert split(b' [ {"a":  1.50} , "\\u00e9\xc3\xa9" ] ') == [b'[{"a":  1.50}]', b'["\\u00e9\xc3\xa9"]']
    assert split(b'{"items": [{}, 2]}', provider="brevo") == [b'{"items": [{}]}', b'{"items": [2]}']
    form = b"x=1&mandrill_events=%5B%7B%22a%22%3A%22%25+%2B%26%3D%22%7D%2C2%5D"
    parts = split(form, provider="mandrill", content_type="application/x-www-form-urlencoded")
    assert parts == [b'mandrill_events=[{"a":"%25 %2B%26="}]', b"mandrill_events=[2]"]


@pytest.mark.parametrize("body", [b"", b"[]", b"[{}]", b"{}", b"[1, 2", b"[1, 2] 3", b"\xff", b"[" * 100_000])
def test_nothing_is_split_where_there_are_no_several_or_all_is_broken(body: bytes) -> None:
    assert split(body) == []


def test_a_batch_that_is_broken_at_its_end_leaves_no_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "MOST_IN_GROUP", 1)
    assert split(b"[1, 2, 3, nonsense]") == []


def test_parts_are_inserted_a_few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "LARGEST_GROUP", 10)
    monkeypatch.setattr(batches, "MOST_IN_GROUP", 2)
    assert split(b'[1, 2, 3, "0123456789abc", 5, "0123456789abc"]') == [
        b"[1]", b"[2]", b"[3]", b'["0123456789abc"]', b"[5]", b'["0123456789abc"]',
    ]  # fmt: skip


def test_splitting_takes_a_few_times_the_size_of_the_batch() -> None:
    body = json.dumps([{"number": number, "mail": "x" * 200_000} for number in range(40)]).encode()
    split(b"[1, 2]")
    tracemalloc.start()
    assert len(split(body)) == 40
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < len(body) * 4  # among them what is read back here


def test_of_a_large_batch_that_takes_too_long_only_the_slow_mail_is_quarantined(
    client: Client, work: Work, placed: Placed
) -> None:
    read = pipeline.read

    def slow(event: Any, *, esp_name: str) -> object:
        if "slow" in str(event.message["Subject"]):
            spin()
        return read(event, esp_name=esp_name)

    letters.post(client, SPARKPOST, large_batch(placed, subjects="one slow two"))
    with patch.object(pipeline, "read", slow), patch.object(limits, "SECONDS", 0.3):
        work()
    assert states() == [("done", ""), ("done", ""), ("quarantined", Trouble.TOO_SLOW), ("done", "")]
    assert TimelineEntry.objects.filter(kind=Kind.MAIL).count() == 2


def test_of_a_large_batch_that_cannot_be_recorded_only_the_bad_mail_is_quarantined(
    client: Client, work: Work, placed: Placed
) -> None:
    process = pipeline.process

    def failing(arrivals: Any, **kwargs: Any) -> object:
        if any(arrival.mail.subject == "bad" for arrival in arrivals):
            raise ValueError
        return process(arrivals, **kwargs)

    letters.post(client, SPARKPOST, large_batch(placed, subjects="one bad two"))
    with patch.object(pipeline, "process", failing):
        work()
    assert states() == [("done", ""), ("done", ""), ("quarantined", Trouble.FAILED), ("done", "")]


def test_a_batch_for_which_memory_is_short_to_the_last_is_split(client: Client, work: Work, placed: Placed) -> None:
    letters.post(client, SPARKPOST, large_batch(placed, subjects="one two"))
    Receipt.objects.update(attempts=inbox.MOST_ATTEMPTS - 1)
    with patch.object(inbox, "_settle", side_effect=MemoryError):
        inbox.work(now=timezone.now())
    work()
    assert states() == [("done", "")] * 3


@pytest.mark.parametrize("error", [spin, MemoryError, ValueError])
def test_a_batch_that_cannot_be_split_either_is_quarantined(client: Client, placed: Placed, error: Any) -> None:
    letters.post(client, SPARKPOST, large_batch(placed, subjects="one two"))
    with (
        patch.object(pipeline, "read", spin),
        patch.object(replay, "split", side_effect=error),
        patch.object(limits, "SECONDS", 0.1),
    ):
        inbox.work(now=timezone.now())
    assert states() == [("quarantined", Trouble.TOO_SLOW)]


@pytest.mark.django_db(transaction=True)
def test_a_batch_at_which_the_tasks_time_was_over_is_split_next(client: Client, placed: Placed) -> None:
    letters.post(client, SPARKPOST, large_batch(placed, subjects="one two"))
    is_over = patch.object(pipeline, "process", side_effect=SoftTimeLimitExceeded)
    with is_over, pytest.raises(SoftTimeLimitExceeded):
        inbox.work(now=timezone.now())
    assert states() == [("pending", Trouble.TOO_SLOW)]
    Receipt.objects.update(next_attempt_at=timezone.now())
    with is_over:
        inbox.work(now=timezone.now())
    assert states() == [("done", ""), ("pending", ""), ("pending", "")]
