"""What providers report of the mails we sent."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from anymail.signals import AnymailTrackingEvent, EventType
from django.core.mail import EmailMultiAlternatives
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from conversation_tracker import delivery, inbox, outbox, send
from conversation_tracker.models import OutboundMail, Receipt, ReceiptState, SendState
from orders import alerts, suppression
from orders.models import Alert, AlertKind, Alias, EventKind, OrderEvent, Suppression, SuppressionReason, User
from orders.placing import Placed
from tests import factories, letters

pytestmark = pytest.mark.django_db
Work = Callable[..., list[EmailMultiAlternatives]]


@pytest.fixture
def sent(client: Client, work: Work, placed: Placed) -> OutboundMail:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    work()
    row = OutboundMail.objects.get()
    row.provider_message_id = "pm-1"
    row.save()
    return row


def report(client: Client, payload: object) -> None:
    response = client.post(
        "/anymail/postmark/tracking/",
        json.dumps(payload),
        content_type="application/json",
        headers={"Authorization": letters.BASIC_AUTH},
    )
    assert response.status_code == 200


def test_delivered_is_shown(client: Client, work: Work, sent: OutboundMail) -> None:
    report(client, {"RecordType": "Delivery", "MessageID": "pm-1", "Recipient": "x@y.example"})
    work()
    sent.refresh_from_db()
    assert sent.state == SendState.DELIVERED


@pytest.mark.parametrize(
    ("events", "state"),
    [
        (["Delivery", "HardBounce"], SendState.BOUNCED),
        (["HardBounce", "Delivery"], SendState.BOUNCED),
        (["Delivery", "SpamComplaint", "HardBounce"], SendState.COMPLAINED),
        (["Open", "Click"], SendState.SENT),
        (["Delivery", "Delivery"], SendState.DELIVERED),
        (["SoftBounce", "Delivery"], SendState.DELIVERED),
        (["SoftBounce", "HardBounce", "SoftBounce", "Delivery"], SendState.BOUNCED),
        (["Delivery", "SoftBounce"], SendState.BOUNCED),
    ],
)
def test_reports_in_any_order_end_alike(
    client: Client, work: Work, sent: OutboundMail, events: list[str], state: SendState
) -> None:
    kinds: dict[str, dict[str, Any]] = {
        "HardBounce": {"RecordType": "Bounce", "Type": "HardBounce"},
        "SoftBounce": {"RecordType": "Bounce", "Type": "SoftBounce"},
        "SpamComplaint": {"RecordType": "SpamComplaint", "Type": "SpamComplaint"},
    }
    for event in events:
        report(client, {"MessageID": "pm-1", **kinds.get(event, {"RecordType": event})})
    work()
    sent.refresh_from_db()
    assert sent.state == state


@pytest.mark.parametrize(("doubts", "state"), [(5, SendState.DELIVERED), (0, SendState.FAILED)])
def test_what_was_given_up_in_doubt_may_have_arrived_after_all(
    client: Client, work: Work, sent: OutboundMail, doubts: int, state: SendState
) -> None:
    OutboundMail.objects.update(state=SendState.FAILED, doubts=doubts)
    report(client, {"RecordType": "Delivery", "MessageID": "pm-1"})
    work()
    sent.refresh_from_db()
    assert sent.state == state


def test_a_report_by_our_message_id_is_understood(client: Client, work: Work, sent: OutboundMail) -> None:
    event = {"event": "delivered", "timestamp": 1, "message": {"headers": {"message-id": sent.message_id.strip("<>")}}}
    stamp = str(int(time.time()))
    signature = hmac.new(letters.SIGNING_KEY, f"{stamp}{'t' * 50}".encode(), hashlib.sha256).hexdigest()
    payload = {"signature": {"timestamp": stamp, "token": "t" * 50, "signature": signature}, "event-data": event}
    headers = {"Authorization": letters.BASIC_AUTH}
    response = client.post(
        "/anymail/mailgun/tracking/", json.dumps(payload), content_type="application/json", headers=headers
    )
    assert response.status_code == 200
    work()
    sent.refresh_from_db()
    assert sent.state == SendState.DELIVERED


def test_reports_about_other_mails_change_nothing(
    client: Client, work: Work, sent: OutboundMail, settings: Settings
) -> None:
    report(client, {"RecordType": "Delivery", "MessageID": "unknown"})
    report(client, {"RecordType": "Delivery"})
    OutboundMail.objects.update(provider_message_id="")
    report(client, {"RecordType": "Delivery", "MessageID": "<>"})
    work()
    sent.refresh_from_db()
    assert sent.state == SendState.SENT
    assert Receipt.objects.filter(state=ReceiptState.DONE).count() == 4


def test_a_report_that_overtakes_its_mail_waits_for_it(client: Client, work: Work, sent: OutboundMail) -> None:
    OutboundMail.objects.filter(pk=sent.pk).update(state=SendState.SENDING, provider_message_id="")
    report(client, {"RecordType": "Delivery", "MessageID": "pm-1"})
    now = timezone.now()
    inbox.work(now=now)
    receipt = Receipt.objects.latest("id")
    assert (receipt.state, receipt.attempts, receipt.deferrals) == (ReceiptState.PENDING, 0, 1)
    OutboundMail.objects.filter(pk=sent.pk).update(state=SendState.SENT, provider_message_id="pm-1")
    work(now=now + timedelta(seconds=10))
    sent.refresh_from_db()
    assert sent.state == SendState.DELIVERED


def test_a_report_about_another_mail_waits_ten_minutes_at_most(client: Client, work: Work, sent: OutboundMail) -> None:
    OutboundMail.objects.filter(pk=sent.pk).update(state=SendState.SENDING, provider_message_id="", attempts=1)
    report(client, {"RecordType": "Delivery", "MessageID": "a newsletter's"})
    received_at = Receipt.objects.latest("id").received_at
    for seconds in range(0, 600, 5):
        inbox.work(now=received_at + timedelta(seconds=seconds))
    assert Receipt.objects.latest("id").state == ReceiptState.PENDING
    inbox.work(now=received_at + timedelta(seconds=900))
    assert Receipt.objects.latest("id").state == ReceiptState.DONE


def test_a_returned_mail_of_somebody_else_keeps_no_mail_of_its_batch_waiting(
    client: Client, work: Work, sent: OutboundMail, placed: Placed, settings: Settings
) -> None:
    letters.mount(settings, "sparkpost")
    OutboundMail.objects.filter(pk=sent.pk).update(state=SendState.SENDING, attempts=1)
    recipient = placed.customer_alias.address.text()
    returned = (
        b"From: MAILER-DAEMON@mx.example\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n"
        b"\r\n--b\r\n\r\nIt did not arrive.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        b"Action: failed\r\nStatus: 5.1.1\r\n\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\n"
        b"Message-ID: <newsletter@elsewhere.example>\r\n\r\n--b--\r\n"
    )
    mails = [letters.sparkpost_mail(recipient, raw) for raw in (returned, letters.mime(Subject="neighbour"))]
    letters.post(client, "/anymail/sparkpost/inbound/", mails)
    now = timezone.now()
    while inbox.work(now=now) is not None:
        pass
    assert placed.order.timeline.filter(subject="neighbour").count() == 1
    waiting = Receipt.objects.get(state=ReceiptState.PENDING)
    assert base64.b64encode(returned) in waiting.body.bytes()
    inbox.work(now=now + timedelta(seconds=900))
    waiting.refresh_from_db()
    assert waiting.state == ReceiptState.DONE


def test_delivered_after_a_soft_bounce_settles_its_alert(client: Client, work: Work, sent: OutboundMail) -> None:
    report(client, {**SOFT, "BouncedAt": "2026-11-20T10:00:00Z"})
    report(client, {"RecordType": "Delivery", "MessageID": "pm-1", "DeliveredAt": "2026-11-20T09:00:00Z"})
    work()
    sent.refresh_from_db()
    assert (sent.state, Alert.objects.get().settled_at) == (SendState.BOUNCED, None)
    report(client, {"RecordType": "Delivery", "MessageID": "pm-1", "DeliveredAt": "2026-11-20T11:00:00Z"})
    work()
    sent.refresh_from_db()
    assert sent.state == SendState.DELIVERED
    assert Alert.objects.get().settled_at is not None
    assert OrderEvent.objects.filter(kind=EventKind.MESSAGE_BOUNCED).count() == 1


def test_a_soft_bounce_that_is_told_after_the_delivery_is_no_news(
    client: Client, work: Work, sent: OutboundMail
) -> None:
    report(client, {"RecordType": "Delivery", "MessageID": "pm-1", "DeliveredAt": "2026-11-20T11:00:00Z"})
    work()
    report(client, {**SOFT, "BouncedAt": "2026-11-20T10:00:00Z"})
    work()
    sent.refresh_from_db()
    assert (sent.state, Alert.objects.exists()) == (SendState.DELIVERED, False)


@pytest.mark.parametrize("kind", ["Transient", "DnsError"])
def test_that_a_server_could_not_be_reached_is_no_news_of_what_was_delivered(
    client: Client, work: Work, sent: OutboundMail, kind: str
) -> None:
    arrived = timezone.now() - timedelta(minutes=10)
    report(client, {"RecordType": "Delivery", "MessageID": "pm-1", "DeliveredAt": arrived.isoformat()})
    work()
    report(client, {"RecordType": "Bounce", "Type": kind, "MessageID": "pm-1", "BouncedAt": timezone.now().isoformat()})
    work()
    sent.refresh_from_db()
    assert (sent.state, Alert.objects.exists()) == (SendState.DELIVERED, False)


@pytest.mark.parametrize("seconds", [0, 5, 60])
def test_a_bounce_that_is_told_with_the_delivery_before_it_is_news(
    client: Client, work: Work, sent: OutboundMail, seconds: int
) -> None:
    arrived = timezone.now() - timedelta(minutes=10)
    report(client, {"RecordType": "Delivery", "MessageID": "pm-1", "DeliveredAt": arrived.isoformat()})
    work()
    report(client, {**SOFT, "BouncedAt": (arrived + timedelta(seconds=seconds)).isoformat()})
    work()
    sent.refresh_from_db()
    assert (sent.state, Alert.objects.count()) == (SendState.BOUNCED, 1)


@pytest.mark.parametrize("before", [SendState.DELIVERED, SendState.SENT])
@pytest.mark.parametrize(
    ("said", "is_absence"),
    [({}, True), ({"diagnosticCode": ["smtp; 421 4.4.7 later"]}, False), ({"subType": "MailboxFull"}, False)],
)
def test_what_resend_calls_a_bounce_may_be_the_answer_of_a_vacation_program(
    sent: OutboundMail, before: SendState, said: dict[str, Any], is_absence: bool
) -> None:
    OutboundMail.objects.update(state=before)
    bounce = {"type": "Transient", "subType": "General", "message": "a general bounce message", **said}
    event = AnymailTrackingEvent(
        event_type=EventType.BOUNCED, message_id="pm-1", timestamp=timezone.now() + timedelta(seconds=9),
        reject_reason="bounced",
        esp_event={"type": "email.bounced", "data": {"bounce": bounce}},
    )  # fmt: skip
    delivery.report(event, now=timezone.now())
    sent.refresh_from_db()
    assert sent.state == (before if is_absence and before is SendState.DELIVERED else SendState.BOUNCED)
    arrived = {"RecordType": "Delivery", "MessageID": "pm-1"}
    delivered = AnymailTrackingEvent(
        event_type=EventType.DELIVERED, message_id="pm-1", timestamp=timezone.now(),
        esp_event=arrived,
    )  # fmt: skip
    delivery.report(delivered, now=timezone.now())
    sent.refresh_from_db()
    assert sent.state == (SendState.DELIVERED if is_absence else SendState.BOUNCED)


def test_a_hard_bounce_after_a_soft_one_suppresses_the_address(client: Client, work: Work, sent: OutboundMail) -> None:
    for said in (SOFT, HARD):
        report(client, said)
        work()
    assert Suppression.objects.count() == 1
    assert OrderEvent.objects.filter(kind=EventKind.MESSAGE_BOUNCED).count() == 1


HARD = {"RecordType": "Bounce", "Type": "HardBounce", "MessageID": "pm-1"}
SOFT = {"RecordType": "Bounce", "Type": "SoftBounce", "MessageID": "pm-1"}
POLICY = {"RecordType": "Bounce", "Type": "DMARCPolicy", "MessageID": "pm-1"}
REFUSED_AS_SPAM = {"RecordType": "Bounce", "Type": "SpamNotification", "MessageID": "pm-1"}
UNNAMED = {"RecordType": "Bounce", "Type": "Unknown", "MessageID": "pm-1"}
CHALLENGED = {"RecordType": "Bounce", "Type": "ChallengeVerification", "MessageID": "pm-1"}
UNREACHED = {"RecordType": "Bounce", "Type": "Transient", "MessageID": "pm-1"}
WITHOUT_DNS = {"RecordType": "Bounce", "Type": "DnsError", "MessageID": "pm-1"}
ANSWERED = {"RecordType": "Bounce", "Type": "AddressChange", "MessageID": "pm-1"}
COMPLAINT = {"RecordType": "SpamComplaint", "Type": "SpamComplaint", "MessageID": "pm-1"}
REJECTED = {"RecordType": "Bounce", "Type": "BadEmailAddress", "MessageID": "pm-1"}


@pytest.mark.parametrize(
    ("event", "state", "reason", "alert"),
    [
        (HARD, SendState.BOUNCED, SuppressionReason.BOUNCED, AlertKind.BOUNCED),
        (SOFT, SendState.BOUNCED, None, AlertKind.BOUNCED),
        (REFUSED_AS_SPAM, SendState.BOUNCED, None, AlertKind.BOUNCED),
        (UNNAMED, SendState.BOUNCED, None, AlertKind.BOUNCED),
        (CHALLENGED, SendState.BOUNCED, None, AlertKind.BOUNCED),
        (UNREACHED, SendState.BOUNCED, None, AlertKind.BOUNCED),
        (WITHOUT_DNS, SendState.BOUNCED, None, AlertKind.BOUNCED),
        (ANSWERED, SendState.SENT, None, None),
        (COMPLAINT, SendState.COMPLAINED, SuppressionReason.COMPLAINED, AlertKind.COMPLAINED),
        (REJECTED, SendState.SUPPRESSED, SuppressionReason.BOUNCED, AlertKind.SUPPRESSED),
        (POLICY, SendState.FAILED, None, AlertKind.FAILED),
    ],
)
def test_what_a_report_brings_about(
    client: Client,
    work: Work,
    sent: OutboundMail,
    event: dict[str, Any],
    state: SendState,
    reason: SuppressionReason | None,
    alert: AlertKind | None,
) -> None:
    report(client, event)
    work()
    sent.refresh_from_db()
    assert sent.state == state
    assert list(Suppression.objects.values_list("reason", flat=True)) == [reason] * (reason is not None)
    assert list(Alert.objects.open().values_list("kind", flat=True)) == [alert] * (alert is not None)


def test_a_bounce_suppresses_whom_the_copy_was_for(client: Client, work: Work, sent: OutboundMail) -> None:
    report(client, {**HARD, "Email": "somebody.else@people.example"})
    work()
    found = Suppression.objects.get()
    assert found.address.text() == sent.recipient.text()
    assert (found.alias, found.source) == (sent.recipient_alias, f"outbound {sent.pk}")


def test_a_bounce_reported_again_after_the_lift_suppresses_nobody_anew(
    client: Client, work: Work, sent: OutboundMail, placed: Placed, store_admin: User
) -> None:
    report(client, HARD)
    work()
    suppression.lift(placed.order.store, Suppression.objects.get().pk, user=store_admin, now=timezone.now())
    report(client, HARD)
    work()
    assert (Suppression.objects.count(), Alert.objects.count()) == (0, 1)


def test_a_complaint_after_a_dismissed_bounce_asks_for_attention_again(
    client: Client, work: Work, sent: OutboundMail, placed: Placed, store_admin: User
) -> None:
    report(client, HARD)
    work()
    alerts.dismiss(placed.order, Alert.objects.get().pk, user=store_admin, now=timezone.now())
    report(client, COMPLAINT)
    work()
    assert Alert.objects.open().get().kind == AlertKind.COMPLAINED


def test_what_a_provider_delivers_after_all_settles_the_alert(client: Client, work: Work, sent: OutboundMail) -> None:
    factories.make_alert(sent.entry, AlertKind.FAILED)
    report(client, {"RecordType": "Delivery", "MessageID": "pm-1"})
    work()
    assert Alert.objects.open().count() == 0


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_for_a_mail_that_is_being_sent(client: Client, placed: Placed, support: User) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    inbox.work(now=timezone.now())
    row = OutboundMail.objects.get()
    OutboundMail.objects.update(state=SendState.SENDING, provider_message_id="pm-1")
    locked, over = threading.Event(), threading.Event()

    def send() -> None:
        with transaction.atomic():
            OutboundMail.objects.select_for_update().get(pk=row.pk)
            locked.set()
            over.wait(20)
        connection.close()

    sending = threading.Thread(target=send)
    sending.start()
    assert locked.wait(20)
    try:
        report(client, {"RecordType": "Bounce", "Type": "HardBounce", "MessageID": "pm-1"})
        letters.post_postmark(client, letters.postmark(placed.customer_alias, TextBody="another"))
        assert inbox.work(now=timezone.now()) == 2
        told, other = Receipt.objects.order_by("-pk")[1], Receipt.objects.latest("pk")
        assert (told.state, other.state) == (ReceiptState.PENDING, ReceiptState.DONE)
        again = outbox.send_again(placed.order, row.entry_id, user=support, now=timezone.now())
        assert again is outbox.Again.WAITING
    finally:
        over.set()
        sending.join()
    inbox.work(now=timezone.now() + timedelta(seconds=30))
    row.refresh_from_db()
    assert row.state == SendState.BOUNCED


@pytest.mark.parametrize("wrong", [timedelta(days=400), timedelta(days=-400)])
def test_whether_an_alias_has_ended_is_told_by_the_database_s_clock(
    wrong: timedelta, client: Client, work: Work, placed: Placed
) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    inbox.work(now=timezone.now())
    is_over = wrong < timedelta()
    if is_over:
        Alias.objects.filter(order=placed.order).update(
            issued_at=timezone.now() - timedelta(days=70), expires_at=timezone.now() - timedelta(seconds=1)
        )
    now = timezone.now()
    with time_machine.travel(now + wrong):
        assert len(work(now=now)) == (not is_over)


def test_a_mail_that_waited_until_its_aliases_ended_leaves_no_more(client: Client, work: Work, placed: Placed) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    inbox.work(now=timezone.now())
    Alias.objects.filter(order=placed.order).update(retired_at=timezone.now())
    assert work() == []
    row = OutboundMail.objects.get()
    assert (row.state, row.problem) == (SendState.FAILED, send.ENDED)
