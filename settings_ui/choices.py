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


def last_mask_change(store: Store) -> AuditEntry | None:
    """The audit entry of the latest change, or None when the store never changed it."""
    changes = AuditEntry.objects.filter(store=store, action=Action.MASK_TYPE_CHANGED)
    return changes.order_by("-happened_at", "-pk").first()
