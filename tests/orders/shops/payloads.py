"""What shops post, in the shapes of their public documentation, signed with the tests' own secrets."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
from datetime import UTC, datetime
from typing import Any

from django.test import Client
from django.utils import timezone

from orders.models import ShopConnection, ShopKind, Store, User
from orders.shops import connections, deliveries
from tests import factories

SECRET = "the secret of these tests"
CONNECTED_AT = datetime(2026, 11, 1, tzinfo=UTC)
BUYER = "maria.silva@people.example"
_count = itertools.count(1)


def make_shop(store: Store, kind: ShopKind, *, name: str = "shop.example", user: User | None = None) -> ShopConnection:
    """A shop of the store, connected before its orders were made."""
    user = user or factories.make_user(store=store)
    return connections.connect(store, kind, name=name, secret=SECRET, user=user, now=CONNECTED_AT)


def signature(body: bytes, secret: str = SECRET) -> str:
    """As both shops make it."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def post_woocommerce(
    shop: ShopConnection, payload: Any, *, topic: str = "order.updated", call_id: str = "", **headers: str
) -> Any:
    """Post as WooCommerce does."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    given = {
        "X-WC-Webhook-Source": "https://shop.example/",
        "X-WC-Webhook-Topic": topic,
        "X-WC-Webhook-Resource": topic.partition(".")[0],
        "X-WC-Webhook-Event": topic.partition(".")[2],
        "X-WC-Webhook-Signature": signature(body),
        "X-WC-Webhook-ID": "5",
        "X-WC-Webhook-Delivery-ID": call_id or f"delivery-{next(_count)}",
        **headers,
    }
    path = f"/shops/{shop.token}/woocommerce/"
    return Client(raise_request_exception=False).post(path, body, content_type="application/json", headers=given)


def post_shopify(
    shop: ShopConnection, payload: Any, *, topic: str = "orders/create", call_id: str = "", **headers: str
) -> Any:
    """Post as Shopify does."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    given = {
        "X-Shopify-Topic": topic,
        "X-Shopify-Hmac-Sha256": signature(body),
        "X-Shopify-Shop-Domain": "acme.myshopify.com",
        "X-Shopify-API-Version": "2026-10",
        "X-Shopify-Webhook-Id": call_id or f"webhook-{next(_count)}",
        **headers,
    }
    path = f"/shops/{shop.token}/shopify/"
    return Client(raise_request_exception=False).post(path, body, content_type="application/json", headers=given)


def work() -> int:
    """Settle all that is due; gives how many tries it took."""
    tries = 0
    while deliveries.work(now=timezone.now()):
        tries += 1
    return tries


def woocommerce(status: str = "pending", **fields: Any) -> dict[str, Any]:
    """An order of two lamps for R$ 259.80 with shipping of R$ 10.00."""
    person = {"first_name": "Maria", "last_name": "Silva", "company": ""}
    place = {
        "address_1": "Rua das Flores 1", "address_2": "", "city": "São Paulo", "state": "SP", "postcode": "01000-000",
        "country": "BR",
    }  # fmt: skip
    return {
        "id": 727,
        "parent_id": 0,
        "number": "727",
        "order_key": "wc_order_58d2d042d1d",
        "created_via": "checkout",
        "status": status,
        "currency": "BRL",
        "date_created_gmt": "2026-11-22T19:28:02",
        "discount_total": "0.00",
        "shipping_total": "10.00",
        "total": "269.80",
        "total_tax": "0.00",
        "billing": {**person, **place, "email": BUYER, "phone": "+55 11 98765-4321"},
        "shipping": {**person, **place},
        "payment_method": "bacs",
        "payment_method_title": "Direct bank transfer",
        "transaction_id": "",
        "date_paid_gmt": None,
        "date_completed_gmt": "2026-11-23T10:00:00" if status == "completed" else None,
        "line_items": [
            {
                "id": 315, "name": "Lamp", "product_id": 93, "variation_id": 0, "quantity": 2, "subtotal": "259.80",
                "total": "259.80", "total_tax": "0.00", "sku": "LAMP-1", "price": 129.9,
            }
        ],
        "refunds": [],
        **fields,
    }  # fmt: skip


def shopify(**fields: Any) -> dict[str, Any]:
    """An order of two lamps and a bulb, USD 279.80 with shipping."""
    address = {
        "first_name": "Maria", "last_name": "Silva", "address1": "1 Flower Street", "address2": None, "city": "Ottawa",
        "zip": "K2P0V6", "province": "Ontario", "province_code": "ON", "country": "Canada", "country_code": "CA",
        "phone": "+1 613 555 0100",
    }  # fmt: skip
    return {
        "id": 820982911946154508,
        "admin_graphql_api_id": "gid://shopify/Order/820982911946154508",
        "name": "#1001",
        "order_number": 1001,
        "email": BUYER,
        "contact_email": BUYER,
        "created_at": "2026-11-22T11:00:00-05:00",
        "updated_at": "2026-11-22T11:00:00-05:00",
        "cancelled_at": None,
        "cancel_reason": None,
        "currency": "USD",
        "customer_locale": "en-CA",
        "total_price": "279.80",
        "financial_status": "pending",
        "fulfillment_status": None,
        "payment_gateway_names": ["visa"],
        "customer": {"id": 115310627314723954, "email": BUYER, "first_name": "Maria", "last_name": "Silva"},
        "billing_address": address,
        "shipping_address": address,
        "line_items": [LAMPS, BULB],
        "fulfillments": [],
        "refunds": [],
        **fields,
    }


LAMPS = {"id": 1, "variant_id": 11, "title": "Lamp", "name": "Lamp", "sku": "LAMP-1", "quantity": 2, "price": "129.90"}
BULB = {"id": 2, "variant_id": 12, "title": "Bulb", "name": "Bulb", "sku": "BULB-1", "quantity": 1, "price": "10.00"}


def parcel(number: int = 255858046, items: list[dict[str, Any]] | None = None, **fields: Any) -> dict[str, Any]:
    """A fulfilment of an order."""
    return {
        "id": number,
        "order_id": 820982911946154508,
        "status": "success",
        "created_at": "2026-11-23T09:00:00-05:00",
        "updated_at": "2026-11-23T09:00:00-05:00",
        "tracking_company": "Fast Carrier",
        "tracking_number": "1Z2345",
        "tracking_url": "https://carrier.example/1Z2345",
        "shipment_status": None,
        "line_items": items if items is not None else [LAMPS, BULB],
        **fields,
    }


def refund(number: int = 509562969, amount: str = "10.00") -> dict[str, Any]:
    """Money given back for an order."""
    return {
        "id": number,
        "order_id": 820982911946154508,
        "created_at": "2026-11-23T12:00:00-05:00",
        "transactions": [
            {"id": 1, "kind": "refund", "status": "success", "amount": amount, "currency": "USD"},
            {"id": 2, "kind": "refund", "status": "failure", "amount": amount, "currency": "USD"},
        ],
    }
