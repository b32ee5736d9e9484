"""Start and stop Redis for a data folder, over a Unix socket only.

It keeps nothing: what must last is in PostgreSQL.
"""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import redis

from conversation_tracker.local import processes, programs
from conversation_tracker.local.place import Place
from conversation_tracker.local.processes import Register

NAME = "redis"
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
START_PATIENCE = 15.0
STOP_PATIENCE = 3.0


class RedisDidNotStart(Exception):
    """Redis could not be started; the message ends with what it said."""


class Redis:
    """One Redis server, child of this process."""

    name = NAME

    def __init__(self, place: Place, *, sockets: Path) -> None:
        self.place = place
        self.sockets = sockets
        self.socket = sockets / "redis.sock"
        self.log = place.log / "redis.log"
        self.register = Register(place.run, owner=place.var)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """For REDIS_URL, in the form of redis-py."""
        return f"unix://{self.socket}?db=0"

    def start(self) -> None:
        """Start the server and return when it answers."""
        program = programs.redis_server(self.place)
        self.end_orphans()
        self.process = processes.spawn(
            self._command(program), log=self.log, env=ENVIRONMENT, cwd=Path("/"), account=self.place.account
        )
        self.register.note(NAME, self.process.pid)
        deadline = time.monotonic() + START_PATIENCE
        while not self._answers():
            if processes.has_ended(self.process) or time.monotonic() > deadline:
                self.stop()
                raise RedisDidNotStart(f"Redis did not start. Its log is {self.log}.")
            time.sleep(processes.POLL)

    def stop(self) -> None:
        """Shut down; nothing is saved."""
        if self.process is None:
            return
        processes.stop(self.process, how=signal.SIGTERM, patience=STOP_PATIENCE)
        self.process = None
        self.register.forget(NAME)

    def kill(self) -> None:
        """Break off at once."""
        processes.signal_if_running(self.process, signal.SIGKILL)

    def has_ended(self) -> bool:
        """Whether it was started and has died."""
        return self.process is not None and processes.has_ended(self.process)

    def end_orphans(self) -> None:
        """Stop a server that an earlier run left behind, and clear away its socket."""
        self.register.end(NAME, patience=STOP_PATIENCE)
        self.socket.unlink(missing_ok=True)

    def _command(self, program: Path) -> list[str]:
        settings = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "save": "",
            "appendonly": "no",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            "dir": str(self.sockets),
        }
        return [str(program), *(part for name, value in settings.items() for part in (f"--{name}", value))]

    def _answers(self) -> bool:
        client = redis.Redis(unix_socket_path=str(self.socket), socket_timeout=2)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()
