"""What `make run` says: calm lines, with a spinner where there is a terminal to show it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from rich.console import Console
from rich.text import Text

# Enough for the traceback of an application behind the one that gunicorn adds.
TAIL_LINES = 80


class Terminal:
    """Standard output. One that is closed under us is no reason to fail: what follows is then said to nobody."""

    def __init__(self) -> None:
        if sys.stdout is not None and hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="replace")
        self.console = Console(highlight=False, soft_wrap=True)

    @contextmanager
    def step(self, doing: str) -> Iterator[None]:
        """Show that something is being done, and when it is done how long it took."""
        began = time.monotonic()
        with self.console.status(Text(doing)) if self.console.is_terminal else nullcontext():
            yield
        self._print(Text.assemble(("  ✓ ", "green"), doing, (f"  {time.monotonic() - began:.1f} s", "dim")))

    def say(self, text: str = "", *, style: str = "") -> None:
        """One line, never wrapped, nothing in it taken for markup."""
        self._print(Text(text, style=style))

    def fields(self, rows: list[tuple[str, str]]) -> None:
        """Names and what they stand for, in two columns."""
        width = max(len(name) for name, _ in rows)
        for name, value in rows:
            self._print(Text.assemble(("  " + name.ljust(width + 2), "dim"), value))

    def fail(self, text: str) -> None:
        """What went wrong."""
        self._print(Text.assemble(("  ✗ ", "red bold"), text))

    def tail(self, log: Path) -> None:
        """The end of a log."""
        try:
            lines = log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
        except OSError:
            return
        self.say(f"    The end of {log}:", style="dim")
        for line in lines:
            self.say(f"    │ {line}", style="dim")

    def _print(self, text: Text) -> None:
        try:
            self.console.print(text)
            self.console.file.flush()
        except (OSError, SystemExit):
            # rich turns a broken pipe into an exit; ours has to stop what runs first.
            self.console = Console(file=Path(os.devnull).open("w"))  # noqa: SIM115 - open as long as we run
