"""A mail over SMTP: a real server process, Redis, a Celery worker that asks a real name server, and a mailbox."""

from __future__ import annotations

import os
import signal
import smtplib
import subprocess
import sys
from collections.abc import Iterator

import pytest

from conversation_tracker import inbox, outbox
from conversation_tracker.local.models import LocalMail
from orders.models import Kind, TimelineEntry, Verification
from tests import factories, letters
from tests.conversation_tracker.authenticity import zones
from tests.flows.conftest import ROOT, System, wait_for

ZONE = {
    ("_dmarc.carrier.example", "TXT"): ("v=DMARC1; p=reject",),
    ("sel._domainkey.carrier.example", "TXT"): (zones.KEY_RECORD,),
}


@pytest.fixture
def _name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A name server that the worker asks; to be there before the worker is."""
    with zones.served(ZONE) as address:
        monkeypatch.setenv("DNS_SERVERS", address)
        yield


@pytest.fixture
def place(_name_server: None, system: System) -> Iterator[tuple[str, int]]:
    """Where the SMTP door of the running system listens."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "smtpd", "--listen", "127.0.0.1:0"],
        cwd=ROOT,
        env={**os.environ, **system.environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    host, _, port = process.stdout.readline().strip().removeprefix("Listening at ").rpartition(":")
    yield host, int(port)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


def test_mails_over_smtp_reach_timeline_and_mailbox(place: tuple[str, int]) -> None:
    placed = factories.place_order()
    both = [placed.customer_alias.address.text(), placed.store_alias.address.text()]
    with smtplib.SMTP(*place, timeout=20) as client:
        for number in range(10):
            raw = letters.mime(Message_ID=f"<{number}@carrier.example>").replace(b"\n", b"\r\n")
            client.sendmail("kim@carrier.example", both, zones.signed(raw, domain="carrier.example"))
    wait_for(lambda: inbox.counts() == {"pending": 0, "done": 10, "quarantined": 0}, what="every receipt settled")
    wait_for(lambda: outbox.counts()["sent"] == 20, what="every mail sent")
    entries = TimelineEntry.objects.filter(order=placed.order, kind=Kind.MAIL)
    assert list(entries.values_list("verification", flat=True)) == [Verification.VERIFIED] * 20
    assert LocalMail.objects.count() == 20
