"""Run the whole on this machine: `python -m conversation_tracker.local.run`, which is what `make run` starts.

Holds the data folder, starts PostgreSQL, Redis, web, workers and beat, fills in the demo, and keeps all of it going
until it is asked to stop. HOST, PORT and VAR in the environment say where; with SMTPD_PORT the SMTP
door listens there too.
"""

from __future__ import annotations

import http.client
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import environ

from conversation_tracker.local import environment, keys, locate, processes
from conversation_tracker.local.account import CannotSwitchAccount, HasNoName
from conversation_tracker.local.lock import AlreadyHeld
from conversation_tracker.local.place import CannotPlace
from conversation_tracker.local.postgres import PostgresDidNotStart
from conversation_tracker.local.processes import Register
from conversation_tracker.local.programs import ProgramMissing
from conversation_tracker.local.redis_server import RedisDidNotStart
from conversation_tracker.local.services import Services
from conversation_tracker.local.stopping import Asked, Stopping
from conversation_tracker.local.supervisor import Program, Supervisor, stop_all
from conversation_tracker.local.terminal import Terminal

BASE_DIR = Path(__file__).resolve().parent.parent.parent
WEB_PATIENCE = 90.0
COMMAND_PATIENCE = 10.0
# A worker that is asked kindly tells Redis so; when we are killed Redis ends too, and the worker would wait for it.
DEATH_SIGNALS = {"worker": signal.SIGQUIT, "sender": signal.SIGQUIT}
LOOK_EVERY = 0.2
LARGEST_OLD_LOG = 5_000_000
HIGHEST_PORT = 65_535
PACKAGE = "conversation_tracker"


class CannotRun(Exception):
    """Why the run cannot go on, in words for the person who started it; and the log to show, if one says more."""

    def __init__(self, message: str, *, log: Path | None = None) -> None:
        super().__init__(message)
        self.log = log


EXPECTED = (
    AlreadyHeld,
    CannotPlace,
    CannotRun,
    CannotSwitchAccount,
    HasNoName,
    PostgresDidNotStart,
    ProgramMissing,
    RedisDidNotStart,
)


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller chose."""

    var: Path
    host: str
    port: int
    smtp_port: int = 0  # 0: no SMTP door

    @property
    def url(self) -> str:
        """The address to open in a browser."""
        return environment.address(self.host, self.port)


class Run:
    """One run, from start to stop."""

    def __init__(self, options: Options, terminal: Terminal, stopping: Stopping) -> None:
        self.options = options
        self.terminal = terminal
        self.stopping = stopping
        self.services = Services(options.var, environ=os.environ)
        self.var = self.services.var
        self.register = Register(self.var / "run", owner=self.var)
        self.supervisor = Supervisor(tell=self._tell)
        self.programs: list[Program] = []
        self.env: dict[str, str] = {}

    def start(self) -> None:
        """Bring everything up and say where it is."""
        self.services.hold()
        # Keep this behind the lock: whatever is noted here belongs to a run that is no more.
        self.register.end_all(patience=COMMAND_PATIENCE)
        _refuse_taken_port(self.options.host, self.options.port, variable="PORT")
        if self.options.smtp_port:
            _refuse_taken_port(self.options.host, self.options.smtp_port, variable="SMTPD_PORT")
        _shorten_logs(self.var / "log")
        self._start_services()
        with self.terminal.step("Database migrated"):
            self._manage("migrate", "--no-input")
        self._start_programs()
        with self.terminal.step("Demo filled in"):
            self._manage("demo", "--url", self.options.url)
        self._announce(alias=self._manage("demo", "--sample-alias").strip())

    def watch(self) -> None:
        """Keep everything going until we are asked to stop."""
        while not self.stopping.asked:
            self.supervisor.look(time.monotonic())
            time.sleep(LOOK_EVERY)

    def stop(self) -> None:
        """Stop everything that was started, in order. Asked again, we do not wait any longer."""
        self.stopping.hurry = self._hurry
        locate.point_no_more_to(self.var, base_dir=BASE_DIR)
        stop_all(self.programs)
        self.services.stop()

    def _start_services(self) -> None:
        with self.terminal.step("PostgreSQL and Redis started"):
            urls = self.services.start()
        for server in self.services.servers:
            self.supervisor.add(server)
        options = self.options
        values = environment.compose(self.var, keys.keep(self.var), urls=urls, host=options.host, port=options.port)
        values = environment.prefer(values, os.environ)
        environment.write(self.var, values)
        locate.point_to(self.var, base_dir=BASE_DIR)
        self.env = {**os.environ, **values, "PYTHONUNBUFFERED": "1"}
        self.stopping.check()

    def _start_programs(self) -> None:
        with self.terminal.step("Web, workers and beat started"):
            for name, command in _commands(self.options, self.var).items():
                program = Program(
                    name=name,
                    command=[sys.executable, "-m", *command],
                    env=self.env,
                    cwd=BASE_DIR,
                    log=self.var / "log" / f"{name}.log",
                    register=self.register,
                    death_signal=DEATH_SIGNALS.get(name, signal.SIGTERM),
                )
                self.programs.append(program)
                program.start()
                self.supervisor.add(program)
            self._await_web()

    def _await_web(self) -> None:
        """Wait until /healthz answers 200."""
        deadline = time.monotonic() + WEB_PATIENCE
        while (answer := _health(self.options)) != "":
            self.stopping.check()
            dead = self.supervisor.dead()
            if dead is not None:
                raise CannotRun(f"{dead.name} did not start.", log=dead.log)
            if time.monotonic() > deadline:
                raise CannotRun(f"{self.options.url}/healthz is not well: {answer}", log=self.var / "log" / "web.log")
            time.sleep(LOOK_EVERY)

    def _manage(self, *arguments: str) -> str:
        """Run a `manage.py` command to its end and return what it wrote to standard output."""
        log, output = self.var / "log" / "manage.log", self.var / "run" / "output"
        command = f"manage.py {shlex.join(arguments)}"
        with log.open("ab") as errors, output.open("wb") as out:
            errors.write(f"--- {command}\n".encode())
            errors.flush()
            process = subprocess.Popen(
                [sys.executable, str(BASE_DIR / "manage.py"), *arguments],
                env=self.env,
                cwd=BASE_DIR,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                start_new_session=True,
            )
        self.register.note("manage", process.pid)
        try:
            while not processes.has_ended(process):
                self.stopping.check()
                time.sleep(processes.POLL)
        finally:
            processes.stop(process, how=signal.SIGTERM, patience=COMMAND_PATIENCE)
            self.register.forget("manage")
        said = output.read_text(errors="replace")
        output.unlink()
        if process.returncode != 0:
            raise CannotRun(f"{command} failed.\n{said.strip()}".strip(), log=log)
        return said

    def _announce(self, *, alias: str) -> None:
        say = self.terminal.say
        say()
        self.terminal.fields(
            [
                ("Open", self.options.url),
                ("Sign in as", "admin@demo.test      admin of both stores"),
                ("", "support@demo.test    support in both stores"),
                ("", "outsider@demo.test   a store of its own"),
                ("", f"operator@demo.test   superuser, at {self.options.url}/admin/"),
                ("Password", "demo"),
                ("API keys", "hardstore-key / hardstore-token, softstore-key / softstore-token"),
                *(
                    [("SMTP", f"port {self.options.smtp_port} on {self.options.host}")]
                    if self.options.smtp_port
                    else []
                ),
                ("Logs", str(self.var / "log")),
            ]
        )
        say()
        say("  Write to a customer of hardstore, as a mail provider would deliver it:")
        say()
        say(_curl(self.options.url, alias=alias))
        say()
        say(f"Ready at {self.options.url} (Ctrl-C stops everything)", style="bold green")

    def _tell(self, text: str) -> None:
        self.terminal.say(f"{time.strftime('%H:%M:%S')}  {text}", style="yellow")

    def _hurry(self) -> None:
        for running in (*self.programs, *self.services.servers):
            running.kill()


def main() -> int:
    """Run until asked to stop. 0 after a stop that was asked for, 1 when the run could not start."""
    terminal = Terminal()
    stopping = Stopping()
    stopping.listen()
    environ.Env.read_env(BASE_DIR / ".env")
    try:
        run = Run(_options(), terminal, stopping)
    except EXPECTED as error:
        terminal.fail(str(error))
        return 1
    return _to_the_end(run)


def _to_the_end(run: Run) -> int:
    terminal, status = run.terminal, 0
    try:
        run.start()
        run.watch()
    except Asked:
        pass
    except EXPECTED as error:
        status = 1
        terminal.fail(str(error))
        if isinstance(error, CannotRun) and error.log is not None:
            terminal.tail(error.log)
    finally:
        if run.programs or run.services.servers:
            terminal.say("Stopping ...")
        run.stop()
    if status == 0:
        terminal.say("Stopped.")
    return status


def _options() -> Options:
    return Options(
        var=locate.var_of(BASE_DIR, os.environ),
        host=os.environ.get("HOST") or "127.0.0.1",
        port=_port("PORT", default="8000"),
        smtp_port=_port("SMTPD_PORT") if os.environ.get("SMTPD_PORT") else 0,
    )


def _port(variable: str, *, default: str = "") -> int:
    port = os.environ.get(variable) or default
    if not port.isdecimal() or not 0 < int(port) <= HIGHEST_PORT:
        raise CannotRun(f"{variable} must be a number from 1 to {HIGHEST_PORT}, not {port!r}.")
    return int(port)


def _commands(options: Options, var: Path) -> dict[str, list[str]]:
    """The modules that are run, with their arguments."""
    host = f"[{options.host}]" if ":" in options.host else options.host
    web = ["gunicorn", f"{PACKAGE}.wsgi", "--bind", f"{host}:{options.port}", "--workers", "2"]
    web += [
        "--worker-class",
        "gthread",
        "--threads",
        "8",
        "--timeout",
        "120",
        "--graceful-timeout",
        "5",
        "--no-control-socket",
    ]
    celery = ["celery", "-A", PACKAGE]
    worker = [*celery, "worker", "--without-mingle", "--without-gossip"]
    worker += ["--concurrency", "2", "-Q"]
    commands = {
        "web": web,
        "worker": [*worker, "celery", "-n", "worker@%h"],
        "sender": [*worker, "outbox", "-n", "sender@%h"],
        "beat": [*celery, "beat", "--schedule", str(var / "beat-schedule")],
    }
    if options.smtp_port:
        commands["smtpd"] = ["manage", "smtpd", "--listen", f"{host}:{options.smtp_port}"]
    return commands


def _refuse_taken_port(host: str, port: int, *, variable: str) -> None:
    """Say so now if something else listens there, rather than after everything has been started."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
            trial.listen(1)
    except OSError as error:
        raise CannotRun(
            f"Port {port} on {host} cannot be used: {error.strerror}. "
            f"Choose another, as in `make run {variable}={port + 10}`."
        ) from error


def _health(options: Options) -> str:
    """Empty when /healthz answers 200, else what it said instead."""
    connection = http.client.HTTPConnection(
        "127.0.0.1" if options.host in environment.EVERYWHERE else options.host, options.port, timeout=10
    )
    try:
        connection.request("GET", "/healthz")
        response = connection.getresponse()
        body = response.read(2000).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()
    return "" if response.status == http.client.OK else f"{response.status} {body}"


def _curl(url: str, *, alias: str) -> str:
    """A command that posts a mail in Postmark's shape. Each time with a new Message-ID: a repeated one is a repeat."""
    message_id = "@now@"
    mail = {
        "FromName": "Kim Carrier",
        "FromFull": {"Email": "kim@carrier.test", "Name": "Kim Carrier"},
        "ToFull": [{"Email": alias, "Name": ""}],
        "OriginalRecipient": alias,
        "Subject": "Your parcel is at the door",
        "MessageID": message_id,
        "TextBody": "Hello, I am at your door. Kim",
        "Headers": [{"Name": "Message-ID", "Value": f"<{message_id}@carrier.test>"}],
        "Attachments": [],
    }
    body = shlex.quote(json.dumps(mail)).replace(message_id, "'$(date +%s)'")
    return f"curl -u demo:demo -H 'Content-Type: application/json' {url}/anymail/postmark/inbound/ -d {body}"


def _shorten_logs(folder: Path) -> None:
    """Put large logs of earlier runs aside, one generation of each."""
    for log in folder.glob("*.log"):
        if log.stat().st_size > LARGEST_OLD_LOG:
            log.replace(log.with_name(f"{log.name}.1"))


if __name__ == "__main__":
    sys.exit(main())
