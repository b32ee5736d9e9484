"""A batch is taken apart: each of its items becomes a receipt as it was written, all of them or none."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from django.utils import timezone

from conversation_tracker import batches, inbox
from conversation_tracker.models import Channel, Receipt, ReceiptState

pytestmark = pytest.mark.django_db


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
