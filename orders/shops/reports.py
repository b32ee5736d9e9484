"""What a shop's call says, in our words, whichever shop it is; and how its JSON is read. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NoReturn

from orders import addresses, bounds, currencies

LONGEST_TEXT = 500
DEEPEST = 32
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_CURRENCY = re.compile(r"[A-Z]{3}")


class Unreadable(ValueError):
    """The call's body is not what its shop posts."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who bought; ``address`` is validated."""

    address: str
    name: str
    phone: str
    locale: str


@dataclass(frozen=True, slots=True)
class Sighting:
    """What the shop says of a parcel on its way."""

    at: datetime
    words: str


@dataclass(frozen=True, slots=True)
class Fulfilment:
    """A parcel that left. ``worth``: its items in minor units; None when it is all that is left of the order.

    ``items`` as in the order; without prices in a parcel that is told by itself, and none where it is the whole order.
    """

    number: str
    worth: int | None
    at: datetime | None
    courier: str = ""
    tracking_number: str = ""
    tracking_url: str = ""
    sighting: Sighting | None = None
    delivered_at: datetime | None = None
    changed_at: datetime | None = None  # by the shop's clock
    items: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Undone:
    """A parcel that the shop cancelled, or that failed; it may never have been told of."""

    number: str


@dataclass(frozen=True, slots=True)
class Refund:
    """Money given back, in minor units of its currency, which is empty when there are several."""

    number: str
    value: int
    currency: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Deletion:
    """The order is no longer in the shop."""

    reason: str


@dataclass(frozen=True, slots=True)
class OrderReport:
    """A whole order as it stands in the shop. ``buyer`` is None when it names no address that could be one."""

    number: str
    name: str
    buyer: Sender | None
    value: int
    currency: str
    items: tuple[dict[str, Any], ...]
    shipping: dict[str, Any]
    payment: str
    is_paid: bool
    canceled: str | None  # the reason; None: it is not
    is_complete: bool  # everything that was ordered has left
    fulfilments: tuple[Fulfilment, ...]
    refunds: tuple[Refund, ...]
    undone: tuple[Undone, ...] = ()
    ordered_at: datetime | None = None
    changed_at: datetime | None = None  # by the shop's clock, so that a report that comes late is told
    is_value_sure: bool = True  # no: it cannot be told from the shop's figures what the order is worth now
    shipping_cost: int = 0
    tax: int = 0  # on top of the prices
    is_paid_later: bool = False  # on delivery, or the rest of it: nobody is to be reminded
    figure: int | None = None  # another than before tells of an edit, where the value, for its rounding, does not

    @property
    def item_count(self) -> int:
        """How many pieces were ordered."""
        return sum(item["quantity"] for item in self.items)


@dataclass(frozen=True, slots=True)
class PartReport:
    """A parcel or a refund of an order, told by itself; or that it is gone."""

    order_number: str
    part: Fulfilment | Undone | Refund | Deletion


Report = OrderReport | PartReport


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object of a body; amounts as texts, and no text with characters that cannot be stored."""
    try:
        found = json.loads(body, parse_float=str, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise Unreadable("it is not JSON") from error
    if not isinstance(found, dict):
        raise Unreadable("it is no object")
    cleaned: dict[str, Any] = _clean(found, DEEPEST)
    return cleaned


def texts(document: dict[str, Any], *names: str) -> str:
    """The first of these fields that holds something, as text."""
    for name in names:
        value = document.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
            return str(value).strip()[:LONGEST_TEXT]
    return ""


def required(document: dict[str, Any], name: str) -> str:
    """A field without which there is nothing to go by. Raises Unreadable."""
    if found := texts(document, name):
        return found
    raise Unreadable(f"it has no {name}")


def inner(document: dict[str, Any], name: str) -> dict[str, Any]:
    """An object in the document; empty when it is none."""
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def many(document: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects of a list in the document."""
    value = document.get(name)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def moment(document: dict[str, Any], *names: str) -> datetime | None:
    """The first of these moments that is one; without a zone it is in UTC."""
    for name in names:
        try:
            found = datetime.fromisoformat(texts(document, name))
        except ValueError:
            continue
        if bounds.FIRST_YEAR <= found.year <= bounds.LAST_YEAR:
            return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None


def earliest(document: dict[str, Any], *names: str) -> datetime | None:
    """The earliest of these moments."""
    return min((found for name in names if (found := moment(document, name)) is not None), default=None)


def currency(document: dict[str, Any], name: str) -> str:
    """A currency's three letters. Raises Unreadable."""
    found = required(document, name).upper()
    if not _CURRENCY.fullmatch(found):
        raise Unreadable("it has no currency")
    return found


def minor(text: str, currency: str) -> int:
    """An amount in minor units of its currency: ``12.5`` is 1250 in USD, 13 in JPY, 12500 in KWD."""
    try:
        amount = Decimal(text or "0").scaleb(currencies.digits(currency))
        whole = int(amount.quantize(Decimal(1), ROUND_HALF_UP))
    except (ArithmeticError, ValueError) as error:
        raise Unreadable("an amount is none") from error
    if abs(whole) > bounds.LARGEST:
        raise Unreadable("an amount is too large")
    return whole


def not_negative(value: int) -> int:
    """The amount itself. Raises Unreadable below nothing."""
    if value < 0:
        raise Unreadable("an amount is below nothing")
    return value


def quantity(document: dict[str, Any], *names: str) -> int:
    """How many pieces, by the first of these names that is there; parts of one are one."""
    try:
        return min(max(int(Decimal(texts(document, *(names or ("quantity",))) or "1")), 1), 1_000_000)
    except (ArithmeticError, ValueError) as error:
        raise Unreadable("a quantity is none") from error


def address(text: str) -> str:
    """The e-mail address, or nothing when this cannot be one."""
    try:
        return addresses.validated(text) if text else ""
    except addresses.NotAnAddress:
        return ""


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _clean(value: Any, deep: int) -> Any:
    if deep < 0:
        raise Unreadable("it is nested too deeply")
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_clean(name, deep): _clean(one, deep - 1) for name, one in value.items()}
    return [_clean(one, deep - 1) for one in value] if isinstance(value, list) else value
