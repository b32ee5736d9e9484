"""One measured figure beside its floor and its budget, and all of them as a table and as JSON."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured. Without a floor or a budget it is only told."""

    what: str
    value: float
    unit: str
    floor: str = ""
    floor_value: float | None = None
    budget: str = ""
    is_within: bool | None = None

    @property
    def ratio(self) -> float | None:
        """The value by the floor's."""
        return self.value / self.floor_value if self.floor_value else None


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of them lies."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def show(found: Sequence[Figure]) -> None:
    """A table on the terminal."""
    table = Table("what", "measured", "floor", "ratio", "budget", "")
    for figure in found:
        table.add_row(
            figure.what,
            f"{figure.value:,.4g} {figure.unit}" if abs(figure.value) < 1_000 else f"{figure.value:,.0f} {figure.unit}",  # noqa: PLR2004  digits
            f"{figure.floor_value:,.4g} {figure.floor}" if figure.floor_value is not None else "",
            f"{figure.ratio:.2f}" if figure.ratio is not None else "",
            figure.budget,
            {True: "[green]within", False: "[red]over", None: ""}[figure.is_within],
        )
    Console(width=None if os.isatty(1) else 160).print(table)


def write(found: Sequence[Figure], path: Path) -> None:
    """The same as JSON, with where and when."""
    path.parent.mkdir(parents=True, exist_ok=True)
    told = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "figures": [{**asdict(figure), "ratio": figure.ratio} for figure in found],
    }
    path.write_text(json.dumps(told, indent=2) + "\n")
