"""The documents the API answers with: an order as posted and as kept, every address in it an alias."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from orders import masking, placing
from orders.models import Alias, Order, Status
from orders.placing import Placed


def posted(placed: Placed) -> dict[str, Any]:
    """What was posted, the first time, with ``orderId`` and with aliases in the place of addresses."""
    aliases = (placed.customer_alias, placed.store_alias) if placed.is_new else placed.order.aliases.all()
    return {
        **_masked(placed.order.document.json(), aliases, placed.customer_alias),
        "orderId": placed.order.number,
        "followUpEmail": placed.store_alias.address.text(),
    }


def order(order: Order) -> dict[str, Any]:
    """One order, in the shape of the order document."""
    aliases = list(order.aliases.all())
    customer_alias, store_alias = placing.parties(aliases)
    document = _masked(order.document.json(), aliases, customer_alias)
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


def _masked(document: dict[str, Any], aliases: Iterable[Alias], customer_alias: Alias) -> dict[str, Any]:
    """The document with the parties' addresses replaced wherever they stand, in any spelling."""
    masked: dict[str, Any] = masking.document(document, masking.known(aliases))
    masked["clientProfileData"]["email"] = customer_alias.address.text()
    return masked
