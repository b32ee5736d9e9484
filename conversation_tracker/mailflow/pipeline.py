"""Take mails through the steps: parse, match, decide, mask, record. Only this module knows their order."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime

from anymail.inbound import AnymailInboundMessage
from anymail.signals import AnymailInboundEvent
from django.db import transaction

from conversation_tracker import limits, providers
from conversation_tracker.mailflow import decide, fingerprints, hops, mask, match, parse, record
from conversation_tracker.mailflow.shapes import (
    MIME_TYPE,
    Arrival,
    Envelope,
    Mail,
    Matched,
    Refuse,
    Relay,
    Trait,
    Verdict,
)
from conversation_tracker.providers import base
from orders import addresses, alerts, aliases, faults, validity
from orders.known import Known
from orders.models import AlertKind, Alias, PartyKind, TimelineEntry
from orders.outcomes import Outcome, Reason

log = logging.getLogger(__name__)

# Aliases for which a receipt's processor time is enough, and what each more adds to it: a carrier may send one mail to
# hundreds, with a file that is masked and looked into for each of their orders.
ORDINARY, SECONDS_EACH = 20, 0.15


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a mail at one of its recipients. ``entry`` is None where no alias has that address."""

    outcome: Outcome
    reason: Reason
    entry_id: int | None
    is_repeat: bool = False


# The mails of the receipt that is being replayed; None outside of a replay.
_gathered: ContextVar[list[Arrival] | None] = ContextVar("gathered", default=None)


@contextmanager
def gathering() -> Iterator[list[Arrival]]:
    """Collect the mails that anymail's signal brings instead of recording each at once, so that a batch can share
    its queries and its transaction.
    """
    basket: list[Arrival] = []
    token = _gathered.set(basket)
    try:
        yield basket
    finally:
        _gathered.reset(token)


def receive(event: AnymailInboundEvent, *, esp_name: str, now: datetime) -> None:
    """Take a mail from anymail's inbound signal: into the basket of the replay, or recorded at once outside of one."""
    arrival = read(event, esp_name=esp_name)
    basket = _gathered.get()
    if basket is not None:
        basket.append(arrival)
        return
    if not arrival.original_type:  # no receipt keeps what came, so its parsed form has to do
        arrival = replace(arrival, original=event.message.as_bytes(), original_type=MIME_TYPE)
    with transaction.atomic():
        process([arrival], received_at=[now], now=now)


def read(event: AnymailInboundEvent, *, esp_name: str) -> Arrival:
    """Parse the event's mail and its envelope. Of a mail that cannot be read, the envelope is all that is told."""
    envelope = providers.envelope(event, esp_name)
    original = providers.original(event, esp_name)
    unread = base.why_unread(event)
    mail = None
    if unread is None:
        try:
            mail = _parse(event.message, envelope)
        except Exception as error:
            if original is None:  # nothing to tell a repeat by
                raise
            unread = base.unread(error, base.from_writer(original)).unread
            log.error("a mail could not be parsed\n%s", faults.trace(error))  # noqa: TRY400  the text may quote a mail
    if mail is None:
        envelope = replace(envelope, verdict=Verdict.NONE)  # it is about a sender in the mail
        mail = _parse(AnymailInboundMessage(), envelope)
        mail = replace(mail, traits=mail.traits | {Trait.UNREAD})
    return Arrival(
        mail=mail,
        envelope=envelope,
        original=original if original is not None else b"",
        original_type=MIME_TYPE if original is not None else "",
        provider_id=providers.lasting_id(event, esp_name),
        unread=unread,
    )


def _parse(message: AnymailInboundMessage, envelope: Envelope) -> Mail:
    return parse.parse(message, envelope=envelope, is_own_hop=hops.is_own)


def process(arrivals: Sequence[Arrival], *, received_at: Sequence[datetime], now: datetime) -> list[list[Result]]:
    """Record a batch of mails in the caller's transaction; for each, one result for each of its recipients.

    ``received_at`` says when each came in. A mail that stands on an alias's timeline already is not recorded again.
    """
    book = match.Book(arrivals, now=now)
    results: list[list[Result]] = [[] for _ in arrivals]
    prints = [fingerprints.of(arrival) for arrival in arrivals]
    matches = [(index, matched) for index, arrival in enumerate(arrivals) for matched in book.look_up(arrival)]
    # Order by order, in every worker alike: two that issue aliases in the same orders wait for each other, and never
    # in a circle.
    matches.sort(key=lambda match: match[1].recipient.order_id)
    limits.extend(max(len(matches) - ORDINARY, 0) * SECONDS_EACH)
    known = _recorded_before([(matched.recipient.alias_id, prints[index]) for index, matched in matches])
    fresh: dict[tuple[int, bytes], tuple[int, record.Settled]] = {}
    repeats: list[tuple[int, tuple[int, bytes]]] = []
    for index, matched in matches:
        place = (matched.recipient.alias_id, prints[index])
        if place in known or place in fresh:
            repeats.append((index, place))
        else:
            current = book.look_again(arrivals[index], matched)
            settled = _settle(arrivals[index], current, book, prints[index], received_at[index], now=now)
            fresh[place] = (index, settled)
    entries = record.record([settled for _, settled in fresh.values()], now=now) if fresh else []
    for entry, (place, (index, _)) in zip(entries, fresh.items(), strict=True):
        known[place] = entry
        results[index].append(_result(entry))
        if _is_braked(fresh[place][1]):
            alerts.raise_once(AlertKind.LOOP, entry, now=now)
    record.keep_copies([(known[place], arrivals[index]) for index, place in repeats])
    for index, place in repeats:
        results[index].append(replace(_result(known[place]), is_repeat=True))
    for found in results:
        if not found:
            found.append(Result(Outcome.REFUSED, Reason.UNKNOWN_ALIAS, None))
    return results


def _settle(
    arrival: Arrival, matched: Matched, book: match.Book, fingerprint: bytes, received_at: datetime, *, now: datetime
) -> record.Settled:
    decision = decide.decide(arrival.mail, arrival.envelope, matched, now=now)
    order = book.order(matched.recipient.order_id)
    if isinstance(decision, Relay):
        matched = _answerable(arrival, matched, book, received_at=received_at, now=now)
    if isinstance(decision, Relay):
        book.note_relay(matched, is_auto_reply=Trait.AUTO_REPLY in arrival.mail.traits, now=now)
    known = mask.known(matched.parties)
    return record.Settled(
        arrival=arrival,
        matched=matched,
        decision=decision,
        masked=mask.mask(arrival.mail, _with_hidden_sender(arrival, matched, known, order.store.tracking_domain)),
        order=order,
        fingerprint=fingerprint,
        received_at=received_at,
    )


def _is_braked(one: record.Settled) -> bool:
    """Whether the mail was stopped as one of too many, though a person may have written it."""
    mail, decision = one.arrival.mail, one.decision
    return isinstance(decision, Refuse) and decision.reason is Reason.LOOP and not decide.came_back(mail, one.matched)


def _answerable(
    arrival: Arrival, matched: Matched, book: match.Book, *, received_at: datetime, now: datetime
) -> Matched:
    """The same with an alias of the sender's that works. Whoever writes for the first time gets one, just before that
    mail on the timeline, and one whose time is over is renewed.
    """
    if matched.sender is None:
        is_long_ago = not validity.is_valid(expires_at=validity.expires_at(received_at), now=now)  # it was replayed
        return _introduce(arrival, matched, book, now=now if is_long_ago else received_at)
    if validity.is_valid(expires_at=matched.sender.expires_at, now=now):
        return matched
    (alias,) = Alias.objects.filter(pk=matched.sender.alias_id)
    return replace(matched, sender=book.renewed(aliases.renew(alias, now=now)))


def _introduce(arrival: Arrival, matched: Matched, book: match.Book, *, now: datetime) -> Matched:
    """Give somebody new, a carrier say, an alias in this order, so that the answer reaches him."""
    sender = arrival.mail.sender
    if sender is None:
        raise ValueError("only a mail with a sender is relayed")
    name = mask.Masker(mask.known(matched.parties)).name(sender.name)
    party = aliases.Party(PartyKind.THIRD_PARTY, str(addresses.split(sender.address)), name)
    (alias,) = aliases.issue(book.order(matched.recipient.order_id), [party], now=now)
    new = book.add(alias)
    return replace(matched, sender=new, parties=(*matched.parties, new))


def _with_hidden_sender(
    arrival: Arrival, matched: Matched, known: tuple[Known, ...], tracking_domain: str
) -> tuple[Known, ...]:
    """A sender without an alias (his mail is not relayed) is a real person all the same: his address is hidden too."""
    sender = arrival.mail.sender
    if sender is None or matched.sender is not None or matched.sender_is_alias:
        return known
    return (*known, Known(addresses.key(sender.address), f"hidden@{tracking_domain}"))


def _recorded_before(places: Sequence[tuple[int, bytes]]) -> dict[tuple[int, bytes], TimelineEntry]:
    if not places:
        return {}
    found = TimelineEntry.objects.filter(
        recipient_alias_id__in={alias_id for alias_id, _ in places},
        fingerprint__in={fingerprint for _, fingerprint in places},
    ).only("id", "store_id", "recipient_alias_id", "fingerprint", "outcome", "reason", "original")
    return {(entry.recipient_alias_id or 0, bytes(entry.fingerprint or b"")): entry for entry in found}


def _result(entry: TimelineEntry) -> Result:
    return Result(Outcome(entry.outcome), Reason(entry.reason), entry.pk)
