"""An order's conversation as the API answers it: aliases, or real addresses for a key that may see them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.urls import reverse

from orders import conversations, masking
from orders.api import shapes
from orders.models import Alias, MaskType, Order, PartyKind, TimelineEntry

_ROLES: dict[str, str | None] = {PartyKind.CUSTOMER: "Customer", PartyKind.STORE: None, PartyKind.THIRD_PARTY: ""}


def conversation(
    order: Order, entries: Iterable[TimelineEntry], *, reveals: bool = False, links: bool = False
) -> list[dict[str, Any]]:
    """The messages as a bare array. ``reveals``: each ``email`` is the real address; ``links``: to their files."""
    parties = masking.of_order(order)
    entries = list(entries)
    masking.entries(entries, parties)
    masking.file_names((file for entry in entries for file in entry.attachments.all()), parties)
    return [
        message(order, entry, name=masking.text(entry.sender_name.text(), parties), reveals=reveals, links=links)
        for entry in entries
    ]


def message(
    order: Order, entry: TimelineEntry, *, name: str, reveals: bool = False, links: bool = False
) -> dict[str, Any]:
    """One message; ``name`` is what its sender calls himself, masked."""
    files = sorted(entry.attachments.all(), key=lambda file: file.position)
    found = {
        "id": conversations.message_id(entry),
        "from": _party(order, entry.sender_alias, name=name, reveals=reveals),
        "to": [_party(order, entry.recipient_alias, name=_name(entry.recipient_alias), reveals=reveals)],
        "subject": entry.subject,
        "firstWords": entry.first_words,
        "body": entry.html or entry.text,
        "hasAttachment": bool(files),
        "attachmentNames": [file.name for file in files],
        "date": shapes.moment(entry.occurred_at),
    }
    if links:
        found["attachments"] = [
            {"name": file.name, "contentType": file.content_type, "size": file.size, "url": _url(order, entry, place)}
            for file in files
            for place in [file.position]
        ]
    return found


def _url(order: Order, entry: TimelineEntry, position: int) -> str:
    arguments = {"order_id": order.number, "message_id": conversations.message_id(entry), "position": position}
    return reverse("api:message-attachment", kwargs=arguments)


def _name(alias: Alias | None) -> str:
    return alias.display_name.text() if alias else ""


def _party(order: Order, alias: Alias | None, *, name: str, reveals: bool) -> dict[str, Any]:
    address = alias.address.text() if alias else ""
    return {
        "conversationRelatedTo": order.number,
        "conversationSubject": "oms",
        "emailAlias": address,
        "aliasMaskType": int(alias is not None and alias.mask_type == MaskType.SOFT),
        "email": alias.real.text() if alias and reveals else address,
        "name": name or _name(alias),
        "role": _ROLES[alias.party] if alias else "",
    }
