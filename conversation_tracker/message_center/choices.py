"""How a store sends an order mail: whether at all, from whom, with copies to whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from conversation_tracker.models.template import Sender, TemplateChoice, TemplateKey
from orders import audit
from orders.models import Action, Store, User
from orders.secrecy import Secret

__all__ = ["Choice", "Sender", "TemplateKey", "choose", "mailbox", "of", "of_all"]


@dataclass(frozen=True, slots=True)
class Choice:
    """``sender_address``, ``cc`` and ``bcc`` are real addresses, so they are not printed with it."""

    is_enabled: bool
    sender_name: str
    sender_address: str = field(repr=False)
    cc: tuple[str, ...] = field(default=(), repr=False)
    bcc: tuple[str, ...] = field(default=(), repr=False)


def of(store: Store, key: TemplateKey) -> Choice:
    """What the store chose; else the mail is sent, by the default sender or the store's own, without copies."""
    chosen = TemplateChoice.objects.select_related("sender").filter(store=store, key=key).first()
    sender = _sender(store, chosen.sender if chosen else None)
    copies = (chosen.copies.json() if chosen else None) or {}
    return Choice(
        is_enabled=chosen.is_enabled if chosen else True,
        sender_name=sender.name if sender else store.sender_name,
        sender_address=_mailbox(store, sender),
        cc=tuple(copies.get("cc", ())),
        bcc=tuple(copies.get("bcc", ())),
    )


def mailbox(store: Store, sender: Sender | None) -> str:
    """The real address behind mails for which this sender is chosen, or none."""
    return _mailbox(store, _sender(store, sender))


def _sender(store: Store, chosen: Sender | None) -> Sender | None:
    return chosen or Sender.objects.filter(store=store, is_default=True).first()


def _mailbox(store: Store, sender: Sender | None) -> str:
    return (sender.address if sender else store.sender_address).text()


def of_all(store: Store) -> dict[str, TemplateChoice]:
    """What the store chose, by template; a template without an entry is sent as ``of`` says."""
    found = TemplateChoice.objects.select_related("sender").filter(store=store)
    return {choice.key: choice for choice in found}


def choose(
    store: Store,
    key: TemplateKey,
    *,
    is_enabled: bool,
    sender: Sender | None,
    cc: Sequence[str],
    bcc: Sequence[str],
    user: User,
    now: datetime,
) -> bool:
    """Keep how the mail is sent, audited; False when nothing of it is new. Addresses are already validated."""
    copies = {"cc": list(cc), "bcc": list(bcc)}
    with transaction.atomic():
        Store.objects.select_for_update().only("pk").get(pk=store.pk)
        row = TemplateChoice.objects.filter(store=store, key=key).first() or TemplateChoice(store=store, key=key)
        before = _said(row)
        known = row.copies.json() or {"cc": [], "bcc": []}
        if row.pk and (row.is_enabled, row.sender_id, known) == (is_enabled, sender.pk if sender else None, copies):
            return False
        if not row.pk and is_enabled and sender is None and not cc and not bcc:
            return False
        row.is_enabled, row.sender = is_enabled, sender
        row.copies = Secret.of_json(copies) if cc or bcc else Secret.of("")
        row.save()
        audit.record(
            Action.TEMPLATE_CHANGED,
            subject=f"template {key.value}: sending",
            store=store,
            user=user,
            before=before,
            after=_said(row),
            now=now,
        )
    return True


def _said(row: TemplateChoice) -> str:
    """For the audit log, which holds no real address: how many copies, not to whom."""
    copies = row.copies.json() or {}
    sender = f"sender {row.sender_id}" if row.sender_id else "default sender"
    sent = "sent" if row.is_enabled else "not sent"
    return f"{sent}, {sender}, {len(copies.get('cc', ()))} CC, {len(copies.get('bcc', ()))} BCC"
