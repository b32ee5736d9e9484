"""Staff have a mail passed on that a rule stopped."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from conversation_tracker.mailflow import decide
from conversation_tracker.models import OutboundMail, SendState
from orders import conversations
from orders.models import Action, Alert, Alias, AuditEntry, TimelineEntry, User
from orders.outcomes import Outcome, Reason
from orders.placing import Placed
from tests import factories, letters
from tests.conversation_tracker.conversing import Work, finished, ids, mails, person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("three_providers")]

SPAM = {"X_Spam_Status": "Yes"}
BULK = {"List_Unsubscribe": "<https://shop.example/off>"}
REPLY = {"Auto_Submitted": "auto-replied"}


def post(client: Client, placed: Placed, message_id: str = "<1@people.example>", **headers: str) -> None:
    """A mail from the customer to the store."""
    letter = letters.postmark(
        placed.store_alias, FromFull=person(placed.customer_alias), Headers=ids(message_id, **headers)
    )
    letters.post_postmark(client, letter)


def stopped(client: Client, placed: Placed, work: Work, **headers: str) -> TimelineEntry:
    """The entry of a mail from the customer to the store that a rule stopped."""
    post(client, placed, **headers)
    assert work() == []
    return mails(placed.order)[-1]


def pass_on(client: Client, entry: TimelineEntry) -> str:
    """Press the button; the page that comes."""
    order = entry.order
    url = f"/orders/{order.store.account}/{order.number}/entries/{entry.pk}/send-again/"
    return " ".join(client.post(url, follow=True).content.decode().split())


def page(client: Client, placed: Placed) -> str:
    order = placed.order
    return " ".join(client.get(f"/orders/{order.store.account}/{order.number}/").content.decode().split())


@pytest.mark.parametrize(("headers", "reason"), [(SPAM, Reason.SPAM), (BULK, Reason.BULK)])
def test_a_stopped_mail_leaves_once_staff_want_it(
    headers: dict[str, str], reason: Reason, client: Client, as_support: Client, work: Work, placed: Placed
) -> None:
    entry = stopped(client, placed, work, **headers)
    assert (entry.outcome, entry.reason) == (Outcome.REFUSED, reason)
    assert "The mail is being passed on." in pass_on(as_support, entry)
    (sent,) = work()
    assert sent.to == [placed.store_alias.real.text()]
    assert sent.from_email == placed.customer_alias.address.text()
    assert placed.customer_alias.real.text() not in finished(sent)
    assert OutboundMail.objects.get().state == SendState.SENT


def test_an_automatic_reply_too_many_leaves_once_staff_want_it(
    client: Client, as_support: Client, work: Work, placed: Placed
) -> None:
    post(client, placed, "<0@people.example>", **REPLY)
    assert len(work()) == 1
    entry = stopped(client, placed, work, **REPLY)
    assert entry.reason == Reason.AUTO_REPLY
    pass_on(as_support, entry)
    assert len(work()) == 1


def test_a_mail_that_was_braked_leaves_and_its_alert_is_settled(
    client: Client, as_support: Client, work: Work, placed: Placed
) -> None:
    for number in range(decide.MOST_ANSWERS + 1):
        post(client, placed, f"<{number}@people.example>", In_Reply_To=f"<{number}@acme.example>")
    assert len(work()) == decide.MOST_ANSWERS
    entry = mails(placed.order)[-1]
    assert (entry.reason, Alert.objects.open().get().entry) == (Reason.LOOP, entry)
    pass_on(as_support, entry)
    assert len(work()) == 1
    assert Alert.objects.open().count() == 0


def test_it_is_audited_and_a_double_click_passes_it_on_once(
    client: Client, as_support: Client, support: User, work: Work, placed: Placed
) -> None:
    entry = stopped(client, placed, work, **SPAM)
    pass_on(as_support, entry)
    assert "The mail is on its way already." in pass_on(as_support, entry)
    found = AuditEntry.objects.get()
    assert (found.action, found.user, found.before, found.after) == (
        Action.MAIL_SENT_AGAIN, support, "stopped", "queued",
    )  # fmt: skip
    assert len(work()) == 1
    assert "nothing is wrong with it" in pass_on(as_support, entry)
    assert work() == []


def test_the_page_says_why_it_was_stopped_and_offers_to_pass_it_on(
    client: Client, as_support: Client, work: Work, placed: Placed
) -> None:
    entry = stopped(client, placed, work, **SPAM)
    before = page(as_support, placed)
    assert "The mail provider marked it as spam" in before
    assert "Pass on<span" in before
    assert "Copy:" not in before
    pass_on(as_support, entry)
    work()
    after = page(as_support, placed)
    assert "Passed on by staff" in after
    assert "When it came: The mail provider marked it as spam" in after
    assert "Pass on<span" not in after


def test_who_is_of_another_store_cannot_do_it(client: Client, outsider: User, work: Work, placed: Placed) -> None:
    entry = stopped(client, placed, work, **SPAM)
    client.force_login(outsider)
    pass_on(client, entry)
    assert OutboundMail.objects.get().state == SendState.STOPPED
    assert work() == []


def test_spam_of_a_stranger_is_not_offered(client: Client, work: Work, placed: Placed) -> None:
    """He has no alias by which he could be answered, and is to get none for it."""
    letter = letters.postmark(placed.store_alias, Headers=ids("<1@spam.example>", **SPAM))
    letters.post_postmark(client, letter)
    assert work() == []
    assert (OutboundMail.objects.count(), placed.order.aliases.count()) == (0, 2)


def test_our_own_mail_that_came_back_is_not_offered(client: Client, work: Work, placed: Placed) -> None:
    post(client, placed)
    (sent,) = work()
    mark = {"X_Conversation_Tracker_Hop": sent.extra_headers["X-Conversation-Tracker-Hop"]}
    post(client, placed, "<2@people.example>", **mark)
    assert work() == []
    assert mails(placed.order)[-1].reason == Reason.LOOP
    assert OutboundMail.objects.count() == 1


def test_it_is_not_passed_on_when_an_alias_has_ended(
    client: Client, as_support: Client, work: Work, placed: Placed
) -> None:
    entry = stopped(client, placed, work, **SPAM)
    Alias.objects.update(issued_at=timezone.now() - timedelta(days=90), expires_at=timezone.now() - timedelta(days=1))
    assert "no longer valid" in pass_on(as_support, entry)
    assert work() == []


def test_who_joined_the_order_since_is_masked_in_it(
    client: Client, as_support: Client, work: Work, placed: Placed
) -> None:
    letter = letters.postmark(
        placed.store_alias, FromFull=person(placed.customer_alias), Headers=ids("<1@people.example>", **SPAM),
        TextBody="Ask lee@carrier.example.", HtmlBody="",
    )  # fmt: skip
    letters.post_postmark(client, letter)
    assert work() == []
    factories.make_third_party(placed.order, email="lee@carrier.example")
    pass_on(as_support, mails(placed.order)[-1])
    (sent,) = work()
    assert "lee@carrier.example" not in finished(sent)


def test_a_stopped_mail_is_not_counted_as_one_that_went(client: Client, work: Work, placed: Placed) -> None:
    """An automatic reply that spam filters stopped must not use up the one of its week."""
    stopped(client, placed, work, **SPAM, **REPLY)
    post(client, placed, "<2@people.example>", **REPLY)
    assert len(work()) == 1


def test_an_answer_to_a_stopped_mail_names_nothing_that_its_reader_never_saw(
    client: Client, work: Work, placed: Placed
) -> None:
    stopped(client, placed, work, **SPAM)
    post(client, placed, "<2@people.example>", In_Reply_To="<1@people.example>", References="<1@people.example>")
    (sent,) = work()
    assert "References" not in sent.extra_headers


def test_what_staff_write_goes_on_with_a_mail_that_its_reader_has(
    client: Client, as_support: Client, work: Work, placed: Placed
) -> None:
    order, store = placed.order, person(placed.store_alias)
    for message_id, headers in (("<1@acme.example>", {}), ("<2@acme.example>", SPAM)):
        letter = letters.postmark(placed.customer_alias, FromFull=store, Headers=ids(message_id, **headers))
        letters.post_postmark(client, letter)
    (arrived,) = work()
    said = {"to": placed.customer_alias.pk, "subject": "Your order", "text": "It leaves today.", "once": "1"}
    as_support.post(f"/orders/{order.store.account}/{order.number}/write/", said)
    (sent,) = work()
    assert sent.extra_headers["In-Reply-To"] == arrived.extra_headers["Message-ID"]


def test_it_belongs_to_the_conversation_once_it_was_passed_on(
    client: Client, as_support: Client, work: Work, placed: Placed
) -> None:
    entry = stopped(client, placed, work, **SPAM)
    assert list(conversations.messages(placed.order)) == []
    pass_on(as_support, entry)
    assert list(conversations.messages(placed.order)) == [entry]


def test_an_address_that_no_mail_can_reach_joins_no_order(client: Client, work: Work, placed: Placed) -> None:
    letter = letters.postmark(placed.store_alias, FromFull={"Email": "=@=", "Name": ""}, Headers=ids("<1@x.example>"))
    letters.post_postmark(client, letter)
    assert work() == []
    assert [(one.outcome, one.reason) for one in mails(placed.order)] == [(Outcome.RECORDED, Reason.NO_SENDER)]
    assert placed.order.aliases.count() == 2
