"""A large mail has time to go out to a provider over HTTP, and one that did not go out as a whole has not left."""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import create_server, socket

import pytest
from django.core.mail import EmailMultiAlternatives
from pytest_django import Settings

from conversation_tracker import send
from conversation_tracker.backends import uploads
from tests.conversation_tracker.failing import http_server, slow_reader
from tests.orders.test_outside import certificate

TAKEN = b'{"id": "x-1", "MessageId": "x-1"}'
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(TAKEN)
TOO_LARGE = b"HTTP/1.1 413 No\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
ENOUGH = 12_000_000  # bytes, of which the system keeps few enough to itself
Use = Callable[[str], None]


@pytest.fixture(params=["resend", "amazon_ses"])
def use(request: pytest.FixtureRequest, settings: Settings) -> Use:
    """Have the provider at this address."""

    def use(url: str) -> None:
        settings.EMAIL_BACKEND = f"anymail.backends.{request.param}.EmailBackend"
        amazon = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}
        settings.ANYMAIL = {
            **settings.ANYMAIL,
            "REQUESTS_TIMEOUT": (0.3, 30),
            "RESEND_API_KEY": "k",
            "RESEND_API_URL": url,
            "AMAZON_SES_CLIENT_PARAMS": {**amazon, "endpoint_url": url},
        }

    return use


def hand_over(size: int = ENOUGH) -> send.Result:
    mail = EmailMultiAlternatives("s", "b", "a@x.example", ["b@y.example"])
    mail.attach("photo.jpg", os.urandom(size), "image/jpeg")
    return send.hand_over(mail, key="k")


def test_a_mail_takes_longer_to_go_out_than_it_may_take_to_connect(use: Use) -> None:
    with slow_reader(pause=0.01, says=OK + TAKEN) as url:
        use(url)
        assert hand_over() == send.Sent("x-1")


def test_a_provider_that_stops_reading_has_not_got_the_mail(use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "STANDSTILL", 0.3)
    with slow_reader(until=1, leaves=False) as url:
        use(url)
        assert isinstance(hand_over(), send.Later)


def test_a_provider_that_leaves_within_the_mail_has_not_got_it(use: Use) -> None:
    with slow_reader(until=1_000_000) as url:
        use(url)
        assert isinstance(hand_over(), send.Later)


def test_a_mail_that_does_not_go_out_in_the_time_of_all_has_not_left(use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(send, "PATIENCE", 0.8)
    with slow_reader(until=1, leaves=False) as url:
        use(url)
        assert isinstance(hand_over(), send.Later)


def test_a_provider_may_refuse_a_mail_before_it_has_all_of_it(use: Use) -> None:
    with slow_reader(until=1_000_000, says=TOO_LARGE) as url:
        use(url)
        assert hand_over() == send.Never("HTTP 413")


@pytest.mark.parametrize("answer", [b"", OK, OK + TAKEN[:9], OK.replace(b"200", b"2")], ids=["no", "head", "half", "?"])
def test_a_provider_that_has_the_mail_and_gives_no_whole_answer_leaves_a_doubt(use: Use, answer: bytes) -> None:
    with http_server(answer) as url:
        use(url)
        assert hand_over(10) == send.Doubtful(send.UNANSWERED)


@contextmanager
def alarmed(cert: Path, key: Path, answer: bytes) -> Iterator[str]:
    """The address of a server that says this to a request, and ends with bytes that are no TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)

    def serve() -> None:
        raw, _ = listening.accept()
        with suppress(OSError):
            client = context.wrap_socket(raw, server_side=True)
            said = b""
            while not said.rstrip().endswith(b"}"):  # both are JSON
                said += client.recv(65_536)
            client.sendall(answer)
            with socket(fileno=client.detach()) as bare:
                bare.sendall(b"\x15\x03\x03\x00\x02\x02\x50")
                bare.recv(1)

    with create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"https://localhost:{listening.getsockname()[1]}/"
        thread.join(10)


@pytest.mark.parametrize("answer", [b"", OK], ids=["no answer", "a head"])
def test_an_alarm_of_tls_after_the_mail_leaves_a_doubt(
    use: Use, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    cert, key = certificate(tmp_path, "localhost")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(cert))
    monkeypatch.setenv("AWS_CA_BUNDLE", str(cert))
    with alarmed(cert, key, answer) as url:
        use(url)
        assert hand_over(10) == send.Doubtful(send.UNANSWERED)


def test_an_alarm_of_tls_before_the_mail_leaves_none(use: Use, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "localhost")
    with alarmed(cert, key, b"") as url:
        use(url)  # whose certificate nobody knows
        assert isinstance(hand_over(10), send.Later)
