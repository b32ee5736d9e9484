"""A worker that is told to stop hands over what it is at, whichever of its processes are told."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from conversation_tracker import outbox
from tests import factories
from tests.flows.conftest import System, wait_for
from tests.flows.test_whole import post_mail


@dataclass
class Provider:
    """It takes each mail at once, and answers when it is let."""

    taken: list[str] = field(default_factory=list)
    may_answer: threading.Event = field(default_factory=threading.Event)
    answers_after: float = 60.0  # seconds, where nobody lets it


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def own_environment(provider: Provider) -> Iterator[dict[str, str]]:
    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            provider.taken.append(said["To"])
            provider.may_answer.wait(provider.answers_after)
            answer = json.dumps({"ErrorCode": 0, "Message": "OK", "MessageID": "1", "To": said["To"]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield {
            "EMAIL_BACKEND": "anymail.backends.postmark.EmailBackend",
            "ANYMAIL_POSTMARK_SERVER_TOKEN": "token",
            "ANYMAIL_POSTMARK_API_URL": f"http://127.0.0.1:{server.server_port}/",
        }
        provider.may_answer.set()
        server.shutdown()


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture
def leaving(system: System, provider: Provider) -> System:
    """A system whose worker is handing over a mail."""
    placed = factories.place_silently()
    assert post_mail(system, "postmark", placed.customer_alias, 1) == 200
    wait_for(lambda: len(provider.taken) == 1, what="the mail")
    return system


def test_a_service_whose_processes_are_all_told_to_end_hands_its_mail_over_once(
    leaving: System, provider: Provider
) -> None:
    """As systemd does, unless it is told otherwise."""
    os.killpg(leaving.pid("worker"), signal.SIGTERM)
    with pytest.raises(TimeoutError):
        leaving.wait("worker", seconds=3)
    provider.may_answer.set()
    leaving.wait("worker", seconds=30)
    assert (outbox.counts()["sent"], len(provider.taken)) == (1, 1)


def test_they_may_be_told_more_than_once(leaving: System, provider: Provider) -> None:
    for _ in range(3):
        os.killpg(leaving.pid("worker"), signal.SIGTERM)
        time.sleep(0.5)
    provider.may_answer.set()
    leaving.wait("worker", seconds=30)
    assert (outbox.counts()["sent"], len(provider.taken)) == (1, 1)


def test_a_worker_that_is_stopping_can_be_told_to_end_at_once(leaving: System, provider: Provider) -> None:
    os.kill(leaving.pid("worker"), signal.SIGTERM)
    with pytest.raises(TimeoutError):
        leaving.wait("worker", seconds=6)
    os.kill(leaving.pid("worker"), signal.SIGQUIT)
    leaving.wait("worker", seconds=50)
    assert outbox.counts()["sending"] == 1
    assert not provider.may_answer.is_set()


def test_a_worker_that_is_told_to_end_at_once_waits_for_nobody(leaving: System, provider: Provider) -> None:
    os.kill(leaving.pid("worker"), signal.SIGQUIT)
    leaving.wait("worker", seconds=30)
    assert outbox.counts()["sending"] == 1
    assert not provider.may_answer.is_set()


def test_one_process_that_is_told_alone_begins_with_no_other_mail(system: System, provider: Provider) -> None:
    system.start("beat")
    provider.answers_after = 0.4
    for number in range(1, 41):
        assert post_mail(system, "postmark", factories.place_silently().customer_alias, number) == 200
    wait_for(lambda: len(provider.taken) > 2, what="the first mails")
    for child in children_of(system.pid("worker")):
        os.kill(child, signal.SIGTERM)
    wait_for(lambda: outbox.counts()["sent"] == 40, what="all mails")
    assert len(provider.taken) == 40


@pytest.mark.parametrize("answers_after", [1.0, 60.0])
def test_one_process_that_is_told_alone_has_some_seconds_for_its_mail(
    leaving: System, provider: Provider, answers_after: float
) -> None:
    """As by somebody who wants memory, or an operator; another process takes its place."""
    children = children_of(leaving.pid("worker"))
    for child in children:
        os.kill(child, signal.SIGTERM)
    threading.Timer(answers_after, provider.may_answer.set).start()
    wait_for(lambda: not any(Path(f"/proc/{child}").exists() for child in children), what="the end of the processes")
    assert outbox.counts()["sent" if answers_after < 5 else "sending"] == 1
    assert provider.may_answer.is_set() == (answers_after < 5)
    assert len(provider.taken) == 1
