"""The outbox sends at least once, tries again what can heal, and holds what would leak."""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from anymail.exceptions import AnymailRecipientsRefused, AnymailRequestsAPIError, AnymailUnsupportedFeature
from django.core import mail
from django.core.files.storage import storages
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from requests import Response

from conversation_tracker import inbox, outbox
from conversation_tracker.models import OutboundMail, SendState
from orders import vault
from orders.models import Attachment
from orders.placing import Placed
from orders.secrecy import Secret
from tests import letters

pytestmark = pytest.mark.django_db
Work = Callable[..., list[EmailMultiAlternatives]]
raising: list[Exception] = []


class Backend(BaseEmailBackend):
    """A provider that fails as it is told to."""

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        if raising:
            raise raising[0]
        mail.outbox.extend(messages)
        return len(messages)


@pytest.fixture
def provider(settings: Settings) -> list[Exception]:
    settings.EMAIL_BACKEND = f"{__name__}.Backend"
    raising.clear()
    return raising


def http(status: int) -> AnymailRequestsAPIError:
    response = Response()
    response.status_code = status
    return AnymailRequestsAPIError("no", response=response)


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (http(429), SendState.RETRY),
        (http(503), SendState.RETRY),
        (http(422), SendState.FAILED),
        (AnymailRecipientsRefused("no"), SendState.SUPPRESSED),
        (AnymailUnsupportedFeature("no"), SendState.FAILED),
        (ConnectionRefusedError(), SendState.RETRY),
        (TimeoutError(), SendState.RETRY),
        (smtplib.SMTPServerDisconnected(), SendState.RETRY),
        (smtplib.SMTPDataError(451, b"later"), SendState.RETRY),
        (smtplib.SMTPDataError(554, b"never"), SendState.FAILED),
        (smtplib.SMTPRecipientsRefused({"x": (550, b"no")}), SendState.FAILED),
        (smtplib.SMTPRecipientsRefused({"x": (452, b"full")}), SendState.RETRY),
    ],
)
def test_what_can_heal_is_tried_again_and_nothing_else(
    client: Client, work: Work, placed: Placed, provider: list[Exception], error: Exception, state: SendState
) -> None:
    provider.append(error)
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    work()
    row = OutboundMail.objects.get()
    assert (row.state, row.attempts) == (state, 1)
    assert "@" not in row.problem


def test_a_retry_leaves_under_the_same_message_id(
    client: Client, work: Work, placed: Placed, provider: list[Exception]
) -> None:
    provider.append(TimeoutError())
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    work()
    message_id = OutboundMail.objects.get().message_id
    provider.clear()
    (sent,) = work(now=timezone.now() + timedelta(hours=3))
    assert sent.extra_headers["Message-ID"] == message_id
    assert OutboundMail.objects.get().state == SendState.SENT


def test_after_twelve_attempts_it_has_failed(
    client: Client, work: Work, placed: Placed, provider: list[Exception]
) -> None:
    provider.append(TimeoutError())
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    for day in range(20):
        work(now=timezone.now() + timedelta(days=day))
    row = OutboundMail.objects.get()
    assert (row.state, row.attempts) == (SendState.FAILED, 12)


def test_a_mail_whose_worker_was_killed_is_sent_by_the_next(client: Client, work: Work, placed: Placed) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    inbox.work(now=timezone.now())
    outbox._claim(timezone.now())  # and then the worker is gone
    assert OutboundMail.objects.get().state == SendState.SENDING
    assert len(work()) == 1


def test_a_real_address_in_the_finished_mail_holds_it(client: Client, work: Work, placed: Placed) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    inbox.work(now=timezone.now())
    row = OutboundMail.objects.get()
    content = row.content.json()
    row.content = Secret.of_json({**content, "text": placed.customer_alias.real.text()})
    row.save()
    assert work() == []
    row.refresh_from_db()
    assert (row.state, row.problem) == (SendState.HELD, "plain body")


def test_a_real_address_in_a_file_that_cannot_be_edited_holds_the_mail(
    client: Client, work: Work, placed: Placed, settings: Settings
) -> None:
    settings.INBOUND_PROVIDERS = ["amazon_ses"]
    real = placed.customer_alias.real.text().encode()
    raw = letters.mime(files=(("label.pdf", "application/pdf", b"%PDF-1.4\n\xff" + real),))
    letters.post_ses(client, letters.ses([placed.customer_alias.address.text()], raw))
    assert work() == []
    assert OutboundMail.objects.get().state == SendState.HELD


def test_a_missing_attachment_is_waited_for(client: Client, work: Work, placed: Placed, settings: Settings) -> None:
    settings.INBOUND_PROVIDERS = ["amazon_ses"]
    raw = letters.mime(files=(("label.bin", "application/x-label", b"\x00\xff"),))
    letters.post_ses(client, letters.ses([placed.customer_alias.address.text()], raw))
    inbox.work(now=timezone.now())
    name = Attachment.objects.get().stored_as
    content = vault.load(name)
    storages["mail"].delete(name)
    assert work() == []
    assert OutboundMail.objects.get().state == SendState.RETRY
    vault.save(content)
    (sent,) = work(now=timezone.now() + timedelta(hours=3))
    assert len(sent.attachments) == 1


def test_waiting_doubles_up_to_two_hours() -> None:
    assert timedelta(seconds=11) < outbox.delay(1) < timedelta(seconds=19)
    assert timedelta(minutes=90) <= outbox.delay(30) <= timedelta(minutes=150)


def test_a_mail_that_cannot_be_built_does_not_stop_the_others(client: Client, work: Work, placed: Placed) -> None:
    for number in range(2):
        headers = [{"Name": "Message-ID", "Value": f"<{number}@x.example>"}]
        letters.post_postmark(client, letters.postmark(placed.customer_alias, Headers=headers))
    inbox.work(now=timezone.now())
    broken = OutboundMail.objects.earliest("pk")
    broken.content = Secret.of_json({"no": "mail"})
    broken.save()
    assert len(work()) == 1
    broken.refresh_from_db()
    assert broken.state == SendState.RETRY


def test_a_mail_that_stops_its_worker_each_time_has_failed(client: Client, work: Work, placed: Placed) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    inbox.work(now=timezone.now())
    for _ in range(12):
        outbox._claim(timezone.now())  # and then the worker is gone
    assert work() == []
    assert OutboundMail.objects.get().state == SendState.FAILED
