"""Mails are told of to those who subscribe: received, sent, bounced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from conversation_tracker import inbox, outbox
from conversation_tracker.models import OutboundMail
from orders import events
from orders.models import EventKind, OrderEvent, TimelineEntry
from orders.placing import Placed
from tests import factories, letters

pytestmark = pytest.mark.django_db
Work = Callable[..., Any]
MESSAGES = (EventKind.MESSAGE_RECEIVED, EventKind.MESSAGE_SENT, EventKind.MESSAGE_BOUNCED)


def told() -> list[tuple[str, int | None, str]]:
    found = OrderEvent.objects.filter(kind__in=MESSAGES).order_by("pk")
    return list(found.values_list("kind", "entry", "new_status"))


def test_a_mail_that_comes_in_is_told_of_and_so_is_its_copy(client: Client, work: Work, placed: Placed) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    work()
    entry = TimelineEntry.objects.get(kind="mail").pk
    assert told() == [("message.received", entry, "order-created"), ("message.sent", entry, "order-created")]


def test_a_repeat_is_not_told_of_again(client: Client, work: Work, placed: Placed) -> None:
    for _ in range(2):
        letters.post_postmark(client, letters.postmark(placed.customer_alias))
    work()
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    work()
    assert [kind for kind, _, _ in told()] == ["message.received", "message.sent"]


def test_a_mail_to_no_alias_is_not_told_of(client: Client, work: Work, placed: Placed) -> None:
    letters.post_postmark(client, letters.postmark("nobody@ct.acme.example"))
    work()
    assert told() == []


def test_a_mail_that_cannot_leave_is_not_told_of_as_sent(client: Client, placed: Placed, settings: Any) -> None:
    settings.EMAIL_BACKEND = "tests.no.such.Backend"
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    inbox.work(now=timezone.now())
    outbox.work(now=timezone.now())
    assert [kind for kind, _, _ in told()] == ["message.received"]


def test_a_bounce_is_told_of_once(client: Client, work: Work, placed: Placed) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    work()
    OutboundMail.objects.update(provider_message_id="pm-1")
    bounce = {"RecordType": "Bounce", "Type": "HardBounce", "MessageID": "pm-1"}
    for _ in range(2):
        letters.post(client, "/anymail/postmark/tracking/", bounce)
        work()
    assert [kind for kind, _, _ in told()] == ["message.received", "message.sent", "message.bounced"]


def test_a_mail_that_is_not_recorded_is_not_told_of(
    client: Client, placed: Placed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both stand or fall with one transaction."""
    letters.post_postmark(client, letters.postmark(placed.customer_alias))

    def fail(*_: Any, **__: Any) -> None:
        raise OSError

    monkeypatch.setattr(inbox, "_mark_done", fail)
    inbox.work(now=timezone.now())
    assert (told(), TimelineEntry.objects.filter(kind="mail").count()) == ([], 0)


def test_what_is_told_holds_no_real_address(client: Client, work: Work, placed: Placed) -> None:
    feed_of = factories.make_feed(factories.make_key(placed.order.store), kinds=[kind.value for kind in MESSAGES])
    payload = letters.postmark(placed.customer_alias, TextBody=f"I am {placed.customer_alias.real.text()}")
    letters.post_postmark(client, payload)
    work()
    events.dispatch(now=timezone.now())
    said = " ".join(item.document.text() for item in feed_of.items.all())
    reals = [alias.real.text() for alias in placed.order.aliases.all()]
    assert [real for real in reals if real in said] == []
    assert said.count("message.") == 2
