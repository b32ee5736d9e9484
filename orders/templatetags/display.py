"""How pages show money, moments, statuses and icons."""

from __future__ import annotations

import zoneinfo
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from django import template
from django.db.models import Model
from django.templatetags.static import static
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from orders import currencies
from orders.models import PartyKind, Status, TimelineEntry
from orders.outcomes import Outcome

register = template.Library()

_SIGNS = {"BRL": "R$", "EUR": "€", "GBP": "£", "JPY": "¥", "USD": "US$"}

_GOOD = {Status.PAYMENT_APPROVED, Status.INVOICED, Status.READY_FOR_HANDLING}
_BAD = {Status.PAYMENT_DENIED, Status.CANCELLATION_REQUESTED, Status.CANCEL, Status.CANCELED}
_WAITING = {
    Status.WAITING_FOR_AUTHORIZATION,
    Status.PAYMENT_PENDING,
    Status.WAITING_FOR_FULFILLMENT,
    Status.WINDOW_TO_CANCEL,
}
_STATUS_ICONS = {"good": "check", "bad": "stop", "waiting": "clock", "busy": "box"}
_PARTY_ICONS: dict[str, str] = {PartyKind.CUSTOMER: "person", PartyKind.STORE: "store"}
_COPY_TONES = {
    **dict.fromkeys(("sent", "delivered"), "good"),
    **dict.fromkeys(("queued", "sending", "retry"), "waiting"),
    **dict.fromkeys(("skipped", "stopped"), "busy"),
}


@register.simple_tag
@cache
def icon(name: str) -> SafeString:
    """A picture from our own sprite, for the eye only: the words beside it say the same."""
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        static("ct/icons.svg"),
        name,
    )


@register.simple_tag
def moment(value: datetime, zone: str = "UTC") -> SafeString:
    """A date and time in a store's time zone, exact for machines."""
    shown = formats.date_format(timezone.localtime(value, zoneinfo.ZoneInfo(zone)), "DATETIME_FORMAT")
    return format_html('<time datetime="{}">{}</time>', value.isoformat(timespec="seconds"), shown)


@register.filter
def money(minor: int, currency: str) -> str:
    """An amount of minor units as people write it: ``R$ 1.299,90``."""
    digits = currencies.digits(currency)
    amount = formats.number_format(Decimal(minor).scaleb(-digits), decimal_pos=digits, force_grouping=True)
    return f"{_SIGNS.get(currency, currency)}\u00a0{amount}"


@register.filter
def words(row: Model, field: str) -> str:
    """What a choice is called, as ``get_…_display`` says it, without translating every other choice each time."""
    value = getattr(row, field)
    return str(_choices(type(row), field).get(value, value))


@cache
def _choices(model: type[Model], field: str) -> dict[str, str]:
    return dict(model._meta.get_field(field).flatchoices)  # type: ignore[union-attr]  # a field with choices


@register.filter
def party_icon(party: str) -> str:
    """The icon of a party."""
    return _PARTY_ICONS.get(party, "truck")


@register.filter
def tone(status: str) -> str:
    """What a status means for the one who looks: good, bad, waiting, or busy."""
    if status in _GOOD:
        return "good"
    if status in _BAD:
        return "bad"
    return "waiting" if status in _WAITING else "busy"


@register.filter
def tone_icon(name: str) -> str:
    """The icon that goes with a tone."""
    return _STATUS_ICONS.get(name, "box")


@register.filter
def copy_tone(copy: Any) -> str:
    """What the state of a copy that was sent on means for the one who looks; nothing where there is none."""
    return _COPY_TONES.get(copy.state, "bad") if copy else ""


class Fate(NamedTuple):
    """What became of a mail, in one badge."""

    tone: str
    icon: str
    words: str


@register.filter
def fate(entry: TimelineEntry) -> Fate:
    """Of a mail as ``timeline.read`` gives it. A relayed one is called passed on only once its copy has gone; one that
    was stopped and that staff had passed on, as soon as they had.
    """
    outcome = words(entry, "outcome")
    copies: list[Any] = entry.outgoing  # type: ignore[attr-defined]  # timeline.read gives them
    is_stopped = not copies or copies[0].is_stopped
    if entry.outcome == Outcome.REFUSED and is_stopped:
        return Fate("bad", "stop", outcome)
    if entry.outcome == Outcome.RECORDED and is_stopped:
        return Fate("busy", "inbox", outcome)
    match copy_tone(copies[0]) if copies else "good":
        case "bad":
            return Fate("bad", "warning", _("Not passed on"))
        case "busy":
            return Fate("busy", "info", _("Not sent"))
        case "waiting":
            return Fate("waiting", "clock", _("On its way"))
        case _:
            return Fate("good", "check", outcome if entry.outcome == Outcome.RELAYED else _("Passed on by staff"))


@register.filter
def order_mail_tone(state: str) -> str:
    """What the state of an order mail means for the one who looks."""
    return {"queued": "good", "due": "waiting", "failed": "bad"}.get(state, "busy")
