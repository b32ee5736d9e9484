"""Mailjet: one document a mail, in parts; events in groups."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from pytest_django import Settings

from conversation_tracker.models import OutboundMail, Receipt, ReceiptState, SendState
from orders.models import TimelineEntry, Verification
from orders.outcomes import Outcome, Reason
from tests import letters
from tests.conversation_tracker.providers.conftest import state_of

pytestmark = pytest.mark.django_db
Settle = Callable[[], list[TimelineEntry]]

INBOUND, TRACKING = "/anymail/mailjet/inbound/", "/anymail/mailjet/tracking/"


@pytest.fixture(autouse=True)
def _mounted(settings: Settings) -> None:
    letters.mount(settings, "mailjet")


def test_a_call_for_each_of_two_aliases_is_recorded_and_relayed(client: Client, settle: Settle, two: list[str]) -> None:
    for recipient in two:
        assert letters.post(client, INBOUND, letters.mailjet(recipient)).status_code == 200
    entries = settle()
    assert [(entry.outcome, entry.text) for entry in entries] == [(Outcome.RELAYED, "It is at your door.")] * 2
    assert [file.name for file in entries[0].attachments.all()] == ["note.pdf"]


def test_a_call_that_lacks_a_file_is_quarantined(client: Client, work: Callable[..., object], two: list[str]) -> None:
    letters.post(client, INBOUND, letters.mailjet(two[0], Attachment1=None))
    work()
    assert Receipt.objects.get().state == ReceiptState.QUARANTINED


@pytest.mark.parametrize(
    ("score", "reason"), [("4.9", Reason.CONVERSATION), ("5.0", Reason.SPAM), ("", Reason.CONVERSATION)]
)
def test_spam_is_what_spamassassin_calls_spam(
    client: Client, settle: Settle, two: list[str], score: str, reason: Reason
) -> None:
    letters.post(client, INBOUND, letters.mailjet(two[0], SpamAssassinScore=score))
    (entry,) = settle()
    assert entry.reason == reason


def test_nobody_is_verified_by_what_he_writes_himself(client: Client, settle: Settle, two: list[str]) -> None:
    payload = letters.mailjet(two[0])
    payload["Headers"]["Authentication-Results"] = "mailjet.com; dmarc=pass header.from=carrier.example"
    letters.post(client, INBOUND, payload)
    (entry,) = settle()
    assert entry.verification == Verification.UNVERIFIED


@pytest.mark.parametrize(("auth", "status"), [(None, 401), ("Basic d3Jvbmc6d3Jvbmc=", 403)])
@pytest.mark.usefixtures("nothing_kept")
def test_wrong_credentials_are_refused(client: Client, two: list[str], auth: str | None, status: int) -> None:
    assert letters.post(client, INBOUND, letters.mailjet(two[0]), auth=auth).status_code == status


def test_a_delivery_report_in_a_group_is_noted(client: Client, settle: Settle, sent: OutboundMail) -> None:
    sent.provider_message_id = "19421777835146490"
    sent.save()
    events = [{"event": "open", "MessageID": 1}, {"event": "sent", "time": 1795428000, "MessageID": 19421777835146490}]
    assert letters.post(client, TRACKING, events).status_code == 200
    settle()
    assert state_of(sent) == SendState.DELIVERED


def test_a_bad_event_in_a_group_is_quarantined_alone(
    client: Client, work: Callable[..., object], sent: OutboundMail
) -> None:
    letters.post(client, TRACKING, [{"no": "event"}, {"event": "bounce", "MessageID": "esp-1"}])
    work()
    assert state_of(sent) == SendState.BOUNCED
    states = Receipt.objects.order_by("id").values_list("state", flat=True)
    assert list(states) == [ReceiptState.DONE, ReceiptState.QUARANTINED, ReceiptState.DONE]
