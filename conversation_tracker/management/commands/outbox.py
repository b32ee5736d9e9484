"""Show how many outbound mails stand in each state."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from conversation_tracker import outbox


class Command(BaseCommand):
    help = "Print the outbox's counts by state."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        counts = outbox.counts()
        if options["json"]:
            self.stdout.write(json.dumps(counts))
            return
        for state, count in counts.items():
            self.stdout.write(f"{state:>12} {count:>9,}")
