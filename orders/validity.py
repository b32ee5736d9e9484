"""How long an alias lives: two calendar months from its issue. Pure."""

from __future__ import annotations

from datetime import datetime

from dateutil.relativedelta import relativedelta

MONTHS = 2


def expires_at(issued_at: datetime) -> datetime:
    """Two calendar months later, same time of day; the last day of the month where that day does not exist."""
    return issued_at + relativedelta(months=MONTHS)


def is_valid(*, expires_at: datetime, now: datetime) -> bool:
    """Whether the alias still works at ``now``; at the very moment of expiry it no longer does."""
    return now < expires_at
