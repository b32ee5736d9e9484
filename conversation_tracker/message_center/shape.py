"""What a template can say: the names there are, and the same for every order, whatever is known of it. Pure."""

from __future__ import annotations

from typing import Any

ITEM = {
    "id": None, "name": None, "quantity": None, "price": None, "total": None, "image": None, "url": None,
}  # fmt: skip

# Dictionaries are what they look like, a list holds what each of its members looks like, and None is a value. A value
# that is not known stays None, which prints as nothing and counts as false.
SHAPE: dict[str, Any] = {
    "locale": None,
    "time_zone": None,
    "currency": None,
    "store": {"name": None, "account": None, "address": None},
    "customer": {"name": None, "first_name": None, "address": None},
    "order": {
        "number": None,
        "marketplace_number": None,
        "placed_at": None,
        "status": None,
        "value": None,
        "item_count": None,
        "items": [ITEM],
        "totals": [{"id": None, "name": None, "value": None}],
    },
    "delivery": {
        "receiver": None, "street": None, "number": None, "complement": None, "neighborhood": None, "city": None,
        "state": None, "postal_code": None, "country": None, "lines": [None], "method": None, "estimated_at": None,
    },
    "payment": {"method": None, "installments": None, "value": None, "url": None},
    "invoice": {
        "number": None, "value": None, "key": None, "url": None, "issued_at": None, "items": [ITEM], "is_part": None,
    },
    "parcel": {
        "courier": None, "number": None, "url": None, "dispatched_at": None, "delivered_at": None,
        "events": [{"happened_at": None, "place": None, "city": None, "state": None, "description": None}],
    },
    "change": {"before": None, "after": None, "added": [ITEM], "removed": [ITEM]},
    "replacement": {"old_number": None, "new_number": None},
    "event": {"kind": None, "occurred_at": None, "reason": None, "description": None, "place": None},
    "aliases": [{"party": None, "name": None, "address": None}],
}  # fmt: skip


def complete(context: Any, shape: Any = SHAPE) -> Any:
    """The context with every name there is; what it did not have is None or an empty list. What is unknown goes."""
    if isinstance(shape, dict):
        given = context if isinstance(context, dict) else {}
        return {name: complete(given.get(name), inner) for name, inner in shape.items()}
    if isinstance(shape, list):
        return [complete(one, shape[0]) for one in context] if isinstance(context, list) else []
    return None if isinstance(context, dict | list) else context
