"""Calls to the API with a key of the store."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from orders import access
from orders.models import Alias, ApiKey, Customer, Order, Store, TimelineEntry

PLACE = "/api/fulfillment/pvt/orders"
READ = "/api/oms/pvt/orders/"
PHONE, DOCUMENT = "+5511987654321", "12345678909"

ORDER: dict[str, Any] = {
    "marketplaceOrderId": "shop-1",
    "marketplacePaymentValue": 25_980,
    "items": [{"id": "sku-7", "quantity": 2, "seller": "1", "price": 12_990, "name": "Lamp"}],
    "clientProfileData": {
        "email": "maria.silva@people.example",
        "firstName": "Maria",
        "lastName": "Silva",
        "documentType": "cpf",
        "document": DOCUMENT,
        "phone": PHONE,
    },
    "shippingData": {
        "address": {"receiverName": "Maria Silva", "street": "Rua das Flores", "city": "São Paulo"},
        "logisticsInfo": [{"itemIndex": 0, "price": 990}],
    },
    "paymentData": None,
    "openTextField": None,
    "clientPreferencesData": {"locale": "pt-BR", "optinNewsLetter": True},
}


def make_order(**changes: Any) -> dict[str, Any]:
    """A body's order; ``clientProfileData__email=…`` changes what is inside."""
    order = copy.deepcopy(ORDER)
    for path, value in changes.items():
        *outer, last = path.split("__")
        place = order
        for name in outer:
            place = place[name]
        place[last] = value
    return order


def rows() -> dict[str, int]:
    """How many rows an order would have left."""
    return {model.__name__: model._default_manager.count() for model in (Customer, Order, Alias, TimelineEntry)}


NOTHING = {"Customer": 0, "Order": 0, "Alias": 0, "TimelineEntry": 0}
ONE = {"Customer": 1, "Order": 1, "Alias": 2, "TimelineEntry": 3}


class Api:
    """A system that calls with the key of one store."""

    def __init__(self, store: Store, **fields: Any) -> None:
        self.key = ApiKey.objects.create(
            store=store,
            app_key=f"{store.account}-key",
            token_digest=access.token_digest("token"),
            label=f"{store.name} ERP",
            created_at=timezone.now(),
            **fields,
        )
        self.headers = {"X-VTEX-API-AppKey": self.key.app_key, "X-VTEX-API-AppToken": "token"}
        self._client = Client(raise_request_exception=False)

    def place(self, *orders: dict[str, Any], **headers: str) -> Any:
        """Post an array of orders."""
        return self.post(json.dumps(orders), **headers)

    def post(self, body: str | bytes, *, content_type: str = "application/json", **headers: str) -> Any:
        """Post any body."""
        return self._client.post(PLACE, body, content_type=content_type, headers={**self.headers, **headers})

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Any call; a body is sent as JSON."""
        data = b"" if body is None else json.dumps(body)
        return self._client.generic(
            method, path, data, content_type="application/json", headers={**self.headers, **headers}
        )

    def act(self, order: Order, act: str, body: Any = None, *, method: str = "POST", **headers: str) -> Any:
        """A call about an order, as ``invoice`` or ``cancel``."""
        return self.send(method, f"{READ}{order.number}/{act}", body, **headers)

    def read(self, number: str, **headers: str) -> Any:
        """Ask for one order."""
        return self._client.get(READ + number, headers={**self.headers, **headers})


@pytest.fixture
def api(store: Store) -> Api:
    """A system with a key of the store."""
    return Api(store)


@pytest.fixture
def number(api) -> str:
    """The number of an order placed through the API."""
    return str(api.place(make_order()).json()[0]["orderId"])
