"""What templates can do with money and moments: the customer's locale, the store's time zone. Pure."""

from __future__ import annotations

import copy
import zoneinfo
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from babel import Locale, dates, numbers
from liquid import Environment, RenderContext
from liquid.builtin.filters import array
from liquid.filter import with_context, with_environment
from liquid.undefined import is_undefined

from conversation_tracker.message_center import locales
from orders import currencies

STYLES = ("short", "medium", "long", "full")


class Unreadable(ValueError):
    """What the filter was given is no number or moment, or it was asked for a style there is none of."""


@with_context
def money(value: Any, currency: Any = None, *, context: RenderContext) -> str:
    """An amount of minor units, in the order's currency or another: ``R$ 1.299,90``. Nothing gives nothing."""
    if _is_nothing(value):
        return ""
    code = str(currency or context.resolve("currency", default="") or "BRL").upper()
    try:
        amount = Decimal(str(value)).scaleb(-currencies.digits(code))
        locale = _locale(context)
        pattern = _pattern(locale, currencies.digits(code))
        return numbers.format_currency(amount, code, format=pattern, locale=locale, currency_digits=False)
    except (ArithmeticError, ValueError) as error:
        raise Unreadable("money: this is no amount") from error


@with_context
def day(value: Any, style: Any = "long", *, context: RenderContext) -> str:
    """The day of a moment in the store's time zone: ``25 de novembro de 2026``."""
    if _is_nothing(value):
        return ""
    return dates.format_date(_moment(value, context), _style(style), locale=_locale(context))


@with_context
def time_of_day(value: Any, style: Any = "short", *, context: RenderContext) -> str:
    """The time of a moment in the store's time zone: ``22:30``."""
    if _is_nothing(value):
        return ""
    moment = _moment(value, context)
    if not isinstance(moment, datetime):
        return ""
    return dates.format_time(moment, _style(style), tzinfo=_zone(context), locale=_locale(context))


@with_context
def date_time(value: Any, style: Any = "long", *, context: RenderContext) -> str:
    """Day and time of a moment in the store's time zone: ``25 de novembro de 2026, 22:30``."""
    if _is_nothing(value):
        return ""
    moment = _moment(value, context)
    shown = dates.format_date(moment, _style(style), locale=_locale(context))
    if not isinstance(moment, datetime):
        return shown
    return f"{shown}, {dates.format_time(moment, 'short', tzinfo=_zone(context), locale=_locale(context))}"


@with_context
def number(value: Any, *, context: RenderContext) -> str:
    """A number as the customer's locale writes it: ``1.234,5``."""
    if _is_nothing(value):
        return ""
    try:
        return numbers.format_decimal(Decimal(str(value)), locale=_locale(context))
    except (ArithmeticError, ValueError) as error:
        raise Unreadable("number: this is no number") from error


def replace(value: Any, search: Any, by: Any = "") -> str:
    """Every occurrence of a text by another."""
    text, old, new = (
        "" if one is None or is_undefined(one) else type(one)(one) if isinstance(one, str) else str(one)
        for one in (value, search, by)
    )
    if (text.count(old) + 1) * len(new) > LONGEST_REPLACED:
        raise Unreadable("replace: it would grow too large")
    return text.replace(old, new)


@with_environment
def join(values: Any, separator: Any = " ", *, environment: Environment) -> Any:
    """The texts of a list in one."""
    if isinstance(values, list | tuple | range) and len(values) * len(str(separator)) > LONGEST_REPLACED:
        raise Unreadable("join: it would grow too large")
    return array.join(values, separator, environment=environment)


LONGEST_REPLACED = 100_000  # characters
ALL: dict[str, Callable[..., Any]] = {
    "money": money,
    "date": day,
    "time": time_of_day,
    "date_time": date_time,
    "number": number,
    "replace": replace,
    "join": join,
}


def _is_nothing(value: Any) -> bool:
    if is_undefined(value):
        value.poke()
        return True
    return value is None or value == ""


def _moment(value: Any, context: RenderContext) -> datetime | date:
    """A moment in the store's time zone; a mere date stays the day it is, wherever one reads it."""
    text = str(value).strip()
    if text == "now":
        raise Unreadable("date: only moments of the order, not now")
    try:
        if len(text) == len("2026-11-25"):
            return date.fromisoformat(text)
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(_zone(context))
    except (ValueError, OverflowError) as error:  # the second where the time zone leads out of all years
        raise Unreadable("date: this is no moment") from error


def _zone(context: RenderContext) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(str(context.resolve("time_zone", default="UTC")))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return zoneinfo.ZoneInfo("UTC")


def _locale(context: RenderContext) -> Locale:
    return locales.babel(str(context.resolve("locale", default="en")))


@cache
def _pattern(locale: Locale, digits: int) -> numbers.NumberPattern:
    """How a locale writes money, with so many digits. Some that an amount has are left out in daily use: never here."""
    pattern: numbers.NumberPattern = copy.copy(locale.currency_formats["standard"])
    pattern.frac_prec = (digits, digits)
    return pattern


def _style(style: Any) -> Any:
    if style not in STYLES:
        raise Unreadable(f"date: the styles are {', '.join(STYLES)}")
    return style
