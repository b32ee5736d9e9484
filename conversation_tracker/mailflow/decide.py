"""Decide what becomes of a mail: relay it, only record it, or refuse it. Pure; every rule stands here."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from conversation_tracker.mailflow.shapes import (
    Decision,
    Envelope,
    Mail,
    Matched,
    Party,
    RecordOnly,
    Refuse,
    Relay,
    Trait,
)
from orders import addresses, validity
from orders.outcomes import Reason

AUTO_REPLY_INTERVAL = timedelta(days=7)
MOST_AUTOMATIC = 20  # mails in an hour from one to the other, while they are automatic
MOST_ANSWERS = 60  # the same of mails that answer others, whoever writes them: no person answers once a minute
# Mails of a day with the same words in their subjects, as many one way as the other, whatever they say they are: two
# programs that answer each other look so, and nobody writes sixty and gets sixty.
MOST_ALIKE = 60
# How mail programs begin the subject of an answer, in the languages that change it: Re[2]:, AW:, RES:, SV:, Odp: …
_ANSWER = re.compile(
    r"\s*(?:re|aw|antw|antwort|res|sv|vs|odp|ynt|回复|答复|返信)\s{0,3}(?:[\[(]\d{1,4}[\])])?\s{0,3}[:：]",
    re.IGNORECASE,
)
# What says that a mail is like many that nobody wants, and not that it cannot be passed on.
_OVERRULED = frozenset({Reason.SPAM, Reason.BULK, Reason.AUTO_REPLY, Reason.LOOP})
MOST_THIRD_PARTIES = 50  # of one order; more are no carriers but somebody who tries out addresses


def decide(mail: Mail, envelope: Envelope, matched: Matched, *, now: datetime) -> Decision:  # noqa: C901, PLR0911  a list
    """The first rule that holds decides."""
    if came_back(mail, matched):
        return Refuse(Reason.LOOP)
    if Trait.REPORT in mail.traits:
        return RecordOnly(Reason.BOUNCE)
    if (closed := _closed(matched.recipient, now=now)) is not None:
        return Refuse(closed)
    if envelope.is_spam:
        return Refuse(Reason.SPAM)
    if Trait.UNREAD in mail.traits:
        return RecordOnly(Reason.UNREAD)
    if Trait.BULK in mail.traits and not (_is_of_desk(mail, matched) or _is_absence(mail, matched)):
        return Refuse(Reason.BULK)
    if mail.sender is None or (matched.sender is None and not addresses.may_be_answered(mail.sender.address)):
        return RecordOnly(Reason.NO_SENDER)
    if matched.sender is not None and matched.sender.alias_id == matched.recipient.alias_id:
        return RecordOnly(Reason.TO_SELF)
    if matched.sender is not None and (closed := _closed(matched.sender, now=now)) and not _is_renewed(matched):
        return Refuse(closed)  # under an alias that no longer works he could not be answered
    if matched.sender is None and matched.third_parties >= MOST_THIRD_PARTIES:
        return Refuse(Reason.CROWDED)
    if Trait.AUTO_REPLY in mail.traits and _relayed_lately(matched.auto_reply_relayed_at, now=now):
        return RecordOnly(Reason.AUTO_REPLY)
    if _goes_round(mail, matched):
        return Refuse(Reason.LOOP)
    return Relay()


def came_back(mail: Mail, matched: Matched) -> bool:
    """Whether it is a mail of ours that came back to us, and nobody wrote it."""
    return matched.sender_is_alias or bool(mail.traits & {Trait.OWN_HOP, Trait.TOO_MANY_HOPS})


def may_be_overruled(decision: Decision, mail: Mail, matched: Matched) -> bool:
    """Whether staff may have a mail passed on all the same: a rule about mails like it stopped it, which can be wrong
    about this one. It has to come from somebody who has an alias, by which he is answered.
    """
    if isinstance(decision, Relay) or decision.reason not in _OVERRULED or came_back(mail, matched):
        return False
    return matched.sender is not None and matched.sender.alias_id != matched.recipient.alias_id


def _closed(party: Party, *, now: datetime) -> Reason | None:
    """Why this alias no longer works, or None."""
    if not validity.is_valid(expires_at=party.expires_at, now=now):
        return Reason.EXPIRED
    return Reason.RETIRED if party.retired_at is not None else None


def _is_renewed(matched: Matched) -> bool:
    """Whether the sender's alias, which no longer works, is renewed by his mail: of a carrier who writes to the
    customer or the store, while a stranger's mail is passed on, and of the store, whose order mails have renewed the
    customer's perhaps. The customer's own ends when its time is over, or no two who answer each other would ever end;
    and so does one that somebody retired.
    """
    sender = matched.sender
    if sender is None or matched.recipient.is_third or not (sender.is_third or sender.is_store):
        return False
    return sender.retired_at is None or sender.retired_at >= sender.expires_at  # what is over is marked afterwards


def _goes_round(mail: Mail, matched: Matched) -> bool:
    """Whether two programs seem to answer each other, which do or do not say what they are."""
    if mail.traits & {Trait.AUTO_REPLY, Trait.AUTO_GENERATED, Trait.ONLY_SAID_BULK}:
        return matched.relayed_lately >= MOST_AUTOMATIC
    return matched.alike_lately >= MOST_ALIKE or (is_answer(mail) and matched.relayed_lately >= MOST_ANSWERS)


def is_answer(mail: Mail) -> bool:
    """Whether it answers another mail; some programs name that in the subject only."""
    return bool(mail.references) or _ANSWER.match(mail.subject) is not None


def words(subject: str) -> frozenset[str]:
    """The words of a subject without what differs from mail to mail: numbers, addresses, how often it was answered."""
    return frozenset(word for word in re.split(r"[\s:;,.!?()\[\]]+", subject.casefold()) if word.isalpha())


def _is_of_desk(mail: Mail, matched: Matched) -> bool:
    """Whether a person answers one of our mails through a program that gives each mail the marks of a list, as shared
    inboxes (Google Groups) and desks (Request Tracker) do. Some desks (Jira, ServiceNow) name no mail but their own;
    the store's is believed all the same, and that of somebody whom the recipient has written to, where nothing speaks
    of a list but what they and many services put on each mail.
    """
    if matched.sender is None or Trait.AUTO_REPLY in mail.traits:
        return False
    is_expected = matched.sender.is_store or matched.is_wanted
    return matched.answers_ours or (is_expected and Trait.ONLY_SAID_BULK in mail.traits)


def _is_absence(mail: Mail, matched: Matched) -> bool:
    """Whether somebody's vacation program answers, of which many add that it is bulk: it is passed on once a week as
    any other, while a shop's desk that confirms each mail so is not.
    """
    is_known = matched.sender is not None and not matched.sender.is_store
    return is_known and mail.traits >= {Trait.AUTO_REPLY, Trait.ONLY_SAID_BULK}


def _relayed_lately(at: datetime | None, *, now: datetime) -> bool:
    return at is not None and now - at < AUTO_REPLY_INTERVAL
