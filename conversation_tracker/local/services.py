"""Start and stop what one machine needs besides our own processes: PostgreSQL and Redis.

With DATABASE_URL or REDIS_URL the caller brings that one, and it is not started.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from conversation_tracker.local import account as accounts
from conversation_tracker.local import keys, place
from conversation_tracker.local.lock import Lock
from conversation_tracker.local.place import Place
from conversation_tracker.local.postgres import Postgres
from conversation_tracker.local.processes import Register
from conversation_tracker.local.redis_server import Redis

URLS = ("DATABASE_URL", "REDIS_URL")
SOCKETS_NOTE = "sockets"
ORPHAN_PATIENCE = 10.0


class Server(Protocol):
    """What PostgreSQL and Redis have in common."""

    name: str
    log: Path

    def start(self) -> None:
        """Start, and return when it answers."""

    def stop(self) -> None:
        """Shut down cleanly."""

    def kill(self) -> None:
        """Break off at once; `stop` then finds it ended."""

    def has_ended(self) -> bool:
        """Whether it was started and has died."""


class Services:
    """The servers of one data folder, which is held from the first step of `start` to the last of `stop`.

    With `durable=False` data may be lost when the machine crashes: for tests.
    """

    def __init__(self, var: Path, *, environ: Mapping[str, str], durable: bool = True) -> None:
        self.var = place.prepare(var)
        self.environ = environ
        self.durable = durable
        self.lock = Lock(self.var)
        self.servers: list[Server] = []
        self.place: Place | None = None
        self.sockets: Path | None = None

    def start(self) -> dict[str, str]:
        """Hold the data folder, start what the environment does not bring, and return DATABASE_URL and REDIS_URL.

        Raises what the steps raise; whatever was started by then is stopped again.
        """
        self.hold()
        try:
            return self._start()
        except BaseException:
            self.stop()
            raise

    def hold(self) -> None:
        """Hold the data folder already now, before `start` does. Raises AlreadyHeld."""
        if not self.lock.held:
            self.lock.hold()

    def stop(self) -> None:
        """Stop the servers, in the order opposite to their start, and let go of the data folder."""
        while self.servers:
            self.servers.pop().stop()
        if self.place is not None and self.sockets is not None:
            place.remove_socket_folder(self.sockets, self.place.account)
            (self.place.run / SOCKETS_NOTE).unlink(missing_ok=True)
            self.sockets = None
        self.lock.release()

    def _start(self) -> dict[str, str]:
        urls = {name: self.environ[name] for name in URLS if self.environ.get(name)}
        if len(urls) == len(URLS):
            return urls
        kept = keys.keep(self.var)
        self.place = place.settle(self.var, stamp=kept.stamp, lasting=self.durable)
        left = _noted_sockets(self.var)
        self.sockets = place.new_socket_folder(self.place.account)
        self._note_sockets(*left, self.sockets)
        if "DATABASE_URL" not in urls:
            postgres = Postgres(self.place, sockets=self.sockets, password=kept.database_password, durable=self.durable)
            self._bring_up(postgres)
            urls["DATABASE_URL"] = postgres.url
        if "REDIS_URL" not in urls:
            redis = Redis(self.place, sockets=self.sockets)
            self._bring_up(redis)
            urls["REDIS_URL"] = redis.url
        # Keep this after the start: until then a server that was left behind may still use them.
        for folder in left:
            place.remove_socket_folder(folder, self.place.account)
        self._note_sockets(self.sockets)
        return urls

    def _bring_up(self, server: Server) -> None:
        self.servers.append(server)
        server.start()

    def _note_sockets(self, *folders: Path) -> None:
        (self.var / "run" / SOCKETS_NOTE).write_text("\n".join(map(str, (self.var, *folders))))


def remove(var: Path) -> None:
    """Remove a data folder, what was left running on it, and what was put elsewhere for it.

    Raises AlreadyHeld when a run uses it.
    """
    var = place.resolve(var)
    if not var.is_dir():
        return
    held = Lock(var)
    held.hold()
    Register(var / "run", owner=var).end_all(patience=ORPHAN_PATIENCE)
    for folder in _noted_sockets(var):
        place.remove_socket_folder(folder, accounts.of_servers())
    place.remove_elsewhere(var)
    shutil.rmtree(var)
    held.release()


def _noted_sockets(var: Path) -> list[Path]:
    """The socket folders that a run on this data folder left. A note copied along with another folder is not ours."""
    note = var / "run" / SOCKETS_NOTE
    owner, *folders = note.read_text().splitlines() if note.is_file() else [""]
    return [Path(folder) for folder in folders] if owner == str(var) else []
