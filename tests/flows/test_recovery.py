"""An inbox that filled up while nothing ran."""

from __future__ import annotations

import json
import re
import urllib.request
from datetime import timedelta
from io import StringIO

from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from conversation_tracker import inbox, measures
from conversation_tracker.models import Channel, Receipt
from orders.models import Kind, TimelineEntry
from tests import factories, letters
from tests.flows.conftest import System, wait_for

WAITING = 1_500
LATE = timedelta(minutes=9)


def inbox_says() -> str:
    out = StringIO()
    call_command("inbox", stdout=out)
    return out.getvalue()


def oldest_by_metrics(system: System) -> float:
    with urllib.request.urlopen(f"{system.url}/metrics", timeout=10) as response:
        lines = response.read().decode().splitlines()
    (line,) = [line for line in lines if line.startswith("conversation_tracker_oldest_pending_receipt_seconds ")]
    return float(line.split()[1])


def test_a_worker_and_beat_drain_what_piled_up(system: System) -> None:
    system.kill("worker")
    aliases = [factories.place_silently().customer_alias for _ in range(20)]
    then = timezone.now() - LATE
    with transaction.atomic():  # in one, since it is quicker
        for number in range(WAITING):
            headers = [{"Name": "Message-ID", "Value": f"<{number}@carrier.example>"}]
            payload = letters.postmark(aliases[number % len(aliases)], Headers=headers)
            inbox.accept(
                provider="postmark", channel=Channel.INBOUND, method="POST", path="/anymail/postmark/inbound/",
                query="", headers=[("Content-Type", "application/json")], body=json.dumps(payload).encode(), now=then,
            )  # fmt: skip
    assert oldest_by_metrics(system) >= LATE.total_seconds()
    assert f"pending{WAITING:>10,}" in inbox_says()
    assert int(re.findall(r"Oldest pending: (\d+) s", inbox_says())[0]) >= LATE.total_seconds()
    system.start("worker")
    system.start("beat")
    wait_for(lambda: inbox.counts()["pending"] == 0, what="the inbox drained", seconds=120)
    assert inbox.counts() == {"pending": 0, "done": WAITING, "quarantined": 0}
    assert TimelineEntry.objects.filter(kind=Kind.MAIL).count() == WAITING
    assert Receipt.objects.exclude(attempts=1).count() == 0
    assert oldest_by_metrics(system) == 0
    assert "Oldest pending" not in inbox_says()
    assert measures.rate(now=timezone.now()) > 0
