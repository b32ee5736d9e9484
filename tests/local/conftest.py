"""Data folders and real processes for the tests of the local services."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from conversation_tracker.local import services
from tests.services import scratch

CHECKOUT = Path(services.__file__).resolve().parents[2]
# Starts the services, says where they are, and waits for a line on standard input to stop them.
HOLDER = """
import json, sys
from pathlib import Path
from conversation_tracker.local import processes, services
if "--let-orphans-live" in sys.argv:
    processes.LIBC = None
held = services.Services(Path(sys.argv[1]), environ={}, durable=False)
urls = held.start()
pids = {server.name: server.process.pid for server in held.servers}
print(json.dumps({"urls": urls, "pids": pids, "home": str(held.place.home)}), flush=True)
sys.stdin.readline()
held.stop()
"""


class Holder:
    """Another process that runs services."""

    def __init__(self, process: subprocess.Popen[str], said: dict[str, dict[str, str]]) -> None:
        self.process = process
        self.url = said["urls"]["DATABASE_URL"]
        self.pids: list[int] = [int(pid) for pid in said["pids"].values()]
        self.home = Path(str(said["home"]))

    def stop(self) -> int:
        """Have it stop the services, and return its exit status."""
        self.process.communicate("stop\n", timeout=20)
        return self.process.returncode


Hold = Callable[..., Holder]


@pytest.fixture(scope="session")
def made() -> Iterator[Path]:
    """A data folder in which a database has been made, and nothing runs: making one takes a second, copying it none."""
    folder = scratch("ct-test-")
    first = services.Services(folder / "var", environ={}, durable=False)
    first.start()
    first.stop()
    yield folder / "var"
    shutil.rmtree(folder)


@pytest.fixture
def bare() -> Iterator[Path]:
    """Where a data folder can be made that the servers' account can reach."""
    folder = scratch("ct-test-")
    yield folder / "var"
    services.remove(folder / "var")
    shutil.rmtree(folder)


@pytest.fixture
def var(bare: Path, made: Path) -> Path:
    """A data folder in which a database has been made."""
    return copy(made, bare)


def copy(made: Path, var: Path) -> Path:
    """Another data folder like a made one, owners and modes kept."""
    subprocess.run(["cp", "-a", str(made), str(var)], check=True)
    return var


@pytest.fixture
def hold() -> Iterator[Hold]:
    """Start services in a process of their own."""
    started: list[subprocess.Popen[str]] = []

    def start(var: Path, *options: str, **popen: object) -> Holder:
        command = [str(popen.pop("python", sys.executable)), "-c", HOLDER, str(var), *options]
        popen = {"env": {**os.environ, "PYTHONPATH": str(CHECKOUT)}, "cwd": "/", **popen}
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **popen)  # type: ignore[call-overload]  # keywords are handed on
        started.append(process)
        line = process.stdout.readline()
        assert line, "the services did not start"
        return Holder(process, json.loads(line))

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def ordinary() -> pwd.struct_passwd:
    """An account that is not root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    return pwd.getpwnam("nobody")


def run_sql(url: str, statement: str) -> list[tuple[object, ...]]:
    """Run one statement on the database of a URL as the services make it."""
    credentials, _, place = url.removeprefix("postgres://").partition("@:5432/")
    user, _, password = credentials.partition(":")
    folder, _, database = place.rpartition("/")
    with psycopg.connect(host=folder, user=user, password=password, dbname=database) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []
