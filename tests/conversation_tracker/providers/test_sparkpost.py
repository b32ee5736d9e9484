"""SparkPost: raw mails in batches."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from conversation_tracker import bytea, inbox
from conversation_tracker.models import OutboundMail, Receipt, SendState
from orders import claims, vault
from orders.models import TimelineEntry, Verification
from orders.outcomes import Outcome
from tests import letters
from tests.conversation_tracker.providers.conftest import state_of

pytestmark = pytest.mark.django_db
Settle = Callable[[], list[TimelineEntry]]

INBOUND, TRACKING = "/anymail/sparkpost/inbound/", "/anymail/sparkpost/tracking/"


@pytest.fixture(autouse=True)
def _mounted(settings: Settings) -> None:
    letters.mount(settings, "sparkpost")


def test_a_batch_for_two_aliases_is_recorded_and_relayed(client: Client, settle: Settle, two: list[str]) -> None:
    batch = [letters.sparkpost_mail(recipient, letters.mime()) for recipient in two]
    assert letters.post(client, INBOUND, batch).status_code == 200
    assert [entry.outcome for entry in settle()] == [Outcome.RELAYED] * 2
    assert OutboundMail.objects.filter(state=SendState.SENT).count() == 2


def test_a_mail_that_is_not_utf8_is_recorded_with_every_byte(client: Client, settle: Settle, two: list[str]) -> None:
    raw = b"From: kim@carrier.example\r\nContent-Type: text/plain; charset=latin-1\r\n\r\nCaf\xe9"
    letters.post(client, INBOUND, [letters.sparkpost_mail(two[0], raw)])
    (entry,) = settle()
    assert (vault.load(entry.original), entry.text) == (raw, "Café")


def test_a_mail_as_text_is_recorded_too(client: Client, settle: Settle, two: list[str]) -> None:
    content = {"email_rfc822": letters.mime().decode(), "email_rfc822_is_base64": False}
    letters.post(client, INBOUND, [letters.sparkpost_mail(two[0], b"", content=content)])
    assert len(settle()) == 1


def test_a_bad_mail_among_good_ones_is_quarantined_alone(
    client: Client, work: Callable[..., object], two: list[str]
) -> None:
    good = [letters.sparkpost_mail(recipient, letters.mime()) for recipient in two]
    letters.post(client, INBOUND, [good[0], {"msys": {"relay_message": {}}}, "nonsense", good[1], {"msys": {}}])
    work()
    states = list(Receipt.objects.order_by("id").values_list("state", flat=True))
    assert states == ["done", "done", "quarantined", "quarantined", "done", "done"]
    assert TimelineEntry.objects.filter(kind="mail").count() == 2


def test_a_batch_is_split_too_when_it_stops_its_worker(client: Client, settle: Settle, two: list[str]) -> None:
    letters.post(client, INBOUND, [letters.sparkpost_mail(recipient, letters.mime()) for recipient in two])
    with claims.held(
        claims.Space.INBOX, inbox._TAKE, {"now": timezone.now(), "batch": 20, "large": bytea.LARGE, "slow": []}
    ):
        pass  # and then the worker is gone
    assert len(settle()) == 2
    assert Receipt.objects.count() == 3


def test_a_ping_is_settled(client: Client, settle: Settle) -> None:
    assert letters.post(client, INBOUND, [{"msys": {}}]).status_code == 200
    assert settle() == []


def test_nobody_is_verified_by_what_he_writes_himself(client: Client, settle: Settle, two: list[str]) -> None:
    raw = b"Authentication-Results: sparkpost.com; dmarc=pass header.from=carrier.example\r\n" + letters.mime()
    letters.post(client, INBOUND, [letters.sparkpost_mail(two[0], raw)])
    (entry,) = settle()
    assert entry.verification == Verification.UNVERIFIED


@pytest.mark.parametrize(("auth", "status"), [(None, 401), ("Basic d3Jvbmc6d3Jvbmc=", 403)])
@pytest.mark.usefixtures("nothing_kept")
def test_wrong_credentials_are_refused(client: Client, two: list[str], auth: str | None, status: int) -> None:
    batch = [letters.sparkpost_mail(two[0], letters.mime())]
    assert letters.post(client, INBOUND, batch, auth=auth).status_code == status


def test_a_delivery_report_is_noted(client: Client, settle: Settle, sent: OutboundMail) -> None:
    event = {"type": "delivery", "transmission_id": "esp-1", "raw_rcpt_to": "x@y.example", "timestamp": "1795428000"}
    assert letters.post(client, TRACKING, [{"msys": {"message_event": event}}]).status_code == 200
    settle()
    assert state_of(sent) == SendState.DELIVERED
