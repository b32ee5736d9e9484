"""Draw the consequences of what became of a copy: an alert for the staff, a suppressed address, or all is well.

Everything here runs in the transaction that writes down the copy's state.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from conversation_tracker.models import OutboundMail, SendState
from orders import alerts, suppression
from orders.models import AlertKind, SuppressionReason

LATE = timedelta(hours=4)  # that a copy may be tried in vain before somebody is told

_KINDS = {
    SendState.FAILED: AlertKind.FAILED,
    SendState.SUPPRESSED: AlertKind.SUPPRESSED,
    SendState.HELD: AlertKind.HELD,
    SendState.BOUNCED: AlertKind.BOUNCED,
    SendState.COMPLAINED: AlertKind.COMPLAINED,
}
_WELL = (SendState.SENT, SendState.DELIVERED)


def follow(row: OutboundMail, *, now: datetime) -> None:
    """Raise an alert when the copy ended badly or is tried for long, settle it when it left."""
    state = SendState(row.state)
    if kind := _KINDS.get(state):
        alerts.raise_for(kind, entry_id=row.entry_id, order_id=row.order_id, store_id=row.store_id, now=now)
    elif state in _WELL:
        alerts.settle(row.entry_id, now=now)
    elif state == SendState.RETRY and now - row.queued_at >= LATE:
        alerts.raise_late(row.entry_id, order_id=row.order_id, store_id=row.store_id, since=row.queued_at, now=now)


def suppress(row: OutboundMail, reason: SuppressionReason, *, now: datetime) -> None:
    """Send nothing more to whom this copy was for."""
    suppression.add(
        row.recipient.text(), alias=row.recipient_alias, reason=reason, source=f"outbound {row.pk}", now=now
    )
