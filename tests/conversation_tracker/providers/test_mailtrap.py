"""Mailtrap: signed notices; the mails are fetched."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from conversation_tracker.models import OutboundMail, Receipt, ReceiptState, SendState, Trouble
from conversation_tracker.providers import fetching
from orders import vault
from orders.models import TimelineEntry, Verification
from orders.outcomes import Outcome
from tests import letters, signatures
from tests.conversation_tracker.providers.conftest import Api, state_of

pytestmark = pytest.mark.django_db
Settle = Callable[[], list[TimelineEntry]]

INBOUND, TRACKING = "/anymail/mailtrap/inbound/", "/anymail/mailtrap/tracking/"


@pytest.fixture(autouse=True)
def _mounted(settings: Settings, api: Api) -> None:
    letters.mount(
        settings, "mailtrap", MAILTRAP_API_TOKEN="token", MAILTRAP_INBOUND_SECRET="inbound",
        MAILTRAP_TRACKING_SECRET="tracking", MAILTRAP_API_URL=f"{api.url}/api/",
    )  # fmt: skip


def post(client: Client, *events: dict[str, Any] | None, secret: str = "inbound", path: str = INBOUND) -> int:
    body, signature = signatures.hmac_of({"events": events}, secret)
    return letters.post(client, path, body, Mailtrap_Signature=signature).status_code


def notice(message_id: str = "m-1", inbox_id: int = 77) -> dict[str, Any]:
    return {
        "event": "inbound.message_received", "event_id": "e-1", "timestamp": 1795428000000,
        "inbox_id": inbox_id, "message_id": message_id,
    }  # fmt: skip


def offer(api: Api, raw: bytes, recipients: list[str], *, message_id: str = "m-1") -> None:
    data = {
        "id": message_id, "inbox_id": 77, "from": "Kim <kim@carrier.example>", "to": recipients[:1],
        "cc": [f"Somebody <{one}>" for one in recipients[1:]], "raw_message_url": f"{api.url}/raw/{message_id}?sig=1",
    }  # fmt: skip
    api.answer(f"/api/inbound/inboxes/77/messages/{message_id}", data)
    api.answer(f"/raw/{message_id}?sig=1", raw)


@pytest.mark.parametrize("said", [{"raw_message_url": None}, {}])
def test_a_mail_whose_bytes_are_not_ready_is_waited_for(
    client: Client, work: Callable[..., object], settle: Settle, two: list[str], api: Api, said: dict[str, None]
) -> None:
    api.answer("/api/inbound/inboxes/77/messages/m-1", {"id": "m-1", "inbox_id": 77, "to": two[:1], **said})
    post(client, notice())
    work()
    assert Receipt.objects.get().state == ReceiptState.PENDING
    offer(api, letters.mime(), two[:1])
    Receipt.objects.update(next_attempt_at=timezone.now())
    assert len(settle()) == 1


def test_a_mail_to_two_aliases_is_fetched_recorded_and_relayed_at_each(
    client: Client, settle: Settle, two: list[str], api: Api
) -> None:
    offer(api, letters.mime(), two)
    assert post(client, notice()) == 200
    assert api.asked == []  # nothing is fetched at the door
    assert [entry.outcome for entry in settle()] == [Outcome.RELAYED] * 2
    assert [headers.get("Authorization") for _, headers in api.asked] == ["Bearer token", None]


def test_every_byte_of_the_mail_is_kept(client: Client, settle: Settle, two: list[str], api: Api) -> None:
    raw = b"From: kim@carrier.example\r\nContent-Type: text/plain; charset=latin-1\r\n\r\nCaf\xe9"
    offer(api, raw, two[:1])
    post(client, notice())
    (entry,) = settle()
    assert (vault.load(entry.original), entry.text) == (raw, "Café")


def test_the_test_call_is_settled_and_nothing_recorded(
    client: Client, settle: Settle, two: list[str], api: Api
) -> None:
    assert post(client, notice(inbox_id=1), None) == 200
    assert settle() == []
    assert api.asked == []


def test_an_api_that_is_away_is_asked_again(
    client: Client, work: Callable[..., object], settle: Settle, two: list[str], api: Api
) -> None:
    offer(api, letters.mime(), two)
    api.answer("/raw/m-1?sig=1", b"", status=503)
    post(client, notice())
    work()
    assert Receipt.objects.get().state == ReceiptState.PENDING
    offer(api, letters.mime(), two)
    work(now=timezone.now() + timedelta(minutes=1))
    assert len(settle()) == 2


def test_a_mail_that_is_gone_is_quarantined_and_its_neighbour_recorded(
    client: Client, work: Callable[..., object], two: list[str], api: Api
) -> None:
    offer(api, letters.mime(), two[:1], message_id="m-2")
    post(client, notice(), notice("m-2"))
    work()
    work(now=timezone.now() + fetching.Missing.patience + timedelta(minutes=1))
    states = Receipt.objects.order_by("id").values_list("state", flat=True)
    assert list(states) == [ReceiptState.DONE, ReceiptState.QUARANTINED, ReceiptState.DONE]
    assert TimelineEntry.objects.filter(kind="mail").count() == 1


def test_an_absurd_mail_is_recorded_unread(
    client: Client, work: Callable[..., object], two: list[str], api: Api
) -> None:
    offer(api, b"From: " + b"(" * 5_000 + b"\r\n\r\n", two)
    post(client, notice())
    work()
    assert Receipt.objects.get().trouble == Trouble.OVER_LIMIT
    entries = TimelineEntry.objects.filter(kind="mail").values_list("outcome", "reason", "subject", "text")
    assert list(entries) == [("recorded", "unread", "", "")] * 2


def test_nobody_is_verified_by_what_he_writes_himself(client: Client, settle: Settle, two: list[str], api: Api) -> None:
    offer(api, b"Authentication-Results: mailtrap.io; dmarc=pass\r\n" + letters.mime(), two[:1])
    post(client, notice())
    (entry,) = settle()
    assert entry.verification == Verification.UNVERIFIED


@pytest.mark.usefixtures("nothing_kept")
def test_wrong_signatures_are_refused(client: Client) -> None:
    assert post(client, notice(), secret="tracking") == 403
    assert letters.post(client, INBOUND, {"events": [notice()]}).status_code == 403


@pytest.mark.usefixtures("nothing_kept")
@pytest.mark.parametrize("name", ["MAILTRAP_INBOUND_SECRET", "MAILTRAP_TRACKING_SECRET"])
def test_without_its_secret_the_door_stays_shut(client: Client, settings: Settings, name: str) -> None:
    settings.ANYMAIL = {key: value for key, value in settings.ANYMAIL.items() if key != name}
    path = INBOUND if "INBOUND" in name else TRACKING
    assert letters.post(client, path, {"events": [notice()]}).status_code == 503


def test_a_delivery_report_is_noted(client: Client, settle: Settle, sent: OutboundMail) -> None:
    event = {
        "event": "delivery",
        "message_id": "esp-1",
        "timestamp": 1795428000,
        "email": "x@y.example",
        "event_id": "e",
    }
    assert post(client, event, secret="tracking", path=TRACKING) == 200
    settle()
    assert state_of(sent) == SendState.DELIVERED
