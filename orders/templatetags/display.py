"""How pages show money, moments, statuses and icons."""

from __future__ import annotations

import zoneinfo
from datetime import datetime
from decimal import Decimal

from django import template
from django.templatetags.static import static
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from orders.models import Status

register = template.Library()

# ISO 4217: currencies whose minor unit is not a hundredth.
_DIGITS = {
    **dict.fromkeys(("CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
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
_COPY_TONES = {
    **dict.fromkeys(("sent", "delivered"), "good"),
    **dict.fromkeys(("queued", "sending", "retry"), "waiting"),
}


@register.simple_tag
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
    digits = _DIGITS.get(currency, 2)
    amount = formats.number_format(Decimal(minor).scaleb(-digits), decimal_pos=digits, force_grouping=True)
    return f"{_SIGNS.get(currency, currency)}\u00a0{amount}"


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
def copy_tone(state: str) -> str:
    """What the state of a copy that was sent on means for the one who looks."""
    return _COPY_TONES.get(state, "bad")
