"""A mail over SMTP: a real server process, Redis, a Celery worker that asks a real name server, and a mailbox."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator

import pytest

from conversation_tracker import inbox, outbox
from conversation_tracker.local.models import LocalMail
from orders.models import Kind, TimelineEntry, Verification
from tests import factories, letters
from tests.conversation_tracker.authenticity import zones
from tests.flows.conftest import wait_for

ZONE = {
    ("_dmarc.carrier.example", "TXT"): ("v=DMARC1; p=reject",),
    ("sel._domainkey.carrier.example", "TXT"): (zones.KEY_RECORD,),
}


@pytest.fixture
def own_environment() -> Iterator[dict[str, str]]:
    """A name server that the worker asks."""
    with zones.served(ZONE) as address:
        yield {"DNS_SERVERS": address}


def test_mails_over_smtp_reach_timeline_and_mailbox(smtp_place: tuple[str, int]) -> None:
    placed = factories.place_silently()
    both = [placed.customer_alias.address.text(), placed.store_alias.address.text()]
    with smtplib.SMTP(*smtp_place, timeout=20) as client:
        for number in range(10):
            raw = letters.mime(Message_ID=f"<{number}@carrier.example>").replace(b"\n", b"\r\n")
            client.sendmail("kim@carrier.example", both, zones.signed(raw, domain="carrier.example"))
    wait_for(lambda: inbox.counts() == {"pending": 0, "done": 10, "quarantined": 0}, what="every receipt settled")
    wait_for(lambda: outbox.counts()["sent"] == 20, what="every mail sent")
    entries = TimelineEntry.objects.filter(order=placed.order, kind=Kind.MAIL)
    assert list(entries.values_list("verification", flat=True)) == [Verification.VERIFIED] * 20
    assert LocalMail.objects.count() == 20
