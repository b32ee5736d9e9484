"""The whole product as processes that can be killed one by one, on services of their own."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import redis as redis_client

from conversation_tracker.local import processes
from conversation_tracker.local.services import Services, remove
from tests import production
from tests.services import scratch

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 60.0
BOOT = 5.0  # seconds in which a program starts its children
PORTS = (20_000, 32_000)


def free_port() -> int:
    """A port of loopback that nobody uses, and that the kernel gives to no client while its server is away."""
    while True:
        port = random.randint(*PORTS)
        with socket.socket() as trial, suppress(OSError):
            trial.bind(("127.0.0.1", port))
            return port


class System:
    """PostgreSQL, Redis, web, two workers, beat and the SMTP door."""

    def __init__(self, *, api_url: str) -> None:
        self.var = scratch("ct-chaos-")
        self.port, self.smtp_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._services = Services(self.var, environ={}, durable=True)
        urls = self._services.start()
        self.environment = {
            **production.environment(self._services.var, urls, port=self.port),
            "ANYMAIL_POSTMARK_API_URL": api_url,
        }
        worker = ["-m", "celery", "-A", "conversation_tracker", "worker", "--concurrency", "1"]
        self.programs = {
            "web": ["-m", "gunicorn", "conversation_tracker.wsgi", "-b", f"127.0.0.1:{self.port}", "-w", "2",
                    "--threads", "4", "--log-level", "error"],
            "worker1": [*worker, "-n", "one@%h"],
            "worker2": [*worker, "-n", "two@%h"],
            "beat": ["-m", "celery", "-A", "conversation_tracker", "beat", "-s", str(self.var / "beat")],
            "smtpd": ["manage.py", "smtpd", "--listen", f"127.0.0.1:{self.smtp_port}"],
        }  # fmt: skip
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._started: dict[str, float] = {}

    def manage(self, *args: str) -> None:
        """Run a management command to its end."""
        subprocess.run([sys.executable, "manage.py", *args], cwd=ROOT, env=self.environment, check=True, timeout=120)

    def start(self, name: str) -> None:
        """Start one program."""
        self._started[name] = time.monotonic()
        with (self.var / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, *self.programs[name]],
                cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def start_all(self) -> None:
        """Start what does not run, and wait until site and SMTP door answer."""
        for name in [*self.ended(), *(name for name in self.programs if name not in self._running)]:
            self.start(name)
        if not processes.wait_until(self._answers, timeout=PATIENCE):
            raise TimeoutError("site or SMTP door do not answer")

    def ended(self) -> list[str]:
        """What has ended by itself, which nothing that others suffer should make a program do."""
        return [name for name, process in self._running.items() if process.poll() is not None]

    def last_words(self, name: str) -> str:
        """How a program's log ends."""
        return "\n".join((self.var / f"{name}.log").read_text(errors="replace").splitlines()[-30:])

    def kill(self, name: str) -> None:
        """SIGKILL a program and its children."""
        process = self._running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def kill_child(self, name: str) -> bool:
        """SIGKILL one child of a program, as the kernel does when memory ends; False when it has none, or only starts:
        a Celery worker whose child ends just then ends too, for whoever started it to start it again.
        """
        if time.monotonic() < self._started[name] + BOOT:
            return False
        pid = self._running[name].pid
        with suppress(OSError):
            for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                os.kill(int(child), signal.SIGKILL)
                return True
        return False

    def crash_postgres(self, *, down: float) -> None:
        """Stop PostgreSQL without a checkpoint, as `pg_ctl stop -m immediate` does, and start it again."""
        postgres = self._services.servers[0]
        postgres.kill()
        processes.wait_until(postgres.has_ended, timeout=PATIENCE)
        postgres.stop()
        time.sleep(down)
        postgres.start()

    def lose_redis(self, *, down: float) -> None:
        """Forget all that Redis holds, kill it, and start it again."""
        server = self._services.servers[1]
        client = redis_client.Redis.from_url(self.environment["REDIS_URL"])
        client.flushall()
        client.close()
        server.kill()
        processes.wait_until(server.has_ended, timeout=PATIENCE)
        server.stop()
        time.sleep(down)
        server.start()

    def stop(self) -> None:
        """Kill all programs, stop the services, remove the data."""
        for name in list(self._running):
            self.kill(name)
        self._services.stop()
        remove(self.var)

    def _answers(self) -> bool:
        try:
            with (
                urllib.request.urlopen(f"{self.url}/healthz", timeout=5),
                socket.create_connection(("127.0.0.1", self.smtp_port), timeout=5),
            ):
                return True
        except (urllib.error.URLError, OSError):
            return False
