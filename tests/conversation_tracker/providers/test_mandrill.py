"""Mandrill: mails and reports in one signed form."""

from __future__ import annotations

import base64
import hashlib
import hmac
import tracemalloc
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from anymail.exceptions import AnymailWebhookValidationFailure
from django.core.exceptions import TooManyFieldsSent
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.utils import timezone
from pytest_django import Settings

from conversation_tracker.models import OutboundMail, Receipt, SendState
from conversation_tracker.providers.views.mandrill import Combined
from orders.models import Alert, Suppression, TimelineEntry, Verification
from orders.outcomes import Outcome, Reason
from tests import letters
from tests.conversation_tracker.providers.conftest import state_of

pytestmark = pytest.mark.django_db
Settle = Callable[[], list[TimelineEntry]]


@pytest.fixture(autouse=True)
def _mounted(settings: Settings) -> None:
    letters.mount(settings, "mandrill", MANDRILL_WEBHOOK_KEY="mandrill-webhook-key")


def call(fields: list[tuple[str, str]], signature: str, kind: str = "application/x-www-form-urlencoded") -> HttpRequest:
    body = urlencode(fields).encode()
    headers = {"X-Mandrill-Signature": signature}
    return RequestFactory().generic("POST", "/anymail/mandrill/", body, content_type=kind, headers=headers)


def check(fields: list[tuple[str, str]], signature: str, **kind: str) -> None:
    view = Combined()
    view.basic_auth = []
    view.run_validators(call(fields, signature, **kind))


def signed(fields: list[tuple[str, str]]) -> str:
    """By "Authenticating webhook requests", field by field in the order of their names."""
    known = dict(fields)
    said = "http://testserver/anymail/mandrill/" + "".join(name + known[name] for name in sorted(known))
    return base64.b64encode(hmac.new(b"mandrill-webhook-key", said.encode(), hashlib.sha1).digest()).decode()


FORMS = [
    [("mandrill_events", "[]")],
    [("mandrill_events", "a"), ("mandrill_events", "b & c=d%+\r\n"), ("a", "ü\N{GRINNING FACE}"), ("", "x")],
    [("b", "1"), ("aa", "2"), ("a", "x" * 300_000), ("é", "3"), ("z", "")],
]


@pytest.mark.parametrize("fields", FORMS)
def test_a_signature_is_over_each_field_in_the_order_of_the_names(fields: list[tuple[str, str]]) -> None:
    check(fields, signed(fields))
    for other in (signed(fields[:-1]), signed([*fields, ("c", "d")]), "", "ü", signed(fields)[:-1]):
        with pytest.raises(AnymailWebhookValidationFailure):
            check(fields, other)


def test_no_other_form_is_mandrills() -> None:
    with pytest.raises(AnymailWebhookValidationFailure):
        check(FORMS[0], signed(FORMS[0]), kind="multipart/form-data; boundary=x")
    with pytest.raises(TooManyFieldsSent):
        check([("a", "b")] * 3_000, "x")


def test_a_large_form_of_anybodys_is_not_made_a_text() -> None:
    request = call([("mandrill_events", "\N{GRINNING FACE}" * 500_000)], "x")
    size = len(request.body)
    view = Combined()
    view.basic_auth = []
    tracemalloc.start()
    with pytest.raises(AnymailWebhookValidationFailure):
        view.run_validators(request)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < size / 2


def mail(recipient: str, *, number: int = 1, header: str = "", **msg: Any) -> dict[str, Any]:
    raw = header + letters.mime(Message_ID=f"<{number}@carrier.example>").decode()
    return letters.mandrill_mail(recipient, raw, **msg)


def test_a_batch_for_two_aliases_is_recorded_and_relayed(client: Client, settle: Settle, two: list[str]) -> None:
    assert letters.post_mandrill(client, [mail(one) for one in two]).status_code == 200
    assert [entry.outcome for entry in settle()] == [Outcome.RELAYED] * 2
    assert OutboundMail.objects.filter(state=SendState.SENT).count() == 2


def test_mails_and_reports_may_come_together(
    client: Client, settle: Settle, two: list[str], sent: OutboundMail
) -> None:
    before = TimelineEntry.objects.filter(kind="mail").count()
    report = {"event": "hard_bounce", "_id": "esp-1", "ts": 1795428000, "msg": {"email": "x@y.example", "diag": "550"}}
    letters.post_mandrill(client, [mail(two[0]), report, mail(two[1], number=2)])
    assert len(settle()) == before + 2
    assert state_of(sent) == SendState.BOUNCED
    parent, *parts = Receipt.objects.order_by("id")
    assert [part.split_from for part in parts] == [parent.pk] * 3


@pytest.mark.parametrize(
    ("why", "expected"),
    [("unsigned", (SendState.FAILED, "unsigned", 0)), ("unsub", (SendState.SUPPRESSED, "unsub", 1))],
)
def test_only_a_rejection_for_the_address_suppresses_it(
    client: Client, settle: Settle, sent: OutboundMail, why: str, expected: tuple[str, str, int]
) -> None:
    msg = {"email": "x@y.example", "state": "rejected", "reject": {"reason": why}}
    at = int(timezone.now().timestamp())
    letters.post_mandrill(client, [{"event": "reject", "_id": "esp-1", "ts": at, "msg": msg}])
    settle()
    assert (state_of(sent), sent.problem, Suppression.objects.count()) == expected
    assert Alert.objects.get().entry_id == sent.entry_id


def test_a_bad_event_among_good_ones_is_quarantined_alone(
    client: Client, work: Callable[..., object], two: list[str]
) -> None:
    absurd = letters.mandrill_mail(two[0], "Subject: " + "x" * 20_000 + "\n\n")
    letters.post_mandrill(client, [mail(two[0]), {"event": "inbound"}, absurd, mail(two[1])])
    work()
    states = list(Receipt.objects.order_by("id").values_list("state", flat=True))
    assert states == ["done", "done", "quarantined", "done", "done"]
    reasons = TimelineEntry.objects.filter(kind="mail").order_by("id").values_list("reason", flat=True)
    assert list(reasons) == ["conversation", "unread", "conversation"]


@pytest.mark.parametrize("slash", ["/", ""])
@pytest.mark.parametrize("path", ["/anymail/mandrill", "/anymail/mandrill/tracking", "/anymail/mandrill/inbound"])
def test_all_of_its_addresses_take_mails_in(
    client: Client, settle: Settle, two: list[str], path: str, slash: str
) -> None:
    path += slash
    assert client.head(path).status_code == 200
    assert letters.post_mandrill(client, [mail(two[0])], path=path).status_code == 200
    assert Receipt.objects.get().channel == "inbound"
    assert len(settle()) == 1


def test_an_empty_batch_is_settled(client: Client, settle: Settle) -> None:
    assert letters.post_mandrill(client, []).status_code == 200
    assert settle() == []


@pytest.mark.parametrize(
    ("header", "dkim", "expected"),
    [
        ("DKIM-Signature: v=1; d=carrier.example; s=x\n", {"signed": True, "valid": True}, Verification.VERIFIED),
        ("DKIM-Signature: v=1; d=evil.example; s=x\n", {"signed": True, "valid": True}, Verification.UNVERIFIED),
        ("DKIM-Signature: v=1; d=carrier.example; s=x\n", {"signed": True, "valid": False}, Verification.UNVERIFIED),
        ("", {"signed": False, "valid": False}, Verification.UNVERIFIED),
        ("", None, Verification.UNVERIFIED),
    ],
)
def test_only_the_authors_signature_verifies(
    client: Client, settle: Settle, two: list[str], header: str, dkim: object, expected: str
) -> None:
    letters.post_mandrill(client, [mail(two[0], header=header, dkim=dkim)])
    (entry,) = settle()
    assert entry.verification == expected


def test_spam_is_what_spamassassin_calls_spam(client: Client, settle: Settle, two: list[str]) -> None:
    letters.post_mandrill(client, [mail(two[0], spam_report={"score": 5.2, "matched_rules": None})])
    (entry,) = settle()
    assert entry.reason == Reason.SPAM


def test_each_of_its_webhooks_has_a_key_of_its_own(client: Client, settings: Settings) -> None:
    settings.ANYMAIL = {**settings.ANYMAIL, "MANDRILL_WEBHOOK_KEY": ["the-key-of-mails", "the-key-of-reports"]}
    keys = ["the-key-of-mails", "the-key-of-reports", "mandrill-webhook-key"]
    assert [letters.post_mandrill(client, [], key=key).status_code for key in keys] == [200, 200, 403]


@pytest.mark.usefixtures("nothing_kept")
def test_wrong_signatures_are_refused(client: Client, two: list[str]) -> None:
    assert letters.post_mandrill(client, [mail(two[0])], key="another").status_code == 403
    form = {"mandrill_events": "[]"}
    headers = {"Authorization": letters.BASIC_AUTH}
    assert client.post("/anymail/mandrill/", form, headers=headers).status_code == 403
