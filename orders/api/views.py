"""The calls: place orders, read one."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Body, Router

from orders import access, customers, placing
from orders.api import documents
from orders.api.schemas import MOST_ORDERS, NewOrder
from orders.models import ApiKey

router = Router()


@router.post("/fulfillment/pvt/orders", summary="Place orders")
def place_orders(
    request: HttpRequest, orders: Annotated[list[NewOrder], Body(min_length=1, max_length=MOST_ORDERS)]
) -> list[dict[str, Any]]:
    """Place every order of the array or, when one has a problem, none. One placed before is answered as it stands."""
    key = _key(request)
    drafts = [_draft(order) for order in orders]
    return [documents.posted(one) for one in placing.place_all(key.store, drafts, now=timezone.now(), actor=key.label)]


@router.get("/oms/pvt/orders/{order_id}", summary="Read an order")
def read_order(request: HttpRequest, order_id: str) -> dict[str, Any]:
    """The order with aliases in the place of addresses."""
    return documents.order(access.order_of_key(_key(request), order_id))


def _key(request: HttpRequest) -> ApiKey:
    key: ApiKey = request.auth  # type: ignore[attr-defined]  # ninja sets it to what AppKeyAuth returned
    return key


def _draft(order: NewOrder) -> placing.Draft:
    profile, preferences = order.clientProfileData, order.clientPreferencesData
    name = " ".join(part for part in (profile.firstName, profile.lastName) if part)
    return placing.Draft(
        marketplace_number=order.marketplaceOrderId,
        person=customers.Person(
            address=profile.email,
            name=name,
            phone=profile.phone or "",
            document=profile.document or "",
            locale=(preferences.locale if preferences and preferences.locale else "")[:10],
        ),
        value=order.marketplacePaymentValue,
        item_count=sum(item.quantity for item in order.items),
        document=order.model_dump(mode="json"),
    )
