"""Take in what providers report of the mails we sent: delivered, bounced, complained."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta

from anymail.signals import AnymailTrackingEvent, EventType
from django.db.models import Q

from conversation_tracker.models import OutboundMail, SendState

log = logging.getLogger(__name__)

_STATES = {
    EventType.DELIVERED: SendState.DELIVERED,
    EventType.BOUNCED: SendState.BOUNCED,
    EventType.REJECTED: SendState.SUPPRESSED,
    EventType.FAILED: SendState.FAILED,
    EventType.COMPLAINED: SendState.COMPLAINED,
}
# Reports come in any order and more than once; a later stage is never undone by an earlier one.
_STAGES = {
    SendState.QUEUED: 0,
    SendState.SENDING: 0,
    SendState.RETRY: 0,
    SendState.SENT: 1,
    SendState.DELIVERED: 2,
    SendState.FAILED: 3,
    SendState.SUPPRESSED: 3,
    SendState.BOUNCED: 3,
    SendState.COMPLAINED: 4,
}

PATIENCE = timedelta(minutes=2)  # how long a report may wait for the mail it is about

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


def report(event: AnymailTrackingEvent | None, *, now: datetime) -> None:
    """Note the event on the outbound mail it is about; events about other mails, or of no account, are passed over."""
    state = _STATES.get(event.event_type) if event is not None else None
    if event is None or state is None or not event.message_id:
        return
    message_id = str(event.message_id)  # Postal's is a number
    bare = message_id.strip("<>")
    about = Q(provider_message_id__in=[message_id, bare, f"<{bare}>"]) | Q(message_id=f"<{bare}>")
    earlier = [known for known, stage in _STAGES.items() if stage < _STAGES[state]]
    # Asked before the update: when nothing is on its way then, what the update does not find is no mail of ours.
    is_sending = OutboundMail.objects.filter(state=SendState.SENDING).exists()
    changed = OutboundMail.objects.filter(about, state__in=earlier).update(
        state=state, state_changed_at=now, problem=(event.reject_reason or "")[:200]
    )
    log.info("delivery reported state=%s changed=%s", state, changed)
    collected = _unknown.get()
    if changed or not is_sending or collected is None:
        return
    if not OutboundMail.objects.filter(about).exclude(state__in=earlier).exists():
        collected.append(message_id)
