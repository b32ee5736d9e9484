"""What becomes of a mail: every rule, and which comes first."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conversation_tracker.mailflow.decide import MOST_AUTOMATIC, decide
from conversation_tracker.mailflow.shapes import (
    Envelope,
    Mail,
    Mailbox,
    Matched,
    Party,
    RecordOnly,
    Refuse,
    Relay,
    Trait,
    Verdict,
)
from orders.outcomes import Reason

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
RECIPIENT = Party(1, 1, False, "a@ct.example", "anna@people.example", "Anna", NOW + timedelta(days=1), None)
SENDER = Party(2, 1, False, "b@ct.example", "help@shop.example", "Shop", NOW + timedelta(days=1), None)
MATCHED = Matched(RECIPIENT, (RECIPIENT, SENDER), SENDER, sender_is_alias=False)
MAIL = Mail(Mailbox("Shop", "help@shop.example"), "Hello", "<1@shop.example>", (), "", "Hello", "")
ENVELOPE = Envelope("help@shop.example", True, ("a@ct.example",), Verdict.PASS, is_spam=False)


def test_an_ordinary_mail_is_relayed() -> None:
    assert decide(MAIL, ENVELOPE, MATCHED, now=NOW) == Relay()


def test_somebody_new_is_relayed() -> None:
    assert decide(MAIL, ENVELOPE, replace(MATCHED, sender=None), now=NOW) == Relay()


@pytest.mark.parametrize(
    "address",
    ["maria..love@docomo.ne.jp", "maria.@ezweb.ne.jp", "erp@servidor.local", "a@foo_bar.com", '"a b"@x.example',
     "kim@bücher.example", "anna@[192.0.2.1]", "root@host"],
)  # fmt: skip
def test_somebody_new_is_relayed_whose_address_no_form_would_take(address: str) -> None:
    mail = replace(MAIL, sender=Mailbox("", address))
    assert decide(mail, ENVELOPE, replace(MATCHED, sender=None), now=NOW) == Relay()


@pytest.mark.parametrize("address", ["=@=", "@", "a@", "@x.example", "a@-", "a b", "a@x", "a@b.c"])
def test_somebody_new_who_cannot_be_answered_is_recorded(address: str) -> None:
    mail = replace(MAIL, sender=Mailbox("", address))
    assert decide(mail, ENVELOPE, replace(MATCHED, sender=None), now=NOW) == RecordOnly(Reason.NO_SENDER)
    assert decide(mail, ENVELOPE, MATCHED, now=NOW) == Relay()


def test_an_unverified_sender_is_relayed() -> None:
    assert decide(MAIL, replace(ENVELOPE, verdict=Verdict.FAIL), MATCHED, now=NOW) == Relay()


@pytest.mark.parametrize("trait", [Trait.OWN_HOP, Trait.TOO_MANY_HOPS])
def test_what_was_here_before_is_a_loop(trait: Trait) -> None:
    assert decide(replace(MAIL, traits=frozenset({trait})), ENVELOPE, MATCHED, now=NOW) == Refuse(Reason.LOOP)


def test_an_alias_that_writes_is_a_loop() -> None:
    assert decide(MAIL, ENVELOPE, replace(MATCHED, sender_is_alias=True), now=NOW) == Refuse(Reason.LOOP)


def test_at_the_second_of_expiry_it_is_too_late() -> None:
    matched = replace(MATCHED, recipient=replace(RECIPIENT, expires_at=NOW))
    assert decide(MAIL, ENVELOPE, matched, now=NOW) == Refuse(Reason.EXPIRED)
    assert decide(MAIL, ENVELOPE, matched, now=NOW - timedelta(microseconds=1)) == Relay()


def test_retired_before_its_time_is_refused() -> None:
    matched = replace(MATCHED, recipient=replace(RECIPIENT, retired_at=NOW - timedelta(days=1)))
    assert decide(MAIL, ENVELOPE, matched, now=NOW) == Refuse(Reason.RETIRED)


def test_expired_counts_more_than_retired() -> None:
    past = NOW - timedelta(days=1)
    matched = replace(MATCHED, recipient=replace(RECIPIENT, expires_at=past, retired_at=past))
    assert decide(MAIL, ENVELOPE, matched, now=NOW) == Refuse(Reason.EXPIRED)


def test_a_retired_sender_is_not_relayed() -> None:
    matched = replace(MATCHED, sender=replace(SENDER, retired_at=NOW))
    assert decide(MAIL, ENVELOPE, matched, now=NOW) == Refuse(Reason.RETIRED)


@pytest.mark.parametrize(
    ("sender", "is_to_third", "expected"),
    [
        ({}, False, Refuse(Reason.EXPIRED)),  # the customer
        ({"is_third": True}, False, Relay()),
        ({"is_store": True}, False, Relay()),
        ({"is_third": True, "retired_at": NOW}, False, Relay()),  # by beat, when its time was over
        ({"is_third": True, "retired_at": NOW - timedelta(days=1)}, False, Refuse(Reason.EXPIRED)),
        ({"is_third": True}, True, Refuse(Reason.EXPIRED)),
        ({"is_store": True}, True, Refuse(Reason.EXPIRED)),
    ],
)
def test_a_sender_whose_own_alias_is_over_is_relayed_where_a_stranger_would_be_but_not_the_customer(
    sender: dict[str, Any], is_to_third: bool, expected: object
) -> None:
    writer = replace(SENDER, **{"is_third": False, "is_store": False, "expires_at": NOW, **sender})
    matched = replace(MATCHED, sender=writer, recipient=replace(RECIPIENT, is_third=is_to_third))
    assert decide(MAIL, ENVELOPE, matched, now=NOW) == expected


@pytest.mark.parametrize(("count", "expected"), [(49, Relay()), (50, Refuse(Reason.CROWDED))])
def test_after_fifty_strangers_no_more_are_let_in(count: int, expected: object) -> None:
    assert decide(MAIL, ENVELOPE, replace(MATCHED, sender=None, third_parties=count), now=NOW) == expected
    assert decide(MAIL, ENVELOPE, replace(MATCHED, third_parties=count), now=NOW) == Relay()


def test_spam_is_refused() -> None:
    assert decide(MAIL, replace(ENVELOPE, is_spam=True), MATCHED, now=NOW) == Refuse(Reason.SPAM)


ANSWER = replace(MATCHED, answers_ours=True)
BULK = replace(MAIL, traits=frozenset({Trait.BULK}))


def test_an_answer_to_ours_by_a_shared_inbox_is_relayed() -> None:
    assert decide(BULK, ENVELOPE, ANSWER, now=NOW) == Relay()


def test_a_program_that_answers_in_bulk_by_itself_is_refused() -> None:
    mail = replace(MAIL, traits=frozenset({Trait.BULK, Trait.AUTO_REPLY}))
    assert decide(mail, ENVELOPE, ANSWER, now=NOW) == Refuse(Reason.BULK)


def test_what_a_desk_writes_in_answer_to_ours_is_relayed_and_stops_where_it_goes_round() -> None:
    mail = replace(MAIL, traits=frozenset({Trait.BULK, Trait.AUTO_GENERATED}))
    assert decide(mail, ENVELOPE, ANSWER, now=NOW) == Relay()
    assert decide(mail, ENVELOPE, replace(ANSWER, relayed_lately=MOST_AUTOMATIC), now=NOW) == Refuse(Reason.LOOP)


def test_so_is_that_of_somebody_whom_the_recipient_has_written_to() -> None:
    mail = replace(MAIL, traits=frozenset({Trait.BULK, Trait.ONLY_SAID_BULK}))
    assert decide(mail, ENVELOPE, replace(MATCHED, is_wanted=True), now=NOW) == Relay()
    braked = replace(MATCHED, is_wanted=True, relayed_lately=MOST_AUTOMATIC)
    assert decide(mail, ENVELOPE, braked, now=NOW) == Refuse(Reason.LOOP)
    assert decide(BULK, ENVELOPE, replace(MATCHED, is_wanted=True), now=NOW) == Refuse(Reason.BULK)
    assert decide(mail, ENVELOPE, replace(MATCHED, is_wanted=True, sender=None), now=NOW) == Refuse(Reason.BULK)


@pytest.mark.parametrize(
    ("is_store", "traits", "expected"),
    [
        (True, {Trait.BULK, Trait.ONLY_SAID_BULK}, Relay()),
        (True, {Trait.BULK, Trait.ONLY_SAID_BULK, Trait.AUTO_GENERATED}, Relay()),
        (True, {Trait.BULK, Trait.ONLY_SAID_BULK, Trait.AUTO_REPLY}, Refuse(Reason.BULK)),
        (True, {Trait.BULK}, Refuse(Reason.BULK)),
        (False, {Trait.BULK, Trait.ONLY_SAID_BULK}, Refuse(Reason.BULK)),
    ],
)
def test_the_stores_desk_is_believed_where_one_word_alone_speaks_of_a_list(
    is_store: bool, traits: set[Trait], expected: object
) -> None:
    matched = replace(MATCHED, sender=replace(SENDER, is_store=is_store))
    assert decide(replace(MAIL, traits=frozenset(traits)), ENVELOPE, matched, now=NOW) == expected


@pytest.mark.parametrize(
    ("more", "lately", "expected"),
    [
        ({Trait.ONLY_SAID_BULK}, None, Relay()),
        ({Trait.ONLY_SAID_BULK}, NOW - timedelta(days=1), RecordOnly(Reason.AUTO_REPLY)),
        (set(), None, Refuse(Reason.BULK)),
    ],
)
def test_an_absence_that_is_called_bulk_is_told_once_a_week(
    more: set[Trait], lately: datetime | None, expected: object
) -> None:
    mail = replace(MAIL, traits=frozenset({Trait.BULK, Trait.AUTO_REPLY, *more}))
    matched = replace(MATCHED, sender=replace(SENDER, is_store=False), auto_reply_relayed_at=lately)
    assert decide(mail, ENVELOPE, matched, now=NOW) == expected
    assert decide(mail, ENVELOPE, replace(matched, sender=None), now=NOW) == Refuse(Reason.BULK)


def test_a_stranger_who_answers_in_bulk_is_refused() -> None:
    assert decide(BULK, ENVELOPE, replace(ANSWER, sender=None), now=NOW) == Refuse(Reason.BULK)


def test_bulk_is_refused() -> None:
    assert decide(BULK, ENVELOPE, MATCHED, now=NOW) == Refuse(Reason.BULK)


def test_a_delivery_report_is_only_recorded_even_after_expiry() -> None:
    mail = replace(MAIL, traits=frozenset({Trait.REPORT}))
    matched = replace(MATCHED, recipient=replace(RECIPIENT, expires_at=NOW))
    assert decide(mail, ENVELOPE, matched, now=NOW) == RecordOnly(Reason.BOUNCE)


def test_a_mail_without_sender_is_only_recorded() -> None:
    assert decide(replace(MAIL, sender=None), ENVELOPE, replace(MATCHED, sender=None), now=NOW) == RecordOnly(
        Reason.NO_SENDER
    )


def test_who_writes_to_himself_is_only_recorded() -> None:
    assert decide(MAIL, ENVELOPE, replace(MATCHED, sender=RECIPIENT), now=NOW) == RecordOnly(Reason.TO_SELF)


@pytest.mark.parametrize(
    ("ago", "expected"),
    [
        (None, Relay()),
        (timedelta(days=6, hours=23), RecordOnly(Reason.AUTO_REPLY)),
        (timedelta(days=7), Relay()),
    ],
)
def test_an_automatic_reply_is_relayed_once_a_week(ago: timedelta | None, expected: object) -> None:
    mail = replace(MAIL, traits=frozenset({Trait.AUTO_REPLY}))
    matched = replace(MATCHED, auto_reply_relayed_at=None if ago is None else NOW - ago)
    assert decide(mail, ENVELOPE, matched, now=NOW) == expected


def test_a_person_who_wrote_lately_is_relayed() -> None:
    assert decide(MAIL, ENVELOPE, replace(MATCHED, auto_reply_relayed_at=NOW, relayed_lately=1_000), now=NOW) == Relay()


@pytest.mark.parametrize(("lately", "expected"), [(MOST_AUTOMATIC - 1, Relay()), (MOST_AUTOMATIC, Refuse(Reason.LOOP))])
def test_of_what_programs_write_only_so_much_is_relayed_in_an_hour(lately: int, expected: object) -> None:
    mail = replace(MAIL, traits=frozenset({Trait.AUTO_GENERATED}))
    assert decide(mail, ENVELOPE, replace(MATCHED, relayed_lately=lately), now=NOW) == expected
