"""What a store chooses: kept, and written to the audit log in the same transaction."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from orders import audit
from orders.models import Action, AuditEntry, MaskType, Store, User


def choose_mask_type(store: Store, chosen: MaskType, *, user: User, now: datetime) -> bool:
    """Let the store issue aliases of this form from now on; False when it did so already, and nothing is written."""
    with transaction.atomic():
        held = Store.objects.select_for_update().only("mask_type").get(pk=store.pk)
        before = MaskType(held.mask_type)
        if before == chosen:
            return False
        Store.objects.filter(pk=store.pk).update(mask_type=chosen)
        audit.record(
            Action.MASK_TYPE_CHANGED,
            subject=f"store {store.account}",
            store=store,
            user=user,
            before=before.value,
            after=chosen.value,
            now=now,
        )
    store.mask_type = chosen
    return True


def choose_times(
    store: Store, *, cancellation_window: int, payment_pending_after: int, user: User, now: datetime
) -> bool:
    """How long an order may be cancelled after its payment (minutes), and when a payment still awaited is mailed
    (hours). False when that was so already, and nothing is written.
    """
    wanted = {"cancellation_window": cancellation_window, "payment_pending_after": payment_pending_after}
    with transaction.atomic():
        held = Store.objects.select_for_update().only(*wanted).get(pk=store.pk)
        changed = {field: value for field, value in wanted.items() if getattr(held, field) != value}
        for field, value in changed.items():
            audit.record(
                Action.SETTING_CHANGED,
                subject=f"{field} of store {store.account}",
                store=store,
                user=user,
                before=str(getattr(held, field)),
                after=str(value),
                now=now,
            )
            setattr(store, field, value)
        if changed:
            Store.objects.filter(pk=store.pk).update(**changed)
    return bool(changed)


def last_mask_change(store: Store) -> AuditEntry | None:
    """The audit entry of the latest change, or None when the store never changed it."""
    changes = AuditEntry.objects.filter(store=store, action=Action.MASK_TYPE_CHANGED)
    return changes.order_by("-happened_at", "-pk").first()
