"""The order document as a whole. The names are the wire's."""
# ruff: noqa: N815

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict

from orders.api.shapes.base import Answer, Flag, Many, MaybeObject, MaybeText, Text, or_else
from orders.api.shapes.changes import Cancellation, CancellationRequest, Changes
from orders.api.shapes.delivery import Shipping
from orders.api.shapes.goods import Item, Metadata, Seller
from orders.api.shapes.parcels import PackageAttachment
from orders.api.shapes.payment import PaymentData
from orders.api.shapes.people import CallCenterOperator, ClientPreferences, ClientProfile


def _as_value(value: Any) -> Any:
    """Some systems post the bare text of what is an object with it."""
    return {"value": value} if isinstance(value, str) else value


OpenText = Annotated[MaybeObject, BeforeValidator(_as_value)]


class Total(Answer):
    """A part of an order's value."""

    id: str
    name: str
    value: int


class RatesAndBenefits(Answer):
    """Promotions."""

    id: str = "ratesAndBenefitsData"
    rateAndBenefitsIdentifiers: Many


class CurrencyFormat(Answer):
    """How an amount is written."""

    CurrencyDecimalDigits: int
    CurrencyDecimalSeparator: str
    CurrencyGroupSeparator: str
    CurrencyGroupSize: int
    StartsWithCurrencySymbol: bool


class StorePreferences(Answer):
    """How the store writes amounts and times."""

    countryCode: MaybeText = None
    currencyCode: str
    currencyFormatInfo: CurrencyFormat
    currencyLocale: int
    currencySymbol: str
    timeZone: str


class Marketplace(Answer):
    """Where an order was made."""

    baseURL: Text = ""
    isCertified: Flag = False
    name: Text = ""


class Order(Answer):
    """One order, masked. Amounts in minor units."""

    orderId: str
    sequence: str
    marketplaceOrderId: str
    marketplaceServicesEndpoint: MaybeText = None
    sellerOrderId: str
    origin: str = "Fulfillment"
    affiliateId: Text = ""
    salesChannel: Text = "1"
    merchantName: MaybeText = None
    status: str
    workflowIsInError: bool = False
    statusDescription: str
    value: int
    creationDate: str
    lastChange: str
    orderGroup: MaybeText = None
    followUpEmail: str
    lastMessage: MaybeText = None
    hostname: str
    isCompleted: bool = True
    roundingError: int = 0
    orderFormId: MaybeText = None
    allowCancellation: bool
    allowEdition: bool
    isCheckedIn: bool = False
    authorizedDate: MaybeText = None
    invoicedDate: MaybeText = None
    cancelReason: MaybeText = None
    checkedInPickupPointId: MaybeText = None
    totals: list[Total]
    items: Annotated[list[Annotated[Item, or_else({})]], or_else([])]
    marketplaceItems: Many
    itemMetadata: Metadata
    sellers: list[Seller]
    clientProfileData: Annotated[ClientProfile, or_else({})]
    clientPreferencesData: ClientPreferences
    shippingData: Annotated[Shipping, or_else({})]
    paymentData: Annotated[PaymentData, or_else({})]
    packageAttachment: PackageAttachment
    ratesAndBenefitsData: Annotated[RatesAndBenefits, or_else({})]
    marketplace: Annotated[Marketplace, or_else({})]
    storePreferencesData: StorePreferences
    cancellationData: Cancellation | None = None
    cancellationRequests: list[CancellationRequest] = []
    changesAttachment: Changes | None = None
    callCenterOperatorData: Annotated[CallCenterOperator | None, or_else(None)] = None
    commercialConditionData: MaybeText = None
    customData: MaybeObject = None
    giftRegistryData: MaybeObject = None
    invoiceData: MaybeObject = None
    marketingData: MaybeObject = None
    openTextField: OpenText = None
    subscriptionData: MaybeObject = None
    taxData: MaybeObject = None
    approvedBy: MaybeText = None
    cancelledBy: MaybeText = None


class PlacedOrder(Answer):
    """What was posted, with the order's number, and aliases in the place of addresses."""

    model_config = ConfigDict(extra="allow")

    marketplaceOrderId: str
    orderId: str
    followUpEmail: str
