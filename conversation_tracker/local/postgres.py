"""Start and stop PostgreSQL for a data folder, over a Unix socket only."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psycopg
from psycopg import sql

from conversation_tracker.local import account as accounts
from conversation_tracker.local import processes, programs
from conversation_tracker.local.place import Place
from conversation_tracker.local.processes import Identity, Register

NAME = "postgres"
INITDB = "initdb"
DATABASE = "conversation_tracker"
USER = "conversation_tracker"
PORT = 5432
# Nothing of the caller's environment reaches the server: PGPORT or LC_* of a developer's shell would change it.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
START_PATIENCE = 60.0  # After a crash PostgreSQL first replays its log.
STOP_PATIENCE = 10.0


class PostgresDidNotStart(Exception):
    """PostgreSQL could not be set up or started; the message ends with what it said."""


class Postgres:
    """One PostgreSQL server, child of this process."""

    name = NAME

    def __init__(self, place: Place, *, sockets: Path, password: str, durable: bool) -> None:
        self.place = place
        self.sockets = sockets
        self.password = password
        self.durable = durable
        self.data = place.home / "postgres"
        self.log = place.log / "postgres.log"
        self.register = Register(place.run, owner=place.var)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """For DATABASE_URL. The doubled slash is how django-environ is told of a socket folder."""
        return f"postgres://{USER}:{self.password}@:{PORT}/{self.sockets}/{DATABASE}"

    def start(self) -> None:
        """Start the server, making its data first if there is none, and return when it answers."""
        programs_folder = programs.postgres_bin(self.place)
        self.end_orphans()
        if not self.data.is_dir():
            self._initialise(programs_folder)
        self._check_version(programs_folder)
        deadline = time.monotonic() + START_PATIENCE
        while not self._launch(programs_folder, deadline=deadline):
            # Backends of a killed server may still hold its shared memory for a moment.
            time.sleep(0.3)
        self._make_database()

    def stop(self) -> None:
        """Shut down fast and cleanly: running statements are broken off, committed data is on disk."""
        if self.process is None:
            return
        processes.stop(self.process, how=signal.SIGINT, patience=STOP_PATIENCE)
        self.process = None
        self.register.forget(NAME)

    def kill(self) -> None:
        """Break off at once; nothing that was committed is lost."""
        processes.signal_if_running(self.process, signal.SIGQUIT)

    def has_ended(self) -> bool:
        """Whether it was started and has died."""
        return self.process is not None and processes.has_ended(self.process)

    def end_orphans(self) -> None:
        """Stop a server that an earlier run left behind, and clear away what it left on disk."""
        self.register.end(INITDB, patience=STOP_PATIENCE)
        self.register.end(NAME, patience=STOP_PATIENCE)
        unnoted = self._server_of_lock_file()
        if unnoted is not None:
            processes.end_orphan(unnoted, how=signal.SIGINT, patience=STOP_PATIENCE)
        self._disown_lock_file()
        for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
            (self.sockets / name).unlink(missing_ok=True)

    def _initialise(self, programs_folder: Path) -> None:
        """Make a new cluster aside and move it into place when it is complete, so that a kill leaves no half of one."""
        accounts.require_name(self.place.account)
        unfinished = self.data.with_name("postgres.unfinished")
        if unfinished.exists():
            shutil.rmtree(unfinished)
        unfinished.mkdir(mode=0o700)
        accounts.give(self.place.account, unfinished)
        password_file = self._hand_over_password()
        command = [
            str(programs_folder / "initdb"),
            f"--pgdata={unfinished}",
            f"--username={USER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            # The built-in provider: the same on every machine, whatever locales it has.
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            "--no-instructions",
            *([] if self.durable else ["--no-sync"]),
        ]
        written = _size(self.log)
        process = processes.spawn(command, log=self.log, env=ENVIRONMENT, cwd=Path("/"), account=self.place.account)
        try:
            self.register.note(INITDB, process.pid)
            failed = process.wait() != 0
        finally:
            processes.stop(process, how=signal.SIGTERM, patience=STOP_PATIENCE)
            self.register.forget(INITDB)
            password_file.unlink(missing_ok=True)
        if failed:
            raise PostgresDidNotStart(f"initdb failed. Its log {self.log} ends:\n{_text_from(self.log, written)}")
        unfinished.rename(self.data)

    def _hand_over_password(self) -> Path:
        """A file with the password, for the servers' account only. Not a pipe: another account could not open ours."""
        path = self.sockets / "password"
        path.touch(mode=0o600)
        path.write_text(self.password)
        if self.place.account.switch:
            os.chown(path, self.place.account.uid, self.place.account.gid)
        return path

    def _check_version(self, programs_folder: Path) -> None:
        made_by = (self.data / "PG_VERSION").read_text().strip()
        said = subprocess.run(
            [programs_folder / "postgres", "--version"], env=ENVIRONMENT, capture_output=True, text=True, check=True
        ).stdout
        present = said.split()[2].split(".")[0]
        if made_by != present:
            raise PostgresDidNotStart(
                f"{self.data} was made by PostgreSQL {made_by}, and PostgreSQL {present} is installed. "
                "Remove the data folder to start over, or choose another with VAR=."
            )

    def _launch(self, programs_folder: Path, *, deadline: float) -> bool:
        """Start the server and wait until it answers. False when an ended server's memory is still in use."""
        written = _size(self.log)
        self.process = processes.spawn(
            self._command(programs_folder),
            log=self.log,
            env=ENVIRONMENT,
            cwd=Path("/"),
            death_signal=signal.SIGINT,
            account=self.place.account,
        )
        self.register.note(NAME, self.process.pid, how=signal.SIGINT)
        while not self._answers():
            if processes.has_ended(self.process) or time.monotonic() > deadline:
                self.stop()
                said = _text_from(self.log, written)
                if "is still in use" in said and time.monotonic() < deadline:
                    return False
                raise PostgresDidNotStart(f"PostgreSQL did not start. Its log {self.log} ends:\n{said}")
            time.sleep(processes.POLL)
        return True

    def _command(self, programs_folder: Path) -> list[str]:
        settings = {
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": str(self.sockets),
            "unix_socket_permissions": "0700",
            "max_connections": "100",
            "shared_buffers": "128MB",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "logging_collector": "off",
            "log_destination": "stderr",
            # A statement in the log would show what the tables hide.
            "log_min_error_statement": "panic",
            "log_parameter_max_length_on_error": "0",
            "max_wal_size": "512MB",
        }
        if not self.durable:
            # A killed server still loses nothing, only a crash of the machine does.
            settings |= {"fsync": "off", "full_page_writes": "off", "autovacuum_naptime": "1h"}
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(programs_folder / "postgres"), "-D", str(self.data), *flags]

    def _answers(self) -> bool:
        try:
            self._connect("postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def _make_database(self) -> None:
        with self._connect("postgres") as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if found is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))

    def _connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=str(self.sockets),
            port=PORT,
            dbname=database,
            user=USER,
            password=self.password,
            autocommit=True,
            connect_timeout=5,
        )

    def _server_of_lock_file(self) -> Identity | None:
        """The server that the lock file in the data names, if that process really is one, on this very data."""
        pid = self._pid_of_lock_file()
        command = processes.command_of(pid) if pid else []
        if not command or Path(command[0]).name != "postgres" or str(self.data) not in command:
            return None
        return processes.identify(pid)

    def _pid_of_lock_file(self) -> int:
        try:
            return int((self.data / "postmaster.pid").read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            return 0

    def _disown_lock_file(self) -> None:
        """Show PostgreSQL that a lock file left in the data is stale, even if its number is now another process's.

        A number equal to its parent's it takes as stale (CreateLockFile in miscinit.c), and still checks by the rest
        of the file that no backend of the old server holds the shared memory. Removing the file would skip that check.
        """
        lock_file = self.data / "postmaster.pid"
        if self._pid_of_lock_file() == 0:
            lock_file.unlink(missing_ok=True)
            return
        _, _, rest = lock_file.read_text().partition("\n")
        lock_file.write_text(f"{os.getpid()}\n{rest}")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _text_from(path: Path, offset: int) -> str:
    """The end of what was written to the log since it had this size."""
    with path.open("rb") as file:
        file.seek(offset)
        return file.read().decode(errors="replace").strip()[-2000:]
