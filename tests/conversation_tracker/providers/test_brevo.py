"""Brevo: parsed mails in batches, their attachments fetched."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from conversation_tracker import inbox, nowhere
from conversation_tracker.models import OutboundMail, Receipt, ReceiptState, SendState, Trouble
from conversation_tracker.providers import fetching
from orders.models import TimelineEntry, Verification
from orders.outcomes import Outcome
from orders.placing import Placed
from tests import letters
from tests.conversation_tracker.providers.conftest import Api, state_of

pytestmark = pytest.mark.django_db
Settle = Callable[[], list[TimelineEntry]]

SECRETS = {"BREVO_API_KEY": "brevo-api-key"}
INBOUND, TRACKING = "/anymail/brevo/inbound/", "/anymail/brevo/tracking/"


@pytest.fixture(autouse=True)
def _mounted(settings: Settings, api: Api) -> None:
    letters.mount(settings, "brevo", **SECRETS, BREVO_API_URL=f"{api.url}/v3/")


def attached(token: str) -> list[dict[str, Any]]:
    return [{"Name": "note.pdf", "ContentType": "application/pdf", "ContentLength": 4, "DownloadToken": token}]


@pytest.mark.parametrize("as_texts", [True, False])
def test_a_mail_to_two_aliases_is_recorded_and_relayed_at_each(
    client: Client, settle: Settle, two: list[str], *, as_texts: bool
) -> None:
    """The sample in Brevo's documentation has texts for recipients, its table has boxes."""
    recipients = {"Recipients": two} if as_texts else {}
    assert letters.post(client, INBOUND, letters.brevo(two, **recipients)).status_code == 200
    entries = settle()
    assert [(entry.outcome, entry.text) for entry in entries] == [(Outcome.RELAYED, "It is at your door.")] * 2
    assert OutboundMail.objects.filter(state=SendState.SENT).count() == 2


def test_where_the_envelope_is_told_no_header_adds_to_it(
    client: Client, placed: Placed, settle: Settle, two: list[str]
) -> None:
    payload = letters.brevo(two[:1])
    payload["items"][0]["Headers"]["Delivered-To"] = [two[1], two[0]]  # it was delivered elsewhere before
    letters.post(client, INBOUND, payload)
    (entry,) = settle()
    assert entry.recipient_alias_id == placed.customer_alias.pk


def test_without_recipients_those_of_to_and_cc_count(client: Client, settle: Settle, two: list[str]) -> None:
    item = {"Recipients": None, "To": [{"Address": two[0]}], "Cc": [{"Address": two[1]}]}
    letters.post(client, INBOUND, letters.brevo(two, **item))
    assert len(settle()) == 2


def test_where_it_was_delivered_before_does_not_tell_whom_it_is_for(
    client: Client, work: Callable[..., object], two: list[str]
) -> None:
    """As Gmail forwards it, with an older payload's fields."""
    before = "sac@people.example"
    payload = letters.brevo(two, Recipients=None, To=[{"Address": before}])
    payload["items"][0]["Headers"].update({"Delivered-To": before, "To": before})
    letters.post(client, INBOUND, payload)
    assert work() == []
    receipt = Receipt.objects.get()
    assert (receipt.state, receipt.trouble_detail) == (ReceiptState.QUARANTINED, nowhere.UNTOLD)


def test_an_attachment_is_fetched_with_the_key(client: Client, settle: Settle, two: list[str], api: Api) -> None:
    api.answer("/v3/inbound/attachments/a%2Fb", b"%PDF", content_type="application/pdf")
    letters.post(client, INBOUND, letters.brevo(two[:1], Attachments=attached("a/b")))
    (entry,) = settle()
    assert [file.name for file in entry.attachments.all()] == ["note.pdf"]
    assert api.asked[0][1]["api-key"] == "brevo-api-key"


@pytest.mark.parametrize("status", [401, 429, 500, 503])
def test_an_api_that_is_away_is_asked_again_and_keeps_nobody_waiting(
    client: Client, work: Callable[..., object], settle: Settle, two: list[str], api: Api, status: int
) -> None:
    api.answer("/v3/inbound/attachments/t", b"", status=status)
    letters.post(client, INBOUND, letters.brevo(two[:1], Attachments=attached("t")))
    letters.post_postmark(client, letters.postmark(two[1]))
    work()
    waiting, settled = Receipt.objects.order_by("id")
    assert (waiting.state, waiting.attempts, waiting.deferrals) == (ReceiptState.PENDING, 0, 1)
    assert settled.state == ReceiptState.DONE
    api.answer("/v3/inbound/attachments/t", b"%PDF", content_type="application/pdf")
    work(now=timezone.now() + timedelta(minutes=1))
    assert len(settle()) == 2


def test_an_api_that_does_not_answer_is_asked_again(
    client: Client, work: Callable[..., object], two: list[str], settings: Settings
) -> None:
    settings.ANYMAIL = {**settings.ANYMAIL, "BREVO_API_URL": "http://127.0.0.1:9/"}
    letters.post(client, INBOUND, letters.brevo(two[:1], Attachments=attached("t")))
    work()
    assert Receipt.objects.get().state == ReceiptState.PENDING


def test_an_attachment_that_is_gone_puts_the_mail_in_quarantine(
    client: Client, work: Callable[..., object], two: list[str]
) -> None:
    letters.post(client, INBOUND, letters.brevo(two[:1], Attachments=attached("gone")))
    work()
    work(now=timezone.now() + fetching.Missing.patience + timedelta(minutes=1))
    assert Receipt.objects.get().state == ReceiptState.QUARANTINED


def test_a_bad_mail_among_good_ones_is_quarantined_alone(
    client: Client, work: Callable[..., object], two: list[str]
) -> None:
    batch = letters.brevo(two[:1])
    batch["items"] += [{"Headers": "odd"}, *letters.brevo(two[1:])["items"]]
    letters.post(client, INBOUND, batch)
    work()
    states = Receipt.objects.order_by("id").values_list("state", flat=True)
    assert list(states) == ["done", "done", "quarantined", "done"]
    assert TimelineEntry.objects.filter(kind="mail").count() == 2


@pytest.mark.parametrize(
    ("score", "outcome"), [(14.9, Outcome.RELAYED), (15, Outcome.REFUSED), (None, Outcome.RELAYED)]
)
def test_spam_is_what_rspamd_would_reject(
    client: Client, settle: Settle, two: list[str], score: float | None, outcome: Outcome
) -> None:
    letters.post(client, INBOUND, letters.brevo(two[:1], SpamScore=score))
    (entry,) = settle()
    assert entry.outcome == outcome


def test_nobody_is_verified_unless_the_operator_names_the_server(
    client: Client, settle: Settle, two: list[str], settings: Settings
) -> None:
    payload = letters.brevo(two[:1])
    payload["items"][0]["Headers"]["Authentication-Results"] = (
        "mx.brevo.example; dmarc=pass header.from=carrier.example"
    )
    letters.post(client, INBOUND, payload)
    (entry,) = settle()
    assert entry.verification == Verification.UNVERIFIED
    settings.ANYMAIL = {**settings.ANYMAIL, "BREVO_AUTHSERV_ID": "mx.brevo.example"}
    payload["items"][0]["Headers"]["Message-ID"] = "<2@carrier.example>"
    letters.post(client, INBOUND, payload)
    assert settle()[1].verification == Verification.VERIFIED


@pytest.mark.parametrize(("auth", "status"), [(None, 401), ("Basic d3Jvbmc6d3Jvbmc=", 403)])
@pytest.mark.usefixtures("nothing_kept")
def test_wrong_credentials_are_refused(client: Client, two: list[str], auth: str | None, status: int) -> None:
    assert letters.post(client, INBOUND, letters.brevo(two), auth=auth).status_code == status


def test_when_it_cannot_be_stored_it_is_asked_to_come_again_in_brevos_way(client: Client, two: list[str]) -> None:
    with patch.object(Receipt, "save", side_effect=OperationalError):
        assert letters.post(client, INBOUND, letters.brevo(two)).status_code == 429


def test_a_delivery_report_is_noted(client: Client, settle: Settle, sent: OutboundMail) -> None:
    event = {"event": "delivered", "message-id": "<esp-1>", "email": "x@y.example", "ts_epoch": 1795428000000}
    assert letters.post(client, TRACKING, event).status_code == 200
    settle()
    assert state_of(sent) == SendState.DELIVERED


def test_a_report_about_a_mail_of_another_sender_of_the_account_is_settled(client: Client, settle: Settle) -> None:
    letters.post(client, TRACKING, {"event": "delivered", "message-id": "<x>", "X-Mailin-custom": "campaign:7|part:2"})
    settle()
    assert Receipt.objects.get().state == ReceiptState.DONE


def test_one_whose_file_cannot_be_fetched_holds_up_no_other_of_its_call(
    client: Client, work: Callable[..., object], two: list[str], api: Api
) -> None:
    api.answer("/v3/inbound/attachments/t", b"", status=403)
    call = letters.brevo(two[:1], Attachments=attached("t"))
    call["items"] += letters.brevo(two[1:], MessageId="<2@carrier.example>")["items"]
    letters.post(client, INBOUND, call)
    work()
    assert TimelineEntry.objects.filter(kind="mail").count() == 1
    waiting = Receipt.objects.get(state=ReceiptState.PENDING)
    work(now=timezone.now() + fetching.Unavailable.patience + timedelta(hours=1))
    waiting.refresh_from_db()
    assert (waiting.state, waiting.trouble) == (ReceiptState.QUARANTINED, Trouble.UNREADABLE)


def test_what_has_to_be_fetched_waits_until_nothing_new_does(client: Client, two: list[str], api: Api) -> None:
    api.answer("/v3/inbound/attachments/t", b"%PDF", content_type="application/pdf")
    letters.post(client, INBOUND, letters.brevo(two[:1], Attachments=attached("t")))
    letters.post_postmark(client, letters.postmark(two[1]))
    assert inbox.work(now=timezone.now()) == 1
    assert api.asked == []
    assert inbox.work(now=timezone.now()) == 1
    assert len(api.asked) == 1
