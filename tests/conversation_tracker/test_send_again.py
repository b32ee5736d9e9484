"""Staff send again what did not arrive."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.core.mail import EmailMultiAlternatives
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from conversation_tracker import inbox, outbox, tasks
from conversation_tracker.mailflow import leakgate, mask, match
from conversation_tracker.models import OutboundMail, SendState
from conversation_tracker.models.outbound import ENDED_BADLY, WAITING
from conversation_tracker.outbox import Again
from orders import aliases, vault
from orders.models import Action, Alert, AuditEntry, Order, PartyKind, Role, Store, User
from orders.placing import Placed
from orders.secrecy import Secret
from tests import factories, letters
from tests.orders.concurrency import at_once

pytestmark = pytest.mark.django_db
Work = Callable[..., list[EmailMultiAlternatives]]


@pytest.fixture
def bounced(client: Client, work: Work, placed: Placed) -> OutboundMail:
    """A copy that left and came back."""
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    work()
    row = OutboundMail.objects.get()
    row.state, row.attempts, row.failures, row.problem = SendState.BOUNCED, 3, 2, "bounced"
    row.save()
    factories.make_alert(row.entry)
    return row


def url(order: Order, entry: int) -> str:
    return f"/orders/{order.store.account}/{order.number}/entries/{entry}/send-again/"


def page(client: Client, order: Order) -> str:
    return " ".join(client.get(f"/orders/{order.store.account}/{order.number}/").content.decode().split())


@pytest.mark.parametrize("state", ENDED_BADLY)
def test_whatever_ended_badly_goes_back_into_the_outbox(
    state: SendState, as_support: Client, placed: Placed, bounced: OutboundMail
) -> None:
    OutboundMail.objects.update(state=state)
    response = as_support.post(url(placed.order, bounced.entry_id), follow=True)
    row = OutboundMail.objects.get()
    assert "The mail is being sent again." in response.content.decode()
    assert (row.state, row.attempts, row.failures, row.problem, row.resends) == (SendState.QUEUED, 0, 0, "", 1)


def test_it_leaves_under_its_message_id_and_the_alert_is_settled(
    as_support: Client, placed: Placed, bounced: OutboundMail, work: Work
) -> None:
    as_support.post(url(placed.order, bounced.entry_id))
    assert Alert.objects.get().settled_at is None
    (sent,) = work()
    assert sent.extra_headers["Message-ID"] == bounced.message_id
    assert OutboundMail.objects.get().state == SendState.SENT
    assert Alert.objects.get().settled_at is not None


def test_it_is_audited(as_support: Client, placed: Placed, bounced: OutboundMail, support: User) -> None:
    as_support.post(url(placed.order, bounced.entry_id))
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.user, entry.store) == (Action.MAIL_SENT_AGAIN, support, placed.order.store)
    assert (entry.subject, entry.before, entry.after) == (
        f"outbound {bounced.pk} of order {placed.order.number}",
        "bounced",
        "queued",
    )


def test_the_outbox_is_woken_once(
    as_support: Client, placed: Placed, bounced: OutboundMail, settings: Settings
) -> None:
    queue = redis.Redis.from_url(settings.REDIS_URL)
    queue.delete("outbox")
    as_support.post(url(placed.order, bounced.entry_id))
    as_support.post(url(placed.order, bounced.entry_id))
    woken = [json.loads(message)["headers"]["task"] for message in queue.lrange("outbox", 0, -1)]
    assert woken == [tasks.drain_outbox.name]


def test_a_double_click_sends_it_once(as_support: Client, placed: Placed, bounced: OutboundMail, work: Work) -> None:
    as_support.post(url(placed.order, bounced.entry_id))
    second = as_support.post(url(placed.order, bounced.entry_id), follow=True)
    assert "The mail is on its way already." in second.content.decode()
    assert len(work()) == 1
    assert AuditEntry.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_asked_for_twice_at_once_it_is_put_back_once(placed: Placed, bounced: OutboundMail, support: User) -> None:
    def again() -> Again:
        return outbox.send_again(placed.order, bounced.entry_id, user=support, now=timezone.now())

    assert sorted(answer.name for answer in at_once(again, again)) == ["QUEUED", "WAITING"]
    assert (OutboundMail.objects.get().resends, AuditEntry.objects.count()) == (1, 1)


@pytest.mark.parametrize("state", [*WAITING, SendState.SENT, SendState.DELIVERED])
def test_what_is_on_its_way_or_arrived_is_left_alone(
    state: SendState, as_support: Client, placed: Placed, bounced: OutboundMail
) -> None:
    OutboundMail.objects.update(state=state)
    as_support.post(url(placed.order, bounced.entry_id))
    row = OutboundMail.objects.get()
    assert (row.state, row.attempts, row.resends, AuditEntry.objects.count()) == (state, 3, 0, 0)


def test_a_suppressed_address_has_to_be_lifted_first_and_that_is_said(
    as_support: Client, as_admin: Client, placed: Placed, bounced: OutboundMail, work: Work
) -> None:
    found = factories.make_suppression(placed.customer_alias)
    refused = as_support.post(url(placed.order, bounced.entry_id), follow=True).content.decode()
    assert "An admin of the store has to lift it first" in refused
    assert (OutboundMail.objects.get().state, work(), AuditEntry.objects.count()) == (SendState.BOUNCED, [], 0)
    as_admin.post(f"/settings/acme/suppressions/{found.pk}/lift/")
    as_support.post(url(placed.order, bounced.entry_id))
    assert len(work()) == 1


def test_after_an_alias_has_ended_nothing_is_sent_again(
    as_support: Client, placed: Placed, bounced: OutboundMail, work: Work, store_admin: User
) -> None:
    aliases.retire(placed.customer_alias, user=store_admin, reason="asked for", now=timezone.now())
    said = as_support.post(url(placed.order, bounced.entry_id), follow=True).content.decode()
    assert "an alias of this conversation is no longer valid" in said
    assert (OutboundMail.objects.get().state, work()) == (SendState.BOUNCED, [])


def test_who_may_only_read_may_not(client: Client, placed: Placed, bounced: OutboundMail, work: Work) -> None:
    client.force_login(factories.make_user(store=placed.order.store, role=Role.VIEWER))
    assert client.post(url(placed.order, bounced.entry_id)).status_code == 403
    assert (OutboundMail.objects.get().state, work(), AuditEntry.objects.count()) == (SendState.BOUNCED, [], 0)


def test_a_stranger_is_asked_to_sign_in(placed: Placed, bounced: OutboundMail) -> None:
    address = url(placed.order, bounced.entry_id)
    assert Client().post(address)["Location"] == f"/sign-in/?next={address}"


def test_a_foreign_mail_and_none_look_the_same(
    as_support: Client, outsider: User, placed: Placed, bounced: OutboundMail, work: Work
) -> None:
    client = Client()
    client.force_login(outsider)
    foreign = factories.place_order(Store.objects.get(account="elsewhere"))
    unsent = factories.make_mail(placed.customer_alias, placed.store_alias)
    token = re.compile(rb'(?:value|next)="[^"]*"')
    answers = [
        client.post(url(placed.order, bounced.entry_id)),
        client.post(url(placed.order, 10**30)),
        client.post("/orders/nope/nothing/entries/1/send-again/"),
        client.post(url(foreign.order, bounced.entry_id)),
    ]
    assert [answer.status_code for answer in answers] == [404] * 4
    assert len({token.sub(b"", answer.content) for answer in answers}) == 1
    assert as_support.post(url(placed.order, unsent.pk)).status_code == 404
    assert (OutboundMail.objects.get().state, work()) == (SendState.BOUNCED, [])


def test_a_link_sends_nothing(as_support: Client, placed: Placed, bounced: OutboundMail, work: Work) -> None:
    assert as_support.get(url(placed.order, bounced.entry_id)).status_code == 405
    assert work() == []


def test_a_form_from_another_site_is_refused(support: User, placed: Placed, bounced: OutboundMail, work: Work) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(support)
    assert client.post(url(placed.order, bounced.entry_id)).status_code == 403
    assert work() == []


def test_the_order_page_offers_it_at_the_alert_and_at_the_mail(
    as_support: Client, placed: Placed, bounced: OutboundMail
) -> None:
    action = f'action="{url(placed.order, bounced.entry_id)}"'
    assert page(as_support, placed.order).count(action) == 2
    as_support.post(url(placed.order, bounced.entry_id))
    shown = page(as_support, placed.order)
    assert (shown.count(action), "It is being sent again." in shown) == (0, True)


class TestOldNews:
    """What a provider tells of the first sending does not undo the second."""

    def event(self, row: OutboundMail, at: Any) -> dict[str, Any]:
        return {
            "RecordType": "Bounce",
            "Type": "HardBounce",
            "MessageID": row.provider_message_id,
            "BouncedAt": at.isoformat(),
        }

    @pytest.fixture
    def again(self, as_support: Client, placed: Placed, bounced: OutboundMail) -> OutboundMail:
        bounced.provider_message_id = "pm-1"
        bounced.save()
        as_support.post(url(placed.order, bounced.entry_id))
        return bounced

    def report(self, client: Client, payload: object) -> None:
        headers = {"Authorization": letters.BASIC_AUTH}
        client.post("/anymail/postmark/tracking/", payload, content_type="application/json", headers=headers)

    def test_an_old_report_leaves_it_in_the_outbox(self, client: Client, again: OutboundMail, work: Work) -> None:
        self.report(client, self.event(again, timezone.now() - timedelta(hours=1)))
        assert len(work()) == 1
        assert OutboundMail.objects.get().state == SendState.SENT

    def test_a_new_report_counts(self, client: Client, again: OutboundMail, work: Work) -> None:
        work()
        OutboundMail.objects.update(provider_message_id="pm-2")
        again.provider_message_id = "pm-2"
        self.report(client, self.event(again, timezone.now() + timedelta(seconds=1)))
        work()
        assert OutboundMail.objects.get().state == SendState.BOUNCED


LATECOMER = "lee@depot.example"


@pytest.fixture
def waiting(client: Client, placed: Placed) -> OutboundMail:
    """A mail that speaks of somebody who becomes a party of the order before it leaves."""
    nested = f"From: {LATECOMER}\r\nSubject: From {LATECOMER}\r\n\r\nI am {LATECOMER}"
    letters.post_postmark(
        client,
        letters.postmark(
            placed.customer_alias,
            Subject=f"Ask {LATECOMER}",
            TextBody=f"{LATECOMER} knows more.",
            HtmlBody=f"<p><b>{LATECOMER}</b> knows more.</p>",
            Attachments=[
                {"Name": "note.txt", "Content": _base64(f"Call {LATECOMER}"), "ContentType": "text/plain"},
                {"Name": "old.eml", "Content": _base64(nested), "ContentType": "message/rfc822"},
            ],
        ),
    )
    inbox.work(now=timezone.now())
    party = aliases.Party(PartyKind.THIRD_PARTY, LATECOMER)
    aliases.issue(placed.order, [party], now=timezone.now())
    return OutboundMail.objects.get()


@pytest.fixture
def held(waiting: OutboundMail, work: Work) -> OutboundMail:
    """The same, with a picture in which nobody can be masked."""
    picture = vault.save(b"\x89PNG\r\n\x1a\n\0\0" + LATECOMER.encode())
    content = waiting.content.json()
    content["files"].append({"name": "p.png", "content_type": "image/png", "content_id": "", "stored_as": picture})
    waiting.content = Secret.of_json(content)
    waiting.save()
    assert work() == []
    waiting.refresh_from_db()
    return waiting


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_the_timeline_says_where_a_held_mail_may_show_an_address(
    as_support: Client, placed: Placed, held: OutboundMail
) -> None:
    assert held.state == SendState.HELD
    shown = page(as_support, placed.order)
    assert "Where it may show one: an attached file" in shown
    assert 'Held: it may show a real address <span class="muted">(an attached file)' in shown


@pytest.mark.parametrize("is_held", [False, True])
def test_who_joined_while_a_mail_waited_is_masked_before_it_leaves(
    as_support: Client, placed: Placed, waiting: OutboundMail, work: Work, *, is_held: bool
) -> None:
    if is_held:  # for something else, such as the time that searching it took
        OutboundMail.objects.update(state=SendState.HELD)
        as_support.post(url(placed.order, waiting.entry_id))
    (sent,) = work()
    alias = placed.order.aliases.latest("pk").address.text()
    assert (sent.subject, sent.body) == (f"Ask {alias}", f"{alias} knows more.")
    finished = sent.message().as_bytes()
    known = mask.known(match.party(one) for one in placed.order.aliases.all())
    assert (leakgate.leaks(finished, known), LATECOMER.encode() in finished) == ([], False)
    assert [name for name, _, _ in map(_attached, sent.attachments)] == ["note.txt", "old.eml"]
    assert f"Call {alias}" in [content for _, _, content in map(_attached, sent.attachments)]
    assert not Alert.objects.exists()


def _attached(part: Any) -> tuple[str, str, str]:
    return part.get_filename(), part.get_content_type(), part.get_payload(decode=True).decode()


def test_what_cannot_be_masked_is_held_again(
    as_support: Client, placed: Placed, held: OutboundMail, work: Work
) -> None:
    as_support.post(url(placed.order, held.entry_id))
    assert work() == []
    held.refresh_from_db()
    assert (held.state, held.problem) == (SendState.HELD, "file")
