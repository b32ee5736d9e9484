"""Where the embedded servers of a data folder keep their files, so that their account can reach them."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from conversation_tracker.local import account as accounts
from conversation_tracker.local.account import Account

# Searched in this order when root's data folder stands where `nobody` cannot go. /tmp is no choice: many systems
# delete old files from it, and a database is full of old files.
ELSEWHERE = ("/var/lib", "/var/tmp", "/opt")  # noqa: S108 - owner and mode are checked
SOCKET_PREFIX = "ct-"
# The longest socket name that must fit in, and the system's limit: 104 bytes on macOS, 108 on Linux.
LONGEST_SOCKET = "/.s.PGSQL.5432"
SOCKET_LIMIT = 103


class CannotPlace(Exception):
    """No folder was found, or one that exists is not ours to use."""


@dataclass(frozen=True, slots=True)
class Place:
    """The folders of one set of servers."""

    var: Path
    """What people look into: environment file, logs, mails."""
    home: Path
    """Where the servers' data stands: `var` itself, or a folder elsewhere when their account cannot reach `var`."""
    account: Account

    @property
    def run(self) -> Path:
        """Notes about what runs now."""
        return self.var / "run"

    @property
    def log(self) -> Path:
        """One log a process."""
        return self.var / "log"


def resolve(var: Path) -> Path:
    """The one true name of a data folder, by which everything about it is keyed."""
    return var.expanduser().resolve()


def prepare(var: Path) -> Path:
    """Make the data folder if it is missing, refuse one that belongs to somebody else, and return its true name."""
    var = resolve(var)
    # As root, `nobody` has to pass through a folder of ours, but need not list it.
    mode = 0o711 if os.geteuid() == 0 else 0o700
    try:
        if not var.is_dir():
            var.mkdir(parents=True, mode=mode)
            var.chmod(mode)
        _refuse_foreign(var)
        for name in ("run", "log", "mail"):
            folder = var / name
            folder.mkdir(mode=0o700, exist_ok=True)
            _refuse_foreign(folder)
    except OSError as error:
        raise CannotPlace(
            f"The data folder {var} cannot be used: {error.strerror}. Choose another with VAR=."
        ) from error
    return var


def settle(var: Path, *, stamp: str, lasting: bool) -> Place:
    """Find where the servers' data of a prepared data folder stands.

    `stamp` tells this data folder from an earlier one of the same name: what that one left elsewhere is removed.
    `lasting` says whether the data must outlive a cleaning of the temporary folders.
    """
    account = accounts.of_servers()
    if _can_hold(var, account):
        return Place(var=var, home=var, account=account)
    if not account.switch:
        raise CannotPlace(
            f"The data folder {var} does not keep file modes, and PostgreSQL needs that. Choose another with VAR=."
        )
    return Place(var=var, home=_elsewhere(var, account, stamp=stamp, lasting=lasting), account=account)


def remove_elsewhere(var: Path) -> None:
    """Remove what `settle` put elsewhere for this data folder. Its servers must have stopped."""
    for parent in _parents(lasting=False):
        home = parent / _key(var)
        if home.is_dir() and not home.is_symlink() and home.stat().st_uid == os.geteuid():
            shutil.rmtree(home)
            with suppress(OSError):
                parent.rmdir()


def new_socket_folder(account: Account) -> Path:
    """A folder that only the account may enter, with a short name; a fresh one, so nobody can have prepared it."""
    for parent in dict.fromkeys(("/tmp", tempfile.gettempdir())):  # noqa: S108 - mkdtemp makes a private folder
        try:
            folder = Path(tempfile.mkdtemp(prefix=SOCKET_PREFIX, dir=parent))
        except OSError:
            continue
        fits = len(os.fsencode(f"{folder}{LONGEST_SOCKET}")) <= SOCKET_LIMIT
        if fits and accounts.give(account, folder) and accounts.can(account, "-w", folder):
            return folder
        shutil.rmtree(folder)
    raise CannotPlace("Neither /tmp nor TMPDIR can hold a private folder for the servers' sockets.")


def remove_socket_folder(folder: Path, account: Account) -> None:
    """Remove a socket folder that an earlier run left, if it is one that we could have made."""
    try:
        found = folder.lstat()
    except OSError:
        return
    if folder.name.startswith(SOCKET_PREFIX) and stat.S_ISDIR(found.st_mode) and found.st_uid == account.uid:
        shutil.rmtree(folder, ignore_errors=True)


def _refuse_foreign(folder: Path) -> None:
    if folder.stat().st_uid != os.geteuid():
        raise CannotPlace(f"The folder {folder} belongs to another user. Choose another data folder with VAR=.")


def _can_hold(folder: Path, account: Account) -> bool:
    """Whether a private folder of the account can stand in this one: made, owned, kept private, and reached."""
    trial = Path(tempfile.mkdtemp(prefix="trial-", dir=folder))
    try:
        return accounts.give(account, trial) and accounts.can(account, "-w", trial)
    finally:
        trial.rmdir()


def _key(var: Path) -> str:
    return hashlib.sha256(os.fsencode(var)).hexdigest()[:16]


def _parents(*, lasting: bool) -> list[Path]:
    roots = ELSEWHERE if lasting else (*ELSEWHERE, "/tmp")  # noqa: S108 - owner and mode are checked
    return [Path(root) / "conversation-tracker" for root in roots]


def _elsewhere(var: Path, account: Account, *, stamp: str, lasting: bool) -> Path:
    for parent in _parents(lasting=lasting):
        home = parent / _key(var)
        if not (_own(parent) and _own(home)):
            continue
        if not _can_hold(home, account):
            continue
        _start_over_unless(home / "stamp", stamp)
        return home
    tried = ", ".join(str(parent) for parent in _parents(lasting=lasting))
    raise CannotPlace(f"{accounts.UNPRIVILEGED!r} cannot reach {var}, nor anything under {tried}. Choose another VAR=.")


def _own(folder: Path) -> bool:
    """Make the folder, or check that nobody else has: it must be a real folder of ours, that others cannot write."""
    try:
        folder.mkdir(mode=0o711, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            return False
        folder.chmod(0o711)
    except OSError:
        return False
    return True


def _start_over_unless(note: Path, stamp: str) -> None:
    """Empty the folder of the note unless the note says `stamp`."""
    if note.is_file() and note.read_text() == stamp:
        return
    for entry in note.parent.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    note.write_text(stamp)
