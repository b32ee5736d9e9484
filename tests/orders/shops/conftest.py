"""The two kinds of shop, each known to the store."""

from __future__ import annotations

import pytest

from orders.models import ShopKind
from tests.orders.shops import payloads


@pytest.fixture
def woo(store):
    return payloads.make_shop(store, ShopKind.WOOCOMMERCE)


@pytest.fixture
def shopify(store):
    return payloads.make_shop(store, ShopKind.SHOPIFY)
