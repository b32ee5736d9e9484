"""Hostile and broken mails in every shape in which they may come, through the running system.

``-s`` shows what each cost. What must hold on every machine is asserted; how fast it was is not.
"""

from __future__ import annotations

import os
import smtplib
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.utils import timezone

from conversation_tracker import inbox, tasks
from conversation_tracker.models import Receipt, Trouble
from orders.models import Kind, TimelineEntry
from tests import factories, letters
from tests.conversation_tracker.authenticity import zones
from tests.conversation_tracker.providers.conftest import Api
from tests.flows import shapes
from tests.flows.bombs import ABSURD, BROKEN, HEAVY, JUST_BELOW
from tests.flows.conftest import System, wait_for

MEMORY = 512 * 1024  # kB, of one worker
PATIENCE = 300.0  # seconds
IN_SHORT = {"Amazon SES"}  # the shapes of what takes long in each
STEP_BY_STEP = "STEP_BY_STEP" in os.environ  # wait for each mail's end before the next is posted, to see what it cost


@pytest.fixture
def api() -> Iterator[Api]:
    """What the providers answer whose mails are fetched."""
    found = Api()
    yield found
    found.stop()


@pytest.fixture
def own_environment(api: Api) -> Iterator[dict[str, str]]:
    """Every provider mounted, and a name server that knows nobody."""
    with zones.served({}) as address:
        yield {**shapes.environment(api), "DNS_SERVERS": address}


@dataclass
class Watch:
    """The processes of a group: the most memory that each ever held, and their processor time."""

    group: int
    peaks: dict[int, int] = field(default_factory=dict)  # kB, by process

    def look(self) -> None:
        """Note how much each holds."""
        for pid in self._processes():
            for line in _lines(f"/proc/{pid}/status"):
                if line.startswith("VmHWM:"):
                    self.peaks[pid] = max(self.peaks.get(pid, 0), int(line.split()[1]))

    def _processes(self) -> Iterator[int]:
        for entry in Path("/proc").iterdir():
            lines = _lines(f"/proc/{entry.name}/stat") if entry.name.isdecimal() else []
            if lines and int(lines[0].rpartition(")")[2].split()[2]) == self.group:
                yield int(entry.name)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look again and again, since a child that grew large is replaced."""
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(0.1):
                self.look()

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:  # it has ended
        return []


def post(system: System, call: shapes.Call) -> tuple[int, float]:
    """The answer's status, and how long it took to come."""
    url = f"{system.url}/anymail/{call.provider}/inbound/"
    headers = {"Authorization": letters.BASIC_AUTH, **call.headers}
    began = time.monotonic()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, call.body, headers), timeout=30) as response:
            return response.status, time.monotonic() - began
    except urllib.error.HTTPError as error:
        return error.code, time.monotonic() - began


def hand_in(place: tuple[str, int], raw: bytes, address: str) -> float:
    """The same over SMTP; how long the mail took, without what the client does to it before."""
    lines = raw if raw.endswith(b"\r\n") else raw + b"\r\n"
    dotted = (b"\r\n" + lines).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"
    with smtplib.SMTP(*place, timeout=30) as client:
        client.ehlo()
        assert client.mail("kim@carrier.example")[0] == 250
        assert client.rcpt(address)[0] == 250
        assert client.docmd("DATA")[0] == 354
        began = time.monotonic()
        client.send(dotted)
        assert client.getreply()[0] == 250
        return time.monotonic() - began


def put_back(receipts: Sequence[Receipt]) -> None:
    operator = factories.make_user("operator@staff.example", is_superuser=True)
    for receipt in receipts:
        assert inbox.put_back(receipt, user=operator, now=timezone.now())
    tasks.wake_inbox()


def test_no_bomb_in_any_shape_is_lost_or_stops_the_others(
    system: System, smtp_place: tuple[str, int], api: Api
) -> None:
    placed = factories.place_silently()
    address = placed.customer_alias.address.text()
    watch = Watch(system.pid("worker"))
    posted: list[tuple[str, bytes]] = []
    with watch.watching():
        for name, raw in {**ABSURD, **JUST_BELOW, **BROKEN, **HEAVY}.items():
            slowest, began = 0.0, time.monotonic()
            for shape, build in shapes.SHAPES.items():
                if name in HEAVY and shape not in IN_SHORT:
                    continue
                call = build(raw, address, api, len(posted))
                status, took = post(system, call)
                assert status == 200, (name, shape, status)
                posted.append((name, call.body))
                slowest = max(slowest, took)
            slowest = max(slowest, hand_in(smtp_place, raw, address))
            posted.append((name, b""))
            if STEP_BY_STEP:
                wait_for(settled, what=f"the end of {name!r}", seconds=PATIENCE)
            sys.stdout.write(f"{name:45} door {slowest:6.2f} s, all {time.monotonic() - began:6.1f} s\n")
        wait_for(settled, what="the end of all", seconds=PATIENCE)
        receipts = list(Receipt.objects.order_by("id"))
        assert [row.body.bytes() for row in receipts if row.channel != "mime"] == [body for _, body in posted if body]
        assert inbox.counts()["quarantined"] == 0
        assert all(row.results for row in receipts)
        unread = [row for row in receipts if row.trouble]
        assert {row.trouble for row in unread} == {Trouble.OVER_LIMIT}
        assert all(row.trouble_detail for row in unread)
        over_smtp = [(name, row) for (name, _), row in zip(posted, receipts, strict=True) if row.channel == "mime"]
        assert {name for name, row in over_smtp if row.trouble} == set(ABSURD)
        before = mails()
        put_back(unread)
        wait_for(settled, what="the end of the replay", seconds=PATIENCE)
        assert mails() == before  # each is known again
        ordinary = letters.mime(Message_ID="<after@carrier.example>")
        hand_in(smtp_place, ordinary, address)
        wait_for(lambda: inbox.counts()["done"] == len(posted) + 1, what="an ordinary mail")
    sys.stdout.write(f"the most memory a worker held: {max(watch.peaks.values()) // 1024} MB\n")
    assert max(watch.peaks.values()) < MEMORY


def mails() -> int:
    return TimelineEntry.objects.filter(kind=Kind.MAIL).count()


def settled() -> bool:
    return inbox.counts()["pending"] == 0
