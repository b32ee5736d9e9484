"""The command that runs everything: ready, found by others, restarting what dies, and stopped by one signal."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conversation_tracker.local import processes, services
from tests.local import standin
from tests.services import scratch

COMMAND = [sys.executable, "-m", "conversation_tracker.local.run"]


def _heed_interrupts() -> None:
    """A shell starts what it puts in the background deaf to Ctrl-C, and these tests may be in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Running:
    """A run in a process of its own, until it said `Ready`."""

    def __init__(self, checkout: Path, var: Path, *, command: list[str] = COMMAND, port: int | None = None) -> None:
        self.checkout, self.var, self.port = checkout, var, port or _free_port()
        self.process = subprocess.Popen(
            command,
            cwd=checkout,
            env=_environment(VAR=str(var), PORT=str(self.port)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=_heed_interrupts,  # noqa: PLW1509  no other thread runs here
        )
        self.said = ""

    def until(self, start: str) -> str:
        """Read on to the first line that starts like this, and return that line."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line
            if re.match(start, line):
                return line
        pytest.fail(f"ended without a line {start!r}:\n{self.said}")

    def end(self, how: signal.Signals) -> int:
        """Send a signal and wait for the end."""
        self.process.send_signal(how)
        self.said += self.process.communicate(timeout=20)[0]
        return self.process.returncode

    def noted(self) -> dict[str, processes.Identity]:
        """The processes that it runs."""
        found = {}
        for note in (self.var / "run").glob("*.json"):
            found[note.stem] = processes.Identity(**json.loads(note.read_text())["process"])
        return found

    def health(self) -> int:
        """The status that /healthz answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        with contextlib.closing(connection):
            connection.request("GET", "/healthz")
            return connection.getresponse().status


Start = Callable[..., Running]


@pytest.fixture(scope="module")
def checkout() -> Iterator[Path]:
    folder = scratch("ct-test-")
    yield standin.make(folder / "a checkout")
    subprocess.run(["rm", "-rf", str(folder)], check=True)


@pytest.fixture
def start(checkout: Path) -> Iterator[Start]:
    started: list[Running] = []

    def begin(var: Path, **options: object) -> Running:
        running = Running(checkout, var, **options)  # type: ignore[arg-type]  # options are handed on
        started.append(running)
        return running

    yield begin
    for running in started:
        if running.process.poll() is None:
            running.process.kill()
        running.process.communicate()


def test_one_run_from_ready_to_stopped(start: Start, checkout: Path, var: Path) -> None:
    running = start(var)
    running.until("Ready")
    names = {"postgres", "redis", "web", "worker", "sender", "beat"}

    # What it said and left for others.
    assert running.health() == 200
    assert "admin@demo.test" in running.said
    assert "curl -u demo:demo" in running.said
    assert _check_database(checkout) == 0
    assert _check_database(checkout, VAR=str(var)) == 0

    # A second one on the same folder, and one on the same port, change nothing.
    assert "Another run uses the data folder" in _refused(start(var))
    assert f"Port {running.port} on 127.0.0.1 cannot be used" in _refused(start(var.parent / "two", port=running.port))

    # What dies comes back.
    before = running.noted()
    assert set(before) == names
    os.kill(before["worker"].pid, signal.SIGKILL)
    os.kill(before["postgres"].pid, signal.SIGKILL)
    running.until(r".*(postgres|worker) runs again")
    running.until(r".*(postgres|worker) runs again")
    assert processes.wait_until(lambda: running.health() == 200, timeout=10)

    # One signal ends all of it, in good order.
    last = running.noted()
    assert set(last) == names
    assert running.end(signal.SIGTERM) == 0
    assert [name for name, process in last.items() if processes.is_alive(process)] == []
    assert running.noted() == {}
    assert not (checkout / "var").exists()
    services.remove(var.parent / "two")


def test_an_interrupted_make_stops_everything(start: Start, checkout: Path, var: Path) -> None:
    (checkout / "Makefile").write_text(f"run:\n\t@exec '{sys.executable}' -m conversation_tracker.local.run\n")
    running = start(var, command=["make", "run"])
    running.until("Ready")
    noted = running.noted()
    running.end(signal.SIGINT)
    assert "Stopped." in running.said
    assert [name for name, process in noted.items() if processes.is_alive(process)] == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_a_killed_run_leaves_nothing_that_hinders_the_next(start: Start, var: Path) -> None:
    first = start(var)
    first.until("Ready")
    noted = first.noted()
    first.end(signal.SIGKILL)
    second = start(var, port=first.port)
    second.until("Ready")
    assert [name for name, process in noted.items() if processes.is_alive(process)] == []
    assert second.end(signal.SIGINT) == 0


def test_a_stop_while_starting_stops_what_was_started(start: Start, var: Path) -> None:
    running = start(var)
    running.until(".*PostgreSQL and Redis started")
    assert running.end(signal.SIGTERM) == 0
    assert "Ready" not in running.said
    assert running.noted() == {}


def test_a_program_that_does_not_start_is_named_with_the_end_of_its_log(
    start: Start, checkout: Path, var: Path
) -> None:
    wsgi = checkout / "conversation_tracker" / "wsgi.py"
    whole = wsgi.read_text()
    wsgi.write_text("raise RuntimeError('this application is broken')")
    running = start(var)
    said, _ = running.process.communicate(timeout=30)
    wsgi.write_text(whole)
    assert running.process.returncode == 1
    assert "web did not start" in said
    assert "this application is broken" in said
    assert running.noted() == {}


@pytest.mark.parametrize("port", ["eighty", "0", "70000"])
def test_a_port_that_is_none_is_refused(checkout: Path, port: str) -> None:
    done = subprocess.run(
        COMMAND, cwd=checkout, env=_environment(PORT=port), capture_output=True, text=True, check=False
    )
    assert (done.returncode, "PORT must be a number" in done.stdout) == (1, True)


def _environment(**more: str) -> dict[str, str]:
    """Of a shell in which nothing of ours is set."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR")
    return {name: os.environ[name] for name in kept if name in os.environ} | more


def _check_database(checkout: Path, **more: str) -> int:
    """Exit status of a command run by hand that needs the database."""
    command = [sys.executable, "manage.py", "migrate", "--check"]
    return subprocess.run(command, cwd=checkout, env=_environment(**more), capture_output=True, check=False).returncode


def _refused(running: Running) -> str:
    said, _ = running.process.communicate(timeout=20)
    assert running.process.returncode == 1
    return said


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
