"""What the order document says of where goods go and how. The names are the wire's."""
# ruff: noqa: N815

from __future__ import annotations

from typing import Annotated

from orders.api.shapes.base import Answer, Flag, Many, MaybeMany, MaybeObject, MaybeText, Whole, or_else


class Address(Answer):
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
    geoCoordinates: Many


class Delivery(Answer):
    """Who brings how many from where."""

    courierId: MaybeText = None
    courierName: MaybeText = None
    dockId: MaybeText = None
    quantity: Whole = 0
    warehouseId: MaybeText = None
    accountCarrierName: MaybeText = None
    kitItemDetails: Many


class PickupStore(Answer):
    """Where goods are fetched."""

    additionalInfo: MaybeText = None
    address: Annotated[Address | None, or_else(None)] = None
    dockId: MaybeText = None
    friendlyName: MaybeText = None
    isPickupStore: Flag = False


class Logistics(Answer):
    """How one item of an order is delivered. Prices in minor units."""

    itemIndex: Whole = 0
    itemId: MaybeText = None
    selectedDeliveryChannel: MaybeText = None
    selectedSla: MaybeText = None
    lockTTL: MaybeText = None
    price: Whole = 0
    listPrice: Whole = 0
    sellingPrice: Whole = 0
    deliveryWindow: MaybeObject = None
    deliveryCompany: MaybeText = None
    shippingEstimate: MaybeText = None
    shippingEstimateDate: MaybeText = None
    slas: Many
    shipsTo: Many
    deliveryIds: Annotated[list[Annotated[Delivery, or_else({})]], or_else([])] = []
    deliveryChannels: Many
    deliveryChannel: MaybeText = None
    pickupStoreInfo: Annotated[PickupStore, or_else({})] = PickupStore()
    addressId: MaybeText = None
    versionId: MaybeText = None
    entityId: MaybeText = None
    polygonName: MaybeText = None
    pickupPointId: MaybeText = None
    transitTime: MaybeText = None


class Shipping(Answer):
    """Where and how an order is delivered."""

    id: str = "shippingData"
    address: Annotated[Address | None, or_else(None)] = None
    logisticsInfo: Annotated[list[Annotated[Logistics, or_else({})]], or_else([])] = []
    trackingHints: MaybeMany = None
    selectedAddresses: Annotated[list[Annotated[Address, or_else({})]], or_else([])] = []
    availableAddresses: Annotated[list[Annotated[Address, or_else({})]], or_else([])] = []
    contactInformation: Many
