"""What the order document says of invoices and their parcels. The names are the wire's."""
# ruff: noqa: N815

from __future__ import annotations

from typing import Annotated, Any

from orders.api.shapes.base import Answer, MaybeFlag, MaybeText, MaybeWhole, Number, Text, or_else


class PackageItem(Answer):
    """A position of an invoice."""

    itemIndex: int
    quantity: int
    price: int
    description: MaybeText = None
    unitMultiplier: Number = 1.0


class CarrierEvent(Answer):
    """What a carrier said."""

    lastChange: str
    city: Text = ""
    state: Text = ""
    description: Text = ""
    createDate: str


class CourierStatus(Answer):
    """How far a parcel came."""

    status: Text = ""
    finished: bool = False
    deliveredDate: MaybeText = None
    data: list[CarrierEvent] = []


class Package(Answer):
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
    restitutions: Annotated[dict[str, Any], or_else({})] = {}
    volumes: MaybeWhole = None
    EnableInferItems: MaybeFlag = None


class PackageAttachment(Answer):
    """All invoices and returns of an order."""

    packages: list[Package] = []
