"""Look at mail that stands on no timeline: some is for an operator, since nobody else would ever see it."""

from __future__ import annotations

from collections.abc import Iterable

from conversation_tracker.mailflow.shapes import Arrival
from conversation_tracker.models import Trouble
from orders import addresses, aliases

UNTOLD = "it is not told whom it is for"


def trouble(arrival: Arrival) -> tuple[Trouble, str]:
    """Why an operator has to look at it, and more of that; none where a store's address is simply no alias."""
    envelope = arrival.envelope
    if envelope.is_spam:
        return Trouble.NONE, ""
    if _is_for_postmaster(envelope.recipients):
        return Trouble.POSTMASTER, ""
    # A header that names none of our addresses says nothing of the alias that got the mail in secret.
    if not envelope.recipients or (envelope.is_header and not _are_ours(envelope.recipients)):
        return Trouble.UNREADABLE, UNTOLD
    return Trouble.NONE, ""


def may_be_trouble(arrival: Arrival) -> bool:
    """Whether that may turn out of it, so that its receipt is to be about this mail alone."""
    envelope = arrival.envelope
    return envelope.is_header or not envelope.recipients or _is_for_postmaster(envelope.recipients)


def _is_for_postmaster(recipients: Iterable[str]) -> bool:
    """RFC 5321 §4.5.1: every domain has that one."""
    return any(addresses.is_postmaster(one) for one in recipients)


def _are_ours(recipients: Iterable[str]) -> bool:
    """Whether any of them is at a store's tracking domain or below it."""
    domains = {above for one in recipients for above in addresses.with_parents(addresses.split(one).domain)}
    return bool(aliases.homes(sorted(domains)))
