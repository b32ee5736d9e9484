"""Seal with the newest key whatever an older one sealed, so that the older one may be given up."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from orders import resealing, secrecy

SHOWN = 20


class Command(BaseCommand):
    help = (
        "Seal with the first of SEAL_KEYS whatever another of them sealed, in every column and file. The system may "
        "run meanwhile, once all of its processes were started with the new key first. Stopped, run it again."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        rows = files = 0
        damaged: list[str] = []
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        tables = resealing.tables()
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            for table in tables:
                task = progress.add_task(table.name, total=resealing.waiting(table))
                for step in resealing.columns(table):
                    rows += step.done
                    damaged += step.damaged
                    progress.advance(task, step.done)
            task = progress.add_task("files", total=None)
            for name in resealing.names():
                step = resealing.file(name)
                files += step.done
                damaged += step.damaged
                progress.advance(task)
        left = sum(resealing.waiting(table) for table in tables)
        self.stdout.write(f"Sealed with {secrecy.current_key_id()!r}: {rows} rows and {files} files.")
        for problem in damaged[:SHOWN]:
            self.stderr.write(problem)
        if damaged:
            raise CommandError(f"{len(damaged)} values could not be opened. Keep the older keys.")
        if left:
            raise CommandError(
                f"{left} rows are sealed with an older key still: some process seals with it, or holds them. "
                "Start every process with the new key first, and run this again. Keep the older keys until then."
            )
        self.stdout.write("Nothing is sealed with an older key any more: take the older keys out of SEAL_KEYS.")
