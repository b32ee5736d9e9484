"""Whose account the embedded servers run under, and what that account can reach.

PostgreSQL refuses to run as root. When we are root, the servers therefore drop to `nobody`; otherwise they are ours.
"""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

UNPRIVILEGED = "nobody"
PRIVATE = 0o700


class CannotSwitchAccount(Exception):
    """We are root, and may not become the account that the servers need."""


class HasNoName(Exception):
    """We run as a number that no account has, as a container may, and PostgreSQL asks for the account's name."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account, and whether a process must change to it before it starts the server."""

    uid: int
    gid: int
    switch: bool

    @property
    def user(self) -> int | None:
        """For `subprocess`: the user to change to."""
        return self.uid if self.switch else None

    @property
    def group(self) -> int | None:
        """For `subprocess`: the group to change to."""
        return self.gid if self.switch else None

    @property
    def extra_groups(self) -> list[int] | None:
        """For `subprocess`: no further groups, so that none of root's is kept."""
        return [] if self.switch else None


def of_servers() -> Account:
    """The account that the servers run under."""
    if os.geteuid() != 0:
        return Account(uid=os.geteuid(), gid=os.getegid(), switch=False)
    try:
        entry = pwd.getpwnam(UNPRIVILEGED)
    except KeyError as error:
        raise CannotSwitchAccount(
            f"PostgreSQL does not run as root, and this machine has no account {UNPRIVILEGED!r}. "
            "Run this as an ordinary user, or set DATABASE_URL and REDIS_URL."
        ) from error
    return Account(uid=entry.pw_uid, gid=entry.pw_gid, switch=True)


def require_name(account: Account) -> None:
    """Raise HasNoName unless the account is known by name: initdb makes nothing for a bare number, whatever it is told.

    A server whose data are made already does not ask.
    """
    try:
        pwd.getpwuid(account.uid)
    except KeyError as error:
        raise HasNoName(
            f"This runs as user id {account.uid}, which no account of this machine has, and PostgreSQL makes no data "
            "folder for such a one. Run this as a user that /etc/passwd names (in a container: `--user nobody`, or "
            f"`--user root`, or add a line for {account.uid}), or set DATABASE_URL and REDIS_URL."
        ) from error


def can(account: Account, test: str, path: Path) -> bool:
    """Whether the account passes `test` on the path, as in test(1): `-x`, `-w`. Asks the kernel, so ACLs count."""
    command = ["/bin/sh", "-c", f'test {test} "$1"', "sh", str(path)]
    try:
        done = subprocess.run(
            command,
            cwd="/",
            user=account.user,
            group=account.group,
            extra_groups=account.extra_groups,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise CannotSwitchAccount(
            f"PostgreSQL does not run as root, and this machine does not let us become {UNPRIVILEGED!r} ({error}). "
            "Run this as an ordinary user, or set DATABASE_URL and REDIS_URL."
        ) from error
    return done.returncode == 0


def give(account: Account, folder: Path) -> bool:
    """Make the folder private to the account. False where the file system does not keep owners and modes."""
    try:
        if account.switch:
            os.chown(folder, account.uid, account.gid)
        folder.chmod(PRIVATE)
        found = folder.lstat()
    except OSError:
        return False
    return found.st_uid == account.uid and stat.S_IMODE(found.st_mode) == PRIVATE
