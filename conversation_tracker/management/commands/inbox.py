"""Show how many receipts wait, are done or are in quarantine, how long and how fast."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from conversation_tracker import inbox, measures


class Command(BaseCommand):
    help = "Print the inbox's counts by state."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print JSON: pending, done, quarantined")

    def handle(self, *args: Any, **options: Any) -> None:
        counts = inbox.counts()
        if options["json"]:
            self.stdout.write(json.dumps(counts))
            return
        for state, count in counts.items():
            self.stdout.write(f"{state:>12} {count:>9,}")
        if (oldest := inbox.oldest_pending()) is not None:
            self.stdout.write(f"Oldest pending: {(timezone.now() - oldest).total_seconds():.0f} s")
        self.stdout.write(f"Settled in the last 5 minutes: {measures.rate(now=timezone.now()):.1f} a second")
