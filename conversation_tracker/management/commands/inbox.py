"""Show how many receipts wait, are done or are in quarantine, how long and how fast."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from conversation_tracker import inbox, measures
from conversation_tracker.models import ReceiptState

EVERY = 1.0  # seconds between two looks
LOOK_BACK = timedelta(seconds=30)
SETTLED = (ReceiptState.DONE, ReceiptState.QUARANTINED)


class Command(BaseCommand):
    help = "Print the inbox's counts by state, the age of what waits longest, and how fast receipts are settled."

    def add_arguments(self, parser: CommandParser) -> None:
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--json", action="store_true", help="print JSON: pending, done, quarantined")
        how.add_argument("--watch", action="store_true", help="first show progress until nothing waits; Ctrl-C ends it")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["watch"]:
            try:
                self._watch()
            except KeyboardInterrupt:
                self.stderr.write("Stopped watching; the workers go on.")
        counts = inbox.counts()
        if options["json"]:
            self.stdout.write(json.dumps(counts))
            return
        for state, count in counts.items():
            self.stdout.write(f"{state:>12} {count:>9,}")
        now = timezone.now()
        if (oldest := inbox.oldest_pending()) is not None:
            self.stdout.write(f"Oldest pending: {_age(oldest, now=now)} s")
        self.stdout.write(f"Settled in the last 5 minutes: {measures.rate(now=now):.1f} a second")

    def _watch(self) -> None:
        """A line on the terminal, drawn anew each second until nothing waits."""
        began, before = timezone.now(), inbox.counts()
        columns = (
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[pace]}"),
        )  # fmt: skip
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            line = progress.add_task("Settled", total=before["pending"], pace="")
            pending = 1
            while pending:
                try:
                    counts, now = inbox.counts(), timezone.now()
                    pace = _pace(counts["pending"], measures.rate(now=now, window=_window(began, now=now)), now=now)
                except (OperationalError, InterfaceError):  # it is started anew, perhaps
                    connection.close_if_unusable_or_obsolete()
                    progress.update(line, pace="the database does not answer", refresh=True)
                else:
                    pending = counts["pending"]
                    settled = max(sum(counts[state] - before[state] for state in SETTLED), 0)
                    progress.update(line, completed=settled, total=settled + pending, pace=pace, refresh=True)
                if pending:
                    time.sleep(EVERY)


def _window(began: datetime, *, now: datetime) -> timedelta:
    """Over what to measure: the last half minute, once so much has been watched."""
    return max(min(now - began, LOOK_BACK), timedelta(seconds=EVERY))


def _pace(pending: int, rate: float, *, now: datetime) -> str:
    """How fast it goes, how long it will take at that, and for how long the oldest has waited."""
    left = f", {timedelta(seconds=round(pending / rate))} left" if rate and pending else ""
    oldest = inbox.oldest_pending()
    return f"{rate:,.1f}/s{left}" + (f", oldest {_age(oldest, now=now)} s" if oldest is not None else "")


def _age(since: datetime, *, now: datetime) -> str:
    return f"{(now - since).total_seconds():,.0f}"
