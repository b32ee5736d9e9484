"""Prepare an order's timeline for people: one page of it, each mail with its quotes and its length folded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import models
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _

from orders import masking, progress, quoting, timeline
from orders.models import Alert, Alias, Kind, Order, PartyKind, TimelineEntry
from orders.outcomes import Reason
from orders.paging import Place

PAGE = 30
FIRST_LOOK = 1_200  # characters of a mail in sight before the rest is folded
SLACK = 400  # a rest shorter than this is not worth folding


class Shown(models.TextChoices):
    """What of the timeline somebody wants to see."""

    ALL = "", _("Everything")
    MAILS = "mails", _("Mails")
    INTERACTIONS = "interactions", _("Interactions")
    COMMENTS = "comments", _("Comments")


_KINDS = {Shown.MAILS: Kind.MAIL, Shown.INTERACTIONS: Kind.INTERACTION, Shown.COMMENTS: Kind.NOTE}


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
    order_mail: int | None = None  # its number, when it is one of the store's order mails
    at: datetime | None = None  # when what a carrier tells of happened
    link: str = ""  # where a parcel is followed


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of the timeline, oldest first; ``earlier`` is where the one before it ends."""

    moments: list[Moment]
    earlier: Place | None


def subject_of_answer(entry: TimelineEntry) -> str:
    """What an answer to a mail is about; nothing where the mail does not say it."""
    is_answer = entry.subject.lower().startswith("re:")
    return entry.subject if is_answer or not entry.subject else f"Re: {entry.subject}"


def page(
    order: Order,
    *,
    aliases: Iterable[Alias],
    before: Place | None = None,
    alerts: Mapping[int, Alert] | None = None,
    order_mails: Mapping[int, int] | None = None,
    shown: Shown = Shown.ALL,
) -> Page:
    """The newest entries, or the newest before a place; three queries however many there are.

    ``aliases``: the order's, so that each is opened once and not for each entry, and whom the mails are masked for;
    ``alerts``: the order's open alerts by entry; ``order_mails``: the numbers of its order mails by entry.
    """
    entries = timeline.read(order)
    if shown in _KINDS:
        entries = entries.filter(kind=_KINDS[shown])
    if before:
        entries = entries.filter(before.before("occurred_at"))
    found = list(entries.reverse()[: PAGE + 1])
    visible, more = found[:PAGE][::-1], found[PAGE:]
    aliases = list(aliases)
    _give(visible, {alias.pk: alias for alias in aliases})
    parties = masking.known(aliases)
    masking.entries(visible, parties)
    masking.file_names((file for entry in visible for file in entry.files), parties)  # type: ignore[attr-defined]  # as timeline.read prefetches
    moments = [
        replace(_moment(entry), alert=(alerts or {}).get(entry.pk), order_mail=(order_mails or {}).get(entry.pk))
        for entry in visible
    ]
    return Page(moments, Place(visible[0].occurred_at, visible[0].pk) if more else None)


def _give(entries: Iterable[TimelineEntry], aliases: Mapping[int | None, Alias]) -> None:
    """One that was issued just now, and so is not among them, an entry asks the database for."""
    for entry in entries:
        if entry.sender_alias_id in aliases:
            entry.sender_alias = aliases[entry.sender_alias_id]
        if entry.recipient_alias_id in aliases:
            entry.recipient_alias = aliases[entry.recipient_alias_id]


def _moment(entry: TimelineEntry) -> Moment:
    if entry.kind == Kind.TRACKING:
        at = str(entry.data.get("happened_at") or entry.data.get("delivered_at") or "")
        return Moment(entry, "", at=_datetime(at), link=progress.safe_url(str(entry.data.get("url") or "")))
    if entry.kind != Kind.MAIL:
        return Moment(entry, "")
    text: str = entry.shown_text  # type: ignore[attr-defined]  # timeline.read annotates it
    if entry.reason == Reason.ORDER_MAIL:  # what the store says by itself: its beginning tells which it is
        return Moment(entry, _side(entry.sender_alias), f"{entry.first_words} …", text)
    folded = quoting.fold(text)
    start, rest = _first_look(folded.said)
    return Moment(entry, _side(entry.sender_alias), start, rest, folded.quoted, is_cut=len(text) >= timeline.SHOWN_TEXT)


def _datetime(value: str) -> datetime | None:
    try:
        found = parse_datetime(value)
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


def _side(sender: Alias | None) -> str:
    return sender.party if sender else PartyKind.THIRD_PARTY


def _first_look(text: str) -> tuple[str, str]:
    """Cut a long text at the end of a line or word."""
    if len(text) <= FIRST_LOOK + SLACK:
        return text, ""
    at = max(text.rfind("\n", FIRST_LOOK // 2, FIRST_LOOK), text.rfind(" ", FIRST_LOOK - 200, FIRST_LOOK))
    at = at if at > 0 else FIRST_LOOK
    return text[:at], text[at:].lstrip("\n")
