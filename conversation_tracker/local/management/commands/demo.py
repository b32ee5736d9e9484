"""Fill a local run with demo data."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from conversation_tracker.local import demo, demo_letters


class Command(BaseCommand):
    help = "Fill a local run with demo data; safe to run again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", help="where this site answers; the demo's mails are posted there")
        parser.add_argument("--sample-alias", action="store_true", help="only print the alias of a demo customer")

    def handle(self, *args: Any, url: str | None, sample_alias: bool, **options: Any) -> None:
        if sample_alias:
            self.stdout.write(demo_letters.sample_alias())
            return
        demo.furnish(now=timezone.now())
        if url:
            try:
                demo_letters.converse(url.rstrip("/"))
            except demo_letters.NotSettled as error:
                raise CommandError(f"A demo mail did not reach its timeline in time ({error}).") from error
