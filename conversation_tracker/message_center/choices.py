"""How a store sends an order mail: whether at all, from whom, with copies to whom."""

from __future__ import annotations

from dataclasses import dataclass, field

from conversation_tracker.models.template import Sender, TemplateChoice, TemplateKey
from orders.models import Store


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
    sender = (chosen.sender if chosen else None) or Sender.objects.filter(store=store, is_default=True).first()
    copies = (chosen.copies.json() if chosen else None) or {}
    return Choice(
        is_enabled=chosen.is_enabled if chosen else True,
        sender_name=sender.name if sender else store.sender_name,
        sender_address=(sender.address if sender else store.sender_address).text(),
        cc=tuple(copies.get("cc", ())),
        bcc=tuple(copies.get("bcc", ())),
    )
