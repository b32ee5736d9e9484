"""A made-up order in which everything is known, for looking at templates and trying them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.templatetags.static import static

from conversation_tracker.message_center import shape
from conversation_tracker.models.template import TemplateKey
from orders.models import Store

_ADDRESS = "3f9a0c2b7d1e4f5a8b6c9d0e1f2a3b4c"
_STATUSES = {
    TemplateKey.NEW_ORDER: "order-created",
    TemplateKey.PAYMENT_PENDING: "payment-pending",
    TemplateKey.PAYMENT_APPROVED: "payment-approved",
    TemplateKey.PAYMENT_DENIED: "payment-denied",
    TemplateKey.IN_HANDLING: "handling",
    TemplateKey.CANCELLED: "canceled",
}
_REASONS = {
    TemplateKey.PAYMENT_DENIED: "The bank declined the payment.",
    TemplateKey.CANCELLED: "The customer asked for it.",
    TemplateKey.ORDER_CHANGED: "A discount that was promised by phone.",
    TemplateKey.ORDER_CHANGED_V2: "One of the items was not in stock any more.",
}


def of(store: Store, key: TemplateKey) -> dict[str, Any]:
    """The sample for this template. Its moments are late in the evening, to show in which time zone they are read."""
    lamp = _item("lamp", "Reading lamp, brass", 1, 18_990)
    cushion = _item("cushion", "Linen cushion, 45 × 45 cm", 2, 7_450)
    is_returned = key is TemplateKey.REFUNDED
    found = {
        "locale": store.locale,
        "time_zone": store.time_zone,
        "currency": "BRL",
        "store": {"name": store.name, "account": store.account, "address": f"{_ADDRESS[::-1]}@{store.tracking_domain}"},
        "customer": {
            "name": "Maria Silva", "first_name": "Maria", "address": f"{_ADDRESS}@{store.tracking_domain}",
        },
        "order": _order(key, [lamp, cushion]),
        "delivery": _delivery(),
        "payment": {"method": "Visa", "installments": 3, "value": 35_390, "url": f"{settings.PUBLIC_URL}/"},
        "invoice": {
            "number": "000123", "value": 14_900 if is_returned else 35_390, "key": "3526 1100 0000 0000",
            "url": f"{settings.PUBLIC_URL}/", "issued_at": "2026-11-24T02:15:00+00:00",
            "items": [cushion] if is_returned else [lamp, cushion], "is_part": is_returned,
        },
        "parcel": _parcel(),
        "change": {
            "before": 26_990, "after": 35_390, "added": [cushion], "removed": [_item("vase", "Glass vase", 1, 6_500)],
        },
        "replacement": {"old_number": "1305371685001-01", "new_number": "1305371685465-01"},
        "event": {
            "kind": "", "occurred_at": "2026-11-25T01:40:00+00:00",
            "reason": _REASONS.get(key),
            "description": "Out for delivery", "place": "São Paulo, SP",
        },
        "aliases": [
            {"party": "customer", "name": "Maria Silva", "address": f"{_ADDRESS}@{store.tracking_domain}"},
            {"party": "store", "name": store.name, "address": f"{_ADDRESS[::-1]}@{store.tracking_domain}"},
        ],
    }  # fmt: skip
    whole: dict[str, Any] = shape.complete(found)
    return whole


def _order(key: TemplateKey, items: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "number": "1305371685465-01",
        "marketplace_number": "SHOP-4711",
        "placed_at": "2026-11-23T01:40:00+00:00",
        "status": _STATUSES.get(key, "invoiced"),
        "value": 35_390,
        "item_count": 3,
        "items": items,
        "totals": [
            {"id": "Items", "name": "Items", "value": 33_890},
            {"id": "Shipping", "name": "Shipping", "value": 2_500},
            {"id": "Discounts", "name": "Discounts", "value": -1_000},
        ],
    }  # fmt: skip


def _delivery() -> dict[str, Any]:
    return {
        "receiver": "Maria Silva", "street": "Rua das Laranjeiras", "number": "120", "complement": "Apto. 31",
        "neighborhood": "Centro", "city": "São Paulo", "state": "SP", "postal_code": "01000-000", "country": "BRA",
        "lines": ["Rua das Laranjeiras 120", "Apto. 31", "Centro", "São Paulo, SP", "01000-000 BRA"],
        "method": "Normal", "estimated_at": "2026-11-28T12:00:00+00:00",
    }  # fmt: skip


def _parcel() -> dict[str, Any]:
    return {
        "courier": "Fast Parcel", "number": "FP-2041-BR", "url": f"{settings.PUBLIC_URL}/",
        "dispatched_at": "2026-11-24T18:00:00+00:00", "delivered_at": "2026-11-27T01:20:00+00:00",
        "events": [
            _seen("2026-11-26T11:05:00+00:00", "Out for delivery", "São Paulo", "SP"),
            _seen("2026-11-26T01:30:00+00:00", "Arrived at the distribution centre", "São Paulo", "SP"),
            _seen("2026-11-24T18:00:00+00:00", "Picked up from the sender", "Campinas", "SP"),
        ],
    }  # fmt: skip


def _item(name: str, title: str, quantity: int, price: int) -> dict[str, Any]:
    picture = f"{settings.PUBLIC_URL}{static(f'ct/sample-{name}.png')}" if name != "vase" else None
    return {
        "id": name, "name": title, "quantity": quantity, "price": price, "total": price * quantity,
        "image": picture, "url": f"{settings.PUBLIC_URL}/",
    }  # fmt: skip


def _seen(moment: str, description: str, city: str, state: str) -> dict[str, Any]:
    return {
        "happened_at": moment, "place": f"{city}, {state}", "city": city, "state": state, "description": description,
    }  # fmt: skip
