"""Postal: one signed document a mail."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from pytest_django import Settings

from conversation_tracker.models import OutboundMail, SendState
from orders import vault
from orders.models import Alert, AlertKind, Suppression, TimelineEntry, Verification
from orders.outcomes import Outcome, Reason
from orders.placing import Placed
from tests import letters, signatures
from tests.conversation_tracker.conversing import Work
from tests.conversation_tracker.providers.conftest import Api, state_of

pytestmark = pytest.mark.django_db
Settle = Callable[[], list[TimelineEntry]]


@pytest.fixture(autouse=True)
def _mounted(settings: Settings) -> None:
    letters.mount(settings, "postal", POSTAL_WEBHOOK_KEY=signatures.postal_key())


def test_a_call_for_each_of_two_aliases_is_recorded_and_relayed(client: Client, settle: Settle, two: list[str]) -> None:
    for recipient in two:
        assert letters.post_postal(client, letters.postal(recipient, letters.mime())).status_code == 200
    assert [entry.outcome for entry in settle()] == [Outcome.RELAYED] * 2


def test_a_mail_that_is_not_utf8_is_recorded_with_every_byte(client: Client, settle: Settle, two: list[str]) -> None:
    raw = b"From: kim@carrier.example\r\nContent-Type: text/plain; charset=latin-1\r\n\r\nCaf\xe9"
    letters.post_postal(client, letters.postal(two[0], raw))
    (entry,) = settle()
    assert (vault.load(entry.original), entry.text) == (raw, "Café")


def test_a_mail_as_text_is_recorded_too(client: Client, settle: Settle, two: list[str]) -> None:
    letters.post_postal(client, letters.postal(two[0], b"", message=letters.mime().decode(), base64=False))
    assert len(settle()) == 1


@pytest.mark.parametrize(("found", "reason"), [("yes", Reason.SPAM), ("no", Reason.CONVERSATION)])
def test_spam_is_what_postals_inspection_calls_spam(
    client: Client, settle: Settle, two: list[str], found: str, reason: Reason
) -> None:
    raw = f"X-Postal-Spam: {found}\r\n".encode() + letters.mime()
    letters.post_postal(client, letters.postal(two[0], raw))
    (entry,) = settle()
    assert entry.reason == reason


@pytest.mark.parametrize(
    ("named", "expected"), [("", Verification.UNVERIFIED), ("mx.acme.example", Verification.VERIFIED)]
)
def test_a_server_that_the_operator_names_verifies(
    client: Client, settle: Settle, two: list[str], settings: Settings, named: str, expected: str
) -> None:
    settings.ANYMAIL = {**settings.ANYMAIL, "POSTAL_AUTHSERV_ID": named}
    raw = b"Authentication-Results: mx.acme.example; dkim=pass header.d=carrier.example\r\n" + letters.mime()
    letters.post_postal(client, letters.postal(two[0], raw))
    (entry,) = settle()
    assert entry.verification == expected


@pytest.mark.usefixtures("nothing_kept")
@pytest.mark.parametrize("signature", ["", "AAAA", "%%%", "ü"])
def test_wrong_signatures_are_refused(client: Client, two: list[str], signature: str) -> None:
    payload = letters.postal(two[0], letters.mime())
    assert letters.post(client, "/anymail/postal/inbound/", payload, X_Postal_Signature=signature).status_code == 403
    assert letters.post(client, "/anymail/postal/inbound/", payload).status_code == 403


def test_a_delivery_report_is_noted_on_what_was_sent_through_it(
    client: Client, work: Work, placed: Placed, settings: Settings, api: Api
) -> None:
    settings.EMAIL_BACKEND = "anymail.backends.postal.EmailBackend"
    settings.ANYMAIL = {**settings.ANYMAIL, "POSTAL_API_URL": api.url, "POSTAL_API_KEY": "key"}
    to = placed.customer_alias.real.text()
    answer = {"status": "success", "data": {"message_id": "5817@rp.example", "messages": {to: {"id": 1503}}}}
    api.answer("/api/v1/send/message", answer)
    letters.post_postal(client, letters.postal(placed.customer_alias.address.text(), letters.mime()))
    work()
    sent = OutboundMail.objects.get()
    assert (sent.state, sent.provider_message_id) == (SendState.SENT, "1503")
    event = {
        "event": "MessageSent", "timestamp": 1795428000.2, "uuid": "u-1",
        "payload": {"status": "Sent", "details": "sent", "output": "250 OK",
                    "message": {"id": 1503, "direction": "outgoing", "to": "x@y.example", "tag": None}},
    }  # fmt: skip
    assert letters.post_postal(client, event, channel="tracking").status_code == 200
    work()
    assert state_of(sent) == SendState.DELIVERED


@pytest.mark.parametrize("subject", ["Warning: message 1abc delayed 4 hours", "Undelivered Mail Returned to Sender"])
def test_what_comes_back_to_postal_suppresses_nobody(
    client: Client, settle: Settle, sent: OutboundMail, subject: str
) -> None:
    """It does not say whether it is a warning, an answer, or a failure for good."""
    about = {"id": "esp-1", "token": "abc", "direction": "outgoing", "to": "x@y.example"}
    bounce = {"id": 12, "token": "def", "direction": "incoming", "to": "abc@psrp.postal.example", "subject": subject}
    event = {"event": "MessageBounced", "timestamp": 1795428000.2,
             "payload": {"original_message": about, "bounce": bounce}}  # fmt: skip
    assert letters.post_postal(client, event, channel="tracking").status_code == 200
    settle()
    assert (state_of(sent), Alert.objects.open().count(), Suppression.objects.count()) == (SendState.BOUNCED, 1, 0)


def test_what_is_held_is_told_of_until_it_is_let_go(client: Client, settle: Settle, sent: OutboundMail) -> None:
    for status, alerts in (("Held", [AlertKind.BOUNCED]), ("Sent", [])):
        payload = {"status": status, "message": {"id": "esp-1", "direction": "outgoing"}}
        event = {"event": f"Message{status}", "timestamp": 1795428000.2, "payload": payload}
        assert letters.post_postal(client, event, channel="tracking").status_code == 200
        settle()
        assert list(Alert.objects.open().values_list("kind", flat=True)) == alerts
    assert state_of(sent) == SendState.DELIVERED
    assert not Suppression.objects.exists()
