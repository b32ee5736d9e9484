"""Postmark: one document a mail."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from conversation_tracker.models import OutboundMail, SendState
from orders import vault
from orders.models import TimelineEntry, Verification
from orders.outcomes import Outcome
from tests import letters
from tests.conversation_tracker.providers.conftest import state_of

pytestmark = pytest.mark.django_db
Settle = Callable[[], list[TimelineEntry]]


def test_a_mail_to_two_aliases_is_recorded_and_relayed_at_each(client: Client, settle: Settle, two: list[str]) -> None:
    payload = letters.postmark(two[0], BccFull=[{"Email": two[1], "Name": ""}])
    assert letters.post_postmark(client, payload).status_code == 200
    assert [entry.outcome for entry in settle()] == [Outcome.RELAYED] * 2


def test_the_raw_mail_is_kept_where_it_comes(client: Client, settle: Settle, two: list[str]) -> None:
    raw = letters.mime().decode()
    findings = [{"Name": "X-Spam-Tests", "Value": "DKIM_SIGNED,DKIM_VALID,DKIM_VALID_AU"}]
    letters.post_postmark(client, letters.postmark(two[0], RawEmail=raw, Headers=findings))
    (entry,) = settle()
    assert (vault.load(entry.original), entry.verification) == (raw.encode(), Verification.VERIFIED)


@pytest.mark.parametrize(("auth", "status"), [(None, 401), ("Basic d3Jvbmc6d3Jvbmc=", 403)])
@pytest.mark.usefixtures("nothing_kept")
def test_wrong_credentials_are_refused(client: Client, two: list[str], auth: str | None, status: int) -> None:
    assert letters.post_postmark(client, letters.postmark(two[0]), auth=auth).status_code == status


def test_a_delivery_report_is_noted(client: Client, settle: Settle, sent: OutboundMail) -> None:
    event = {"RecordType": "Delivery", "MessageID": "esp-1", "Recipient": "x@y.example"}
    assert letters.post(client, "/anymail/postmark/tracking/", event).status_code == 200
    settle()
    assert state_of(sent) == SendState.DELIVERED
