"""Read what WooCommerce posts: an order as its REST API shows it (v3), at each of its topics but one. Pure.

An order that is moved to the trash is told by its number alone.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any

from orders.shops import reports
from orders.shops.reports import Deletion, Fulfilment, OrderReport, PartReport, Refund, Report, Sender

TOPICS = ("order.created", "order.updated", "order.restored")
DELETED = "order.deleted"
_PING = re.compile(rb"webhook_id=[0-9]{1,20}")
_PAID = ("processing", "completed", "refunded")
_CANCELED = {"cancelled": "Cancelled in the shop.", "trash": "Deleted in the shop."}


def is_ping(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether it only tries the address, as when a webhook is saved: unsigned, and without an order."""
    return "X-WC-Webhook-Topic" not in headers and _PING.fullmatch(body) is not None


def is_signed(headers: Mapping[str, str], body: bytes, secret: bytes) -> bool:
    """Whether the shop that knows the secret posted this body."""
    made = base64.b64encode(hmac.new(secret, body, hashlib.sha256).digest())
    return hmac.compare_digest(made, headers.get("X-WC-Webhook-Signature", "").encode())


def topic(headers: Mapping[str, str]) -> str:
    """What the call is about."""
    return headers.get("X-WC-Webhook-Topic", "")


def call_id(headers: Mapping[str, str]) -> str:
    """The shop's own name for this call."""
    return headers.get("X-WC-Webhook-Delivery-ID", "")


def read(topic: str, body: bytes) -> Report | None:
    """What the call says; None for what is not used here. Raises reports.Unreadable."""
    if topic == DELETED:
        return PartReport(reports.required(reports.parse(body), "id"), Deletion(_CANCELED["trash"]))
    if topic not in TOPICS:
        return None
    order = reports.parse(body)
    status = reports.texts(order, "status").removeprefix("wc-")
    if status in ("checkout-draft", "auto-draft"):
        return None  # nothing is ordered yet
    currency = reports.currency(order, "currency")
    number = reports.required(order, "id")
    is_complete = status == "completed"
    return OrderReport(
        number=number,
        name=reports.texts(order, "number", "id"),
        buyer=_buyer(order),
        value=reports.not_negative(reports.minor(reports.texts(order, "total"), currency)),
        currency=currency,
        items=tuple(_item(item, currency) for item in reports.many(order, "line_items")),
        shipping=_address(reports.inner(order, "shipping") or reports.inner(order, "billing")),
        payment=reports.texts(order, "payment_method_title", "payment_method"),
        is_paid=status in _PAID or reports.moment(order, "date_paid_gmt", "date_paid") is not None,
        canceled=_CANCELED.get(status) or ("Refunded in the shop." if status == "refunded" else None),
        is_complete=is_complete,
        # WooCommerce knows no parcels: what is completed has left as a whole, under the order's number.
        fulfilments=(Fulfilment(number, None, reports.moment(order, "date_completed_gmt")),) if is_complete else (),
        refunds=tuple(_refund(refund, currency) for refund in reports.many(order, "refunds")),
        ordered_at=reports.moment(order, "date_created_gmt"),
        changed_at=reports.moment(order, "date_modified_gmt"),
        shipping_cost=reports.minor(reports.texts(order, "shipping_total"), currency),
        tax=reports.minor(reports.texts(order, "total_tax"), currency),
    )


def _refund(refund: dict[str, Any], currency: str) -> Refund:
    value = abs(reports.minor(reports.texts(refund, "total"), currency))
    return Refund(reports.required(refund, "id"), value, currency, None)


def _buyer(order: dict[str, Any]) -> Sender | None:
    billing = reports.inner(order, "billing")
    address = reports.address(reports.texts(billing, "email"))
    return Sender(address, _name(billing), reports.texts(billing, "phone"), "") if address else None


def _name(person: dict[str, Any]) -> str:
    return " ".join(part for part in (reports.texts(person, "first_name"), reports.texts(person, "last_name")) if part)


def _item(item: dict[str, Any], currency: str) -> dict[str, Any]:
    quantity = reports.quantity(item)
    each = reports.texts(item, "price")
    price = reports.minor(each, currency) if each else reports.minor(reports.texts(item, "total"), currency) // quantity
    names = [name for name in ("sku", "variation_id", "product_id", "id") if item.get(name)]  # 0 for what there is not
    return {
        "id": reports.texts(item, *names),
        "quantity": quantity,
        "seller": "1",
        "price": max(price, 0),
        "name": reports.texts(item, "name"),
    }


def _address(found: dict[str, Any]) -> dict[str, Any]:
    return {
        "receiverName": _name(found),
        "street": reports.texts(found, "address_1"),
        "complement": reports.texts(found, "address_2"),
        "city": reports.texts(found, "city"),
        "state": reports.texts(found, "state"),
        "postalCode": reports.texts(found, "postcode"),
        "country": reports.texts(found, "country"),
    }
