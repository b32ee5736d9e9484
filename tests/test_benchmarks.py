"""The benchmarks work. How fast anything is, no test says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent


def test_a_tiny_run_measures_every_budget(tmp_path: Path) -> None:
    told = tmp_path / "figures.json"
    found = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--tiny", "--json", told, "--only", "accept", "process", "page", "read",
         "find", "expire"],
        cwd=CHECKOUT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stdout + found.stderr
    figures = json.loads(told.read_text())["figures"]
    assert all(figure["value"] > 0 for figure in figures)
    beginnings = ("accept", "settle a mail of", "memory", "page", "read", "find", "expire")
    budgeted = [figure["what"] for figure in figures if figure["ratio"] is not None and figure["budget"]]
    assert [beginning for beginning in beginnings if not any(what.startswith(beginning) for what in budgeted)] == []
    queries = next(figure for figure in figures if figure["what"] == "… queries")
    assert queries["value"] == queries["floor_value"]
