"""Mail that programs write: newsletters, automatic replies, receipts, our own mail come back."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from conversation_tracker.mailflow import decide
from orders.models import Alert, AlertKind
from orders.outcomes import Outcome, Reason
from orders.placing import Placed
from tests import factories, letters
from tests.conversation_tracker.conversing import Work, ids, mails, person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("three_providers")]


def test_our_own_mail_that_comes_back_is_stopped(client: Client, work: Work, placed: Placed) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    (sent,) = work()
    letters.post_ses(client, letters.ses([placed.store_alias.address.text()], sent.message().as_bytes()))
    assert work() == []
    assert mails(placed.order)[-1].reason == Reason.LOOP


def test_a_forwarded_copy_with_our_mark_is_stopped(client: Client, work: Work, placed: Placed) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    (sent,) = work()
    mark = {"X_Conversation_Tracker_Hop": sent.extra_headers["X-Conversation-Tracker-Hop"]}
    letters.post_ses(client, letters.ses([placed.store_alias.address.text()], letters.mime(**mark)))
    assert work() == []
    assert mails(placed.order)[-1].reason == Reason.LOOP
    assert Alert.objects.count() == 0


def test_a_newsletter_is_recorded_and_not_relayed(client: Client, work: Work, placed: Placed) -> None:
    headers = ids("<1@news.example>", List_Unsubscribe="<https://news.example>")
    letters.post_postmark(client, letters.postmark(placed.customer_alias, Headers=headers))
    assert work() == []
    assert [(entry.outcome, entry.reason) for entry in mails(placed.order)] == [(Outcome.REFUSED, Reason.BULK)]
    assert placed.order.aliases.count() == 2


def test_an_answer_from_a_shared_inbox_is_relayed(client: Client, work: Work, placed: Placed) -> None:
    customer, store = placed.customer_alias, placed.store_alias
    letters.post_postmark(client, letters.postmark(store, FromFull=person(customer)))
    (asked,) = work()
    answered = ids(
        "<2@shop.example>", In_Reply_To=asked.extra_headers["Message-ID"], Precedence="list", List_ID="<help>"
    )
    letters.post_postmark(client, letters.postmark(customer, FromFull=person(store), Headers=answered))
    (answer,) = work()
    assert answer.to == [customer.real.text()]


def shared_inbox(placed: Placed, **marks: str) -> dict[str, Any]:
    """The store's answer to the customer, as a shared inbox sends it."""
    headers = ids("<2@shop.example>", **{"Precedence": "list", "List_ID": "<help>", **marks})
    return letters.postmark(placed.customer_alias, FromFull=person(placed.store_alias), Headers=headers)


def asked(client: Client, work: Work, placed: Placed) -> str:
    """The Message-ID of the customer's question as the store got it."""
    letters.post_postmark(client, letters.postmark(placed.store_alias, FromFull=person(placed.customer_alias)))
    (question,) = work()
    return str(question.extra_headers["Message-ID"])


def test_a_shared_inbox_may_answer_after_the_tracking_domain_has_changed(
    client: Client, work: Work, placed: Placed
) -> None:
    store = placed.order.store
    store.former_domains, store.tracking_domain = [store.tracking_domain], "ct.new.example"
    store.save()
    letters.post_postmark(client, shared_inbox(placed, In_Reply_To=asked(client, work, placed)))
    assert len(work()) == 1


@pytest.mark.parametrize(
    "named", ["", "<1@shop.example>", f"<{'0a' * 16}@xct.acme.example>", "<0100018f-1@email.amazonses.com>"]
)
def test_what_answers_nothing_of_ours_is_a_newsletter(client: Client, work: Work, placed: Placed, named: str) -> None:
    letters.post_postmark(client, shared_inbox(placed, In_Reply_To=named))
    assert work() == []
    assert mails(placed.order)[-1].reason == Reason.BULK


def test_a_vacation_program_of_old_is_no_shared_inbox(client: Client, work: Work, placed: Placed) -> None:
    answer = shared_inbox(placed, In_Reply_To=asked(client, work, placed), Precedence="junk", X_Loop="me@shop.example")
    letters.post_postmark(client, answer)
    assert work() == []


def test_two_out_of_office_machines_stop_after_one_mail(client: Client, work: Work, placed: Placed) -> None:
    customer, store = placed.customer_alias, placed.store_alias
    for number in range(3):
        headers = ids(f"<{number}@people.example>", Auto_Submitted="auto-replied")
        letters.post_postmark(client, letters.postmark(store, FromFull=person(customer), Headers=headers))
        sent = work()
        assert len(sent) == (1 if number == 0 else 0)
    assert [entry.reason for entry in mails(placed.order)] == [
        Reason.CONVERSATION,
        Reason.AUTO_REPLY,
        Reason.AUTO_REPLY,
    ]


def test_two_automatic_replies_at_once_are_one_mail(client: Client, work: Work, placed: Placed) -> None:
    for number in range(2):
        headers = ids(f"<{number}@people.example>", Auto_Submitted="auto-replied")
        letter = letters.postmark(placed.store_alias, FromFull=person(placed.customer_alias), Headers=headers)
        letters.post_postmark(client, letter)
    assert len(work()) == 1


def test_two_programs_that_confirm_each_mail_stop(client: Client, work: Work, placed: Placed) -> None:
    """What they are stays visible behind the alias; where they do not look at it, only so many go in an hour."""
    for number in range(decide.MOST_AUTOMATIC + 2):
        headers = ids(f"<{number}@people.example>", Auto_Submitted="auto-generated", X_Auto_Response_Suppress="OOF")
        letter = letters.postmark(placed.store_alias, FromFull=person(placed.customer_alias), Headers=headers)
        letters.post_postmark(client, letter)
    sent = work()
    assert len(sent) == decide.MOST_AUTOMATIC
    assert {
        (mail.extra_headers["Auto-Submitted"], mail.extra_headers["X-Auto-Response-Suppress"]) for mail in sent
    } == {("auto-generated", "All")}
    assert [entry.reason for entry in mails(placed.order)][-2:] == [Reason.LOOP] * 2


@pytest.mark.parametrize("only_in_subject", [False, True])
def test_two_programs_that_do_not_say_what_they_are_stop(
    client: Client, work: Work, placed: Placed, *, only_in_subject: bool
) -> None:
    for number in range(decide.MOST_ANSWERS + 2):
        answers = {"Subject": "Re: Your order"} if only_in_subject else {}
        named = {} if only_in_subject else {"In_Reply_To": f"<{number}@acme.example>"}
        headers = ids(f"<{number}@people.example>", **named)
        letter = letters.postmark(
            placed.store_alias, FromFull=person(placed.customer_alias), Headers=headers, **answers
        )
        letters.post_postmark(client, letter)
    assert len(work()) == decide.MOST_ANSWERS
    *_, last, first_stopped, second_stopped = mails(placed.order)
    assert [last.reason, first_stopped.reason, second_stopped.reason] == [
        Reason.CONVERSATION, Reason.LOOP, Reason.LOOP,
    ]  # fmt: skip
    alert = Alert.objects.open().get()  # of the first that was stopped; nobody wants one of each
    assert (alert.kind, alert.entry_id) == (AlertKind.LOOP, first_stopped.pk)


def _exchanged(placed: Placed, count: int, *, there: str, back: str) -> None:
    """So many mails went each way in the last minutes."""
    customer, store = placed.customer_alias, placed.store_alias
    for sender, recipient, subject in [(customer, store, there), (store, customer, back)]:
        for number in range(count):
            factories.make_mail(sender, recipient, subject=subject.format(number=number))


def test_two_programs_with_fixed_subjects_stop_although_nothing_says_that_they_answer(
    client: Client, work: Work, placed: Placed
) -> None:
    _exchanged(placed, decide.MOST_ALIKE, there="[Ticket#{number}] We have it", back="Thank you")
    letter = letters.postmark(
        placed.store_alias, FromFull=person(placed.customer_alias), Subject="[Ticket#4711] We have it"
    )
    letters.post_postmark(client, letter)
    assert work() == []
    assert mails(placed.order)[-1].reason == Reason.LOOP


@pytest.mark.parametrize(
    ("count", "there", "back", "subject"),
    [
        (decide.MOST_ALIKE - 1, "We have it", "Thank you", "We have it"),
        (decide.MOST_ALIKE, "We have it", "Thank you", "Where is it?"),
    ],
    ids=["not yet so many", "a person in between"],
)
def test_what_is_no_such_circle_is_relayed(
    client: Client, work: Work, placed: Placed, count: int, there: str, back: str, subject: str
) -> None:
    _exchanged(placed, count, there=there, back=back)
    sender = person(placed.customer_alias)
    letters.post_postmark(client, letters.postmark(placed.store_alias, FromFull=sender, Subject=subject))
    assert len(work()) == 1


def test_one_who_sends_a_picture_in_each_mail_is_no_program(client: Client, work: Work, placed: Placed) -> None:
    for _ in range(decide.MOST_ALIKE + 5):
        factories.make_mail(placed.customer_alias, placed.store_alias, subject="Photo")
    sender = person(placed.customer_alias)
    letters.post_postmark(client, letters.postmark(placed.store_alias, FromFull=sender, Subject="Photo"))
    assert len(work()) == 1
