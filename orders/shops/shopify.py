"""Read what Shopify posts: orders, the parcels of orders, refunds. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from orders import bounds
from orders.shops import reports
from orders.shops.reports import Fulfilment, OrderReport, PartReport, Refund, Report, Sender, Sighting, Undone

ORDER_TOPICS = (
    "orders/create", "orders/paid", "orders/updated", "orders/fulfilled", "orders/partially_fulfilled",
    "orders/cancelled",
)  # fmt: skip
PARCEL_TOPICS = ("fulfillments/create", "fulfillments/update")
REFUND_TOPIC = "refunds/create"
# Many shops take the money that is authorized at the checkout only when they send.
_PAID = ("authorized", "paid", "partially_refunded", "refunded")
_ON_DELIVERY = re.compile(r"cash on delivery|\bcod\b|contra[ -]?entrega|na entrega|contra[ -]?re+mbolso", re.IGNORECASE)
_UNDONE = ("cancelled", "error", "failure")
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
        if _is_undone(document):
            return PartReport(number, _undone(document))
        return PartReport(number, _parcel(document, "")) if _has_left(document) else None
    if topic == REFUND_TOPIC:
        document = reports.parse(body)
        number = reports.required(document, "order_id")
        refund = _refund(document, "")
        return PartReport(number, refund) if refund.value else None
    return None


def _order(order: dict[str, Any]) -> OrderReport:
    currency = reports.currency(order, "currency")
    status = reports.texts(order, "financial_status")
    shipping = reports.inner(order, "shipping_address") or reports.inner(order, "billing_address")
    refunds = tuple(refund for one in reports.many(order, "refunds") if (refund := _refund(one, currency)).value > 0)
    items = (item for item in reports.many(order, "line_items") if reports.texts(item, "current_quantity") != "0")
    begun = (_refund(one, currency, states=("success", "pending")) for one in reports.many(order, "refunds"))
    worth = _worth(order, tuple(refund for refund in begun if refund.value > 0), currency)
    gateways = order.get("payment_gateway_names")
    payment = ", ".join(one[:50] for one in gateways if isinstance(one, str)) if isinstance(gateways, list) else ""
    return OrderReport(
        number=reports.required(order, "id"),
        name=reports.texts(order, "name", "order_number", "id"),
        buyer=_buyer(order),
        value=worth.value,
        currency=currency,
        items=tuple(_item(item, currency) for item in items),
        shipping=_address(shipping),
        payment=payment,
        is_paid=status in _PAID,
        canceled=_canceled(order, status),
        is_complete=reports.texts(order, "fulfillment_status") == "fulfilled",
        fulfilments=tuple(
            _parcel(parcel, currency) for parcel in reports.many(order, "fulfillments") if _has_left(parcel)
        ),
        refunds=refunds,
        undone=tuple(_undone(parcel) for parcel in reports.many(order, "fulfillments") if _is_undone(parcel)),
        ordered_at=reports.earliest(order, "created_at", "processed_at"),  # of an imported one the second is true
        changed_at=reports.moment(order, "updated_at"),
        is_value_sure=worth.is_sure,
        shipping_cost=_shipping_cost(order, currency),
        tax=_tax(order, currency),
        is_paid_later=status == "partially_paid" or _ON_DELIVERY.search(payment) is not None,
        figure=worth.figure,
    )


def _shipping_cost(order: dict[str, Any], currency: str) -> int:
    money = reports.inner(reports.inner(order, "total_shipping_price_set"), "shop_money")
    return reports.minor(reports.texts(money, "amount"), currency)


def _tax(order: dict[str, Any], currency: str) -> int:
    """The taxes on top of the prices; none where the prices have them."""
    if order.get("taxes_included") is True:
        return 0
    return reports.minor(reports.texts(order, "current_total_tax", "total_tax"), currency)


def _canceled(order: dict[str, Any], status: str) -> str | None:
    """Why the order is cancelled; one that is given back as a whole, or whose payment will never come, is too."""
    if reports.moment(order, "cancelled_at"):
        return f"Cancelled in the shop: {reports.texts(order, 'cancel_reason') or 'no reason given'}."
    return {"refunded": "Refunded in the shop.", "voided": "Its payment was voided in the shop."}.get(status)


@dataclass(frozen=True, slots=True)
class _Worth:
    """What the order is worth after its edits, whether that is sure, and the figure by which an edit is told."""

    value: int
    is_sure: bool = True
    figure: int | None = None


def _worth(order: dict[str, Any], refunds: tuple[Refund, ...], currency: str) -> _Worth:
    """The shop's figure for this is also after refunds, which are told apart here: they are returns.

    A buyer who paid in his own currency is given back in that. The total has both amounts, and so the rate at which he
    paid; what was given back is worth that much of the shop's currency, and edits are told by the amounts in his own.
    """
    total = _amount(reports.required(order, "total_price"), currency)
    text = reports.texts(order, "current_total_price")
    current = _amount(text, currency) if text else total
    back = sum(refund.value for refund in refunds)
    total_paid, paid_in = _paid(order, "total_price_set")
    current_paid, _ = _paid(order, "current_total_price_set")
    if paid_in in {"", currency} or not total_paid or any(refund.currency != paid_in for refund in refunds):
        if any(refund.currency != currency for refund in refunds):
            return _Worth(total, is_sure=False, figure=current)
        return _Worth(current + back if text else total)
    if current_paid + back == total_paid:
        return _Worth(total, figure=total_paid)
    value, figure = current + (2 * back * total + total_paid) // (2 * total_paid), current_paid + back
    return _Worth(value, figure=figure) if value <= bounds.LARGEST else _Worth(total, is_sure=False, figure=figure)


def _paid(order: dict[str, Any], name: str) -> tuple[int, str]:
    """One of the order's sums in the currency that the buyer paid in; nothing when it does not say so."""
    money = reports.inner(reports.inner(order, name), "presentment_money")
    if not reports.texts(money, "amount"):
        return 0, ""
    currency = reports.currency(money, "currency_code")
    return _amount(reports.texts(money, "amount"), currency), currency


def _amount(text: str, currency: str) -> int:
    return reports.not_negative(reports.minor(text, currency))


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


def _is_undone(parcel: dict[str, Any]) -> bool:
    return reports.texts(parcel, "status") in _UNDONE


def _undone(parcel: dict[str, Any]) -> Undone:
    return Undone(reports.required(parcel, "id"))


def _parcel(parcel: dict[str, Any], currency: str) -> Fulfilment:
    status = reports.texts(parcel, "shipment_status")
    told_at = reports.moment(parcel, "updated_at", "created_at")
    said = _SAID.get(status)
    items = [
        {**_item(item, currency), "quantity": reports.quantity(item)} for item in reports.many(parcel, "line_items")
    ]
    return Fulfilment(
        number=reports.required(parcel, "id"),
        worth=sum(item["price"] * item["quantity"] for item in items),
        at=reports.moment(parcel, "created_at"),
        courier=reports.texts(parcel, "tracking_company"),
        tracking_number=reports.texts(parcel, "tracking_number"),
        tracking_url=reports.texts(parcel, "tracking_url"),
        sighting=Sighting(told_at, said) if said and told_at else None,
        delivered_at=told_at if status == "delivered" else None,
        changed_at=told_at,
        items=tuple(items),
    )


def _refund(refund: dict[str, Any], usual: str, *, states: Collection[str] = ("success",)) -> Refund:
    """What was given back. A buyer who paid in another currency than the shop's is given back in that."""
    given = [
        one
        for one in reports.many(refund, "transactions")
        if reports.texts(one, "kind") == "refund" and reports.texts(one, "status") in states
    ]
    currencies = [(reports.texts(one, "currency") or usual).upper() for one in given]
    value = sum(
        abs(reports.minor(reports.texts(one, "amount"), currency))
        for one, currency in zip(given, currencies, strict=True)
    )
    currency = currencies[0] if len(set(currencies)) == 1 else ""
    return Refund(reports.required(refund, "id"), value, currency, reports.moment(refund, "created_at", "processed_at"))
