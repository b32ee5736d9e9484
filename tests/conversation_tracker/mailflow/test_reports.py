"""A mail server's report that a copy came back marks the copy, whichever way the report came."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from conversation_tracker import inbox
from conversation_tracker.models import OutboundMail, SendState
from orders.models import Alert, AlertKind, Alias, Suppression
from orders.outcomes import Reason
from orders.placing import Placed
from tests import letters
from tests.conversation_tracker.conversing import Work, mails

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("three_providers")]

REPORT = (
    "From: MAILER-DAEMON@mx.people.example\r\nSubject: Undelivered Mail Returned to Sender\r\nMessage-ID: <dsn@mx>\r\n"
    "MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
    "--b\r\n\r\nuser unknown\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n"
    "Final-Recipient: rfc822; x@people.example\r\nAction: {action}\r\nStatus: 5.1.1\r\n\r\n"
    "--b\r\nContent-Type: {kind}\r\n\r\n{header}Message-ID: {message_id}\r\n{end}--b--\r\n"
)
WHOLE = {"kind": "message/rfc822", "header": "From: a@ct.acme.example\r\nSubject: x\r\n", "end": "\r\nhello\r\n"}
HEADERS = {"kind": "text/rfc822-headers", "header": "Received: by mx\r\nSubject: x\r\n", "end": "\r\n"}
BARE = {"kind": "text/rfc822-headers", "header": "", "end": "\r\n"}


@pytest.fixture
def sent(client: Client, work: Work, placed: Placed) -> OutboundMail:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    work()
    return OutboundMail.objects.select_related("sender_alias").get()


def report(sent: OutboundMail, to: Alias, shape: dict[str, str], *, action: str = "failed") -> None:
    raw = REPORT.format(message_id=sent.message_id, action=action, **shape).encode()
    inbox.accept_mime(raw, sender="", recipients=[to.address.text()], now=timezone.now())


@pytest.mark.parametrize("shape", [WHOLE, HEADERS, BARE], ids=["whole", "headers", "bare"])
def test_a_copy_that_came_back_is_marked_and_staff_are_told(
    work: Work, placed: Placed, sent: OutboundMail, shape: dict[str, str]
) -> None:
    for _ in range(2):
        report(sent, sent.sender_alias, shape)
        assert work() == []
    sent.refresh_from_db()
    assert (sent.state, sent.problem) == (SendState.BOUNCED, "5.1.1")
    assert [alert.kind for alert in Alert.objects.all()] == [AlertKind.BOUNCED]
    assert not Suppression.objects.exists()  # whoever has the mail can write such a report
    assert [entry.reason for entry in mails(placed.order)] == [Reason.CONVERSATION, Reason.BOUNCE]


def test_a_delay_is_no_return(work: Work, sent: OutboundMail) -> None:
    report(sent, sent.sender_alias, HEADERS, action="delayed")
    work()
    sent.refresh_from_db()
    assert sent.state == SendState.SENT


def test_a_report_to_somebody_else_is_about_no_mail_of_his(work: Work, placed: Placed, sent: OutboundMail) -> None:
    report(sent, placed.store_alias, HEADERS)
    work()
    sent.refresh_from_db()
    assert sent.state == SendState.SENT
