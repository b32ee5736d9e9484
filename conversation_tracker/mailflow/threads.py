"""Translate Message-IDs between the two sides of a relay, so that both mail programs show one thread."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Q, QuerySet

from conversation_tracker import renaming
from conversation_tracker.models import OutboundMail, SendState
from orders import secrecy


def digest(message_id: str) -> bytes:
    """The digest under which an original's Message-ID is found."""
    return secrecy.digest(message_id, purpose="message-id")


def translate(references: Sequence[str], *, order_id: int, recipient_alias_id: int) -> tuple[str, ...]:
    """The ids under which the recipient knows the mails that ``references`` names; unknown ones are left out.

    A mail written by A and relayed to B is known to A by A's own id and to B by ours. One query for the mails named,
    and one for the copies the recipient got of the same originals.
    """
    if not references:
        return ()
    renamed = renaming.theirs(references)
    about = Q(message_id__in=references) | Q(original_id_digest__in=[digest(one) for one in references])
    if renamed:
        about |= Q(provider_message_id__in=renamed)
    named = list(
        _seen(order_id).filter(about).only(
            "message_id", "provider_message_id", "original_id", "original_id_digest", "sender_alias_id",
            "recipient_alias_id",
        )
    )  # fmt: skip
    if not named:
        return ()
    originals = {bytes(row.original_id_digest) for row in named if row.original_id_digest is not None}
    copies = {
        bytes(row.original_id_digest or b""): row.message_id
        for row in _seen(order_id)
        .filter(recipient_alias_id=recipient_alias_id, original_id_digest__in=originals)
        .only("message_id", "original_id_digest")
    }
    by_id: dict[str, str] = {}
    for row in named:
        known = _known_as(row, copies, recipient_alias_id=recipient_alias_id)
        if known:
            by_id[row.message_id] = by_id[row.original_id.text()] = known
            by_id[renamed.get(row.provider_message_id, "")] = known
    return tuple(dict.fromkeys(by_id[one] for one in references if one in by_id))


def _seen(order_id: int) -> QuerySet[OutboundMail]:
    """The order's copies that somebody got, or is to get."""
    return OutboundMail.objects.filter(order_id=order_id).exclude(state=SendState.STOPPED)


def _known_as(row: OutboundMail, copies: dict[bytes, str], *, recipient_alias_id: int) -> str:
    """The id under which the recipient knows the mail that this row is a copy of; empty when he never saw it."""
    if row.sender_alias_id == recipient_alias_id:
        return row.original_id.text()
    if row.recipient_alias_id == recipient_alias_id:
        return row.message_id
    return copies.get(bytes(row.original_id_digest or b""), "")
