"""Lists of orders. The names are the wire's."""
# ruff: noqa: N815

from __future__ import annotations

from typing import Annotated, Any

from orders.api.shapes.base import Answer, Anything, Many, MaybeText, Text, Whole, or_else


class ListedItem(Answer):
    """A position, in a list of orders."""

    seller: Text = "1"
    quantity: Whole = 0
    description: MaybeText = None
    ean: MaybeText = None
    refId: MaybeText = None
    id: Text = ""
    productId: MaybeText = None
    sellingPrice: Whole = 0
    price: Whole = 0


class ListedOrder(Answer):
    """An order, in a list. Amounts in minor units."""

    orderId: str
    creationDate: str
    clientName: str
    items: Annotated[list[Annotated[ListedItem, or_else({})]], or_else([])]
    totalValue: int
    paymentNames: MaybeText = None
    status: str
    statusDescription: str
    marketPlaceOrderId: str
    sequence: str
    salesChannel: Text = "1"
    affiliateId: Text = ""
    origin: str = "Fulfillment"
    workflowInErrorState: bool = False
    workflowInRetry: bool = False
    lastMessageUnread: MaybeText = None
    ShippingEstimatedDate: MaybeText = None
    ShippingEstimatedDateMax: MaybeText = None
    ShippingEstimatedDateMin: MaybeText = None
    orderIsComplete: bool = True
    listId: MaybeText = None
    listType: MaybeText = None
    authorizedDate: MaybeText = None
    callCenterOperatorName: MaybeText = None
    totalItems: int
    currencyCode: str
    hostname: str
    invoiceOutput: list[str] | None = None
    invoiceInput: list[str] | None = None
    lastChange: str
    isAllDelivered: bool = False
    isAnyDelivered: bool = False
    giftCardProviders: Anything = None
    orderFormId: MaybeText = None
    paymentApprovedDate: MaybeText = None
    readyForHandlingDate: MaybeText = None
    deliveryDates: list[str] | None = None


class Paging(Answer):
    """Which part of a list this is."""

    total: int
    pages: int
    currentPage: int
    perPage: int


class Figures(Answer):
    """What the orders of a list add up to."""

    Count: int
    Max: float
    Mean: float
    Min: float
    Missing: int = 0
    StdDev: float
    Sum: float
    SumOfSquares: float
    Facets: dict[str, Any] = {}


class Stats(Answer):
    """Figures of a list, by what is counted."""

    stats: dict[str, Figures]


class OrderList(Answer):
    """A page of the orders that were asked for."""

    list: list[ListedOrder]
    facets: Many
    paging: Paging
    stats: Stats
