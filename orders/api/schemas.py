"""What the API takes in: the fields we rely on are checked, all others are kept as posted."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, field_validator

from orders import addresses

MOST_ORDERS = 100
MOST_ITEMS = 1_000
LARGEST = 10**15  # minor units


def _storable(text: str) -> str:
    if "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError("it holds characters that cannot be stored")
    return text


Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500), AfterValidator(_storable)]
Money = Annotated[int, Field(ge=0, le=LARGEST, strict=True)]


class _Posted(BaseModel):
    # Not ninja's Schema: that one reads attributes from anything, and loses the fields it does not know.
    model_config = ConfigDict(extra="allow")


class Item(_Posted):
    """One position of an order. ``price`` in minor units."""

    id: Annotated[Text, StringConstraints(min_length=1)]
    quantity: Annotated[int, Field(ge=1, le=1_000_000, strict=True)]
    seller: Text = "1"
    price: Money
    name: Text | None = None


class ClientProfile(_Posted):
    """Who bought."""

    email: Text
    firstName: Text | None = None  # noqa: N815  the wire's names
    lastName: Text | None = None  # noqa: N815
    documentType: Text | None = None  # noqa: N815
    document: Text | None = None
    phone: Text | None = None

    @field_validator("email")
    @classmethod
    def _is_address(cls, value: str) -> str:
        try:
            return addresses.validated(value)
        except addresses.NotAnAddress as error:
            raise ValueError(f"this cannot be an e-mail address: {error}") from error


class ClientPreferences(_Posted):
    """What the buyer prefers."""

    locale: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,2}$")] | None = None
    optinNewsLetter: bool | None = None  # noqa: N815


class NewOrder(_Posted):
    """An order to place."""

    marketplaceOrderId: Annotated[Text, StringConstraints(min_length=1, max_length=128)]  # noqa: N815
    marketplacePaymentValue: Money  # noqa: N815
    items: Annotated[list[Item], Field(min_length=1, max_length=MOST_ITEMS)]
    clientProfileData: ClientProfile  # noqa: N815
    shippingData: dict[str, Any] | None = None  # noqa: N815
    paymentData: dict[str, Any] | None = None  # noqa: N815
    openTextField: Any = None  # noqa: N815
    clientPreferencesData: ClientPreferences | None = None  # noqa: N815
