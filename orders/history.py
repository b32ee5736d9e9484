"""Prepare an order's timeline for people: one page of it, each mail with its quotes and its length folded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from orders import quoting, timeline
from orders.models import Alert, Alias, Kind, Order, PartyKind, TimelineEntry
from orders.paging import Place

PAGE = 50
FIRST_LOOK = 1_200  # characters of a mail in sight before the rest is folded
SLACK = 400  # a rest shorter than this is not worth folding


@dataclass(frozen=True, slots=True)
class Moment:
    """An entry as it is shown. ``start`` is in sight, ``rest`` and ``quoted`` are folded; ``is_cut``: there is more."""

    entry: TimelineEntry
    side: str  # whose words they are: customer, store, third_party; empty for what no party said
    start: str = ""
    rest: str = ""
    quoted: str = ""
    is_cut: bool = False
    alert: Alert | None = None  # the open one


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of the timeline, oldest first; ``earlier`` is where the one before it ends."""

    moments: list[Moment]
    earlier: Place | None


def page(order: Order, *, before: Place | None = None, alerts: Mapping[int, Alert] | None = None) -> Page:
    """The newest entries, or the newest before a place; three queries however many there are.

    ``alerts``: the order's open alerts by entry.
    """
    entries = timeline.read(order)
    if before:
        entries = entries.filter(before.before("occurred_at"))
    found = list(entries.reverse()[: PAGE + 1])
    shown, more = found[:PAGE][::-1], found[PAGE:]
    moments = [replace(_moment(entry), alert=(alerts or {}).get(entry.pk)) for entry in shown]
    return Page(moments, Place(shown[0].occurred_at, shown[0].pk) if more else None)


def _moment(entry: TimelineEntry) -> Moment:
    if entry.kind != Kind.MAIL:
        return Moment(entry, "")
    text: str = entry.shown_text  # type: ignore[attr-defined]  # timeline.read annotates it
    folded = quoting.fold(text)
    start, rest = _first_look(folded.said)
    return Moment(entry, _side(entry.sender_alias), start, rest, folded.quoted, is_cut=len(text) >= timeline.SHOWN_TEXT)


def _side(sender: Alias | None) -> str:
    return sender.party if sender else PartyKind.THIRD_PARTY


def _first_look(text: str) -> tuple[str, str]:
    """Cut a long text at the end of a line or word."""
    if len(text) <= FIRST_LOOK + SLACK:
        return text, ""
    at = max(text.rfind("\n", FIRST_LOOK // 2, FIRST_LOOK), text.rfind(" ", FIRST_LOOK - 200, FIRST_LOOK))
    at = at if at > 0 else FIRST_LOOK
    return text[:at], text[at:].lstrip("\n")
