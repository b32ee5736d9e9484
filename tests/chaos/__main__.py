"""`make chaos`: kill everything, again and again, while mail comes in, and fail when anything was lost or doubled.

The parts run in order: services and processes, stores and orders, mail and kills at once, quiet, check.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.chaos.nemesis import Nemesis
from tests.chaos.stub import Provider
from tests.chaos.system import System

THREADS = 8


def main() -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--mails", type=int, default=5_000)
    parser.add_argument("--kills", type=int, default=24)
    parser.add_argument("--orders", type=int, default=40)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--seconds", type=float, default=150, help="at most, for the mails and the kills")
    parser.add_argument("--quiet-seconds", type=float, default=240, help="at most, until everything is settled")
    parser.add_argument("--over", type=float, default=75, help="seconds that posting the mails takes at least")
    parser.add_argument("--pause", type=float, nargs=2, default=(0.5, 4.0), help="seconds between two kills")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    asked = parser.parse_args()
    print(f"seed {asked.seed}", flush=True)
    # Told to end, end everything that was started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    provider = Provider(seed=asked.seed)
    try:
        system = System(api_url=provider.url)
        try:
            return run(asked, system, provider)
        finally:
            system.stop()
    finally:
        provider.stop()


def run(asked: argparse.Namespace, system: System, provider: Provider) -> int:
    """Mail and kills at once, then quiet, then the check."""
    system.manage("migrate", "--verbosity", "0")
    os.environ.update(system.environment)
    os.environ["DJANGO_SETTINGS_MODULE"] = "conversation_tracker.settings"
    import django

    django.setup()
    from django.db import connection

    from tests import factories
    from tests.chaos import check
    from tests.chaos.generator import Generator, make

    store = factories.make_store("chaos")
    aliases = [factories.place_silently(store).customer_alias.address.text() for _ in range(asked.orders)]
    mails = make(asked.mails, aliases, seed=asked.seed)
    connection.close()  # it will not live through what comes
    system.start_all()
    generator = Generator(url=system.url, smtp_port=system.smtp_port, mails=mails, seed=asked.seed)
    nemesis = Nemesis(system, seed=asked.seed, pause=asked.pause)
    began = time.monotonic()
    generator.start(threads=THREADS, over=asked.over, until=began + asked.seconds)
    nemesis.run(kills=asked.kills, until=began + asked.seconds)
    generator.wait()
    busy = time.monotonic() - began
    ended = system.ended()
    for name in ended:
        print(f"{name} ended by itself. It said:\n{system.last_words(name)}", flush=True)
    system.start_all()
    unsettled = check.wait_until_settled(until=time.monotonic() + asked.quiet_seconds)
    seconds = time.monotonic() - began
    excused = provider.silent + nemesis.interrupted
    verdict = check.check(mails, generator.acknowledged, provider, unsettled=unsettled, excused=excused)
    figures = {
        "seed": asked.seed,
        "mails": len(mails),
        "acknowledged": len(generator.acknowledged),
        "posts": generator.posts,
        "failed_posts": generator.failures,
        "longest_wait_s": round(generator.longest, 1),
        "kills": nemesis.kills.total(),
        "killed": dict(sorted(nemesis.kills.items())),
        "ended_by_themselves": ended,
        "answers_withheld": provider.silent,
        "seconds_of_mail": round(busy, 1),
        "seconds_until_settled": round(seconds, 1),
        **verdict.figures(),
    }
    show(figures)
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=2))
    is_complete = len(generator.acknowledged) == len(mails) and nemesis.kills.total() >= asked.kills
    if not verdict.holds or ended:
        print("A promise was broken.", flush=True)
    elif not is_complete:
        print("Nothing was lost, nothing recorded twice, but the machine was too slow to try it all.", flush=True)
    else:
        print("Nothing was lost, nothing recorded twice.", flush=True)
    return 0 if verdict.holds and not ended and is_complete else 1


def show(figures: dict[str, Any]) -> None:
    """Print them as a table; of a list how long it is, and how it begins."""
    table = Table(show_header=False)
    for name, value in figures.items():
        match value:
            case list():
                words = f"{len(value):,}  {', '.join(value[:5])}"
            case dict():
                words = ", ".join(f"{key} {count}" for key, count in value.items())
            case float() | str():
                words = str(value)
            case _:
                words = f"{value:,}" if name != "seed" else str(value)
        table.add_row(name.replace("_", " "), words)
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
