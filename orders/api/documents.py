"""The documents the API answers with: an order as posted and as kept, every address in it an alias."""

from __future__ import annotations

from typing import Any

from orders import addresses, spellings
from orders.api.schemas import NewOrder
from orders.models import Alias, Order, Status
from orders.placing import Placed
from orders.spellings import Known


def posted(order: NewOrder, placed: Placed) -> dict[str, Any]:
    """What was posted, with ``orderId`` and with aliases in the place of addresses."""
    return {
        **_masked(order.model_dump(mode="json"), placed.customer_alias, placed.store_alias),
        "orderId": placed.order.number,
        "followUpEmail": placed.store_alias.address.text(),
    }


def order(order: Order, customer_alias: Alias, store_alias: Alias) -> dict[str, Any]:
    """One order, in the shape of the order document."""
    document = _masked(order.document.json(), customer_alias, store_alias)
    profile = document["clientProfileData"]
    status = Status(order.status)
    return {
        "orderId": order.number,
        "sequence": str(500_000 + order.pk),
        "marketplaceOrderId": order.marketplace_number,
        "origin": "Fulfillment",
        "status": status.value,
        "statusDescription": str(status.label),
        "value": order.value,
        "creationDate": order.placed_at.isoformat(),
        "hostname": order.store.account,
        "followUpEmail": store_alias.address.text(),
        "items": document["items"],
        "totals": [
            {"id": "Items", "name": "Items Total", "value": sum(i["price"] * i["quantity"] for i in document["items"])}
        ],
        "clientProfileData": {
            "id": "clientProfileData",
            "email": customer_alias.address.text(),
            "firstName": profile.get("firstName"),
            "lastName": profile.get("lastName"),
            "documentType": profile.get("documentType"),
            "document": profile.get("document"),
            "phone": profile.get("phone"),
            "userProfileId": str(order.customer.profile_id),
        },
        "clientPreferencesData": {
            "locale": order.customer.locale,
            "optinNewsLetter": bool((document.get("clientPreferencesData") or {}).get("optinNewsLetter")),
        },
        "shippingData": document.get("shippingData"),
        "paymentData": document.get("paymentData"),
        "openTextField": document.get("openTextField"),
        "storePreferencesData": {"currencyCode": order.currency, "timeZone": order.store.time_zone},
    }


def _masked(document: dict[str, Any], customer_alias: Alias, store_alias: Alias) -> dict[str, Any]:
    """The document with the two parties' addresses replaced wherever they stand, in any spelling."""
    known = tuple(
        Known(addresses.key(alias.real.text()), alias.address.text()) for alias in (store_alias, customer_alias)
    )
    masked: dict[str, Any] = _replace(document, known)
    masked["clientProfileData"]["email"] = customer_alias.address.text()
    return masked


def _replace(value: Any, known: tuple[Known, ...]) -> Any:
    if isinstance(value, dict):
        return {spellings.replace(key, known)[0]: _replace(inner, known) for key, inner in value.items()}
    if isinstance(value, list):
        return [_replace(inner, known) for inner in value]
    return spellings.replace(value, known)[0] if isinstance(value, str) else value
