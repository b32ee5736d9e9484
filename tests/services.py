"""Give the tests a PostgreSQL and a Redis of their own, before pytest-django reads the settings.

Load it early, with `-p tests.services`. With DATABASE_URL set nothing is started, and the environment is
taken as it is; each process of a run in several then has a database and a Redis database of its own there too.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from conversation_tracker.local import environment, keys, lock
from conversation_tracker.local.services import Services, remove

PREFIX = "ct-tests-"
MEMORY = Path("/dev/shm")
ROOM = 2 * 1024**3


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Start the services. A wrapper, since those run before every plain hook, and so before pytest-django's."""
    asked = early_config.known_args_namespace
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        _keep_apart(int(worker.removeprefix("gw")))
    elif not (os.environ.get("DATABASE_URL") or asked.help or asked.version):
        _start(early_config)
    return (yield)


def _start(config: pytest.Config) -> None:
    _sweep()
    var = scratch(PREFIX)
    config.add_cleanup(lambda: remove(var))
    services = Services(var, environ=os.environ, durable=False)
    config.add_cleanup(services.stop)
    urls = services.start()
    os.environ.update(
        environment.compose(services.var, keys.keep(services.var), urls=urls, host="127.0.0.1", port=8000)
    )
    # The tests keep mails in memory, which pytest-django sees to.
    os.environ.pop("EMAIL_BACKEND", None)


def _keep_apart(number: int) -> None:
    """One of several processes shares the servers that the first has started: pytest-django gives each a database."""
    shared = os.environ["REDIS_URL"]
    pattern, own = (r"db=\d+", f"db={number + 1}") if shared.startswith("unix:") else (r"(/\d*)?$", f"/{number + 1}")
    os.environ["REDIS_URL"] = re.sub(pattern, own, shared, count=1)
    os.environ.pop("EMAIL_BACKEND", None)


def scratch(prefix: str) -> Path:
    """A folder that the servers' account can pass through; in memory where there is room: a database is many files."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=_parent()))
    if os.geteuid() == 0:
        folder.chmod(0o711)
    return folder


def _parent() -> Path:
    roomy = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM
    return MEMORY if roomy else Path(tempfile.gettempdir())


def _sweep() -> None:
    """Remove what test runs left that were killed."""
    for folder in _parent().glob(f"{PREFIX}*"):
        if folder.stat().st_uid == os.geteuid() and (folder / lock.FILE).exists() and not lock.is_held(folder):
            with suppress(lock.AlreadyHeld, FileNotFoundError):
                remove(folder)
