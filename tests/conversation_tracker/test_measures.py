"""What operators and their monitoring see."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
from django.core.mail import EmailMultiAlternatives
from django.db import connection
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from conversation_tracker import inbox, measures
from conversation_tracker.models import OrderMail, OrderMailState, OutboundMail, Receipt, TemplateKey
from orders import alerts, events, vault
from orders.models import AlertKind, OrderEvent
from orders.placing import Placed
from tests import letters, stopwatch

pytestmark = pytest.mark.django_db
Work = Callable[..., list[EmailMultiAlternatives]]


def samples(text: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name.removeprefix("conversation_tracker_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_queues_outcomes_and_durations_are_measured(client: Client, work: Work, placed: Placed) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    letters.post_postmark(client, letters.postmark("nobody@ct.acme.example"))
    letters.post_postmark(client, b"garbage")
    work()
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    Receipt.objects.filter(state="pending").update(received_at=timezone.now() - timedelta(seconds=90))
    found = samples(client.get("/metrics").content.decode())
    assert found["receipts", "postmark", "done"] == 2
    assert found["receipts", "postmark", "pending"] == 1
    assert found["receipts", "postmark", "quarantined"] == 1
    assert found["outbound_mails", "sent"] == 1
    assert found["outcomes", "relayed", "conversation"] == 1
    assert found["outcomes", "refused", "unknown_alias"] == 1
    assert found["settling_mails",] == 2
    assert found["sending_mails",] == 1
    assert 0 < found["settling_seconds", "0.95"] < 60
    assert 89 < found["oldest_pending_receipt_seconds",] < 150
    assert found["oldest_waiting_outbound_seconds",] == 0


def test_order_mails_are_counted_by_state(client: Client, shopped: Placed) -> None:
    events.dispatch(now=timezone.now())
    OrderMail.objects.update(created_at=timezone.now() - timedelta(seconds=90))
    found = samples(client.get("/metrics").content.decode())
    counts = {state.value: found["order_mails", state.value] for state in OrderMailState}
    assert counts == {"due": 1, "queued": 0, "skipped": 0, "failed": 0}
    assert 89 < found["oldest_due_order_mail_seconds",] < 150


def test_open_alerts_are_counted_by_kind_and_name_nobody(client: Client, work: Work, placed: Placed) -> None:
    for number in range(3):
        letters.post_postmark(client, letters.postmark(placed.customer_alias, Subject=f"Parcel {number}"))
    work()
    entries = list(placed.order.timeline.filter(kind="mail").order_by("pk"))
    kinds = (AlertKind.BOUNCED, AlertKind.BOUNCED, AlertKind.HELD)
    for kind, entry in zip(kinds, entries, strict=True):
        alerts.raise_for(kind, entry_id=entry.pk, order_id=entry.order_id, store_id=entry.store_id, now=timezone.now())
    alerts.settle(entries[0].pk, now=timezone.now())
    text = client.get("/metrics").content.decode()
    found = {key[1:]: value for key, value in samples(text).items() if key[0] == "open_alerts"}
    assert found == {(kind.value,): 0 for kind in AlertKind} | {("held",): 1, ("bounced",): 1}
    assert placed.order.store.account not in text


def test_an_empty_system_is_measured(client: Client, db: None) -> None:
    found = samples(client.get("/metrics").content.decode())
    assert found["settling_mails",] == 0
    assert found["oldest_pending_receipt_seconds",] == 0


@pytest.mark.parametrize(
    ("token", "auth", "local", "status"),
    [
        ("", "", True, 200),
        ("", "", False, 404),
        ("secret", "", True, 404),
        ("secret", "Bearer wrong", True, 404),
        ("secret", "Bearer secret", False, 200),
    ],
)
def test_measures_are_for_who_has_the_token(
    client: Client, settings: Settings, token: str, auth: str, local: bool, status: int
) -> None:
    settings.METRICS_TOKEN, settings.LOCAL = token, local
    assert client.get("/metrics", headers={"Authorization": auth}).status_code == status


def test_ready_until_the_inbox_falls_behind(client: Client, placed: Placed) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    assert client.get("/readyz").status_code == 200
    past = timezone.now() - timedelta(minutes=6)
    Receipt.objects.update(received_at=past, next_attempt_at=past)
    response = client.get("/readyz")
    assert (response.status_code, response.json()["keeping_up"]) == (503, False)
    assert client.get("/healthz").status_code == 200


def test_a_receipt_that_waits_for_its_next_try_is_not_behind(client: Client, placed: Placed) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    Receipt.objects.update(received_at=timezone.now() - timedelta(hours=1), next_attempt_at=timezone.now())
    assert client.get("/readyz").status_code == 200


def test_not_ready_while_nobody_sends(client: Client, placed: Placed) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    inbox.work(now=timezone.now())
    OutboundMail.objects.update(next_attempt_at=timezone.now() - timedelta(minutes=9))  # behind one that takes long
    assert client.get("/readyz").status_code == 200
    OutboundMail.objects.update(next_attempt_at=timezone.now() - timedelta(minutes=11))
    response = client.get("/readyz")
    assert (response.status_code, response.json()["sending"]) == (503, False)


def test_not_ready_while_order_mails_are_not_written(placed: Placed) -> None:
    now = timezone.now()
    placed.order.order_mails.create(
        store=placed.order.store, template=TemplateKey.NEW_ORDER, occasion="x", created_at=now, next_attempt_at=now
    )
    assert not measures.is_sending_behind(now=now, limit=timedelta(minutes=5))
    assert measures.is_sending_behind(now=now + timedelta(minutes=6), limit=timedelta(minutes=5))


def test_not_ready_while_nobody_tells_what_happened(client: Client, shopped: Placed) -> None:
    assert client.get("/readyz").status_code == 200
    OrderEvent.objects.update(occurred_at=timezone.now() - timedelta(minutes=6))
    response = client.get("/readyz")
    assert (response.status_code, response.json()["sending"]) == (503, False)
    assert 360 <= samples(client.get("/metrics").content.decode())["oldest_untold_event_seconds",] < 420
    events.dispatch(now=timezone.now())
    assert samples(client.get("/metrics").content.decode())["oldest_untold_event_seconds",] == 0
    OrderMail.objects.all().delete()
    assert client.get("/readyz").status_code == 200


def test_not_ready_while_the_storage_takes_no_files(client: Client, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    place = {"BACKEND": "orders.vault.Folder", "OPTIONS": {"location": str(tmp_path / "file")}}
    with patch.object(vault, "_trial", None):
        settings.STORAGES = {**settings.STORAGES, "mail": place}
        response = client.get("/readyz")
        assert (response.status_code, response.json()["storage"]) == (503, False)
    assert client.get("/healthz").status_code == 200


def test_trying_the_storage_leaves_nothing_there(settings: Settings, tmp_path: Path) -> None:
    place = {"BACKEND": "orders.vault.Folder", "OPTIONS": {"location": str(tmp_path)}}
    settings.STORAGES = {**settings.STORAGES, "mail": place}
    with patch.object(vault, "_trial", None):
        assert vault.takes_files()
    assert not list(tmp_path.iterdir())


def test_a_storage_that_hangs_holds_up_nobody_who_asks(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    answers, tries = threading.Event(), 0

    def hang() -> bool:
        nonlocal tries
        tries += 1
        return answers.wait(30)

    monkeypatch.setattr(vault, "_trial", None)
    monkeypatch.setattr(vault, "_try_storage", hang)
    monkeypatch.setattr(vault, "TRIED_EVERY", 0.0)
    monkeypatch.setattr(vault, "TRIAL_PATIENCE", 0.2)
    with stopwatch.running() as took:
        found = [client.get("/readyz").json()["storage"] for _ in range(5)]
    assert (found, tries) == ([False] * 5, 1)
    assert took.seconds < 5
    answers.set()
    vault._trial.join(5)  # type: ignore[union-attr]  # it has begun
    assert client.get("/readyz").json()["storage"] is True


def test_a_database_that_keeps_nothing_is_not_fine(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
    assert client.get("/healthz").json()["database"] is False
    assert client.get("/readyz").status_code == 503


def test_the_rate_counts_what_was_settled(client: Client, work: Work, placed: Placed) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    work()
    assert measures.rate(now=timezone.now()) == pytest.approx(1 / 300)
