"""A mail server's report that a copy came back marks the copy, whichever way the report came."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from conversation_tracker import inbox
from conversation_tracker.mailflow import hops
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


def test_a_report_that_returns_nothing_of_the_mail_may_name_it_as_an_answer_does(
    work: Work, placed: Placed, sent: OutboundMail
) -> None:
    raw = REPORT.format(message_id="<of-nobody>", action="failed", **BARE)
    head, _, last = raw.partition("--b\r\nContent-Type: text/rfc822-headers")
    assert last
    answer = head.replace("Message-ID: <dsn@mx>", f"Message-ID: <dsn@mx>\r\nIn-Reply-To: {sent.message_id}")
    inbox.accept_mime(
        f"{answer}--b--\r\n".encode(), sender="", recipients=[sent.sender_alias.address.text()], now=timezone.now()
    )
    assert work() == []
    sent.refresh_from_db()
    assert (sent.state, sent.problem) == (SendState.BOUNCED, "5.1.1")


def test_a_report_may_call_the_mail_as_amazon_does(
    work: Work, placed: Placed, sent: OutboundMail, settings: Settings
) -> None:
    OutboundMail.objects.update(provider_message_id="0100018f-1")
    raw = REPORT.format(message_id="<0100018f-1@eu-west-1.amazonses.com>", action="failed", **HEADERS).encode()
    settings.EMAIL_BACKEND = "anymail.backends.amazon_ses.EmailBackend"
    inbox.accept_mime(raw, sender="", recipients=[sent.sender_alias.address.text()], now=timezone.now())
    assert inbox.work(now=timezone.now()) is not None
    sent.refresh_from_db()
    assert sent.state == SendState.BOUNCED


@pytest.mark.parametrize("shape", [WHOLE, HEADERS], ids=["whole", "headers"])
@pytest.mark.parametrize(("of", "state"), [("", SendState.BOUNCED), ("x", SendState.SENT)])
def test_one_that_got_another_id_on_its_way_is_known_by_our_mark(
    work: Work, sent: OutboundMail, shape: dict[str, str], of: str, state: SendState
) -> None:
    """As Amazon gives it one behind a Postfix of one's own."""
    header = f"{shape['header']}X-Conversation-Tracker-Hop: {hops.mark(of + sent.message_id)}\r\n"
    renamed = {**shape, "header": header, "message_id": "<0100018f-1@eu-west-1.amazonses.com>"}
    raw = REPORT.format(action="failed", **renamed).encode()
    inbox.accept_mime(raw, sender="", recipients=[sent.sender_alias.address.text()], now=timezone.now())
    work()
    sent.refresh_from_db()
    assert sent.state == state


def test_what_tells_of_a_delivery_may_have_fields_as_a_mail_has(work: Work, sent: OutboundMail) -> None:
    """As AOL wrote it."""
    fields = "Content-Type: text/plain\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: 7bit\r\nReporting-MTA"
    raw = REPORT.replace("Reporting-MTA", fields).format(message_id=sent.message_id, action="failed", **HEADERS)
    inbox.accept_mime(raw.encode(), sender="", recipients=[sent.sender_alias.address.text()], now=timezone.now())
    work()
    sent.refresh_from_db()
    assert sent.state == SendState.BOUNCED


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


KINDS = ("message/delivery-status", "text/rfc822-headers")
MICROSOFT = "MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@people.example"


def in_parts(sent: OutboundMail) -> list[bytes]:
    told = "Reporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; x@people.example\nAction: failed\nStatus: 5.1.1\n"
    return [told.encode(), f"Subject: x\nMessage-ID: {sent.message_id}\n".encode()]


def by_postmark(client: Client, sent: OutboundMail) -> None:
    """It does not tell the type of the whole."""
    files = [
        {"Name": "", "ContentType": kind, "Content": base64.b64encode(content).decode()}
        for kind, content in zip(KINDS, in_parts(sent), strict=True)
    ]
    fields = {
        "FromFull": {"Email": MICROSOFT, "Name": "Microsoft Outlook"},
        "Headers": [{"Name": "Return-Path", "Value": "<>"}, {"Name": "Message-ID", "Value": "<dsn@mx>"}],
        "Attachments": files,
    }
    letters.post_postmark(client, letters.postmark(sent.sender_alias, **fields))


def by_mailgun(client: Client, sent: OutboundMail) -> None:
    header = [["From", MICROSOFT], ["Message-Id", "<dsn@mx>"], ["Content-Type", "multipart/report; boundary=b"]]
    files = {
        f"attachment-{number}": SimpleUploadedFile(f"{number}.dat", content, kind)
        for number, (kind, content) in enumerate(zip(KINDS, in_parts(sent), strict=True), 1)
    }
    fields = {"sender": MICROSOFT, "from": MICROSOFT, "message-headers": json.dumps(header), **files}
    letters.post_mailgun(client, letters.mailgun(sent.sender_alias.address.text(), **fields))


@pytest.mark.parametrize("post", [by_postmark, by_mailgun])
def test_a_report_posted_in_parts_is_one_too(
    client: Client, work: Work, placed: Placed, sent: OutboundMail, post: Callable[[Client, OutboundMail], None]
) -> None:
    post(client, sent)
    assert work() == []
    sent.refresh_from_db()
    assert (sent.state, sent.problem) == (SendState.BOUNCED, "5.1.1")
    assert mails(placed.order)[-1].reason == Reason.BOUNCE


@pytest.mark.parametrize(("sender", "is_relayed"), [("<>", False), ("<kim@carrier.example>", True)])
def test_a_read_receipt_is_not_relayed_and_a_person_s_mail_with_one_is(
    client: Client, work: Work, placed: Placed, sender: str, *, is_relayed: bool
) -> None:
    headers = [{"Name": "Return-Path", "Value": sender}, {"Name": "Message-ID", "Value": "<1@carrier.example>"}]
    file = {"Name": "", "ContentType": "message/disposition-notification", "Content": "RGlzcG9zaXRpb246IHg="}
    letters.post_postmark(client, letters.postmark(placed.customer_alias, Headers=headers, Attachments=[file]))
    assert len(work()) == is_relayed


IN_WORDS = {
    "qmail": (
        "Hi. This is the qmail-send program at mx.isp.example.\n"
        "I'm afraid I wasn't able to deliver your message to the following addresses.\n"
        "This is a permanent error; I've given up. Sorry it didn't work out.\n\n"
        "<x@people.example>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n"
        "--- Below this line is a copy of the message.\n\n"
    ),
    "exim": (
        "This message was created automatically by mail delivery software.\n\n"
        "A message that you sent could not be delivered to one or more of its\n"
        "recipients. This is a permanent error. The following address(es) failed:\n\n"
        "  x@people.example\n    Unrouteable address\n\n------ This is a copy of the message. ------\n\n"
    ),
    "warning": "This message has not been delivered to one or more of its recipients after 24 hours.\n\n",
}


@pytest.mark.parametrize("program", IN_WORDS)
@pytest.mark.parametrize("sender", ["", "x@people.example"], ids=["report", "letter"])
def test_a_report_in_words_marks_the_copy_that_it_quotes(
    work: Work, sent: OutboundMail, program: str, sender: str
) -> None:
    raw = (
        f"From: MAILER-DAEMON@mx.isp.example\nSubject: failure notice\n\n{IN_WORDS[program]}"
        f"Received: by mx\nMessage-ID: {sent.message_id}\nSubject: x\n\nhello\n"
    )
    inbox.accept_mime(raw.encode(), sender=sender, recipients=[sent.sender_alias.address.text()], now=timezone.now())
    work()
    sent.refresh_from_db()
    is_back = program != "warning" and not sender
    assert sent.state == (SendState.BOUNCED if is_back else SendState.SENT)
    assert not Suppression.objects.exists()
