"""Ordinary mails near the largest size are recorded and relayed within a worker's memory, however they come.

``-s`` shows what each cost.
"""

from __future__ import annotations

import base64
import random
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import count

import pytest

from conversation_tracker import inbox, outbox
from conversation_tracker.models import Receipt
from orders.models import Attachment, Kind, TimelineEntry
from tests import factories
from tests.conversation_tracker.providers.conftest import Api
from tests.flows import shapes
from tests.flows.conftest import System, wait_for
from tests.flows.test_bombs import Watch, hand_in, post

LARGE = 27_000_000  # bytes of a file: 37 MB of mail
PATIENCE = 90.0  # seconds
START = b"%PDF-1.7\n"


@pytest.fixture
def own_environment() -> dict[str, str]:
    """The providers of the shapes; none of them fetches."""
    nowhere = Api()
    found = shapes.environment(nowhere)
    nowhere.stop()
    return {**found, "WORKER_MEMORY_BYTES": "512000000"}


def large(number: int) -> bytes:
    content = START + random.Random(number).randbytes(LARGE)
    return (
        b"From: Kim <kim@carrier.example>\r\nTo: shop@acme.example\r\nSubject: Your papers\r\nMIME-Version: 1.0\r\n"
        b"Message-ID: <%d@carrier.example>\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
        b"--x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        b"Here they are \xf0\x9f\x98\x8a\r\n--x\r\nContent-Type: application/pdf\r\n"
        b"Content-Disposition: attachment; filename=papers.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n%s"
        b"\r\n--x--\r\n" % (number, base64.encodebytes(content).replace(b"\n", b"\r\n"))
    )


def has_sent(number: int) -> bool:
    return outbox.counts()["sent"] == number


def test_large_mails_are_recorded_and_relayed_at_the_first_attempt(system: System, smtp_place: tuple[str, int]) -> None:
    address = factories.place_silently().customer_alias.address.text()
    watch = Watch(system.pid("worker"))

    def post_in(build: Callable[[bytes, str], shapes.Call], raw: bytes) -> float:
        status, seconds = post(system, build(raw, address))
        assert status == 200
        return seconds

    ways: dict[str, Callable[[bytes], float]] = {
        "Amazon SES": partial(post_in, shapes.whole("Amazon SES")),
        "Mailgun, whole": partial(post_in, shapes.whole("Mailgun, whole")),
        "Postal": partial(post_in, shapes.whole("Postal")),
        "Postmark, in parts": partial(post_in, shapes.postmark_parts),
        "Postmark, both": partial(post_in, shapes.postmark_both),
        "Mandrill, both": partial(post_in, shapes.mandrill_both),
        "Mailgun, in parts": partial(post_in, shapes.mailgun_parts),
        "SMTP": lambda raw: hand_in(smtp_place, raw, address),
    }
    for number, (way, deliver) in zip(count(1), ways.items()):
        began = time.monotonic()
        with watch.watching():
            at_the_door = deliver(large(number))
            wait_for(lambda: inbox.counts()["pending"] == 0, what=f"the end of {way}", seconds=PATIENCE)
            settled = Receipt.objects.order_by("-id").values_list("state", "trouble", "trouble_detail", "attempts")
            assert settled[0] == ("done", "", "", 1), way
            wait_for(partial(has_sent, number), what=f"the copy of {way}", seconds=PATIENCE)
        sys.stdout.write(
            f"{way:18} {time.monotonic() - began:5.1f} s, {at_the_door:.2f} s at the door; the most memory so far "
            f"{max(watch.peaks.values()) // 1024} MB\n"
        )
    assert TimelineEntry.objects.filter(kind=Kind.MAIL).count() == len(ways)
    assert list(Attachment.objects.values_list("size", flat=True)) == [len(START) + LARGE] * len(ways)
