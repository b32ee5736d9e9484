"""Take in what providers and mail servers report of the mails we sent: delivered, bounced, complained."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta

from anymail.signals import AnymailTrackingEvent, EventType
from django.db import OperationalError, transaction
from django.db.models import F, Q, QuerySet
from psycopg.errors import LockNotAvailable

from conversation_tracker import alarm, bounces, renaming
from conversation_tracker.mailflow import hops, reports
from conversation_tracker.mailflow.shapes import Arrival
from conversation_tracker.models import OutboundMail, SendState
from orders import aliases, events
from orders.models import EventKind, OrderEvent

log = logging.getLogger(__name__)

_STATES = {
    EventType.DELIVERED: SendState.DELIVERED,
    EventType.BOUNCED: SendState.BOUNCED,
    EventType.REJECTED: SendState.SUPPRESSED,
    EventType.FAILED: SendState.FAILED,
    EventType.COMPLAINED: SendState.COMPLAINED,
}
# Reports come in any order and more than once; a later stage is never undone by an earlier one. A bounce for a reason
# that may pass is no last word: it gives way to any report that is not older.
_STAGES = {
    SendState.QUEUED: 0,
    SendState.SENDING: 0,
    SendState.RETRY: 0,
    SendState.SKIPPED: 0,
    SendState.SENT: 1,
    SendState.DELIVERED: 2,
    SendState.FAILED: 3,
    SendState.SUPPRESSED: 3,
    SendState.BOUNCED: 3,
    SendState.COMPLAINED: 4,
}

SLACK = timedelta(seconds=5)  # providers' clocks differ, and some cut off fractions
PATIENCE = timedelta(minutes=10)  # how long a report may wait for the mail it is about, which may take seven to leave

MOST_OF_AN_ALIAS = 1_000  # mails, the newest of those that it sent, of which one may have come back
# The ids of reports that came before what they are about; None where nobody asks.
_unknown: ContextVar[list[str] | None] = ContextVar("unknown", default=None)


class TooEarly(Exception):
    """A provider reports on a mail before the worker that sends it has written down what the provider calls it."""


@contextmanager
def noting() -> Iterator[list[str]]:
    """Collect the ids of reports that may be about a mail that is just being sent."""
    found: list[str] = []
    token = _unknown.set(found)
    try:
        yield found
    finally:
        _unknown.reset(token)


def returned(arrival: Arrival, *, at: datetime, now: datetime) -> None:
    """Note on the outbound mail that it came back, where the arrival is a mail server's report of that, to its sender.

    Anybody can write such a report who has the mail, so it does not suppress an address.
    """
    found = reports.returned(arrival.mail)
    if found is not None:
        senders = [alias.pk for alias in aliases.find(arrival.envelope.recipients).values()]
        message_id = _ours(found, senders)
        event = AnymailTrackingEvent(
            event_type=EventType.BOUNCED, timestamp=at, message_id=message_id, reject_reason=found.status
        )
        report(event, among=Q(sender_alias__in=senders), now=now)


def _ours(found: reports.Returned, senders: Sequence[int]) -> str:
    """By which id we know the mail that came back. A server on its way may have given it another one, as Amazon's does
    behind a Postfix of one's own; our mark in it stays.
    """
    if not found.hop:
        return found.message_id
    sent = OutboundMail.objects.filter(sender_alias__in=senders).order_by("-pk")
    ids = sent.values_list("message_id", flat=True)[:MOST_OF_AN_ALIAS]
    return next((one for one in ids if hops.mark(one) == found.hop), found.message_id)


def report(event: AnymailTrackingEvent | None, *, among: Q | None = None, now: datetime) -> None:
    """Note the event on the outbound mail it is about; events about other mails, or of no account, are passed over."""
    state = _STATES.get(event.event_type) if event is not None else None
    if event is None or state is None or not event.message_id:
        return
    message_id = str(event.message_id)  # Postal's is a number
    bare = message_id.strip("<>")
    if not bare:  # which would be all mails that the provider gave no name
        return
    called = [message_id, bare, f"<{bare}>", *renaming.theirs([f"<{bare}>"])]
    about = Q(provider_message_id__in=called) | Q(message_id=f"<{bare}>")
    about &= among or Q()
    changeable = _changeable(event, state, now=now)
    # Asked before the update: when nothing is on its way then, what the update does not find is no mail of ours.
    is_sending = OutboundMail.objects.filter(_may_have_left(now)).exists()
    collected = _unknown.get()
    try:
        changed = _note(event, OutboundMail.objects.filter(about & changeable), state=state, now=now)
    except OperationalError as error:
        if collected is None or not isinstance(error.__cause__, LockNotAvailable):
            raise
        collected.append(message_id)  # it is being sent at this moment, which other mails need not wait for
        return
    log.info("delivery reported state=%s changed=%s", state, changed)
    if changed or not is_sending or collected is None:
        return
    if not OutboundMail.objects.filter(about).exclude(changeable).exists():
        collected.append(message_id)


def _changeable(event: AnymailTrackingEvent, state: SendState, *, now: datetime) -> Q:
    """The mails to which the event is news."""
    earlier = [known for known, stage in _STAGES.items() if stage < _STAGES[state]]
    changeable = Q(state__in=earlier)
    if not _is_soft(event):
        # The provider tried again; but what is older than the bounce is no news.
        changeable |= Q(state=SendState.BOUNCED, soft_bounced_at__lte=event.timestamp or now)
    elif event.timestamp is not None:  # nor is what is older than the delivery, told late
        changeable &= ~Q(state=SendState.DELIVERED, state_changed_at__gt=event.timestamp + SLACK)
    if bounces.may_be_absence(event) or bounces.is_of_the_way(event):
        changeable &= ~Q(state=SendState.DELIVERED)
    if state is SendState.DELIVERED:  # what was given up in doubt has arrived after all
        changeable |= Q(state=SendState.FAILED, doubts__gt=0)
    return changeable


def _may_have_left(now: datetime) -> Q:
    """Mails that a provider may have under a name that is not written down: those that are being sent, and those of
    which it is not known whether they left, while they are tried again soon. One that knows a repeat (see
    finishing.KEY_IN_REQUEST) then calls it the same, and reports no second time.
    """
    is_in_doubt = Q(doubts__gt=0) | Q(attempts__gt=F("failures"))
    is_soon = Q(state=SendState.RETRY, next_attempt_at__lt=now + PATIENCE)
    return Q(state=SendState.SENDING) | (is_soon & is_in_doubt)


def _note(event: AnymailTrackingEvent, rows: QuerySet[OutboundMail], *, state: SendState, now: datetime) -> int:
    """Write the event on the mails it is about, and draw its consequences; returns how many there were."""
    verdict = bounces.verdict(event)
    if state is SendState.SUPPRESSED and verdict is None:
        state = SendState.FAILED  # the provider refused the mail, not the address
    if event.timestamp is not None:  # what is told of the time before a mail was sent again is no news
        rows = rows.filter(Q(resends=0) | Q(queued_at__lte=event.timestamp + SLACK))
    # When it arrived, so that an older bounce is known for old news, and a later one that is told with it for news.
    at = min(event.timestamp or now, now) if state is SendState.DELIVERED else now
    with transaction.atomic():
        locked = rows.select_for_update(of=("self",), nowait=True)
        changed = list(locked.select_related("order", "recipient_alias").order_by("pk"))
        newly_bounced = [row for row in changed if row.state != SendState.BOUNCED]
        for row in changed:
            row.soft_bounced_at = _soft_bounced_at(row, event, now=now)
            row.state, row.state_changed_at, row.problem = state, at, (event.reject_reason or "")[:200]
            row.save(update_fields=["state", "state_changed_at", "soft_bounced_at", "problem"])
            if verdict is not None:
                alarm.suppress(row, verdict, now=now)
            alarm.follow(row, now=now)
        if state is SendState.BOUNCED:
            events.publish(_bounced(row, now=now) for row in newly_bounced)
    return len(changed)


def _is_soft(event: AnymailTrackingEvent) -> bool:
    """Whether it says that the mail bounced, for a reason that may pass."""
    return event.event_type == EventType.BOUNCED and bounces.verdict(event) is None


def _soft_bounced_at(row: OutboundMail, event: AnymailTrackingEvent, *, now: datetime) -> datetime | None:
    """Since when a report that it arrived is news; None where it cannot arrive any more."""
    if not _is_soft(event):
        return None
    return row.queued_at if bounces.may_be_absence(event) else event.timestamp or now


def _bounced(row: OutboundMail, *, now: datetime) -> OrderEvent:
    occasion = f"bounced:{row.pk}:{row.resends}"
    return events.message(EventKind.MESSAGE_BOUNCED, order=row.order, entry_id=row.entry_id, occasion=occasion, now=now)
