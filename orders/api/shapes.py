"""What the API answers: the order document, field by field, each of its type and empty where we have no value.

A value of another type, as somebody may have posted it, becomes the empty value of its field. The names are the wire's.
"""
# ruff: noqa: N815

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator


def moment(value: datetime | None) -> str | None:
    """A moment as these answers write it: in UTC, with seven digits after the second."""
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}0+00:00" if value else None


def _or(empty: Any) -> WrapValidator:
    def validate(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError:
            return handler(empty)

    return WrapValidator(validate)


def _or_digits(empty: str | None) -> WrapValidator:
    def validate(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(str(value) if type(value) in (int, float) else value)
        except ValidationError:
            return handler(empty)

    return WrapValidator(validate)


Text = Annotated[str, _or_digits("")]
MaybeText = Annotated[str | None, _or_digits(None)]
Whole = Annotated[int, _or(0)]
MaybeWhole = Annotated[int | None, _or(None)]
Number = Annotated[float, Field(allow_inf_nan=False), _or(0.0)]
Flag = Annotated[bool, _or(False)]
MaybeFlag = Annotated[bool | None, _or(None)]
Many = Annotated[list[Any], _or([])]
Anything = Any


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", json_schema_serialization_defaults_required=True)


class Dimension(_Answer):
    """How large and heavy an article is."""

    cubicweight: Number = 0.0
    height: Number = 0.0
    length: Number = 0.0
    weight: Number = 0.0
    width: Number = 0.0


class AdditionalInfo(_Answer):
    """What else is known of an article."""

    brandName: MaybeText = None
    brandId: MaybeText = None
    categoriesIds: MaybeText = None
    categories: Many = []
    productClusterId: MaybeText = None
    commercialConditionId: MaybeText = None
    dimension: Annotated[Dimension, _or({})] = Dimension()
    offeringInfo: Anything = None
    offeringType: Anything = None
    offeringTypeId: Anything = None


class ItemAttachment(_Answer):
    """What a customer said of an article."""

    content: Annotated[dict[str, Any], _or({})] = {}
    name: MaybeText = None


class Item(_Answer):
    """A position of an order. Prices in minor units."""

    uniqueId: MaybeText = None
    id: Text = ""
    productId: MaybeText = None
    ean: MaybeText = None
    lockId: MaybeText = None
    itemAttachment: Annotated[ItemAttachment, _or({})] = ItemAttachment()
    attachments: Many = []
    quantity: Whole = 0
    seller: Text = "1"
    name: MaybeText = None
    refId: MaybeText = None
    price: Whole = 0
    listPrice: Whole = 0
    manualPrice: MaybeWhole = None
    manualPriceAppliedBy: MaybeText = None
    priceTags: Many = []
    imageUrl: MaybeText = None
    detailUrl: MaybeText = None
    components: Many = []
    bundleItems: Many = []
    params: Many = []
    offerings: Many = []
    attachmentOfferings: Many = []
    sellerSku: MaybeText = None
    priceValidUntil: MaybeText = None
    commission: Whole = 0
    tax: Whole = 0
    taxCode: MaybeText = None
    preSaleDate: MaybeText = None
    additionalInfo: Annotated[AdditionalInfo, _or({})] = AdditionalInfo()
    measurementUnit: Text = "un"
    unitMultiplier: Number = 1.0
    sellingPrice: Whole = 0
    isGift: Flag = False
    shippingPrice: MaybeWhole = None
    rewardValue: Whole = 0
    freightCommission: Whole = 0
    priceDefinition: Anything = None
    productCategories: Annotated[dict[str, Any] | None, _or(None)] = None
    callCenterOperator: MaybeText = None
    serialNumbers: Anything = None
    assemblies: Many = []
    costPrice: MaybeWhole = None
    parentItemIndex: MaybeWhole = None
    parentAssemblyBinding: MaybeText = None


class Total(_Answer):
    """A part of an order's value."""

    id: str
    name: str
    value: int


class ClientProfile(_Answer):
    """Who bought; the e-mail address is an alias."""

    id: str = "clientProfileData"
    email: Text = ""
    firstName: MaybeText = None
    lastName: MaybeText = None
    documentType: MaybeText = None
    document: MaybeText = None
    phone: MaybeText = None
    corporateName: MaybeText = None
    tradeName: MaybeText = None
    corporateDocument: MaybeText = None
    stateInscription: MaybeText = None
    corporatePhone: MaybeText = None
    isCorporate: Flag = False
    userProfileId: Text = ""
    userProfileVersion: MaybeText = None
    customerClass: MaybeText = None
    customerCode: MaybeText = None


class ClientPreferences(_Answer):
    """What the buyer prefers."""

    locale: Text = ""
    optinNewsLetter: Flag = False


class Address(_Answer):
    """Where goods go."""

    addressType: MaybeText = None
    receiverName: MaybeText = None
    addressId: MaybeText = None
    versionId: MaybeText = None
    entityId: MaybeText = None
    postalCode: MaybeText = None
    city: MaybeText = None
    state: MaybeText = None
    country: MaybeText = None
    street: MaybeText = None
    number: MaybeText = None
    neighborhood: MaybeText = None
    complement: MaybeText = None
    reference: MaybeText = None
    geoCoordinates: Many = []


class Delivery(_Answer):
    """Who brings how many from where."""

    courierId: MaybeText = None
    courierName: MaybeText = None
    dockId: MaybeText = None
    quantity: Whole = 0
    warehouseId: MaybeText = None
    accountCarrierName: MaybeText = None
    kitItemDetails: Many = []


class PickupStore(_Answer):
    """Where goods are fetched."""

    additionalInfo: MaybeText = None
    address: Annotated[Address | None, _or(None)] = None
    dockId: MaybeText = None
    friendlyName: MaybeText = None
    isPickupStore: Flag = False


class Logistics(_Answer):
    """How one item of an order is delivered. Prices in minor units."""

    itemIndex: Whole = 0
    itemId: MaybeText = None
    selectedDeliveryChannel: MaybeText = None
    selectedSla: MaybeText = None
    lockTTL: MaybeText = None
    price: Whole = 0
    listPrice: Whole = 0
    sellingPrice: Whole = 0
    deliveryWindow: Anything = None
    deliveryCompany: MaybeText = None
    shippingEstimate: MaybeText = None
    shippingEstimateDate: MaybeText = None
    slas: Many = []
    shipsTo: Many = []
    deliveryIds: Annotated[list[Annotated[Delivery, _or({})]], _or([])] = []
    deliveryChannels: Many = []
    deliveryChannel: MaybeText = None
    pickupStoreInfo: Annotated[PickupStore, _or({})] = PickupStore()
    addressId: MaybeText = None
    versionId: MaybeText = None
    entityId: MaybeText = None
    polygonName: MaybeText = None
    pickupPointId: MaybeText = None
    transitTime: MaybeText = None


class Shipping(_Answer):
    """Where and how an order is delivered."""

    id: str = "shippingData"
    address: Annotated[Address | None, _or(None)] = None
    logisticsInfo: Annotated[list[Annotated[Logistics, _or({})]], _or([])] = []
    trackingHints: Anything = None
    selectedAddresses: Annotated[list[Annotated[Address, _or({})]], _or([])] = []
    availableAddresses: Annotated[list[Annotated[Address, _or({})]], _or([])] = []
    contactInformation: Many = []


class Payment(_Answer):
    """One payment. Value in minor units; numbers of cards are never kept here."""

    id: MaybeText = None
    paymentSystem: MaybeText = None
    paymentSystemName: MaybeText = None
    value: Whole = 0
    installments: Whole = 1
    referenceValue: Whole = 0
    cardHolder: MaybeText = None
    cardNumber: None = None
    firstDigits: MaybeText = None
    lastDigits: MaybeText = None
    cvv2: None = None
    expireMonth: None = None
    expireYear: None = None
    url: MaybeText = None
    giftCardId: MaybeText = None
    giftCardName: MaybeText = None
    giftCardCaption: MaybeText = None
    redemptionCode: None = None
    group: MaybeText = None
    tid: MaybeText = None
    dueDate: MaybeText = None
    connectorResponses: Annotated[dict[str, Any], _or({})] = {}
    giftCardProvider: MaybeText = None
    giftCardAsDiscount: MaybeFlag = None
    koinUrl: MaybeText = None
    accountId: MaybeText = None
    parentAccountId: MaybeText = None
    bankIssuedInvoiceIdentificationNumber: MaybeText = None
    bankIssuedInvoiceIdentificationNumberFormatted: MaybeText = None
    bankIssuedInvoiceBarCodeNumber: MaybeText = None
    bankIssuedInvoiceBarCodeType: MaybeText = None
    billingAddress: Anything = None
    paymentOrigin: MaybeText = None


class Transaction(_Answer):
    """Payments that were made together."""

    isActive: Flag = True
    transactionId: MaybeText = None
    merchantName: MaybeText = None
    payments: Annotated[list[Annotated[Payment, _or({})]], _or([])] = []


class PaymentData(_Answer):
    """How an order is paid for."""

    giftCards: Many = []
    transactions: Annotated[list[Annotated[Transaction, _or({})]], _or([])] = []


class PackageItem(_Answer):
    """A position of an invoice."""

    itemIndex: int
    quantity: int
    price: int
    description: MaybeText = None
    unitMultiplier: Number = 1.0


class CarrierEvent(_Answer):
    """What a carrier said."""

    lastChange: str
    city: Text = ""
    state: Text = ""
    description: Text = ""
    createDate: str


class CourierStatus(_Answer):
    """How far a parcel came."""

    status: Text = ""
    finished: bool = False
    deliveredDate: MaybeText = None
    data: list[CarrierEvent] = []


class Package(_Answer):
    """An invoice with its parcel, or a return. Value in minor units."""

    items: list[PackageItem] = []
    courier: MaybeText = None
    invoiceNumber: str
    invoiceValue: int
    invoiceUrl: MaybeText = None
    issuanceDate: str
    trackingNumber: MaybeText = None
    invoiceKey: MaybeText = None
    trackingUrl: MaybeText = None
    embeddedInvoice: Text = ""
    type: str
    courierStatus: CourierStatus
    cfop: MaybeText = None
    restitutions: Annotated[dict[str, Any], _or({})] = {}
    volumes: MaybeWhole = None
    EnableInferItems: MaybeFlag = None


class PackageAttachment(_Answer):
    """All invoices and returns of an order."""

    packages: list[Package] = []


class Seller(_Answer):
    """Who sells."""

    id: Text
    name: MaybeText = None
    logo: MaybeText = None
    fulfillmentEndpoint: MaybeText = None


class ChangedItem(_Answer):
    """What was added or removed."""

    id: Text = ""
    name: MaybeText = None
    quantity: Whole = 0
    price: Whole = 0
    unitMultiplier: Number = 1.0


class Receipt(_Answer):
    """That something was done, and when."""

    date: str
    orderId: str
    receipt: str


class Change(_Answer):
    """One change of an order. Values in minor units."""

    reason: Text = ""
    discountValue: Whole = 0
    incrementValue: Whole = 0
    itemsAdded: Annotated[list[Annotated[ChangedItem, _or({})]], _or([])] = []
    itemsRemoved: Annotated[list[Annotated[ChangedItem, _or({})]], _or([])] = []
    receipt: Receipt


class Changes(_Answer):
    """All changes of an order."""

    id: str = "changeAttachment"
    changesData: list[Change]


class RatesAndBenefits(_Answer):
    """Promotions."""

    id: str = "ratesAndBenefitsData"
    rateAndBenefitsIdentifiers: Many = []


class Cancellation(_Answer):
    """Who had an order cancelled, when and why."""

    RequestedByUser: bool = False
    RequestedBySystem: bool = False
    RequestedBySellerNotification: bool = False
    RequestedByPaymentNotification: bool = False
    Reason: MaybeText = None
    CancellationDate: str


class CancellationRequest(_Answer):
    """What a customer asked for past the cancellation window, and what the store said to it."""

    id: str
    reason: Text = ""
    cancellationRequestDate: str
    requestedByUser: bool = True
    deniedBySeller: bool = False
    deniedBySellerReason: MaybeText = None
    cancellationRequestDenyDate: MaybeText = None


class CurrencyFormat(_Answer):
    """How an amount is written."""

    CurrencyDecimalDigits: int
    CurrencyDecimalSeparator: str
    CurrencyGroupSeparator: str
    CurrencyGroupSize: int
    StartsWithCurrencySymbol: bool


class StorePreferences(_Answer):
    """How the store writes amounts and times."""

    countryCode: MaybeText = None
    currencyCode: str
    currencyFormatInfo: CurrencyFormat
    currencyLocale: int
    currencySymbol: str
    timeZone: str


class Marketplace(_Answer):
    """Where an order was made."""

    baseURL: Text = ""
    isCertified: Flag = False
    name: Text = ""


class MetadataItem(_Answer):
    """What the catalogue says of an item."""

    Id: Text
    Seller: Text
    Name: MaybeText = None
    SkuName: MaybeText = None
    ProductId: MaybeText = None
    RefId: MaybeText = None
    Ean: MaybeText = None
    ImageUrl: MaybeText = None
    DetailUrl: MaybeText = None
    AssemblyOptions: Many = []


class Metadata(_Answer):
    """What the catalogue says of the items."""

    Items: list[MetadataItem] = []


class Order(_Answer):
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
    items: Annotated[list[Annotated[Item, _or({})]], _or([])]
    marketplaceItems: Many = []
    itemMetadata: Metadata
    sellers: list[Seller]
    clientProfileData: Annotated[ClientProfile, _or({})]
    clientPreferencesData: ClientPreferences
    shippingData: Annotated[Shipping, _or({})]
    paymentData: Annotated[PaymentData, _or({})]
    packageAttachment: PackageAttachment
    ratesAndBenefitsData: Annotated[RatesAndBenefits, _or({})]
    marketplace: Annotated[Marketplace, _or({})]
    storePreferencesData: StorePreferences
    cancellationData: Cancellation | None = None
    cancellationRequests: list[CancellationRequest] = []
    changesAttachment: Changes | None = None
    callCenterOperatorData: Anything = None
    commercialConditionData: Anything = None
    customData: Anything = None
    giftRegistryData: Anything = None
    invoiceData: Annotated[dict[str, Any] | None, _or(None)] = None
    marketingData: Anything = None
    openTextField: Anything = None
    subscriptionData: Anything = None
    taxData: Anything = None
    approvedBy: MaybeText = None
    cancelledBy: MaybeText = None


class ListedItem(_Answer):
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


class ListedOrder(_Answer):
    """An order, in a list. Amounts in minor units."""

    orderId: str
    creationDate: str
    clientName: str
    items: Annotated[list[Annotated[ListedItem, _or({})]], _or([])]
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


class Paging(_Answer):
    """Which part of a list this is."""

    total: int
    pages: int
    currentPage: int
    perPage: int


class Figures(_Answer):
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


class Stats(_Answer):
    """Figures of a list, by what is counted."""

    stats: dict[str, Figures]


class OrderList(_Answer):
    """A page of the orders that were asked for."""

    list: list[ListedOrder]
    facets: Many = []
    paging: Paging
    stats: Stats


class Party(_Answer):
    """A side of a conversation. ``aliasMaskType``: 0 is Hard, 1 is Soft."""

    conversationRelatedTo: str
    conversationSubject: str
    emailAlias: str
    aliasMaskType: int
    email: str
    name: str
    role: str | None


class Link(_Answer):
    """Where a file is fetched, with the same key."""

    name: str
    contentType: str
    size: int
    url: str


class Message(_Answer):
    """A mail of a conversation, masked. ``attachments`` is there only where it was asked for."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    id: str
    sender: Annotated[Party, Field(alias="from")]
    to: list[Party]
    subject: str
    firstWords: str
    body: str
    hasAttachment: bool
    attachmentNames: list[str]
    date: str
    attachments: list[Link] = []


class Mapping(_Answer):
    """The real address behind an alias."""

    email: str
