"""`make bench`: measure each budget beside its floor, print a table, and write JSON. Nothing fails for being slow.

On a machine that does other things at the same time, only the ratios mean something.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import figures
from benchmarks.figures import Figure
from benchmarks.stage import ROOT, Stage

SIZES: dict[str, dict[str, dict[str, int]]] = {
    "quick": {
        "accept": {"seconds": 5},
        "process": {"mails": 600, "alone": 200, "memory": 1_000, "seconds": 60},
        "page": {"entries": 100_000, "requests": 60},
        "read": {"requests": 100},
        "find": {"rows": 200_000},
        "expire": {"rows": 20_000},
        "recover": {"receipts": 500},
    },
    "full": {
        "accept": {"seconds": 30},
        "process": {"mails": 10_000, "alone": 2_000, "memory": 100_000, "seconds": 1_200},
        "page": {"entries": 1_000_000, "requests": 300},
        "read": {"requests": 300},
        "find": {"rows": 10_000_000},
        "expire": {"rows": 1_000_000},
        "recover": {"receipts": 20_000},
    },
    "tiny": {
        "accept": {"seconds": 1},
        "process": {"mails": 40, "alone": 5, "memory": 20, "seconds": 20},
        "page": {"entries": 500, "requests": 3},
        "read": {"requests": 3},
        "find": {"rows": 500},
        "expire": {"rows": 500},
        "recover": {"receipts": 20},
    },
}


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--full", dest="size", action="store_const", const="full", default="quick", help="a million rows")
    size.add_argument("--tiny", dest="size", action="store_const", const="tiny", help="whether it works at all")
    parser.add_argument("--only", choices=SIZES["quick"], nargs="+", default=list(SIZES["quick"]), metavar="NAME",
                        help=", ".join(SIZES["quick"]))  # fmt: skip
    parser.add_argument("--minutes", type=float, default=90.0, help="begin nothing more after so long (90)")
    parser.add_argument("--json", type=Path, default=ROOT / "var" / "benchmarks.json", help="where the figures go")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    found: list[Figure] = []
    stage = Stage()
    try:
        found.extend(run(stage, SIZES[asked.size], asked.only, seconds=asked.minutes * 60))
    finally:  # stopped in the middle, it still tells what it has
        stage.close()
        figures.show(found)
        figures.write(found, asked.json)


def run(stage: Stage, sizes: dict[str, dict[str, int]], names: list[str], *, seconds: float) -> Iterator[Figure]:
    """Each benchmark that was asked for, in its turn; none is begun after so many seconds."""
    from benchmarks import accept, expire, page, process, read, recover

    benchmarks: dict[str, Any] = {
        "accept": accept.measure,
        "process": process.measure,
        "page": page.measure,
        "read": read.measure,
        "find": expire.measure_finding,
        "expire": expire.measure_expiring,
        "recover": recover.measure,
    }
    console = Console(stderr=True)
    started = time.monotonic()
    for name in names:
        began = time.monotonic()
        if began - started > seconds:
            console.print(f"{name}: not begun, the time is over")
            continue
        with console.status(f"{name} …"):
            _tidy()
            yield from benchmarks[name](stage, **sizes[name])
        console.print(f"{name}: {time.monotonic() - began:.0f} s")


def _tidy() -> None:
    """What one benchmark leaves waiting in the inbox is not the next one's work."""
    from conversation_tracker.models import Receipt, ReceiptState

    Receipt.objects.filter(state=ReceiptState.PENDING).delete()


if __name__ == "__main__":
    main()
