"""How fast one worker process settles mails, beside anymail's own parsing of them; its statements, its memory."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import stage
from benchmarks.figures import Figure
from benchmarks.stage import Stage

RATE = 300.0  # mails a second, where anymail's parsing takes PARSING
PARSING = 0.0015  # seconds a mail
SHARE = RATE * PARSING
MOST_ALONE = 8
GROWTH = 1.05
WARM = 0.25  # of the mails have been read when the memory is looked at first


def measure(on: Stage, *, mails: int, alone: int, memory: int, seconds: int) -> Iterator[Figure]:
    """In batches, one by one, and for a long while: so many mails, or as many as can be had in so many seconds."""
    from conversation_tracker import celery, inbox

    celery.collect_seldom()  # as in a worker's process
    stage.fill_inbox(mails, first=0)
    floor = _parsing()
    rate, statements = _drain()
    yield Figure(
        "settle a mail of 3.8 kB, one process, batches of 20", rate, "/s", "/s, anymail's parsing alone", floor,
        f"at least {SHARE:.0%} of it: {RATE:.0f}/s at {PARSING * 1_000} ms", rate >= SHARE * floor,
    )  # fmt: skip
    yield Figure("… statements a mail", statements, "", budget="under 1", is_within=statements < 1)
    stage.fill_inbox(alone, first=mails)
    batch, inbox.BATCH = inbox.BATCH, 1
    rate, statements = _drain()
    inbox.BATCH = batch
    yield Figure("settle a mail alone", rate, "/s", "/s, anymail's parsing alone", floor)
    yield Figure(
        "… statements a mail", statements, "", budget=f"at most {MOST_ALONE}", is_within=statements <= MOST_ALONE
    )
    done, before, began = 0, 0.0, time.monotonic()
    while done < memory and time.monotonic() - began < seconds:
        stage.fill_inbox(min(1_000, memory - done), first=mails + alone + done)
        done += min(1_000, memory - done)
        _drain()
        if not before and max(done / memory, (time.monotonic() - began) / seconds) >= WARM:
            before = _resident()
    yield Figure(
        f"memory of the process after {done:,} mails", _resident(), "MB", f"MB after {WARM:.0%} of them", before,
        f"flat: at most {GROWTH} of it", _resident() <= GROWTH * before,
    )  # fmt: skip


def _parsing() -> float:
    """How many of the receipts that wait anymail parses in a second: by its own view, since ours is quicker."""
    from anymail.webhooks.postmark import PostmarkInboundWebhookView

    from conversation_tracker import replay
    from conversation_tracker.models import Receipt, ReceiptState

    requests = [replay.request(row) for row in Receipt.objects.filter(state=ReceiptState.PENDING)[:1_000]]
    view = PostmarkInboundWebhookView()
    began = time.perf_counter()
    for request in requests:
        view.parse_events(request)
    return len(requests) / (time.perf_counter() - began)


def _drain() -> tuple[float, float]:
    """Settle all that waits; mails a second, and statements a mail."""
    from django.db import connection
    from django.utils import timezone

    from conversation_tracker import inbox

    statements = of_mails = mails = 0

    def count(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        nonlocal statements
        statements += not sql.startswith(("SAVEPOINT", "RELEASE"))
        return execute(sql, *args)

    began = time.perf_counter()
    with connection.execute_wrapper(count):
        while found := inbox.work(now=timezone.now()):
            mails += found
            of_mails = statements  # without the last look, which finds nothing
    return mails / (time.perf_counter() - began), of_mails / max(mails, 1)


def _resident() -> float:
    """Of this process, megabytes; Linux counts it in pages."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1_000_000
