"""A mail that is not safe to read: the timeline says so, its bytes are kept, and it is passed on to nobody."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.core.mail import EmailMultiAlternatives
from django.test import Client
from django.utils import timezone

from conversation_tracker import inbox
from conversation_tracker.mailflow import guards, parse
from conversation_tracker.models import OutboundMail, Receipt, ReceiptState, Trouble
from orders import vault
from orders.models import AliasEvent, Kind, TimelineEntry, User, Verification
from orders.outcomes import Outcome, Reason
from orders.placing import Placed
from tests import factories, letters

pytestmark = pytest.mark.django_db
Work = Callable[..., list[EmailMultiAlternatives]]
# Its header is over the guard of 100 kB, and the only one that tells what it is about.
ABSURD = b"X-Pad: y\r\n" * 2_000 + letters.mime()


@pytest.fixture
def operator() -> User:
    return factories.make_user("operator@staff.example", is_superuser=True)


def hand_in(placed: Placed, raw: bytes = ABSURD, *recipients: str, sender: str = "") -> Receipt:
    addresses = recipients or (placed.store_alias.address.text(),)
    sender = sender or placed.customer_alias.real.text()
    return inbox.accept_mime(raw, sender=sender, recipients=addresses, now=timezone.now())


def entries() -> list[TimelineEntry]:
    return list(TimelineEntry.objects.filter(kind=Kind.MAIL).order_by("id"))


def test_it_is_recorded_with_its_bytes_and_relayed_to_nobody(placed: Placed, work: Work) -> None:
    receipt = hand_in(placed)
    assert work() == []
    (entry,) = entries()
    assert (entry.outcome, entry.reason) == (Outcome.RECORDED, Reason.UNREAD)
    assert (entry.subject, entry.text, entry.html) == ("", "", "")
    assert entry.sender_alias == placed.customer_alias  # as the envelope has it, which nobody vouches for
    assert entry.verification == Verification.UNVERIFIED
    assert vault.load(entry.original) == ABSURD
    assert not OutboundMail.objects.exists()
    receipt.refresh_from_db()
    assert (receipt.state, receipt.trouble) == (ReceiptState.DONE, Trouble.OVER_LIMIT)
    assert receipt.trouble_detail == guards.Limit.FIELDS.value
    expected = {"outcome": "recorded", "reason": "unread", "entry": entry.pk, "repeat": False}
    assert receipt.results == [expected]


def test_two_aliases_get_an_entry_each_and_a_repeat_none(placed: Placed, work: Work) -> None:
    both = placed.store_alias.address.text(), placed.customer_alias.address.text()
    for _ in range(2):
        hand_in(placed, ABSURD, *both)
    work()
    assert {entry.recipient_alias for entry in entries()} == {placed.store_alias, placed.customer_alias}
    assert len(entries()) == 2
    hand_in(placed, ABSURD + b"other words")
    work()
    assert len(entries()) == 3


def test_the_same_through_two_providers_is_one_entry(client: Client, placed: Placed, work: Work) -> None:
    raw = ABSURD.decode()
    letters.post_postmark(client, letters.postmark(placed.customer_alias, RawEmail=raw))
    hand_in(placed, ABSURD, placed.customer_alias.address.text())
    work()
    assert len(entries()) == 1


def test_what_servers_put_before_it_makes_it_no_other(placed: Placed, work: Work) -> None:
    for way in (b"", b"Received: from a by ses\r\n\tfor you\r\nX-Spam: no\r\n", b"Received: by another\r\n"):
        hand_in(placed, way + b"Subject: " + b"x" * 20_000 + b"\r\n\r\nhi")
    work()
    assert [entry.reason for entry in entries()] == [Reason.UNREAD]


def test_in_parts_every_part_counts(client: Client, placed: Placed, work: Work) -> None:
    absurd = [{"Name": "X-Pad", "Value": "y"}] * 2_000
    for text in ("one", "one", "two"):
        letters.post_postmark(client, letters.postmark(placed.customer_alias, Headers=absurd, TextBody=text))
    work()
    assert [entry.reason for entry in entries()] == [Reason.UNREAD] * 2
    assert entries()[0].original_type == "application/json"


def test_nobody_s_is_in_quarantine_only(placed: Placed, work: Work) -> None:
    hand_in(placed, ABSURD, f"{'0' * 32}@ct.acme.example")
    work()
    assert Receipt.objects.get().state == ReceiptState.QUARANTINED
    assert entries() == []


def test_one_whose_reading_fails_is_recorded_too(placed: Placed, work: Work) -> None:
    parsed, raw = parse.parse, letters.mime()

    def stumble(message: Any, **known: Any) -> Any:
        if list(message.raw_items()):
            raise RecursionError("kim@carrier.example")
        return parsed(message, **known)

    with patch.object(parse, "parse", side_effect=stumble):
        hand_in(placed, raw)
        work()
    receipt = Receipt.objects.get()
    assert (receipt.state, receipt.trouble) == (ReceiptState.DONE, Trouble.UNREADABLE)
    assert receipt.trouble_detail.startswith("RecursionError in ")
    assert vault.load(entries()[0].original) == raw


def test_one_that_fills_the_memory_is_not_taken_for_unreadable(placed: Placed, work: Work) -> None:
    with patch.object(parse, "parse", side_effect=MemoryError):
        hand_in(placed)
        work()
    assert Receipt.objects.get().state == ReceiptState.QUARANTINED
    assert entries() == []


def test_replayed_it_is_the_same_entry_until_it_can_be_read(placed: Placed, work: Work, operator: User) -> None:
    receipt = hand_in(placed)
    work()
    assert inbox.put_back(receipt, user=operator, now=timezone.now())
    work()
    assert len(entries()) == 1
    assert inbox.put_back(receipt, user=operator, now=timezone.now())
    with patch.object(guards, "MOST_FIELDS", 5_000):
        (left,) = work()
    assert [entry.reason for entry in entries()] == [Reason.UNREAD, Reason.CONVERSATION]
    assert left.to == [placed.store_alias.real.text()]
    receipt.refresh_from_db()
    assert (receipt.state, receipt.trouble, receipt.trouble_detail) == (ReceiptState.DONE, "", "")
    assert not inbox.put_back(receipt, user=operator, now=timezone.now())


def test_its_receipt_is_not_forgotten_and_says_what_became_of_it(
    placed: Placed, work: Work, operator: User, client: Client
) -> None:
    receipt = hand_in(placed)
    work()
    assert inbox.forget_settled(before=timezone.now() + timedelta(days=1)) == 0
    User.objects.filter(pk=operator.pk).update(is_staff=True)
    client.force_login(operator)
    html = client.get(f"/admin/conversation_tracker/receipt/{receipt.pk}/change/").content.decode()
    assert "Recorded, but not read: Its shape is absurd" in html
    assert f"/receipt/{receipt.pk}/replay/" in html
    (entry,) = entries()
    assert f'href="/orders/{placed.order.store.account}/{placed.order.number}/#mail-{entry.pk}"' in html


def test_at_an_expired_alias_it_is_late_like_any_other(placed: Placed, work: Work) -> None:
    hand_in(placed)
    work(now=timezone.now() + timedelta(days=100))
    assert entries()[0].reason == Reason.EXPIRED
    assert TimelineEntry.objects.filter(alias_event=AliasEvent.EXPIRED).count() == 0


def test_the_page_says_that_it_could_not_be_read(placed: Placed, work: Work, as_support: Client) -> None:
    hand_in(placed)
    work()
    html = as_support.get(f"/orders/{placed.order.store.account}/{placed.order.number}/").content.decode()
    assert "It could not be read safely, so it was kept as it came and not passed on." in html
    assert ("(no text)" in html, "(no subject)" in html, "(not read)" in html) == (False, False, True)
    assert '<span class="who__name">Maria Silva</span> <span class="tag tag--party">Customer</span>' in html
    assert 'name="subject" maxlength="1000" required value=""' in html
