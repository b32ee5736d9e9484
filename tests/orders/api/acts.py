"""Calls that let an order go on, for the tests of several modules."""

from __future__ import annotations

import re
from typing import Any

from orders.models import Order, Status
from tests import factories

INVOICE: dict[str, Any] = {
    "type": "Output",
    "issuanceDate": "2026-02-01T10:00:00",
    "invoiceNumber": "F-1",
    "invoiceValue": 13_000,
    "invoiceKey": "K",
    "invoiceUrl": "https://erp.example/F-1",
    "courier": "Fast",
    "trackingNumber": "T-1",
    "trackingUrl": "https://fast.example/T-1",
    "items": [{"id": "lamp", "price": 5_000, "quantity": 2}, {"id": "bulb", "price": 1_000, "quantity": 3}],
}


TRACKING = {
    "isDelivered": False,
    "events": [{"city": "Recife", "state": "PE", "description": "Left the depot", "date": "2026-02-02"}],
}


EVERY_ACT: list[tuple[str, str, Any]] = [
    ("POST", "start-handling", None),
    ("POST", "cancel", {"reason": "x"}),
    ("POST", "invoice", INVOICE),
    ("PATCH", "invoice/F-1", {"courier": "Slow"}),
    ("PUT", "invoice/F-1/tracking", TRACKING),
    ("POST", "payments/P-1/payment-notification", None),
    ("POST", "payments/P-1/payment-denied", {"reason": "x"}),
    ("POST", "payments/P-1/payment-changed", {"paymentSystemName": "Card"}),
    ("POST", "changes", {"discountValue": 1}),
    ("POST", "interactions", {"source": "ERP", "message": "exported"}),
]


def error(answer: Any) -> tuple[int, str, str]:
    return answer.status_code, answer.json()["error"]["code"], answer.json()["error"]["message"]


def make(store: Any, status: Status = Status.HANDLING) -> Order:
    return factories.make_order_at(status, store=store, email="maria@people.example")


def is_receipt(answer: Any, order: Order) -> bool:
    found = answer.json()
    assert sorted(found) == ["date", "orderId", "receipt"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d.*[+]00:00", found["date"])
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", found["receipt"])
    return bool(found["orderId"] == order.number and answer.status_code == 200)


def problems(answer: Any) -> list[str]:
    return [problem["path"] for problem in answer.json()["problems"]]
