"""Resend: a signed notice of each mail, which is fetched."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from conversation_tracker import inbox, nowhere, outbox
from conversation_tracker.models import OutboundMail, Receipt, ReceiptState, SendState
from conversation_tracker.providers import resend
from orders import vault
from orders.models import Alert, Suppression, TimelineEntry, Verification
from orders.outcomes import Outcome, Reason
from orders.placing import Placed
from tests import letters
from tests.conversation_tracker.failing import http_server
from tests.conversation_tracker.providers.conftest import Api, state_of

pytestmark = pytest.mark.django_db
Settle = Callable[[], list[TimelineEntry]]

INBOUND_SECRET = "whsec_" + base64.b64encode(b"inbound secret of 24 byte").decode()
SIGNING_SECRET = "whsec_" + base64.b64encode(b"tracking secret of 24 byt").decode()
EMAIL = "56761188-7520-42d8-8898-ff6fc54ce618"
STAMPS = (
    b"Return-Path: <kim@carrier.example>\r\n"
    b"Received: from mail.carrier.example by inbound-smtp.us-east-1.amazonaws.com with SMTP id x; Mon, 23 Nov 2026\r\n"
    b"X-SES-Spam-Verdict: %s\r\nX-SES-Virus-Verdict: PASS\r\n"
    b"Authentication-Results: amazonses.com; spf=pass (spfCheck: ok) client-ip=192.0.2.1;"
    b" envelope-from=kim@carrier.example; helo=mail.carrier.example; dkim=pass header.i=@carrier.example;"
    b" dmarc=%s header.from=carrier.example;\r\n"
)
FORGED = b"Authentication-Results: amazonses.com; dmarc=pass header.from=carrier.example\r\n"


@pytest.fixture(autouse=True)
def _mounted(settings: Settings, api: Api) -> None:
    letters.mount(
        settings, "resend", RESEND_API_KEY="key", RESEND_INBOUND_SECRET=INBOUND_SECRET,
        RESEND_SIGNING_SECRET=SIGNING_SECRET, RESEND_API_URL=f"{api.url}/",
    )  # fmt: skip


def offer(api: Api, raw: bytes) -> None:
    api.answer(f"/emails/receiving/{EMAIL}", {"object": "email", "raw": {"download_url": f"{api.url}/raw?sig=1"}})
    api.answer("/raw?sig=1", raw)


def stamped(*, spam: bytes = b"PASS", dmarc: bytes = b"pass") -> bytes:
    return STAMPS % (spam, dmarc) + letters.mime()


def test_a_mail_to_two_aliases_is_fetched_recorded_and_relayed_at_each(
    client: Client, settle: Settle, two: list[str], api: Api
) -> None:
    raw = stamped()
    offer(api, raw)
    assert letters.post_resend(client, letters.resend(two), secret=INBOUND_SECRET).status_code == 200
    assert api.asked == []  # nothing is fetched at the door
    entries = settle()
    assert [(entry.outcome, entry.verification) for entry in entries] == [(Outcome.RELAYED, Verification.VERIFIED)] * 2
    assert [vault.load(entry.original) for entry in entries] == [raw] * 2
    assert [headers.get("Authorization") for _, headers in api.asked] == ["Bearer key", None]


@pytest.mark.parametrize("noted", [[], ["{0}"], ["{1}"], ["sac@people.example"], ["multiple recipients"]])
def test_who_is_named_counts_whatever_servers_noted(
    client: Client, settle: Settle, two: list[str], api: Api, noted: list[str]
) -> None:
    """Of several recipients they note one or none, and those before the last one note their own."""
    offer(api, stamped())
    payload = letters.resend(two, received_for=[one.format(*two) for one in noted], cc=[f"Somebody <{two[1]}>"])
    letters.post_resend(client, payload, secret=INBOUND_SECRET)
    assert len(settle()) == 2


def test_who_is_in_blind_copy_is_told_by_what_a_server_noted(
    client: Client, settle: Settle, two: list[str], api: Api
) -> None:
    offer(api, stamped())
    payload = letters.resend(["list@carrier.example"], received_for=two[1:])
    letters.post_resend(client, payload, secret=INBOUND_SECRET)
    assert len(settle()) == 1


def test_a_mail_that_names_none_of_ours_is_quarantined(client: Client, work: Callable[..., object], api: Api) -> None:
    offer(api, stamped())
    payload = letters.resend(["list@carrier.example"], received_for=["sac@people.example"])
    letters.post_resend(client, payload, secret=INBOUND_SECRET)
    assert work() == []
    receipt = Receipt.objects.get()
    assert (receipt.state, receipt.trouble_detail) == (ReceiptState.QUARANTINED, nowhere.UNTOLD)


@pytest.mark.parametrize(
    "raw",
    [
        stamped(dmarc=b"fail"),
        letters.mime(),
        # A mail that went another way and only claims to have been received by Amazon.
        b"Received: from a by mx.evil.example\r\n" + FORGED + letters.mime(),
        # Amazon's word stands above, the sender's own below it.
        STAMPS % (b"PASS", b"fail") + FORGED + letters.mime(),
        FORGED + STAMPS % (b"PASS", b"fail") + letters.mime(),
    ],
)
def test_only_amazons_own_word_verifies(client: Client, settle: Settle, two: list[str], api: Api, raw: bytes) -> None:
    offer(api, raw)
    letters.post_resend(client, letters.resend(two[:1]), secret=INBOUND_SECRET)
    (entry,) = settle()
    assert entry.verification == Verification.UNVERIFIED


@pytest.mark.parametrize(("first", "reason"), [(b"FAIL", Reason.SPAM), (b"PASS", Reason.CONVERSATION)])
def test_spam_is_what_amazon_calls_spam(
    client: Client, settle: Settle, two: list[str], api: Api, first: bytes, reason: Reason
) -> None:
    """Above what it said of a mail that was sent on from another mailbox with Amazon."""
    before = b"X-SES-Spam-Verdict: " + (b"FAIL" if first == b"PASS" else b"PASS") + b"\r\n"
    offer(api, STAMPS % (first, b"pass") + before + letters.mime())
    letters.post_resend(client, letters.resend(two[:1]), secret=INBOUND_SECRET)
    (entry,) = settle()
    assert entry.reason == reason


@pytest.mark.parametrize("answer", [(500, {}), (200, {"object": "email", "raw": None})])
def test_a_mail_that_is_not_ready_is_asked_for_again(
    client: Client, work: Callable[..., object], settle: Settle, two: list[str], api: Api, answer: tuple[int, object]
) -> None:
    api.answer(f"/emails/receiving/{EMAIL}", answer[1], status=answer[0])
    letters.post_resend(client, letters.resend(two[:1]), secret=INBOUND_SECRET)
    work()
    assert Receipt.objects.get().state == ReceiptState.PENDING
    offer(api, stamped())
    work(now=timezone.now() + timedelta(minutes=1))
    assert len(settle()) == 1


@pytest.mark.usefixtures("nothing_kept")
def test_wrong_signatures_are_refused(client: Client, two: list[str]) -> None:
    assert letters.post_resend(client, letters.resend(two), secret=SIGNING_SECRET).status_code == 403
    assert letters.post(client, "/anymail/resend/inbound/", letters.resend(two)).status_code == 403


@pytest.mark.usefixtures("nothing_kept")
@pytest.mark.parametrize(
    ("name", "channel"), [("RESEND_INBOUND_SECRET", "inbound"), ("RESEND_SIGNING_SECRET", "tracking")]
)
def test_without_its_secret_the_door_stays_shut(
    client: Client, two: list[str], settings: Settings, name: str, channel: str
) -> None:
    settings.ANYMAIL = {key: value for key, value in settings.ANYMAIL.items() if key != name}
    assert letters.post(client, f"/anymail/resend/{channel}/", letters.resend(two)).status_code == 503


def test_a_delivery_report_is_noted(client: Client, settle: Settle, sent: OutboundMail) -> None:
    event = {"type": "email.delivered", "created_at": "2026-11-23T10:00:00Z", "data": {"email_id": "esp-1", "to": []}}
    assert letters.post_resend(client, event, secret=SIGNING_SECRET, channel="tracking").status_code == 200
    settle()
    assert state_of(sent) == SendState.DELIVERED


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        ("email.failed", {"failed": {"reason": "reached_daily_quota"}}, (SendState.FAILED, "reached_daily_quota", 0)),
        ("email.failed", {"failed": {"reason": "x@y.example was refused"}}, (SendState.FAILED, "other", 0)),
        ("email.suppressed", {"suppressed": {"type": "OnAccountSuppressionList"}}, (SendState.SUPPRESSED, "", 1)),
    ],
)
def test_that_a_mail_never_left_is_told_to_staff(
    client: Client,
    settle: Settle,
    sent: OutboundMail,
    kind: str,
    more: dict[str, object],
    expected: tuple[str, str, int],
) -> None:
    event = {"type": kind, "created_at": timezone.now().isoformat(), "data": {"email_id": "esp-1", "to": []} | more}
    letters.post_resend(client, event, secret=SIGNING_SECRET, channel="tracking")
    settle()
    assert (state_of(sent), sent.problem, Suppression.objects.count()) == expected
    assert Alert.objects.get().entry_id == sent.entry_id


def test_a_report_that_comes_between_two_tries_is_about_both(
    client: Client, placed: Placed, settings: Settings, settle: Settle
) -> None:
    settings.EMAIL_BACKEND = "anymail.backends.resend.EmailBackend"
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    inbox.work(now=timezone.now())
    with http_server(b"") as url:  # it has the mail, and its answer never comes
        settings.ANYMAIL = {**settings.ANYMAIL, "RESEND_API_URL": url}
        outbox.work(now=timezone.now())
    data = {"email_id": "esp-2", "to": [], "bounce": {"type": "Permanent", "message": "a bounce message"}}
    event = {"type": "email.bounced", "created_at": timezone.now().isoformat(), "data": data}
    letters.post_resend(client, event, secret=SIGNING_SECRET, channel="tracking")
    inbox.work(now=timezone.now())
    with http_server(b'HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{"id":"esp-2"}') as url:
        settings.ANYMAIL = {**settings.ANYMAIL, "RESEND_API_URL": url}
        outbox.work(now=timezone.now() + timedelta(seconds=30))
    inbox.work(now=timezone.now() + timedelta(seconds=60))
    settle()
    assert OutboundMail.objects.get().state == SendState.BOUNCED


def test_a_mail_at_the_url_for_reports_is_quarantined(client: Client, work: Callable[..., object]) -> None:
    notice = letters.resend(["a@ct.example"])
    assert letters.post_resend(client, notice, secret=SIGNING_SECRET, channel="tracking").status_code == 200
    work()
    assert Receipt.objects.get().state == ReceiptState.QUARANTINED


def test_nobody_may_post_more_than_a_notice(client: Client, two: list[str]) -> None:
    payload = {**letters.resend(two[:1]), "more": "x" * resend.LONGEST_NOTICE}
    assert letters.post_resend(client, payload, secret=INBOUND_SECRET).status_code == 413
    assert not Receipt.objects.exists()
