"""What can heal is tried again, ever later and for two days, and nothing else is."""

from __future__ import annotations

import json
import smtplib
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from types import SimpleNamespace
from unittest.mock import patch

import pytest
import requests
from anymail.exceptions import AnymailRecipientsRefused, AnymailUnsupportedFeature
from django.core.mail import EmailMultiAlternatives
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from conversation_tracker import answers, inbox, outbox, send
from conversation_tracker.models import OutboundMail, SendState
from orders.models import Alert, AlertKind, Suppression, User
from orders.placing import Placed
from tests import letters
from tests.conversation_tracker.failing import http, http_server, lose_worker, smtp_server

pytestmark = pytest.mark.django_db
Work = Callable[..., list[EmailMultiAlternatives]]
LATER_400, LATER_409 = send.Later("HTTP 400"), send.Later("HTTP 409")


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
        # What an operator can put right says nothing of the mail.
        *((http(status), SendState.RETRY) for status in (401, 402, 403, 404, 408, 420, 425)),
        *(
            (smtplib.SMTPDataError(550, said), SendState.RETRY)
            for said in (
                b"5.4.5 Daily user sending limit exceeded.",
                b"5.1.90 Your message can't be sent because you've reached your daily limit",
                b"5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException",
                b"5.4.6 Unusual sending activity detected",
                b"Domain x.example has exceeded the max emails per hour (100) allowed",
                b"Message rejected: Sending paused for this account.",
                b"5.7.1 Daily SMTP relay limit exceeded for customer 1234. For more information on SMTP relay limits",
                b"User a@x.example has exceeded its 24-hour sending limit. Messages to 500 recipients out of 500 "
                b"allowed have been sent. Relay quota will reset in 1.53 hours.",
                b"Message would take you over your relay quota of 500",
                b"Domain mb-plus.size.example has exceeded the max emails per hour (120/100 (120%)) allowed.",
                b"5.2.0 STOREDRV.Submission.Exception:OutboundSpamException; Actual verdict is RefuseQuota",
                b"5.7.0 Requested action not taken: too many emails per second",
                b"Domain x.example has exceeded the max defers and failures per hour (5/5 (100%)) allowed.",
                b"5.7.0 Not sent. The limit on the number of allowed outgoing messages was exceeded. Try again later.",
                b"5.7.1 <a@x.example>: Sender address rejected: Throttling quota exceeded",
                b"5.7.1 <DATA>: Data command rejected: limit of 400 rcpts per 24 hours",
            )
        ),
        (smtplib.SMTPRecipientsRefused({"x": (550, b"5.4.5 Daily user sending limit exceeded.")}), SendState.RETRY),
        (smtplib.SMTPDataError(550, b"5.4.1 No such user"), SendState.FAILED),
        (smtplib.SMTPDataError(552, b"Message exceeds the outgoing mail limit of 20 MB"), SendState.FAILED),
        (smtplib.SMTPDataError(552, b"5.2.2 The mailbox is over its quota"), SendState.FAILED),
        (smtplib.SMTPDataError(550, b"host 192.5.4.5 said: no such user"), SendState.FAILED),
        (smtplib.SMTPConnectError(554, b"no service"), SendState.RETRY),
        (smtplib.SMTPHeloError(554, b"no service"), SendState.RETRY),
        (smtplib.SMTPAuthenticationError(535, b"wrong password"), SendState.RETRY),
        (smtplib.SMTPAuthenticationError(454, b"not now"), SendState.RETRY),
        (smtplib.SMTPSenderRefused(530, b"sign in", "x"), SendState.RETRY),
        (smtplib.SMTPSenderRefused(550, b"domain not set up", "x"), SendState.RETRY),
        (smtplib.SMTPSenderRefused(552, b"too large", "x"), SendState.FAILED),
        (smtplib.SMTPRecipientsRefused({"x": (530, b"sign in")}), SendState.RETRY),
        (smtplib.SMTPDataError(530, b"sign in"), SendState.RETRY),
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


@pytest.mark.parametrize("status", [504, 520, 524])
@pytest.mark.parametrize(
    ("name", "repeat", "code"), [("brevo", 400, "duplicate_parameter"), ("resend", 409, "invalid_idempotent_request")]
)
def test_what_a_gateway_did_not_hear_of_is_told_by_the_key(
    client: Client, placed: Placed, settings: Settings, name: str, repeat: int, code: str, status: int
) -> None:
    said = json.dumps({"code": code, "name": code}).encode()
    told = [*[(status, b"")] * 7, (repeat, said)]
    settings.EMAIL_BACKEND = f"anymail.backends.{name}.EmailBackend"
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    inbox.work(now=timezone.now())
    for answer, body in told:
        with http_server(b"HTTP/1.1 %d No\r\nContent-Length: %d\r\n\r\n%s" % (answer, len(body), body)) as url:
            own = {f"{name.upper()}_API_KEY": "t", f"{name.upper()}_API_URL": url}
            settings.ANYMAIL = {**settings.ANYMAIL, **own}
            outbox.work(now=timezone.now())
        OutboundMail.objects.update(next_attempt_at=timezone.now())
    row = OutboundMail.objects.get()
    assert (row.state, row.attempts, row.doubts) == (SendState.SENT, 8, 7)


@pytest.mark.parametrize("name", ["brevo", "resend"])
@pytest.mark.parametrize("outages", [0, 9])
@pytest.mark.parametrize("took", [0, 150])
def test_what_no_key_tells_of_is_left_to_people_when_the_key_is_forgotten(
    client: Client, placed: Placed, settings: Settings, name: str, outages: int, took: int
) -> None:
    """However long the provider was away before, and however long it is waited for each time."""
    settings.EMAIL_BACKEND = f"anymail.backends.{name}.EmailBackend"
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    inbox.work(now=timezone.now())
    now = timezone.now()
    tries = []
    while (row := OutboundMail.objects.get()).state in {SendState.QUEUED, SendState.RETRY}:
        now = max(now, row.next_attempt_at)
        tries.append(now)
        found = send.Later("HTTP 503") if len(tries) <= outages else send.Later("HTTP 504", may_have_left=True)
        slow = SimpleNamespace(monotonic=count(0, took).__next__)
        with patch.object(send, "send", return_value=found), patch.object(outbox, "time", slow):
            outbox.work(now=now)
    key_lives = {"brevo": timedelta(minutes=30), "resend": timedelta(hours=24)}[name]
    first, last = tries[outages], tries[-1]
    assert all(at + timedelta(seconds=took) < first + key_lives for at in tries[outages:-1])
    assert last - tries[-2] >= outbox.LONGEST_DELAY
    assert 3 < row.doubts < 30
    assert (row.doubted_at, Alert.objects.get().kind) == (first, AlertKind.FAILED)


@pytest.mark.parametrize("away", range(4, 12))
@pytest.mark.parametrize("then", [429, 502, 503])
def test_a_key_is_asked_while_it_is_known_whatever_comes_between(
    client: Client, placed: Placed, settings: Settings, away: int, then: int
) -> None:
    settings.EMAIL_BACKEND = "anymail.backends.brevo.EmailBackend"
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    inbox.work(now=timezone.now())
    told = [send.Later("HTTP 503")] * away + [send.Later("HTTP 504", may_have_left=True), send.Later(f"HTTP {then}")]
    tries = []
    for answer in (*told, send.Sent("1")):
        tries.append(max(timezone.now(), OutboundMail.objects.get().next_attempt_at))
        with patch.object(send, "send", return_value=answer):
            outbox.work(now=tries[-1])
    assert OutboundMail.objects.get().state == SendState.SENT
    assert tries[-1] - tries[away] < timedelta(minutes=30)


@pytest.mark.parametrize("replies", [{"banner": 554}, {"EHLO": 554, "HELO": 554}, {"AUTH": 535}, {"MAIL": 530}])
def test_a_server_that_does_not_know_us_is_asked_again(settings: Settings, replies: dict[str, int]) -> None:
    with smtp_server(replies) as port:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "us", "wrong"
        found = send.hand_over(EmailMultiAlternatives("s", "b", "a@x.example", ["b@y.example"]), key="k")
    assert found == send.Later(f"SMTP {next(iter(replies.values()))}")


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("unsigned", SendState.RETRY),
        ("invalid-sender", SendState.RETRY),
        ("soft-bounce", SendState.RETRY),
        ("hard-bounce", SendState.SUPPRESSED),
        ("unsub", SendState.SUPPRESSED),
        (None, SendState.SUPPRESSED),
    ],
)
def test_what_a_refusal_says_of_our_domain_suppresses_nobody(
    client: Client, work: Work, placed: Placed, provider: list[Exception], said: str | None, state: SendState
) -> None:
    answer = requests.Response()
    answer.status_code = 200
    answer._content = json.dumps([{"email": "a@x.example", "status": "rejected", "reject_reason": said}]).encode()
    provider.append(AnymailRecipientsRefused("no", response=answer))
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    work()
    assert OutboundMail.objects.get().state == state
    assert Suppression.objects.exists() is (state == SendState.SUPPRESSED)


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


def test_what_may_heal_is_tried_for_two_days_and_told_of_after_hours(
    client: Client, work: Work, placed: Placed, provider: list[Exception]
) -> None:
    provider.append(TimeoutError())
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    inbox.work(now=timezone.now())
    queued_at = OutboundMail.objects.get().queued_at
    told: list[timedelta] = []
    while (row := OutboundMail.objects.get()).state != SendState.FAILED:
        assert row.attempts < 60
        waited = max(row.next_attempt_at - queued_at, timedelta())
        outbox.work(now=queued_at + waited)
        told += [waited] * Alert.objects.open().filter(kind=AlertKind.LATE).update(settled_at=timezone.now())
    assert row.attempts > 20
    assert timedelta(days=2) <= row.state_changed_at - queued_at < timedelta(days=2, hours=3)
    (once,) = told  # it was dismissed
    assert timedelta(hours=4) <= once < timedelta(hours=7)
    assert Alert.objects.open().get().kind == AlertKind.FAILED


def test_a_mail_that_may_have_arrived_is_tried_a_few_times_and_then_somebody_is_told(
    client: Client, work: Work, placed: Placed, provider: list[Exception], support: User
) -> None:
    provider.append(answers.Unanswered())
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    now = timezone.now()
    work(now=now)
    while (row := OutboundMail.objects.get()).state == SendState.RETRY:
        assert Alert.objects.count() == 0
        now = row.next_attempt_at
        outbox.work(now=now)
    assert (row.state, row.attempts, row.problem) == (SendState.FAILED, outbox.TRIES_IN_DOUBT + 1, send.UNANSWERED)
    assert timedelta(hours=2) <= now - row.queued_at < timedelta(hours=3)
    assert Alert.objects.open().get().kind == AlertKind.FAILED
    provider.clear()
    assert outbox.send_again(placed.order, row.entry_id, user=support, now=now) == outbox.Again.QUEUED
    work(now=now)
    row = OutboundMail.objects.get()
    assert (row.state, row.doubts) == (SendState.SENT, 0)


def test_a_mistake_of_ours_over_an_answer_does_not_send_a_mail_again_and_again(
    client: Client, work: Work, placed: Placed, provider: list[Exception]
) -> None:
    provider.append(KeyError("kim@carrier.example"))
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    now = timezone.now()
    work(now=now)
    while (row := OutboundMail.objects.get()).state == SendState.RETRY:
        now = row.next_attempt_at
        outbox.work(now=now)
    assert (row.state, row.attempts, row.problem) == (SendState.FAILED, outbox.TRIES_IN_DOUBT + 1, send.MISUNDERSTOOD)


def test_a_provider_that_asks_for_time_is_given_it(
    client: Client, work: Work, placed: Placed, provider: list[Exception]
) -> None:
    provider.append(http(429, {"Retry-After": "600"}))
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    now = timezone.now()
    work(now=now)
    wait = OutboundMail.objects.get().next_attempt_at - now
    assert timedelta(minutes=10) <= wait < timedelta(minutes=11)


def test_a_mail_that_kept_who_sends_for_long_rests_as_long(
    client: Client, work: Work, placed: Placed, provider: list[Exception]
) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    inbox.work(now=timezone.now())
    row, now, took = OutboundMail.objects.get(), timezone.now(), timedelta(minutes=4)
    outbox._settle(row, send.Doubtful(send.UNANSWERED), now=now, took=took)
    assert row.next_attempt_at - now == 2 * took


def test_a_mail_that_lay_for_days_is_not_given_up_at_its_first_attempts(
    client: Client, work: Work, placed: Placed, provider: list[Exception]
) -> None:
    provider.append(TimeoutError())
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    inbox.work(now=timezone.now())
    outbox.work(now=timezone.now() + timedelta(days=3))
    row = OutboundMail.objects.get()
    assert (row.state, Alert.objects.get().kind) == (SendState.RETRY, AlertKind.LATE)
    provider.clear()
    work(now=row.next_attempt_at)
    assert OutboundMail.objects.get().state == SendState.SENT
    assert Alert.objects.get().settled_at is not None


def test_waiting_doubles_up_to_two_hours() -> None:
    assert timedelta(seconds=11) < outbox.delay(1) < timedelta(seconds=19)
    assert timedelta(minutes=90) <= outbox.delay(30) <= timedelta(minutes=150)


def test_a_killed_worker_does_not_make_the_next_try_wait_longer(
    client: Client, work: Work, placed: Placed, provider: list[Exception]
) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    inbox.work(now=timezone.now())
    now = timezone.now()
    for _ in range(4):
        lose_worker(now)
        now = OutboundMail.objects.get().next_attempt_at
    provider.append(TimeoutError())
    outbox.work(now=now)
    row = OutboundMail.objects.get()
    assert (row.attempts, row.failures) == (5, 1)
    assert row.next_attempt_at - now < timedelta(seconds=19)


def test_each_failure_makes_the_next_try_wait_longer(
    client: Client, work: Work, placed: Placed, provider: list[Exception]
) -> None:
    provider.append(TimeoutError())
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    now = timezone.now()
    work(now=now)
    for _ in range(3):
        now = OutboundMail.objects.get().next_attempt_at
        outbox.work(now=now)
    row = OutboundMail.objects.get()
    assert row.failures == 4
    assert timedelta(seconds=90) <= row.next_attempt_at - now <= timedelta(seconds=150)


def test_a_conflict_with_a_try_that_is_still_under_way_heals(
    client: Client, work: Work, placed: Placed, provider: list[Exception]
) -> None:
    provider.append(http(409))
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    work()
    assert OutboundMail.objects.get().state == SendState.RETRY
