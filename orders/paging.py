"""Page through rows by the place of the last one seen, so that a page costs the same however far down it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from django.db.models import Q

_WRITTEN = re.compile(r"(\d{8}T\d{6}\.\d{6})-(\d{1,18})", re.ASCII)
_TIME = "%Y%m%dT%H%M%S.%f"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands: by time, and by id among those of one moment."""

    at: datetime
    pk: int

    def __str__(self) -> str:
        return f"{self.at.astimezone(UTC):{_TIME}}-{self.pk}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read what ``str`` wrote; None for anything else."""
        if not (found := _WRITTEN.fullmatch(text)):
            return None
        try:
            return cls(datetime.strptime(found[1], _TIME).replace(tzinfo=UTC), int(found[2]))
        except ValueError:
            return None

    def before(self, field: str) -> Q:
        """The rows that come before this place by ``field`` and id."""
        return Q(**{f"{field}__lte": self.at}) & (Q(**{f"{field}__lt": self.at}) | Q(pk__lt=self.pk))
