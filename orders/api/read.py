"""The calls that read orders."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from orders import access
from orders.api import documents, keys

router = Router(tags=["Orders"])


@router.get("/oms/pvt/orders/{order_id}", summary="Read an order")
def read_order(request: HttpRequest, order_id: str) -> dict[str, Any]:
    """The order with aliases in the place of addresses."""
    return documents.order(access.order_of_key(keys.of(request), order_id))
