"""The addresses to which a store sends no more mail: add one, lift it, ask for one, list them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from orders import audit, customers
from orders.models import Action, Alias, Store, Suppression, SuppressionReason, User
from orders.paging import Place
from orders.secrecy import Secret

PAGE = 50


@dataclass(frozen=True, slots=True)
class Page:
    """Suppressions of a store, newest first; ``older`` is where the next page starts, None at the end."""

    rows: list[Suppression]
    older: Place | None


def add(address: str, *, alias: Alias, reason: SuppressionReason, source: str, now: datetime) -> None:
    """Send nothing more to this real address in the alias's store.

    Added again it keeps its first moment and takes the latest reason. Safe when run twice at once.
    """
    Suppression.objects.bulk_create(
        [
            Suppression(
                store_id=alias.store_id,
                address=Secret.of(address),
                address_digest=customers.real_digest(address),
                alias=alias,
                reason=reason,
                since=now,
                source=source,
            )
        ],
        update_conflicts=True,
        unique_fields=["store", "address_digest"],
        update_fields=["alias", "reason", "source"],
    )


def lift(store: Store, pk: int, *, user: User, now: datetime) -> bool:
    """Let mail go to this address again; audited. False when the store suppresses no such one (any more)."""
    with transaction.atomic():
        found = Suppression.objects.select_for_update().filter(store=store, pk=pk).first()
        if found is None:
            return False
        audit.record(
            Action.SUPPRESSION_LIFTED,
            subject=f"{found} of alias {found.alias_id}",
            store=store,
            user=user,
            before=found.reason,
            now=now,
        )
        found.delete()
    return True


def is_suppressed(address: str, *, store_id: int) -> bool:
    """Whether the store sends nothing to this real address, however it is spelled."""
    return Suppression.objects.filter(store_id=store_id, address_digest=customers.real_digest(address)).exists()


def of_store(store: Store, *, before: Place | None = None) -> Page:
    """A page of the store's suppressions, each with its alias and order; one query however many."""
    found = Suppression.objects.filter(store=store).select_related("alias__order").defer("alias__order__document")
    if before:
        found = found.filter(before.before("since"))
    rows = list(found.order_by("-since", "-pk")[: PAGE + 1])
    shown, more = rows[:PAGE], rows[PAGE:]
    return Page(shown, Place(shown[-1].since, shown[-1].pk) if more else None)
