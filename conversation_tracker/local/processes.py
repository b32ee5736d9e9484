"""Start, recognise and end processes, also those that an earlier run left behind."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from conversation_tracker.local.account import Account

PROC = Path("/proc")
PR_SET_PDEATHSIG = 1
POLL = 0.02
ALREADY_ENDING = 4.0
LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Identity:
    """One process and no other: its number, when it started, and since which boot of the machine that counts."""

    pid: int
    started: str
    boot: str


def identify(pid: int) -> Identity | None:
    """The process that has this number now, or None when there is none (a zombie is none)."""
    started = _started(pid)
    return Identity(pid=pid, started=started, boot=_boot()) if started is not None else None


def is_alive(identity: Identity) -> bool:
    """Whether this very process still runs, and not another that was given its number."""
    return identify(identity.pid) == identity


def spawn(
    command: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str],
    cwd: Path,
    death_signal: signal.Signals = signal.SIGTERM,
    account: Account | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, so that Ctrl-C in the terminal reaches only us. Output goes to `log`.

    On Linux the kernel sends it `death_signal` should we die without stopping it. Call this from a thread that lives
    as long as we do: the kernel counts the thread, not the process, as the parent.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
            user=account.user if account else None,
            group=account.group if account else None,
            extra_groups=account.extra_groups if account else None,
            preexec_fn=_prepare_child(death_signal),  # noqa: PLW1509 - two system calls, no lock taken
        )


def stop(process: subprocess.Popen[bytes], *, how: signal.Signals, patience: float) -> None:
    """End a child of ours and whatever is left of its session: ask with `how`, and after `patience` seconds kill."""
    if not has_ended(process):
        os.kill(process.pid, how)
        wait_until(lambda: has_ended(process), timeout=patience)
    reap(process)


def signal_if_running(process: subprocess.Popen[bytes] | None, how: signal.Signals) -> None:
    """Send a child of ours a signal, if it was started and has not ended."""
    if process is not None and not has_ended(process):
        os.kill(process.pid, how)


def has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether a child of ours has ended. Leaves it unreaped, so that its number stays its own until `reap`."""
    if process.returncode is not None:
        return True
    found = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    return found is not None


def reap(process: subprocess.Popen[bytes]) -> int:
    """Kill what is left of a child's process group, itself included, and return its exit status."""
    if process.returncode is None:
        # Keep this before wait(): once the child is reaped, its number may belong to another group.
        # PermissionError is how macOS says that only zombies are left.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def end_orphan(orphan: Identity, *, how: signal.Signals, patience: float) -> None:
    """End a process that is not our child, and after it whatever is left of its session."""
    if is_alive(orphan):
        _send(orphan.pid, how)
        if not wait_until(lambda: not is_alive(orphan), timeout=patience):
            _send(orphan.pid, signal.SIGKILL)
            wait_until(lambda: not is_alive(orphan), timeout=patience)
    for member in _left_of_session(orphan):
        _send(member.pid, signal.SIGKILL)


def wait_until(condition: Callable[[], bool], *, timeout: float) -> bool:
    """Poll the condition until it holds; False when it did not within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    return True


def command_of(pid: int) -> list[str]:
    """The command line of a process, empty when it has none or may not be seen."""
    if not PROC.joinpath("self").exists():
        listed = subprocess.run(
            ["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        return listed.stdout.split()
    try:
        return PROC.joinpath(str(pid), "cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
    except OSError:
        return []


def die_with_parent(death_signal: signal.Signals) -> None:
    """Have the kernel send us this signal when our parent dies, where it can (Linux, prctl(2))."""
    if LIBC is not None:
        LIBC.prctl(PR_SET_PDEATHSIG, death_signal.value, 0, 0, 0)


class Register:
    """Remembers which processes were started for a data folder, so that a later run can end those left over."""

    def __init__(self, folder: Path, *, owner: Path) -> None:
        self.folder = folder
        self.owner = str(owner)

    def note(self, name: str, pid: int, *, how: signal.Signals = signal.SIGTERM) -> None:
        """Remember a process that was just started, and which signal ends it properly."""
        identity = identify(pid)
        if identity is None:
            return
        new = self._file(name).with_suffix(".new")
        new.write_text(json.dumps({"owner": self.owner, "how": how.value, "process": asdict(identity)}))
        new.replace(self._file(name))

    def forget(self, name: str) -> None:
        """The process has ended."""
        self._file(name).unlink(missing_ok=True)

    def end(self, name: str, *, patience: float) -> None:
        """End the process noted under this name, if it still runs, and forget it.

        A note that was copied along with another data folder is not ours: its process is left alone.
        """
        noted = self._read(name)
        if noted is not None:
            end_orphan(noted[0], how=noted[1], patience=patience)
        self.forget(name)

    def end_all(self, *, patience: float) -> None:
        """End every process that is noted."""
        noted = {file.stem: self._read(file.stem) for file in self.folder.glob("*.json")}
        # The kernel has told most of them already that their parent died. A worker that is told twice hangs.
        wait_until(lambda: not any(found and is_alive(found[0]) for found in noted.values()), timeout=ALREADY_ENDING)
        for name in noted:
            self.end(name, patience=patience)

    def _read(self, name: str) -> tuple[Identity, signal.Signals] | None:
        """What was noted: which process, and the signal that ends it."""
        try:
            noted = json.loads(self._file(name).read_text())
            found = Identity(**noted["process"]), signal.Signals(noted["how"])
            return found if noted["owner"] == self.owner else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.json"


def _prepare_child(death_signal: signal.Signals) -> Callable[[], None]:
    """What the child runs last before its program: after the change of account, which would clear the kernel's note."""
    parent = os.getpid()

    def prepare() -> None:
        die_with_parent(death_signal)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


def _send(pid: int, how: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, how)


def _started(pid: int) -> str | None:
    if PROC.joinpath("self").exists():
        fields = _stat(pid)
        return fields[19] if fields and fields[0] not in "ZX" else None
    listed = subprocess.run(
        ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    status, _, started = listed.stdout.strip().partition(" ")
    return started.strip() if status and not status.startswith("Z") else None


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat from the state on (proc(5) counts it as the third)."""
    try:
        return PROC.joinpath(str(pid), "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _boot() -> str:
    try:
        return PROC.joinpath("sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _left_of_session(leader: Identity) -> Iterator[Identity]:
    """What still runs of the session of a process that has ended.

    The kernel gives a number to no new process while a session bears it, so a living process of that number that is
    not the leader means that the session has ended.
    """
    if not PROC.joinpath("self").exists() or leader.boot != _boot() or _stat(leader.pid):
        return
    for entry in PROC.iterdir():
        if not entry.name.isdigit():
            continue
        fields = _stat(int(entry.name))
        if fields and fields[3] == str(leader.pid) and int(fields[19]) >= int(leader.started):
            member = identify(int(entry.name))
            if member is not None:
                yield member
