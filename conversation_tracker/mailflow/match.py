"""Find the alias a mail was sent to, everybody in its order, and the sender among them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Max, Q

from conversation_tracker import renaming
from conversation_tracker.mailflow import decide
from conversation_tracker.mailflow.shapes import Arrival, Matched, Party, Trait
from conversation_tracker.models import OutboundMail, SendState
from orders import addresses, aliases
from orders.models import Alias, Order, PartyKind, Store, TimelineEntry
from orders.outcomes import Outcome

LATELY = timedelta(hours=1)
DAY = timedelta(days=1)
MOST_COMPARED = 2_000  # subjects, so that a flood does not cost each of its mails more than the one before
_OURS = re.compile(r"<[0-9a-f]{32}@(?P<domain>[^@>]+)>", re.IGNORECASE)
_AUTOMATIC = frozenset({Trait.AUTO_REPLY, Trait.AUTO_GENERATED, Trait.ONLY_SAID_BULK})


@dataclass(frozen=True, slots=True)
class _Traffic:
    """What was passed on from one to another."""

    last_auto_reply: datetime | None = None
    lately: int = 0


_Alike = tuple[int, int, frozenset[str]]  # from whom, to whom, with which words in the subject


class Book:
    """The aliases and orders that a batch of mails concerns; read in one query, two with answers, and one more where
    an alias gets very many.
    """

    def __init__(self, arrivals: Sequence[Arrival], *, now: datetime) -> None:
        wanted = {recipient for arrival in arrivals for recipient in arrival.envelope.recipients}
        wanted |= {arrival.mail.sender.address for arrival in arrivals if arrival.mail.sender is not None}
        self._aliases, by_order, self._relayed = aliases.of_same_orders(wanted, busy_since=now - DAY)
        self._by_id = {alias.pk: alias for alias in self._aliases.values()}
        self._orders: dict[int, Order] = {order_id: found[0].order for order_id, found in by_order.items()}
        self._parties: dict[int, list[Party]] = {
            order_id: [party(alias) for alias in found] for order_id, found in by_order.items()
        }
        self._traffic = self._read_traffic(arrivals, now=now)
        self._alike = self._read_alike(arrivals, now=now)
        self._wanted = self._read_wanted(arrivals)

    def _recipients(self, arrivals: Sequence[Arrival]) -> Iterable[Alias]:
        for arrival in arrivals:
            for recipient in arrival.envelope.recipients:
                if recipient in self._aliases:
                    yield self._aliases[recipient]

    def _read_traffic(self, arrivals: Sequence[Arrival], *, now: datetime) -> dict[tuple[int, int], _Traffic]:
        suspects = [one for one in arrivals if one.mail.traits & _AUTOMATIC or decide.is_answer(one.mail)]
        recipients = {alias.pk for alias in self._recipients(suspects)}
        if not recipients:
            return {}
        is_auto_reply, is_late = Q(is_auto_reply=True), Q(queued_at__gt=now - LATELY)
        rows = (
            OutboundMail.objects.filter(is_auto_reply | is_late, recipient_alias__in=recipients)
            .exclude(state=SendState.STOPPED)
            .values_list("sender_alias_id", "recipient_alias_id")
            .annotate(last=Max("queued_at", filter=is_auto_reply), lately=Count("pk", filter=is_late))
        )
        return {(sender, recipient): _Traffic(last, lately) for sender, recipient, last, lately in rows}

    def _read_alike(self, arrivals: Sequence[Arrival], *, now: datetime) -> Counter[_Alike]:
        """How many mails with the same words in their subjects went from one to another, in orders with very many."""
        busy = {one.order_id for one in self._recipients(arrivals) if self._relayed[one.pk] >= decide.MOST_ALIKE}
        if not busy:
            return Counter()
        rows = TimelineEntry.objects.filter(
            order__in=busy, occurred_at__gt=now - DAY, outcome=Outcome.RELAYED, sender_alias__isnull=False
        ).order_by("-occurred_at", "-id")
        latest = rows.values_list("sender_alias_id", "recipient_alias_id", "subject")[:MOST_COMPARED]
        return Counter((sender or 0, recipient or 0, decide.words(subject)) for sender, recipient, subject in latest)

    def _read_wanted(self, arrivals: Sequence[Arrival]) -> set[tuple[int, int]]:
        """Who has written to whom, where it is asked because a mail back says that it is one of many."""
        suspects = [one for one in arrivals if Trait.ONLY_SAID_BULK in one.mail.traits]
        recipients = {alias.pk for alias in self._recipients(suspects)}
        if not recipients:
            return set()
        rows = OutboundMail.objects.filter(sender_alias__in=recipients).exclude(state=SendState.STOPPED)
        return set(rows.values_list("sender_alias_id", "recipient_alias_id").distinct())

    def _alike_lately(self, subject: str, sender: Party, recipient: Party) -> int:
        """The smaller of two numbers: of mails like this one, and of the most alike among those that came back."""
        there = self._alike[sender.alias_id, recipient.alias_id, decide.words(subject)]
        way_back = (recipient.alias_id, sender.alias_id)
        return min(there, max((count for one, count in self._alike.items() if one[:2] == way_back), default=0))

    def look_up(self, arrival: Arrival) -> list[Matched]:
        """What the arrival matches: one for each of its recipients that is an alias, each alias once."""
        found: dict[int, Matched] = {}
        for recipient in arrival.envelope.recipients:
            alias = self._aliases.get(recipient)
            if alias is not None and alias.pk not in found:
                found[alias.pk] = self._matched(arrival, alias)
        return list(found.values())

    def look_again(self, arrival: Arrival, matched: Matched) -> Matched:
        """The same as it is now: an earlier mail of the batch may have given the sender its alias."""
        return self._matched(arrival, self._by_id[matched.recipient.alias_id])

    def _matched(self, arrival: Arrival, alias: Alias) -> Matched:
        parties = self._parties[alias.order_id]
        sender_address = arrival.mail.sender.address if arrival.mail.sender else ""
        sender = _of_address(parties, sender_address) if sender_address else None
        traffic = self._traffic.get((sender.alias_id, alias.pk), _Traffic()) if sender else _Traffic()
        recipient = next(one for one in parties if one.alias_id == alias.pk)
        return Matched(
            recipient=recipient,
            parties=tuple(parties),
            sender=sender,
            third_parties=sum(one.is_third for one in parties),
            sender_is_alias=sender_address in self._aliases,
            auto_reply_relayed_at=traffic.last_auto_reply,
            relayed_lately=traffic.lately,
            answers_ours=_answers_ours(arrival.mail.references, self._orders[alias.order_id].store),
            is_wanted=sender is not None and (alias.pk, sender.alias_id) in self._wanted,
            alike_lately=self._alike_lately(arrival.mail.subject, sender, recipient) if sender else 0,
        )

    def order(self, order_id: int) -> Order:
        """The order with its store, as it was read with the aliases."""
        return self._orders[order_id]

    def note_relay(self, matched: Matched, *, is_auto_reply: bool, now: datetime) -> None:
        """Remember a mail that is being passed on, for the next one in this batch."""
        if matched.sender is not None:
            pair = matched.sender.alias_id, matched.recipient.alias_id
            before = self._traffic.get(pair, _Traffic())
            self._traffic[pair] = _Traffic(now if is_auto_reply else before.last_auto_reply, before.lately + 1)

    def add(self, alias: Alias) -> Party:
        """Take in an alias that was issued just now, so that the batch's next mail knows it."""
        new = party(alias)
        if all(one.alias_id != new.alias_id for one in self._parties[alias.order_id]):
            self._parties[alias.order_id].append(new)
        return new

    def renewed(self, alias: Alias) -> Party:
        """The same for one whose time was over."""
        new = party(alias)
        found = self._parties[alias.order_id]
        found[:] = [new if one.alias_id == new.alias_id else one for one in found]
        return new


def _answers_ours(references: Sequence[str], store: Store) -> bool:
    """Whether one of these may be a Message-ID of ours: under a tracking domain that the store has or had, or one that
    the provider puts in its place by which we send.
    """
    domains = {store.tracking_domain, *store.former_domains}
    ours = (_OURS.fullmatch(one) for one in references)
    return bool(renaming.theirs(references)) or any(
        found["domain"].lower() in domains for found in ours if found is not None
    )


def _of_address(parties: Iterable[Party], address: str) -> Party | None:
    """Whose address it is; else who gets what is sent there, unless two do. Under a tag that is the customer or the
    store only: services write their mails from addresses that differ in nothing but the tag.
    """
    key = addresses.key(address)
    exact = next((one for one in parties if addresses.key(one.real) == key), None)
    if exact is not None:
        return exact
    mailbox, is_tagged = addresses.mailbox(address), "+" in key
    shared = [one for one in parties if addresses.mailbox(one.real) == mailbox and not (is_tagged and one.is_third)]
    return shared[0] if len(shared) == 1 else None


def party(alias: Alias) -> Party:
    """The alias opened for the pure steps."""
    return Party(
        alias_id=alias.pk,
        order_id=alias.order_id,
        is_third=alias.party == PartyKind.THIRD_PARTY,
        alias=alias.address.text(),
        real=alias.real.text(),
        name=alias.display_name.text(),
        expires_at=alias.expires_at,
        retired_at=alias.retired_at,
        is_store=alias.party == PartyKind.STORE,
    )
