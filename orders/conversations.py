"""Read an order's conversation for a system, open its files, and tell whom an alias stands for."""

from __future__ import annotations

import logging
import re
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet

from orders import access, aliases, audit, masking, secrecy, vault
from orders.models import Action, ApiKey, Attachment, Kind, Order, TimelineEntry
from orders.outcomes import Outcome

log = logging.getLogger(__name__)

_ID = re.compile(r"\d{4}-\d\d-\d\dt\d\d-\d\d-\d\d_([0-9a-f]{32})", re.ASCII)
_LARGEST = 2**63  # of a row's id


def messages(order: Order) -> QuerySet[TimelineEntry]:
    """The mails of the order, oldest first, but for those that were refused: they belong to no conversation unless
    staff had them passed on (the relation belongs to the mail side).
    """
    is_wanted = ~Q(outcome=Outcome.REFUSED) | Q(outbound__resends__gt=0)
    found = TimelineEntry.objects.filter(is_wanted, order=order, kind=Kind.MAIL)
    found = found.select_related("sender_alias", "recipient_alias").prefetch_related("attachments")
    return found.order_by("occurred_at", "id")


def message_id(entry: TimelineEntry) -> str:
    """What a message is called outside: its second, and 32 digits."""
    return f"{entry.occurred_at:%Y-%m-%dt%H-%M-%S}_{entry.pk:032x}"


def attachment(order: Order, message: str, position: int) -> tuple[Attachment, bytes]:
    """A file of a message of this order, its name masked, and its content. Raises access.NotFound."""
    found = None
    if (named := _ID.fullmatch(message)) and (pk := int(named[1], 16)) < _LARGEST and 0 <= position < _LARGEST:
        found = Attachment.objects.filter(entry__in=messages(order).filter(pk=pk), position=position).first()
    if found is None:
        raise access.NotFound(message)
    try:
        content = vault.load(found.stored_as)
    except (vault.Missing, secrecy.CannotOpen) as error:
        log.exception("%s cannot be opened", found)
        raise access.NotFound(message) from error
    masking.file_names([found], masking.of_order(order))
    return found, content


def reveal(order: Order, *, key: ApiKey, now: datetime) -> None:
    """Write down that the conversation is answered with real addresses. Raises access.NotAllowed."""
    access.ensure_may_reveal(key)
    subject = f"conversation of order {order.number}"
    audit.record(Action.CONVERSATION_REVEALED, subject=subject, store=key.store, actor=key.label, now=now)


def real_address(alias: str, *, key: ApiKey, reason: str, now: datetime) -> str:
    """Whom an alias of the key's store stands for; audited, with the reason, masked.

    Raises access.NotAllowed, and access.NotFound for what is no alias there, or one whose time is over.
    """
    access.ensure_may_reveal(key)
    found = aliases.find([alias]).get(alias) if alias.isprintable() else None
    if found is None or found.store_id != key.store_id or not found.is_valid_at(now):
        raise access.NotFound(alias)
    with transaction.atomic():
        audit.record(
            Action.ADDRESS_REVEALED,
            subject=f"{found} of order {found.order.number}",
            store=key.store,
            actor=key.label,
            reason=masking.within(reason, masking.of_order(found.order), most=500),
            now=now,
        )
    return found.real.text()
