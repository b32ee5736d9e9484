"""How fast a worker and beat drain an inbox that filled up while nothing ran."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks import stage
from benchmarks.figures import Figure
from benchmarks.stage import Stage
from tests.chaos.stub import Provider

PATIENCE = 1_800.0  # seconds


def measure(on: Stage, *, receipts: int) -> Iterator[Figure]:
    """From the start of the processes until nothing waits, the sending of the copies included."""
    from django.utils import timezone

    from conversation_tracker import inbox, measures
    from conversation_tracker.models import OutboundMail
    from conversation_tracker.models.outbound import WAITING

    OutboundMail.objects.filter(state__in=WAITING).delete()  # what other benchmarks left to send
    stage.fill_inbox(receipts, first=10_000_000)
    provider = Provider(seed=1, silent=0)
    celery = ("-m", "celery", "-A", "conversation_tracker")
    settled = rate = 0.0
    try:
        began = time.monotonic()
        with (
            on.running(*celery, "worker", "--concurrency", "2", ANYMAIL_POSTMARK_API_URL=provider.url),
            on.running(*celery, "beat", "-s", str(on.var / "beat")),
        ):
            while time.monotonic() < began + PATIENCE:
                if not settled and not inbox.counts()["pending"]:
                    settled = time.monotonic() - began
                    rate = measures.rate(now=timezone.now())
                if settled and not OutboundMail.objects.filter(state__in=WAITING).exists():
                    break
                time.sleep(0.2)
        sent = time.monotonic() - began
    finally:
        provider.stop()
    yield Figure(f"settle {receipts:,} receipts that waited, 2 worker processes and beat", settled, "s")
    yield Figure("… and send their copies", sent, "s", "s, settling alone", settled)
    yield Figure("… as `manage.py inbox` then tells it", rate, "/s over 5 minutes")
