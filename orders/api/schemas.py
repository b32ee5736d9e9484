"""What the API takes in. Of orders the fields we rely on are checked, and all others are kept as posted."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    field_validator,
)

from orders import addresses, bounds, currencies, shipping

MOST_ORDERS = 100
MOST_ITEMS = 1_000
LONGEST_DOCUMENT = 500_000  # characters of an invoice's XML; tax offices take no larger ones


def _nothing(value: object) -> object:
    """An empty text, where systems mean nothing at all."""
    return None if isinstance(value, str) and not value.strip() else value


def _storable(text: str) -> str:
    if "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError("it holds characters that cannot be stored")
    return text


Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500), AfterValidator(_storable)]
LongText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=10_000), AfterValidator(_storable)]
Money = Annotated[int, Field(ge=0, le=bounds.LARGEST, strict=True)]


def _spoken(value: object) -> object:
    """What systems post where a text is meant: nothing at all, and numbers."""
    return "" if value is None else _worded(value)


def _worded(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _counted(value: object) -> object:
    """An amount as digits in a text, as many systems post it."""
    is_digits = isinstance(value, str) and value.strip().isascii() and value.strip().isdigit()
    return int(str(value)) if is_digits and len(str(value)) <= _MOST_DIGITS else value


_MOST_DIGITS = 20
_NUMBER = re.compile(r"[+-]?[0-9.]+", re.ASCII)
Spoken = Annotated[Text, BeforeValidator(_spoken)]
LongSpoken = Annotated[LongText, BeforeValidator(_spoken)]
MaybeSpoken = Annotated[Text | None, BeforeValidator(_worded)]


class _Posted(BaseModel):
    # Not ninja's Schema: that one reads attributes from anything, and loses the fields it does not know.
    model_config = ConfigDict(extra="allow")


class Item(_Posted):
    """One position of an order. ``price`` in minor units."""

    id: Annotated[Spoken, StringConstraints(min_length=1)]
    quantity: Annotated[int, Field(ge=1, le=1_000_000, strict=True)]
    seller: Annotated[Spoken, AfterValidator(lambda text: text or "1")] = "1"
    price: Money
    name: MaybeSpoken = None


class ClientProfile(_Posted):
    """Who bought."""

    email: Text
    firstName: Text | None = None  # noqa: N815  the wire's names
    lastName: Text | None = None  # noqa: N815
    documentType: Text | None = None  # noqa: N815
    document: MaybeSpoken = None
    phone: MaybeSpoken = None

    @field_validator("email")
    @classmethod
    def _is_address(cls, value: str) -> str:
        try:
            return addresses.validated(value)
        except addresses.NotAnAddress as error:
            raise ValueError(f"this cannot be an e-mail address: {error}") from error


_Locale = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,2}$")]


class ClientPreferences(_Posted):
    """What the buyer prefers."""

    locale: Annotated[_Locale | None, BeforeValidator(_nothing)] = None
    optinNewsLetter: bool | None = None  # noqa: N815


class StorePreferences(_Posted):
    """How the store trades. ``currencyCode`` is that of all amounts of the order; left out, they are in BRL."""

    currencyCode: Annotated[Text | None, BeforeValidator(_nothing)] = None  # noqa: N815

    @field_validator("currencyCode")
    @classmethod
    def _is_currency(cls, value: str | None) -> str | None:
        if value is not None and not currencies.is_known(value.upper()):
            raise ValueError("there is no currency of this code (ISO 4217)")
        return value and value.upper()


class NewOrder(_Posted):
    """An order to place."""

    marketplaceOrderId: Annotated[Spoken, StringConstraints(min_length=1, max_length=128)]  # noqa: N815
    marketplacePaymentValue: Money  # noqa: N815
    items: Annotated[list[Item], Field(min_length=1, max_length=MOST_ITEMS)]
    clientProfileData: ClientProfile  # noqa: N815
    shippingData: dict[str, Any] | None = None  # noqa: N815
    paymentData: dict[str, Any] | None = None  # noqa: N815
    openTextField: Any = None  # noqa: N815
    clientPreferencesData: ClientPreferences | None = None  # noqa: N815
    storePreferencesData: StorePreferences | None = None  # noqa: N815

    @field_validator("marketplaceOrderId")
    @classmethod
    def _holds_no_address(cls, value: str) -> str:
        return _no_address(value)


def _listed(value: object) -> object:
    return [] if value is None else value


def _no_address(text: str) -> str:
    if "@" in text:
        raise ValueError("it cannot hold an e-mail address")
    return text


def _written(value: object) -> object:
    """A moment as text; a number would count as seconds since 1970, which ``20261123`` and ``2026`` never mean."""
    is_number = isinstance(value, int | float) or (isinstance(value, str) and _NUMBER.fullmatch(value.strip()))
    if is_number:
        raise ValueError("write a date as 2026-01-31 or 2026-01-31T10:00:00-03:00")
    return value


def _in_our_time(moment: datetime) -> datetime:
    if not bounds.FIRST_YEAR <= moment.year <= bounds.LAST_YEAR:
        raise ValueError(f"its year is not between {bounds.FIRST_YEAR} and {bounds.LAST_YEAR}")
    return moment


def _web_address(text: str) -> str:
    if text and not shipping.is_web_address(text):
        raise ValueError("it is no address of the web: write one that begins with http:// or https://")
    return text


WebAddress = Annotated[LongSpoken, AfterValidator(_web_address)]
Number = Annotated[Spoken, StringConstraints(min_length=1, max_length=128), AfterValidator(_no_address)]
Quantity = Annotated[int, Field(ge=1, le=1_000_000, strict=True)]
Moment = Annotated[datetime, BeforeValidator(_written), AfterValidator(_in_our_time)]  # naive: in the store's time zone
MaybeMoment = Annotated[Moment | None, BeforeValidator(_nothing)]
CountedMoney = Annotated[
    Money,
    BeforeValidator(_counted),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 0, "maximum": bounds.LARGEST},
                   {"type": "string", "pattern": "^[0-9]{1,15}$"}]}
    ),
]  # fmt: skip
Xml = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=LONGEST_DOCUMENT), AfterValidator(_storable),
    BeforeValidator(_spoken),
]  # fmt: skip
Direction = Annotated[
    str, StringConstraints(pattern="^(Output|Input)$"),
    BeforeValidator(lambda value: value.capitalize() if isinstance(value, str) else value),
]  # fmt: skip


class _Taken(BaseModel):
    model_config = ConfigDict(extra="ignore")


class Cancellation(_Taken):
    """Why an order is cancelled, and whether the customer wishes it."""

    reason: LongSpoken = ""
    requestedByUser: bool = False  # noqa: N815  the wire's names


class CancellationDenial(_Taken):
    """Which request to cancel an order is refused, and why."""

    cancellationRequestId: Number  # noqa: N815
    denyReason: LongSpoken = ""  # noqa: N815


class Replacement(_Taken):
    """Which order takes another's place."""

    orderId: Number  # noqa: N815


class Denial(_Taken):
    """Why a payment was denied."""

    reason: LongSpoken = ""


class NewPayment(_Taken):
    """How an order is paid for from now on. ``value`` in minor units."""

    paymentSystem: Spoken = ""  # noqa: N815  the wire's names
    paymentSystemName: Spoken = ""  # noqa: N815
    value: Money | None = None
    installments: Annotated[int, Field(ge=1, le=1_000, strict=True)] | None = None


class InvoicedItem(_Taken):
    """A position of an invoice, or of what is added to an order. ``price`` in minor units."""

    id: Number
    quantity: Quantity
    price: Money = 0
    description: Spoken = ""


class NewInvoice(_Taken):
    """An invoice over all of an order or a part (Output), or a return (Input).

    ``invoiceValue`` in minor units, as a number or as its digits. When it left is ``dispatchedDate`` or
    ``dispatchDate``: systems know either.
    """

    type: Direction = "Output"
    invoiceNumber: Number  # noqa: N815
    invoiceValue: CountedMoney  # noqa: N815
    issuanceDate: Moment  # noqa: N815
    invoiceKey: Spoken = ""  # noqa: N815
    invoiceUrl: LongSpoken = ""  # noqa: N815
    embeddedInvoice: Xml = ""  # noqa: N815
    courier: Spoken = ""
    trackingNumber: Spoken = ""  # noqa: N815
    trackingUrl: WebAddress = ""  # noqa: N815
    dispatchDate: MaybeMoment = None  # noqa: N815
    dispatchedDate: MaybeMoment = None  # noqa: N815
    cfop: Spoken = ""
    items: Annotated[list[InvoicedItem], Field(max_length=MOST_ITEMS), BeforeValidator(_listed)] = []


class NewParcel(_Taken):
    """How the goods of an invoice travel; what is left out stays as it is."""

    courier: Spoken = ""
    trackingNumber: Spoken = ""  # noqa: N815
    trackingUrl: WebAddress = ""  # noqa: N815
    dispatchedDate: MaybeMoment = None  # noqa: N815


class CarrierEvent(_Taken):
    """What a carrier said of a parcel."""

    date: Moment
    description: Spoken = ""
    city: Annotated[Spoken, StringConstraints(max_length=100)] = ""
    state: Annotated[Spoken, StringConstraints(max_length=100)] = ""


class Tracking(_Taken):
    """What a carrier said, and whether the parcel arrived."""

    isDelivered: Annotated[bool, BeforeValidator(lambda value: False if value is None else value)] = False  # noqa: N815
    deliveredDate: MaybeMoment = None  # noqa: N815
    events: Annotated[list[CarrierEvent], Field(max_length=MOST_ITEMS), BeforeValidator(_listed)] = []

    @field_validator("events", mode="before")
    @classmethod
    def _none_is_no_event(cls, value: object) -> object:
        return [] if value is None else value


class Interaction(_Taken):
    """What another system did with the order."""

    source: Annotated[Text, StringConstraints(min_length=1)]
    message: Annotated[LongText, StringConstraints(min_length=1)]


class AddedItem(InvoicedItem):
    """A position that is added to an order."""

    price: Money
    seller: Spoken = "1"
    name: Spoken = ""


class NewChange(_Taken):
    """What is to change of an order. Values in minor units."""

    reason: LongSpoken = ""
    requestId: Spoken = ""  # noqa: N815
    discountValue: Money = 0  # noqa: N815
    incrementValue: Money = 0  # noqa: N815
    itemsRemoved: Annotated[list[InvoicedItem], Field(max_length=MOST_ITEMS)] = []  # noqa: N815
    itemsAdded: Annotated[list[AddedItem], Field(max_length=MOST_ITEMS)] = []  # noqa: N815


def moment(value: datetime | None, zone: Any) -> datetime | None:
    """The moment that was meant: without an offset it is the store's time."""
    if value is None:
        return None
    return (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)
