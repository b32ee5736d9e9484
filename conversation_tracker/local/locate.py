"""Find the environment file of the embedded services that run, so that any `manage.py` command reaches them.

Settings import this in development. Keep it light: nothing of Django, nothing beyond the standard library.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from conversation_tracker.local import lock

DEFAULT_VAR = "var"
FILE = "local.env"
POINTERS = "elsewhere"


def environment_file(base_dir: Path, environ: Mapping[str, str]) -> Path | None:
    """The `local.env` to read: of VAR when that is set, else of the run that goes on, else of the default folder.

    None when there is none yet, or it may not be read.
    """
    found = [folder / FILE for folder in _candidates(base_dir, environ) if os.access(folder / FILE, os.R_OK)]
    running = [path for path in found if lock.is_held(path.parent)]
    return next(iter([*running, *found]), None)


def var_of(base_dir: Path, environ: Mapping[str, str]) -> Path:
    """The data folder: VAR, counted from the checkout when it is relative, or `var/` in the checkout."""
    return (base_dir / Path(environ.get("VAR") or DEFAULT_VAR).expanduser()).resolve()


def point_to(var: Path, *, base_dir: Path) -> None:
    """Leave a note in the default folder that a run uses another one."""
    if var == var_of(base_dir, {}):
        return
    note = _note(var, base_dir)
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(str(var))


def point_no_more_to(var: Path, *, base_dir: Path) -> None:
    """Take back the note that `point_to` left, and the folders that were made only for it."""
    note = _note(var, base_dir)
    note.unlink(missing_ok=True)
    for folder in (note.parent, note.parent.parent):
        try:
            folder.rmdir()
        except OSError:
            return


def _candidates(base_dir: Path, environ: Mapping[str, str]) -> list[Path]:
    if environ.get("VAR"):
        return [var_of(base_dir, environ)]
    default = var_of(base_dir, {})
    notes = sorted(default.glob(f"{POINTERS}/*"), key=_age, reverse=True)
    return [default, *(Path(note.read_text()) for note in notes if os.access(note, os.R_OK))]


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _note(var: Path, base_dir: Path) -> Path:
    return var_of(base_dir, {}) / POINTERS / hashlib.sha256(os.fsencode(var)).hexdigest()[:16]
