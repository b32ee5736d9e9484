"""What the order document says of how an order is paid for. The names are the wire's."""
# ruff: noqa: N815

from __future__ import annotations

from typing import Annotated, Any

from orders.api.shapes.base import Answer, Flag, Many, MaybeFlag, MaybeObject, MaybeText, Whole, or_else


class Payment(Answer):
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
    connectorResponses: Annotated[dict[str, Any], or_else({})] = {}
    giftCardProvider: MaybeText = None
    giftCardAsDiscount: MaybeFlag = None
    koinUrl: MaybeText = None
    accountId: MaybeText = None
    parentAccountId: MaybeText = None
    bankIssuedInvoiceIdentificationNumber: MaybeText = None
    bankIssuedInvoiceIdentificationNumberFormatted: MaybeText = None
    bankIssuedInvoiceBarCodeNumber: MaybeText = None
    bankIssuedInvoiceBarCodeType: MaybeText = None
    billingAddress: MaybeObject = None
    paymentOrigin: MaybeText = None


class Transaction(Answer):
    """Payments that were made together."""

    isActive: Flag = True
    transactionId: MaybeText = None
    merchantName: MaybeText = None
    payments: Annotated[list[Annotated[Payment, or_else({})]], or_else([])] = []


class PaymentData(Answer):
    """How an order is paid for."""

    giftCards: Many
    transactions: Annotated[list[Annotated[Transaction, or_else({})]], or_else([])] = []
