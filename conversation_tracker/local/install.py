"""Make the virtualenv and install a locked set of requirements into it. Warm when nothing has changed.

Run by `make` with whatever Python the machine has, before anything is installed: standard library only, and nothing
of ours.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent.parent
VENV = BASE_DIR / ".venv"
PYTHON = VENV / "bin" / "python"
UNFINISHED = VENV / ".unfinished"
# What is installed with the larger set serves the smaller one too.
HOLDS = {"local": ("local", "dev"), "dev": ("dev",)}


class CannotInstall(Exception):
    """The virtualenv could not be made, in words for the person who ran `make`."""


def install(wanted: str) -> None:
    """Bring the virtualenv up to what `requirements/<wanted>.txt` says."""
    with (BASE_DIR / "pyproject.toml").open() as held:
        # Two runs of `make` at once: the second waits here, and then finds everything done.
        fcntl.flock(held, fcntl.LOCK_EX)
        if UNFINISHED.exists() or not _works():
            # A half-installed package looks installed to pip: start over rather than repair.
            _say("Making the virtualenv .venv")
            shutil.rmtree(VENV, ignore_errors=True)
            _make()
        if not any(_is_stamped(name) for name in HOLDS[wanted]):
            _say(f"Installing requirements/{wanted}.txt")
            _fill(wanted)


def _make() -> None:
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        _add_venv_module()
    _run([sys.executable, "-m", "venv", str(VENV)])


def _fill(wanted: str) -> None:
    UNFINISHED.touch()
    for stamp in VENV.glob(".installed-*"):
        stamp.unlink()
    requirements = BASE_DIR / "requirements" / f"{wanted}.txt"
    options = ["--require-hashes", "--disable-pip-version-check", "--no-input", "--quiet"]
    _run([str(PYTHON), "-m", "pip", "install", *options, "-r", str(requirements)])
    _stamp(wanted).write_text(_digest(wanted))
    UNFINISHED.unlink()


def _works() -> bool:
    """Whether the virtualenv is there, whole, and its Python still on the machine."""
    if not PYTHON.exists():
        return False
    command = [str(PYTHON), "-m", "pip", "--version"]
    if any(VENV.glob(".installed-*")):
        command = [str(PYTHON), "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _is_stamped(name: str) -> bool:
    return _stamp(name).is_file() and _stamp(name).read_text() == _digest(name)


def _stamp(name: str) -> Path:
    return VENV / f".installed-{name}"


def _digest(name: str) -> str:
    """Of the requirements' content and the checkout's place, since a virtualenv does not survive being moved."""
    content = (BASE_DIR / "requirements" / f"{name}.txt").read_bytes()
    return hashlib.sha256(content + os.fsencode(VENV)).hexdigest()


def _add_venv_module() -> None:
    """Debian keeps Python's venv module in a package of its own: install it if we may, else say how."""
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0 or not sys.executable.startswith("/usr/bin/"):
        raise CannotInstall(
            f"{sys.executable} lacks its venv module. On Debian and Ubuntu: sudo apt-get install {package}. "
            "Or choose another Python: make PYTHON=/path/to/python3 ..."
        )
    _say(f"Installing Debian's package {package}")
    _run([apt, "update", "-q"])
    _run([apt, "install", "-q", "-y", package])


def _run(command: list[str]) -> None:
    done = subprocess.run(command, check=False)
    if done.returncode != 0:
        raise CannotInstall(f"This failed, with the messages above: {' '.join(command)}")


def _say(text: str) -> None:
    sys.stdout.write(f"  · {text}\n" if (sys.stdout.encoding or "").lower().startswith("utf") else f"  - {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        install(sys.argv[1])
    except CannotInstall as error:
        sys.exit(f"make: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
