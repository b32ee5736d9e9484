"""Take in what providers report of the mails we sent: delivered, bounced, complained."""

from __future__ import annotations

import logging
from datetime import datetime

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


def report(event: AnymailTrackingEvent | None, *, now: datetime) -> None:
    """Note the event on the outbound mail it is about; events about other mails, or of no account, are passed over."""
    state = _STATES.get(event.event_type) if event is not None else None
    if event is None or state is None or not event.message_id:
        return
    bare = event.message_id.strip("<>")
    about = Q(provider_message_id__in=[event.message_id, bare, f"<{bare}>"]) | Q(message_id=f"<{bare}>")
    earlier = [known for known, stage in _STAGES.items() if stage < _STAGES[state]]
    changed = OutboundMail.objects.filter(about, state__in=earlier).update(
        state=state, state_changed_at=now, problem=(event.reject_reason or "")[:200]
    )
    log.info("delivery reported state=%s changed=%s", state, changed)
