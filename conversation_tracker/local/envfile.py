"""Write and read the small environment files of a data folder, in the form that django-environ reads."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def write(path: Path, values: Mapping[str, str], *, heading: str) -> None:
    """Write the file whole or not at all, readable by its owner only."""
    for name, value in values.items():
        if "\n" in value or "\r" in value:
            raise ValueError(f"The value of {name} has a line break in it.")
    text = f"# {heading}\n" + "".join(f"{name}='{value}'\n" for name, value in values.items())
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def read(path: Path) -> dict[str, str]:
    """Read a file that `write` wrote."""
    values = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            values[name] = value[1:-1]
    return values
