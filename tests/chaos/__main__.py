"""`make chaos`: run it, print the figures, and fail when anything was lost or doubled.

The parts run in order: services and processes, stores and orders, mail and kills at once, quiet, check.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from tests.chaos.nemesis import Nemesis
from tests.chaos.stub import Provider
from tests.chaos.system import System


def main() -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--mails", type=int, default=5_000)
    parser.add_argument("--kills", type=int, default=20, help="at least so many")
    parser.add_argument("--orders", type=int, default=40)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--seconds", type=float, default=200, help="for the mails to be acknowledged")
    parser.add_argument("--quiet-seconds", type=float, default=90, help="for everything to be settled afterwards")
    parser.add_argument("--keep", type=Path, help="write the figures to this file too")
    found = parser.parse_args()
    print(f"seed {found.seed}", flush=True)
    provider = Provider(seed=found.seed)
    system = System(api_url=provider.url)
    try:
        return run(found, system, provider)
    finally:
        system.stop()
        provider.stop()


def run(found: argparse.Namespace, system: System, provider: Provider) -> int:
    """Mail and kills at once, then quiet, then the check."""
    system.manage("migrate", "--verbosity", "0")
    os.environ.update(system.environment)
    os.environ["DJANGO_SETTINGS_MODULE"] = "conversation_tracker.settings"
    import django

    django.setup()
    from tests import factories
    from tests.chaos import check
    from tests.chaos.generator import Generator

    store = factories.make_store("chaos")
    aliases = [factories.place_order(store).customer_alias.address.text() for _ in range(found.orders)]
    system.start_all()
    generator = Generator(
        url=system.url, smtp_port=system.smtp_port, aliases=aliases, mails=found.mails, seed=found.seed, pace=0.0
    )
    nemesis = Nemesis(system, seed=found.seed, pause=(1.0, 5.0))
    began = time.monotonic()
    nemesis.start()
    mails = generator.run(threads=6, seconds=found.seconds)
    nemesis.stop(at_least=found.kills)
    system.start_all()
    unsettled = check.wait_until_settled(seconds=found.quiet_seconds)
    verdict = check.check(
        mails,
        generator.acknowledged,
        provider.accepted,
        posts=generator.posts,
        failed_posts=generator.failures,
        kills=nemesis.kills,
        seconds=time.monotonic() - began,
        answers_withheld=provider.silent,
        unsettled=unsettled,
    )
    print(verdict.report(), flush=True)
    if found.keep:
        found.keep.write_text(verdict.report())
    print("Nothing was lost, nothing recorded twice." if verdict.holds else "A promise was broken.", flush=True)
    return 0 if verdict.holds else 1


if __name__ == "__main__":
    sys.exit(main())
