"""Write down who saw or changed what."""

from __future__ import annotations

from datetime import datetime

from orders.models import Action, AuditEntry, Store, User


def record(
    action: Action,
    *,
    subject: str,
    now: datetime,
    user: User | None = None,
    actor: str = "",
    store: Store | None = None,
    before: str = "",
    after: str = "",
    reason: str = "",
) -> AuditEntry:
    """Add an entry; call it in the transaction of the act itself, so that neither stands without the other."""
    return AuditEntry.objects.create(
        action=action,
        subject=subject[:200],
        store=store,
        user=user,
        actor=(actor or str(user or "system"))[:200],
        before=before[:500],
        after=after[:500],
        reason=reason[:500],
        happened_at=now,
    )
