"""Large bodies go to the database and come back as bytes, and each is read alone."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from unittest.mock import patch

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from conversation_tracker import bytea, inbox, replay
from conversation_tracker.models import Receipt
from orders import vault
from orders.models import Kind, TimelineEntry
from orders.placing import Placed
from tests import letters

pytestmark = pytest.mark.django_db
BODY = bytes(range(256)) * 20_000


def test_a_body_is_kept_and_fetched_byte_for_byte() -> None:
    inbox.accept_mime(BODY, sender="kim@carrier.example", recipients=["a@b.example"], now=timezone.now())
    (row,) = bytea.fetched(Receipt.objects.all(), "body")
    assert row.body.bytes() == BODY == Receipt.objects.get().body.bytes()


def test_a_body_comes_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bytea, "PIECE", 1_000_000)
    for body in (BODY, b""):
        receipt = inbox.accept_mime(body, sender="", recipients=[], now=timezone.now())
        (row,) = bytea.fetched(Receipt.objects.filter(pk=receipt.pk), "body")
        assert row.body.bytes() == body


def test_fetching_a_body_takes_little_more_than_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bytea, "PIECE", 500_000)
    inbox.accept_mime(BODY, sender="", recipients=[], now=timezone.now())
    bytea.fetched(Receipt.objects.all(), "body")
    tracemalloc.start()
    (row,) = bytea.fetched(Receipt.objects.all(), "body")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < len(BODY) * 3 // 2
    assert row.body.bytes() == BODY


def test_a_large_receipt_lets_go_of_its_body_and_has_it_again() -> None:
    inbox.accept_mime(BODY, sender="", recipients=[], now=timezone.now())
    (row,) = bytea.fetched(Receipt.objects.all(), "body")
    assert replay.body(row) == BODY
    assert row.get_deferred_fields() == {"body"}
    assert replay.body(row) == BODY


def test_a_large_mail_in_parts_is_kept_as_it_came(client: Client, placed: Placed) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias, TextBody="word " * 120_000))
    came = Receipt.objects.get().body.bytes()
    inbox.work(now=timezone.now())
    assert vault.load(TimelineEntry.objects.get(kind=Kind.MAIL).original) == came


def test_keeping_a_body_takes_a_few_times_its_size() -> None:
    inbox.accept_mime(b"", sender="", recipients=[], now=timezone.now())
    tracemalloc.start()
    inbox.accept_mime(BODY, sender="kim@carrier.example", recipients=["a@b.example"], now=timezone.now())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < len(BODY) * 4  # sealed, put together, and put into the message to the server


def test_afterwards_statements_are_sent_as_before() -> None:
    inbox.accept_mime(BODY, sender="", recipients=[], now=timezone.now())
    assert connection.connection.pgconn.nonblocking == 1
    assert Receipt.objects.filter(size__in=[len(BODY), 1], path="").count() == 1


def test_a_large_receipt_is_read_alone(client: Client, placed: Placed) -> None:
    for text in ("x", "x" * bytea.LARGE, "x"):
        letters.post_postmark(client, letters.postmark(placed.customer_alias, TextBody=text))
    together: list[list[int]] = []

    def note(ids: Sequence[int], **_: object) -> None:
        together.append(list(ids))

    with patch.object(inbox, "_work_on", note):
        inbox.work(now=timezone.now())
    first, large, last = Receipt.objects.order_by("pk").values_list("pk", flat=True)
    assert together == [[first, last], [large]]
