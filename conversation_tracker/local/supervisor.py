"""Keep the processes of a local run going: start them, start them again when they die, stop them in good order."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from conversation_tracker.local import processes
from conversation_tracker.local.processes import Register
from conversation_tracker.local.services import Server

STOP_PATIENCE = 7.0
ORPHAN_PATIENCE = 7.0
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
# A process that ran as long as this is no longer held against its earlier deaths.
STEADY_AFTER = 60.0


@dataclass(slots=True)
class Program:
    """One of our own processes: web, worker, sender or beat."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    log: Path
    register: Register
    # What the kernel sends it when we are killed.
    death_signal: signal.Signals = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, without waiting for it to be ready."""
        self.register.end(self.name, patience=ORPHAN_PATIENCE)
        self.process = processes.spawn(
            self.command, log=self.log, env=self.env, cwd=self.cwd, death_signal=self.death_signal
        )
        self.register.note(self.name, self.process.pid, how=self.death_signal)

    def has_ended(self) -> bool:
        """Whether it was started and has died."""
        return self.process is not None and processes.has_ended(self.process)

    def ask_to_stop(self) -> None:
        """Ask, without waiting."""
        processes.signal_if_running(self.process, signal.SIGTERM)

    def stop(self) -> None:
        """End it now, with what it started."""
        if self.process is not None:
            processes.reap(self.process)
            self.process = None
            self.register.forget(self.name)

    def kill(self) -> None:
        """End it without any waiting; `stop` cleans up."""
        processes.signal_if_running(self.process, signal.SIGKILL)


@dataclass(slots=True)
class Watch:
    """One thing that is kept going."""

    what: Server
    started_at: float
    deaths: int = 0
    again_at: float | None = None

    def pause(self) -> float:
        """Seconds to wait before the next start: doubled at each death in a row."""
        return min(FIRST_PAUSE * 2.0 ** (self.deaths - 1), LONGEST_PAUSE)


@dataclass(slots=True)
class Supervisor:
    """Everything that is kept going. `tell` gets a line for people whenever something died or came back."""

    tell: Callable[[str], None]
    watches: list[Watch] = field(default_factory=list)

    def add(self, what: Server) -> None:
        """Keep this going from now on. It has been started."""
        self.watches.append(Watch(what, started_at=time.monotonic()))

    def look(self, now: float) -> None:
        """See who died, and start again whoever has waited long enough."""
        for watch in self.watches:
            if watch.again_at is None and watch.what.has_ended():
                self._mourn(watch, now)
            if watch.again_at is not None and now >= watch.again_at:
                self._start_again(watch, now)

    def dead(self) -> Server | None:
        """The first that has died and not been started again."""
        return next((watch.what for watch in self.watches if watch.what.has_ended()), None)

    def _mourn(self, watch: Watch, now: float) -> None:
        watch.what.stop()
        watch.deaths = 1 if now - watch.started_at > STEADY_AFTER else watch.deaths + 1
        watch.again_at = now + watch.pause()
        self.tell(f"{watch.what.name} died; starting it again in {watch.pause():.0f} s. Its log: {watch.what.log}")

    def _start_again(self, watch: Watch, now: float) -> None:
        try:
            watch.what.start()
        except Exception as error:  # noqa: BLE001 - whatever keeps it from starting now, it is tried again
            watch.deaths += 1
            watch.again_at = now + watch.pause()
            self.tell(f"{watch.what.name} does not start: {error}. Next try in {watch.pause():.0f} s.")
        else:
            watch.started_at, watch.again_at = now, None
            self.tell(f"{watch.what.name} runs again.")


def stop_all(programs: Sequence[Program]) -> None:
    """Ask all at once, wait for all together, then end whatever is left."""
    for program in programs:
        program.ask_to_stop()
    running = [program for program in programs if program.process is not None]
    processes.wait_until(lambda: all(program.has_ended() for program in running), timeout=STOP_PATIENCE)
    for program in running:
        program.stop()
