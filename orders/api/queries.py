"""Read what a list of orders is asked for: filters, dates and sorting as callers write them."""

from __future__ import annotations

import re
from datetime import datetime, tzinfo

from django.http import QueryDict
from pydantic import TypeAdapter, ValidationError

from orders import browsing
from orders.api import schemas
from orders.api.errors import BadRequest, Problem
from orders.models import Status

# The spans of time that may be asked for, with their column.
_SPANS = {
    "f_creationDate": ("creationDate", "placed_at"),
    "f_authorizedDate": ("authorizedDate", "authorized_at"),
    "f_invoicedDate": ("invoicedDate", "invoiced_at"),
}
_SPAN = re.compile(r"(?P<name>\w+):\[(?P<start>\S+) TO (?P<end>\S+)\]", re.ASCII)
_MOMENT: TypeAdapter[datetime] = TypeAdapter(schemas.Moment)
LONGEST = 320


def wanted(query: QueryDict, *, zone: tzinfo) -> browsing.Wanted:
    """What was asked for. Raises BadRequest with every problem found: a filter that is not known is one.

    To pass a filter over would answer with orders that nobody asked for. A date without an offset is in this zone.
    """
    problems = [
        Problem(name, f"There is no such filter; there are {', '.join([*_SPANS, 'f_status'])}.")
        for name in query
        if name.startswith("f_") and name not in {*_SPANS, "f_status"}
    ]
    statuses = _statuses(query, problems)
    spans = {
        column: span for name, (wire, column) in _SPANS.items() if (span := _span(query, name, wire, zone, problems))
    }
    sort, _, direction = (query.get("orderBy") or "creationDate,desc").partition(",")
    direction = direction.lower()
    if sort not in browsing.SORTS or direction not in {"asc", "desc", ""}:
        problems.append(Problem("orderBy", f"Write one of {', '.join(browsing.SORTS)}, and asc or desc after a comma."))
    text = query.get("q", "").strip()
    if len(text) > LONGEST:
        problems.append(Problem("q", f"It is longer than {LONGEST} characters."))
    if problems:
        raise BadRequest(problems)
    return browsing.Wanted(
        query=text, statuses=statuses, spans=spans, sort=sort, is_descending=direction != "asc"
    )  # fmt: skip


def _statuses(query: QueryDict, problems: list[Problem]) -> list[Status]:
    names = [name.strip() for one in query.getlist("f_status") for name in one.split(",") if name.strip()]
    unknown = [name for name in names if name not in Status.values]
    if unknown:
        problems.append(Problem("f_status", f"There is no such status; there are {', '.join(Status.values)}."))
        return []
    return [Status(name) for name in names]


def _span(query: QueryDict, name: str, wire: str, zone: tzinfo, problems: list[Problem]) -> browsing.Span | None:
    if not (text := query.get(name, "").strip()):
        return None
    found = _SPAN.fullmatch(text)
    if found and found["name"] == wire:
        try:
            return browsing.Span(_moment(found["start"], zone), _moment(found["end"], zone))
        except ValidationError:
            pass
    problems.append(
        Problem(name, f"Write {wire}:[2026-01-31T00:00:00.000Z TO 2026-02-28T23:59:59.999Z], or * for an end.")
    )
    return None


def _moment(text: str, zone: tzinfo) -> datetime | None:
    return None if text == "*" else schemas.moment(_MOMENT.validate_python(text), zone)
