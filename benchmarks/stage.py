"""What every benchmark stands on: services on disk, Django on them, stores and orders, and rows by the million."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from conversation_tracker.local import processes
from conversation_tracker.local.services import Services, remove
from tests import production
from tests.chaos.system import free_port

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 60.0
WORDS = "Thank you for the quick answer about the parcel. I am at home on Tuesday; please ring twice at the door. "


class Stage:
    """Services of their own, and processes on them."""

    def __init__(self) -> None:
        self.var = Path(tempfile.mkdtemp(prefix="ct-bench-"))
        self.var.chmod(0o711)  # the servers' account passes through
        self._services = Services(self.var, environ={}, durable=True)
        self.port = free_port()
        self.environment = production.environment(self._services.var, self._services.start(), port=self.port)
        os.environ.update(self.environment)
        os.environ["DJANGO_SETTINGS_MODULE"] = "conversation_tracker.settings"
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)

    @contextmanager
    def running(self, *args: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
        """A Python program that runs beside us."""
        with (self.var / "processes.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *args],
                cwd=ROOT, env={**self.environment, **environment}, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        try:
            yield process
        finally:
            processes.stop(process, how=signal.SIGTERM, patience=10)

    def close(self) -> None:
        """Stop and remove everything."""
        from django.db import connection

        connection.close()
        self._services.stop()
        remove(self.var)


def payload(alias: str, number: int, *, sender: str, size: int) -> bytes:
    """A multipart/alternative mail as Postmark posts it, of about this many bytes."""
    from tests import letters

    half = WORDS * (max(size - 700, 200) // 2 // len(WORDS))
    return json.dumps(
        letters.postmark(
            alias,
            FromFull={"Email": sender, "Name": "Maria Silva"},
            Subject=f"My parcel {number}",
            TextBody=half,
            HtmlBody=f"<html><body><p>{half}</p></body></html>",
            Headers=[{"Name": "Message-ID", "Value": f"<{number}@people.example>"}],
        )
    ).encode()


def fill_inbox(count: int, *, first: int, size: int = 3_800, orders: int = 200) -> None:
    """So many receipts of customers' mails, all different, as the door would have kept them."""
    from django.utils import timezone

    from conversation_tracker import inbox
    from conversation_tracker.models import Channel
    from tests import factories

    store = factories.make_store()
    placed = [factories.place_silently(store) for _ in range(min(orders, count))]
    headers = [("Content-Type", "application/json"), ("Authorization", production.authorization())]
    for number in range(first, first + count):
        order = placed[number % len(placed)]
        inbox.accept(
            provider="postmark",
            channel=Channel.INBOUND,
            method="POST",
            path="/anymail/postmark/inbound/",
            query="",
            headers=headers,
            body=payload(order.store_alias.address.text(), number, sender=order.customer_alias.real.text(), size=size),
            now=timezone.now(),
        )


def copies(row: Any, count: int, **expressions: str) -> None:
    """Insert a row again so often, with these columns by SQL expressions of ``n``, which counts from 1."""
    from django.db import connection

    columns = [field.column for field in row._meta.concrete_fields if not field.primary_key]
    values = ", ".join(expressions.get(column, f'one."{column}"') for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    table = row._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({names}) SELECT {values} FROM {table} AS one, generate_series(1, %s) AS n"  # noqa: S608  our own names
            " WHERE one.id = %s",
            [count, row.pk],
        )
        cursor.execute(f"ANALYZE {table}")
