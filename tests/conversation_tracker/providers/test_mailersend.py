"""MailerSend: one signed document a mail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from conversation_tracker.models import OutboundMail, SendState
from orders.models import TimelineEntry, Verification
from orders.outcomes import Outcome
from tests import letters, signatures
from tests.conversation_tracker.providers.conftest import state_of

pytestmark = pytest.mark.django_db
Settle = Callable[[], list[TimelineEntry]]

INBOUND, TRACKING = "/anymail/mailersend/inbound/", "/anymail/mailersend/tracking/"


@pytest.fixture(autouse=True)
def _mounted(settings: Settings) -> None:
    letters.mount(settings, "mailersend", MAILERSEND_INBOUND_SECRET="inbound", MAILERSEND_SIGNING_SECRET="tracking")


def post(client: Client, payload: object, *, secret: str = "inbound", path: str = INBOUND) -> int:
    body, signature = signatures.hmac_of(payload, secret)
    return letters.post(client, path, body, Signature=signature).status_code


def mail(recipients: list[str], *, header: str = "", **data: Any) -> dict[str, Any]:
    return letters.mailersend(recipients, header + letters.mime().decode(), **data)


def test_a_mail_to_two_aliases_is_recorded_and_relayed_at_each(client: Client, settle: Settle, two: list[str]) -> None:
    assert post(client, mail(two)) == 200
    assert [entry.outcome for entry in settle()] == [Outcome.RELAYED] * 2
    assert OutboundMail.objects.filter(state=SendState.SENT).count() == 2


@pytest.mark.parametrize(
    ("header", "data", "expected"),
    [
        ("", {}, Verification.VERIFIED),
        ("", {"spf_check": {"code": "-"}}, Verification.UNVERIFIED),
        ("", {"spf_check": None}, Verification.UNVERIFIED),
        ("", {"sender": {"email": "eve@evil.example"}}, Verification.UNVERIFIED),
        (
            "DKIM-Signature: v=1; d=carrier.example; s=x\n",
            {"spf_check": None, "dkim_check": True},
            Verification.VERIFIED,
        ),
        (
            "DKIM-Signature: v=1; d=evil.example; s=x\n",
            {"spf_check": None, "dkim_check": True},
            Verification.UNVERIFIED,
        ),
        ("DKIM-Signature: v=1; d=carrier.example\n", {"spf_check": None, "dkim_check": False}, Verification.UNVERIFIED),
    ],
)
def test_only_what_is_aligned_verifies(
    client: Client, settle: Settle, two: list[str], header: str, data: dict[str, Any], expected: str
) -> None:
    post(client, mail(two[:1], header=header, **data))
    (entry,) = settle()
    assert entry.verification == expected


@pytest.mark.usefixtures("nothing_kept")
def test_wrong_signatures_are_refused(client: Client, two: list[str]) -> None:
    assert post(client, mail(two), secret="tracking") == 403
    assert letters.post(client, INBOUND, mail(two)).status_code == 403
    assert letters.post(client, INBOUND, mail(two), Signature="ü").status_code == 403


@pytest.mark.usefixtures("nothing_kept")
def test_without_its_secret_the_door_stays_shut(client: Client, two: list[str], settings: Settings) -> None:
    settings.ANYMAIL = {**settings.ANYMAIL, "MAILERSEND_INBOUND_SECRET": ""}
    assert post(client, mail(two), secret="") == 503


@pytest.mark.usefixtures("nothing_kept")
@pytest.mark.parametrize("path", [INBOUND, TRACKING])
def test_the_url_can_be_tried_before_its_secret_is_known(client: Client, settings: Settings, path: str) -> None:
    del settings.ANYMAIL["MAILERSEND_SIGNING_SECRET"]
    body, signature = signatures.hmac_of({"type": "webhook.test", "message": "This is a ping test message"}, "theirs")
    assert letters.post(client, path, body, auth=None, Signature=signature).status_code == 200


@pytest.mark.usefixtures("nothing_kept")
@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"type": {}}', b"[" * 900, b'{"type": "webhook.test", "x": "%s"}' % (b"x" * 1_000)]
)
def test_nothing_else_is_taken_for_a_trial(client: Client, body: bytes) -> None:
    assert letters.post(client, TRACKING, body).status_code == 403


def test_a_delivery_report_is_noted(client: Client, settle: Settle, sent: OutboundMail) -> None:
    data = {"type": "delivered", "created_at": "2026-11-23T10:00:00Z", "email": {"message": {"id": "esp-1"}}}
    assert post(client, {"type": "activity.delivered", "data": data}, secret="tracking", path=TRACKING) == 200
    settle()
    assert state_of(sent) == SendState.DELIVERED
