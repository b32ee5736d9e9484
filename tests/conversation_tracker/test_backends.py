"""Sending a mail ends in time, whatever the service does, and a mail that it took counts as sent."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from django.core.mail import EmailMultiAlternatives
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from conversation_tracker import inbox, limits, outbox, send, tasks
from conversation_tracker.backends import smtp
from conversation_tracker.models import OutboundMail, SendState
from conversation_tracker.settings import timeouts
from orders.placing import Placed
from tests import letters, stopwatch
from tests.conversation_tracker.providers.conftest import Api


@contextmanager
def slow_server(waits: Mapping[str, float], verbs: list[str]) -> Iterator[int]:
    """The port of an SMTP server that waits for so long before it answers these, for one client."""

    def answer(verb: str, code: int) -> bytes:
        verbs.append(verb)
        time.sleep(waits.get(verb, waits.get("each", 0)))
        return b"%d answer\r\n" % code

    def serve() -> None:
        client, _ = listening.accept()
        try:
            with client, client.makefile("rwb", buffering=0) as lines:
                lines.write(answer("banner", 220))
                for line in lines:
                    verb = line.split()[0].decode()
                    lines.write(answer(verb, 354 if verb == "data" else 250))
                    if verb == "data":
                        while lines.readline() != b".\r\n":
                            pass
                        for byte in answer("taken", 250):
                            time.sleep(waits.get("byte", 0))
                            lines.write(bytes([byte]))
        except OSError:  # it waited no longer
            pass

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(10)


def hand_over() -> send.Result:
    return send.hand_over(EmailMultiAlternatives("s", "b", "a@x.example", ["b@y.example"]), key="k")


@pytest.fixture
def door(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_TIMEOUT = "127.0.0.1", 1


@pytest.mark.parametrize("waits", [{"quit": 3.0}, {"taken": 1.3}], ids=["after the mail", "its answer"])
@pytest.mark.usefixtures("door")
def test_a_mail_that_the_server_took_slowly_is_sent(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, waits: Mapping[str, float]
) -> None:
    monkeypatch.setattr(smtp, "TO_QUIT", 0.1)
    verbs: list[str] = []
    with slow_server(waits, verbs) as settings.EMAIL_PORT, stopwatch.running() as took:
        assert hand_over() == send.Sent("")
        assert took.seconds < 2.9
    assert verbs[-2:] == ["taken", "quit"]


@pytest.mark.usefixtures("door")
def test_a_server_that_scans_a_mail_has_a_time_of_its_own_for_that(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "FOR_THE_MAIL", 0.3)
    with slow_server({"taken": 0.9}, []) as settings.EMAIL_PORT:
        assert hand_over() == send.Sent("")


def test_two_scanners_that_take_two_minutes_each_are_waited_for() -> None:
    assert smtp.FOR_ITS_ANSWER >= 2 * 120


def test_a_task_that_sends_has_time_for_the_longest_mail() -> None:
    building = limits.SECONDS + limits.MOST_MORE
    by_smtp = smtp.UNTIL_DATA + smtp.FOR_THE_MAIL + smtp.FOR_ITS_ANSWER + smtp.TO_QUIT
    assert tasks.TURN + building + max(by_smtp, send.PATIENCE) + outbox.PATIENCE < tasks.SENDING_SOFT


def test_a_provider_s_api_has_all_of_the_time_to_answer(settings: Settings) -> None:
    assert settings.ANYMAIL["REQUESTS_TIMEOUT"][1] >= send.PATIENCE


@pytest.mark.parametrize(("said", "read"), [("60", (60.0, 60.0)), ([10, 60], (10.0, 60.0)), ((5, 9.5), (5.0, 9.5))])
def test_how_long_to_wait_may_be_set(said: object, read: tuple[float, float]) -> None:
    assert timeouts(said) == read


@pytest.mark.usefixtures("door")
def test_a_mailbox_that_smtp_cannot_name_is_refused_and_no_other_one_gets_the_mail(settings: Settings) -> None:
    verbs: list[str] = []
    with slow_server({}, verbs) as settings.EMAIL_PORT:
        mail = EmailMultiAlternatives("s", "b", "a@x.example", ["josé@y.example"])
        assert send.hand_over(mail, key="k") == send.Never("SMTP 553")
    assert not {"mail", "rcpt", "data"} & set(verbs)


@pytest.mark.usefixtures("door")
def test_a_conversation_in_which_no_answer_is_late_and_all_are_slow_ends_before_the_mail(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "UNTIL_DATA", 0.4)
    verbs: list[str] = []
    with slow_server({"each": 0.15}, verbs) as settings.EMAIL_PORT:
        assert isinstance(hand_over(), send.Later)
    assert "ehlo" in verbs
    assert "data" not in verbs


@pytest.mark.usefixtures("door")
def test_an_answer_that_comes_byte_by_byte_is_not_waited_for_forever(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "FOR_ITS_ANSWER", 0.3)
    with slow_server({"byte": 0.2}, []) as settings.EMAIL_PORT, stopwatch.running() as took:
        assert hand_over() == send.Doubtful(send.UNANSWERED)
        assert took.seconds < 1.5
    with slow_server({"byte": 0.01}, []) as settings.EMAIL_PORT:
        assert hand_over() == send.Sent("")


@pytest.fixture
def amazon(settings: Settings) -> Iterator[Api]:
    api = Api()
    use_amazon(settings, api.url)
    yield api
    api.stop()


def use_amazon(settings: Settings, url: str) -> None:
    settings.EMAIL_BACKEND = "anymail.backends.amazon_ses.EmailBackend"
    client = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1", "endpoint_url": url}
    settings.ANYMAIL = {**settings.ANYMAIL, "AMAZON_SES_CLIENT_PARAMS": client, "REQUESTS_TIMEOUT": (0.3, 0.3)}


def test_an_amazon_that_hangs_is_asked_once_and_not_for_long(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=10) as silent:
        use_amazon(settings, f"http://127.0.0.1:{silent.getsockname()[1]}")
        with stopwatch.running() as took:
            assert hand_over() == send.Doubtful(send.UNANSWERED)
        assert took.seconds < 3
        silent.accept()[0].close()
        silent.settimeout(0.1)
        with pytest.raises(TimeoutError):
            silent.accept()


@pytest.mark.django_db
def test_where_amazon_is_set_up_wrong_no_mail_has_left(client: Client, placed: Placed, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "anymail.backends.amazon_ses.EmailBackend"
    settings.ANYMAIL = {**settings.ANYMAIL, "AMAZON_SES_CLIENT_PARAMS": {"region_name": "us-east-1", "mispelt": "x"}}
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    inbox.work(now=timezone.now())
    outbox.work(now=timezone.now())
    row = OutboundMail.objects.get()
    assert (row.state, row.failures, row.doubts) == (SendState.RETRY, 1, 0)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "MessageRejected", send.Never("HTTP 400")),
        (400, "BadRequestException", send.Never("HTTP 400")),
        (400, "SendingPausedException", send.Later("HTTP 400")),
        (400, "Throttling", send.Later("HTTP 400")),
        (403, "AccessDeniedException", send.Later("HTTP 403")),
        (429, "TooManyRequestsException", send.Later("HTTP 429")),
        (503, "ServiceUnavailable", send.Later("HTTP 503")),
    ],
)
def test_what_amazon_refuses_for_good_is_not_tried_again(
    amazon: Api, status: int, code: str, expected: send.Result
) -> None:
    amazon.answer("/v2/email/outbound-emails", {"__type": code, "message": "no"}, status=status)
    assert hand_over() == expected
    assert len(amazon.asked) == 1
