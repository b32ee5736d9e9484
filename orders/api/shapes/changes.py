"""What was done to an order: receipts, changes, cancellation and requests for it. The names are the wire's."""
# ruff: noqa: N815

from __future__ import annotations

from typing import Annotated

from orders.api.shapes.base import Answer, MaybeText, Number, Text, Whole, or_else


class Receipt(Answer):
    """That something was done, and when."""

    date: str
    orderId: str
    receipt: str


class ChangedItem(Answer):
    """What was added or removed."""

    id: Text = ""
    name: MaybeText = None
    quantity: Whole = 0
    price: Whole = 0
    unitMultiplier: Number = 1.0


class Change(Answer):
    """One change of an order. Values in minor units."""

    reason: Text = ""
    discountValue: Whole = 0
    incrementValue: Whole = 0
    itemsAdded: Annotated[list[Annotated[ChangedItem, or_else({})]], or_else([])] = []
    itemsRemoved: Annotated[list[Annotated[ChangedItem, or_else({})]], or_else([])] = []
    receipt: Receipt


class Changes(Answer):
    """All changes of an order."""

    id: str = "changeAttachment"
    changesData: list[Change]


class Cancellation(Answer):
    """Who had an order cancelled, when and why."""

    RequestedByUser: bool = False
    RequestedBySystem: bool = False
    RequestedBySellerNotification: bool = False
    RequestedByPaymentNotification: bool = False
    Reason: MaybeText = None
    CancellationDate: str


class CancellationRequest(Answer):
    """What a customer asked for past the cancellation window, and what the store said to it."""

    id: str
    reason: Text = ""
    cancellationRequestDate: str
    requestedByUser: bool = True
    deniedBySeller: bool = False
    deniedBySellerReason: MaybeText = None
    cancellationRequestDenyDate: MaybeText = None
