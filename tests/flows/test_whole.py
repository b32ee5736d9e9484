"""Real mails over HTTP through a real web process, Redis, a Celery worker and PostgreSQL, to the mailboxes."""

from __future__ import annotations

import json
import socket
import urllib.parse
import urllib.request
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone

from conversation_tracker import inbox, outbox
from conversation_tracker.local.models import LocalMail
from conversation_tracker.models import Receipt
from orders.models import Alias, AliasEvent, Kind, TimelineEntry
from orders.tasks import expire_aliases
from tests import factories, letters
from tests.flows.conftest import System, wait_for


def post(system: System, provider: str, body: bytes, **headers: str) -> int:
    request = urllib.request.Request(
        f"{system.url}/anymail/{provider}/inbound/",
        body,
        {"Authorization": letters.BASIC_AUTH, **{name.replace("_", "-"): value for name, value in headers.items()}},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        status: int = response.status
        return status


def post_mail(system: System, provider: str, alias: Alias, number: int) -> int:
    address, message_id = alias.address.text(), f"<{provider}-{number}@carrier.example>"
    if provider == "postmark":
        payload: dict[str, Any] = letters.postmark(alias, Headers=[{"Name": "Message-ID", "Value": message_id}])
        return post(system, provider, json.dumps(payload).encode(), Content_Type="application/json")
    if provider == "mailgun":
        headers = [["From", "Kim Carrier <kim@carrier.example>"], ["Message-Id", message_id], ["Subject", "x"]]
        form = letters.mailgun(address, **{"message-headers": json.dumps(headers)})
        return post(system, provider, urllib.parse.urlencode(form).encode())
    payload = letters.ses([address], letters.mime(Message_ID=message_id))
    return post(
        system, provider, json.dumps(payload).encode(), Content_Type="text/plain",
        X_Amz_Sns_Message_Type="Notification", X_Amz_Sns_Message_Id=payload["MessageId"],
    )  # fmt: skip


def settled(count: int) -> bool:
    return inbox.counts() == {"pending": 0, "done": count, "quarantined": 0}


def test_mails_of_every_provider_reach_timeline_and_mailbox(system: System) -> None:
    placed = factories.place_silently()
    for number in range(10):
        for provider in ("postmark", "mailgun", "amazon_ses"):
            assert post_mail(system, provider, placed.customer_alias, number) == 200
    wait_for(lambda: settled(30), what="every receipt settled")
    wait_for(lambda: outbox.counts()["sent"] == 30, what="every mail sent")
    assert TimelineEntry.objects.filter(order=placed.order, kind=Kind.MAIL).count() == 30
    assert LocalMail.objects.count() == 30


def test_garbage_is_quarantined_and_the_rest_goes_on(system: System) -> None:
    placed = factories.place_silently()
    assert post(system, "postmark", b"\xff garbage", Content_Type="application/json") == 200
    assert post_mail(system, "postmark", placed.customer_alias, 1) == 200
    expected = {"pending": 0, "done": 1, "quarantined": 1}
    wait_for(lambda: inbox.counts() == expected, what="one done and one in quarantine")


def test_with_lost_wake_ups_and_a_killed_worker_beat_and_a_new_worker_finish(system: System) -> None:
    placed = factories.place_silently()
    system.kill("worker")
    for number in range(20):
        assert post_mail(system, "postmark", placed.customer_alias, number) == 200
    cache.clear()
    cache._cache.get_client().flushdb()  # type: ignore[attr-defined]  # the wake-ups are gone with everything in Redis
    assert inbox.counts()["pending"] == 20
    system.start("worker")
    system.start("beat")
    wait_for(lambda: settled(20), what="the sweeper's work")
    wait_for(lambda: outbox.counts()["sent"] == 20, what="every mail sent")


def test_an_acknowledged_mail_survives_killing_everything(system: System) -> None:
    placed = factories.place_silently()
    for number in range(15):
        assert post_mail(system, "mailgun", placed.customer_alias, number) == 200
    system.stop()
    system.start("web")
    system.start("worker")
    system.start("beat")
    wait_for(lambda: settled(15), what="every receipt settled")
    assert TimelineEntry.objects.filter(order=placed.order, kind=Kind.MAIL).count() == 15


def test_beat_retires_what_is_due(system: System) -> None:
    placed = factories.place_silently()
    past = timezone.now() - timedelta(days=1)
    Alias.objects.filter(order=placed.order).update(issued_at=past - timedelta(days=62), expires_at=past)
    for _ in range(2):
        expire_aliases.delay()
    wait_for(
        lambda: TimelineEntry.objects.filter(order=placed.order, alias_event=AliasEvent.EXPIRED).count() == 2,
        what="both expiries on the timeline",
    )
    assert Alias.objects.filter(order=placed.order, retired_at=None).count() == 0


def test_a_chunked_body_that_is_cut_off_is_not_acknowledged_and_not_kept(system: System) -> None:
    body = json.dumps(letters.postmark(factories.place_silently().customer_alias)).encode()
    start = (
        f"POST /anymail/postmark/inbound/ HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {letters.BASIC_AUTH}\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    ).encode()
    half = b"%x\r\n%s\r\n" % (len(body) // 2, body[: len(body) // 2])
    rest = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body) - len(body) // 2, body[len(body) // 2 :])
    for sent in (half, half + rest[:20]):
        assert not said(system, start + sent).startswith(b"HTTP/1.1 200")
    assert not Receipt.objects.exists()
    assert said(system, start + half + rest).startswith(b"HTTP/1.1 200")
    assert Receipt.objects.get().body.bytes() == body


def said(system: System, request: bytes) -> bytes:
    """What is answered to these bytes, after which nothing more comes."""
    host, _, port = system.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        heard = b""
        while piece := client.recv(4_096):
            heard += piece
    return heard


@pytest.mark.parametrize("path", ["/sign-in/", "/healthz"])
def test_the_site_answers(system: System, path: str) -> None:
    with urllib.request.urlopen(f"{system.url}{path}", timeout=10) as response:
        assert response.status == 200
