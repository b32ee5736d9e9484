"""Read what Shopify posts: orders, the parcels of orders, refunds. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from orders.shops import reports
from orders.shops.reports import Fulfilment, OrderReport, PartReport, Refund, Report, Sender, Sighting

ORDER_TOPICS = (
    "orders/create", "orders/paid", "orders/updated", "orders/fulfilled", "orders/partially_fulfilled",
    "orders/cancelled",
)  # fmt: skip
PARCEL_TOPICS = ("fulfillments/create", "fulfillments/update")
REFUND_TOPIC = "refunds/create"
_PAID = ("paid", "partially_refunded", "refunded")
_SAID = {
    "label_printed": "Label printed",
    "label_purchased": "Label purchased",
    "ready_for_pickup": "Ready for pickup",
    "confirmed": "Confirmed by the carrier",
    "in_transit": "In transit",
    "out_for_delivery": "Out for delivery",
    "attempted_delivery": "Delivery attempted",
    "failure": "Delivery failed",
}


def is_ping(headers: Mapping[str, str], body: bytes) -> bool:
    """Never: Shopify tries an address with a signed call."""
    return False


def is_signed(headers: Mapping[str, str], body: bytes, secret: bytes) -> bool:
    """Whether the shop that knows the secret posted this body."""
    made = base64.b64encode(hmac.new(secret, body, hashlib.sha256).digest())
    return hmac.compare_digest(made, headers.get("X-Shopify-Hmac-Sha256", "").encode())


def topic(headers: Mapping[str, str]) -> str:
    """What the call is about."""
    return headers.get("X-Shopify-Topic", "")


def call_id(headers: Mapping[str, str]) -> str:
    """The shop's own name for this call; the same when it posts it again."""
    return headers.get("X-Shopify-Webhook-Id", "")


def read(topic: str, body: bytes) -> Report | None:
    """What the call says; None for what is not used here. Raises reports.Unreadable."""
    if topic in ORDER_TOPICS:
        return _order(reports.parse(body))
    if topic in PARCEL_TOPICS:
        document = reports.parse(body)
        number = reports.required(document, "order_id")
        return PartReport(number, _parcel(document, 0)) if _has_left(document) else None
    if topic == REFUND_TOPIC:
        document = reports.parse(body)
        number = reports.required(document, "order_id")
        refund = _refund(document, "")
        return PartReport(number, refund) if refund.value else None
    return None


def _order(order: dict[str, Any]) -> OrderReport:
    currency = reports.currency(order, "currency")
    status, canceled_at = reports.texts(order, "financial_status"), reports.moment(order, "cancelled_at")
    reason = reports.texts(order, "cancel_reason") or "no reason given"
    shipping = reports.inner(order, "shipping_address") or reports.inner(order, "billing_address")
    refunds = tuple(refund for one in reports.many(order, "refunds") if (refund := _refund(one, currency)).value > 0)
    items = (item for item in reports.many(order, "line_items") if reports.texts(item, "current_quantity") != "0")
    return OrderReport(
        number=reports.required(order, "id"),
        name=reports.texts(order, "name", "order_number", "id"),
        buyer=_buyer(order),
        value=_value(order, refunds, currency),
        currency=currency,
        items=tuple(_item(item, currency) for item in items),
        shipping=_address(shipping),
        payment=", ".join(str(one)[:50] for one in order.get("payment_gateway_names") or [] if isinstance(one, str)),
        is_paid=status in _PAID,
        canceled=f"Cancelled in the shop: {reason}." if canceled_at else None,
        is_complete=reports.texts(order, "fulfillment_status") == "fulfilled",
        fulfilments=tuple(
            _parcel(parcel, _worth(parcel, currency))
            for parcel in reports.many(order, "fulfillments")
            if _has_left(parcel)
        ),
        refunds=refunds,
        changed_at=reports.moment(order, "updated_at"),
        is_value_sure=all(refund.currency == currency for refund in refunds),
    )


def _value(order: dict[str, Any], refunds: tuple[Refund, ...], currency: str) -> int:
    """What the order is worth after its edits. The shop's figure for that is also after refunds, which are told apart
    here: they are returns. One in another currency cannot be told apart, and leaves the figure of the order's placing.
    """
    total = reports.not_negative(reports.minor(reports.required(order, "total_price"), currency))
    current = reports.texts(order, "current_total_price")
    if not current or any(refund.currency != currency for refund in refunds):
        return total
    return reports.not_negative(reports.minor(current, currency)) + sum(refund.value for refund in refunds)


def _buyer(order: dict[str, Any]) -> Sender | None:
    customer = reports.inner(order, "customer")
    billing = reports.inner(order, "billing_address")
    written = (reports.texts(order, "email", "contact_email"), reports.texts(customer, "email"))
    address = next((found for text in written if (found := reports.address(text))), "")
    if not address:
        return None
    phone = reports.texts(order, "phone") or reports.texts(customer, "phone") or reports.texts(billing, "phone")
    locale = reports.texts(order, "customer_locale")
    is_locale = locale.replace("-", "").replace("_", "").isascii() and locale.replace("-", "").isalnum()
    return Sender(address, _name(customer) or _name(billing), phone, locale[:10] if is_locale else "")


def _name(person: dict[str, Any]) -> str:
    return " ".join(part for part in (reports.texts(person, "first_name"), reports.texts(person, "last_name")) if part)


def _item(item: dict[str, Any], currency: str) -> dict[str, Any]:
    return {
        "id": reports.texts(item, "sku", "variant_id", "product_id", "id"),
        "quantity": reports.quantity(item, "current_quantity", "quantity"),
        "seller": "1",
        "price": max(reports.minor(reports.texts(item, "price"), currency), 0),
        "name": reports.texts(item, "name", "title"),
    }


def _address(found: dict[str, Any]) -> dict[str, Any]:
    return {
        "receiverName": _name(found) or reports.texts(found, "name"),
        "street": reports.texts(found, "address1"),
        "complement": reports.texts(found, "address2"),
        "city": reports.texts(found, "city"),
        "state": reports.texts(found, "province_code", "province"),
        "postalCode": reports.texts(found, "zip"),
        "country": reports.texts(found, "country_code", "country"),
    }


def _has_left(parcel: dict[str, Any]) -> bool:
    return reports.texts(parcel, "status") in ("", "success")  # others are planned, cancelled or failed


def _worth(parcel: dict[str, Any], currency: str) -> int:
    items = reports.many(parcel, "line_items")
    return sum(_item(item, currency)["price"] * reports.quantity(item) for item in items)


def _parcel(parcel: dict[str, Any], worth: int) -> Fulfilment:
    status = reports.texts(parcel, "shipment_status")
    told_at = reports.moment(parcel, "updated_at", "created_at")
    said = _SAID.get(status)
    return Fulfilment(
        number=reports.required(parcel, "id"),
        worth=worth,
        at=reports.moment(parcel, "created_at"),
        courier=reports.texts(parcel, "tracking_company"),
        tracking_number=reports.texts(parcel, "tracking_number"),
        tracking_url=reports.texts(parcel, "tracking_url"),
        sighting=Sighting(told_at, said) if said and told_at else None,
        delivered_at=told_at if status == "delivered" else None,
        changed_at=told_at,
    )


def _refund(refund: dict[str, Any], usual: str) -> Refund:
    """What was given back. A buyer who paid in another currency than the shop's is given back in that."""
    given = [
        one
        for one in reports.many(refund, "transactions")
        if reports.texts(one, "kind") == "refund" and reports.texts(one, "status") == "success"
    ]
    currencies = [(reports.texts(one, "currency") or usual).upper() for one in given]
    value = sum(
        abs(reports.minor(reports.texts(one, "amount"), currency))
        for one, currency in zip(given, currencies, strict=True)
    )
    currency = currencies[0] if len(set(currencies)) == 1 else ""
    return Refund(reports.required(refund, "id"), value, currency, reports.moment(refund, "created_at", "processed_at"))
