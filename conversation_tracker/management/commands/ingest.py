"""Put every file below a folder into the inbox as a mail to one alias, byte for byte."""

from __future__ import annotations

from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import Progress

from conversation_tracker import inbox, tasks
from orders import aliases, clock


def _folder(text: str) -> Path:
    path = Path(text)
    if not path.exists():
        raise ArgumentTypeError(f"there is no {text}")
    return path


class Command(BaseCommand):
    help = "Put every file below a folder into the inbox as a mail to one alias, byte for byte."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=_folder, help="a folder, or one file")
        parser.add_argument("--to", required=True, metavar="ALIAS", help="the alias the mails are for")
        parser.add_argument("--from", dest="sender", default="", metavar="ADDRESS", help="the envelope's sender")

    def handle(self, *args: Any, folder: Path, to: str, sender: str, **options: Any) -> None:
        if not aliases.find([to]):
            raise CommandError("No alias has the address given with --to.")
        files = sorted(path for path in ([folder] if folder.is_file() else folder.rglob("*")) if path.is_file())
        kept, problems = 0, []
        console = Console(stderr=True)
        with Progress(console=console, transient=True) as progress:
            for path in progress.track(files, description="Ingesting"):
                if path.stat().st_size > settings.WEBHOOK_MAX_BYTES:
                    problems.append(f"{path}: larger than {settings.WEBHOOK_MAX_BYTES} bytes")
                    continue
                try:
                    raw = path.read_bytes()
                except OSError as error:
                    problems.append(f"{path}: {error.strerror}")
                    continue
                inbox.accept_mime(raw, sender=sender, recipients=[to], now=clock.now())
                kept += 1
        tasks.wake_inbox()
        for problem in problems:
            self.stderr.write(problem)
        self.stdout.write("1 mail is in the inbox." if kept == 1 else f"{kept} mails are in the inbox.")
        if problems:
            raise CommandError(
                "1 file was left out." if len(problems) == 1 else f"{len(problems)} files were left out."
            )
