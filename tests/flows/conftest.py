"""The whole thing: a web process, a Celery worker and beat of their own, on a database of their own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection

from tests import signatures

ROOT = Path(__file__).resolve().parent.parent.parent


class System:
    """The running processes; those that a test stops it can start again."""

    def __init__(self, environment: dict[str, str], logs: Path, port: int) -> None:
        self.environment, self._logs = environment, logs
        self.url = f"http://127.0.0.1:{port}"
        worker = ["-m", "celery", "-A", "conversation_tracker", "worker", "--concurrency"]
        self._commands = {
            "web": ["-m", "gunicorn", "conversation_tracker.wsgi", "--bind", f"127.0.0.1:{port}", "--workers", "1",
                    "--threads", "4"],
            "worker": [*worker, "2"],
            "recorder": [*worker, "1", "-Q", "celery", "-n", "recorder@%h"],
            "sender": [*worker, "1", "-Q", "outbox", "-n", "sender@%h"],
            "beat": ["-m", "celery", "-A", "conversation_tracker", "beat", "--schedule", str(logs / "beat")],
        }  # fmt: skip
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        """Start web, beat, a worker for all, or one each that records and sends."""
        with (self._logs / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, *self._commands[name]],
                cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        if name == "web":
            wait_for(self._answers, what="the web process")

    def kill(self, name: str) -> None:
        """SIGKILL it and all its children."""
        process = self._running.pop(name)
        os.killpg(process.pid, 9)
        process.wait()

    def wait(self, name: str, *, seconds: float) -> None:
        """Wait until it ended by itself, whatever became of its children. Raises TimeoutError when it does not."""
        try:
            self._running[name].wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(name) from error
        del self._running[name]

    def pid(self, name: str) -> int:
        """The process it was started as; its children are in a group of that number."""
        return self._running[name].pid

    def stop(self) -> None:
        """Kill whatever runs."""
        for name in list(self._running):
            self.kill(name)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=2) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def wait_for(true: Callable[[], bool], *, what: str, seconds: float = 30) -> None:
    """Wait until it holds, or fail saying what did not."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, f"{what} did not come within {seconds} s"
        time.sleep(0.05)


@pytest.fixture
def own_environment() -> dict[str, str]:
    """What a module's system is told beyond the ordinary."""
    return {}


@pytest.fixture
def system(transactional_db: None, tmp_path: Path, own_environment: dict[str, str]) -> Iterator[System]:
    """Web and worker running on the test's own database; beat only when the test starts it. No other test's wake-ups
    wait for the worker.
    """
    cache._cache.get_client().flushdb()  # type: ignore[attr-defined]  # Redis
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    database = os.environ["DATABASE_URL"]
    name = connection.settings_dict["NAME"]
    environment = {
        **os.environ,
        "DATABASE_URL": f"{database.rpartition('/')[0]}/{name}",
        "REDIS_URL": settings.REDIS_URL,
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "MAIL_DIR": settings.STORAGES["mail"]["OPTIONS"]["location"],
        "EMAIL_BACKEND": "conversation_tracker.local.mailbox.MailboxBackend",
        "INBOUND_PROVIDERS": "postmark,mailgun,amazon_ses",
        "AMAZON_SES_TOPIC_ARNS": signatures.TOPIC,
        **own_environment,
    }
    running = System(environment, tmp_path, port)
    try:
        running.start("web")
        running.start("worker")
        yield running
    finally:
        running.stop()


@pytest.fixture
def smtp_place(system: System) -> Iterator[tuple[str, int]]:
    """Where the SMTP door of the running system listens."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "smtpd", "--listen", "127.0.0.1:0"],
        cwd=ROOT,
        env={**os.environ, **system.environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    host, _, port = process.stdout.readline().strip().removeprefix("Listening at ").rpartition(":")
    yield host, int(port)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
