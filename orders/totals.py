"""What an order's value is made of: goods, discounts, shipping, taxes; the parts always add up to it. Pure."""

from __future__ import annotations

from typing import Any

from orders import bounds

_NAMES = {
    "Items": "Items Total", "Discounts": "Discounts Total", "Shipping": "Shipping Total", "Tax": "Tax Total",
    "Change": "Change Total",
}  # fmt: skip
_RECKONED = ("Items", "Discounts", "Change")  # what follows from the goods, the value and the other parts


def made_of(value: int, *, goods: int, pieces: int, shipping: int, tax: int) -> list[dict[str, Any]]:
    """The parts of a value, as an order's document holds them.

    What the goods cost is by their single prices, which are rounded; a difference smaller than their number is theirs.
    """
    rest = value - goods - shipping - tax
    if abs(rest) < pieces:
        goods, rest = goods + rest, 0
    parts = {"Items": goods, "Discounts": min(rest, 0), "Shipping": shipping, "Tax": tax}
    return [_part(name, amount) for name, amount in (parts | ({"Change": rest} if rest > 0 else {})).items()]


def of(value: int, document: dict[str, Any], *, goods: int, pieces: int) -> list[dict[str, Any]]:
    """The parts of an order's value as it is now: shipping, taxes and all else as its document says, the goods as they
    are, and of what that leaves less is a discount and more a change. Without a part for shipping, the prices of the
    deliveries are it.
    """
    given = [one for one in _dicts(document.get("totals")) if isinstance(one.get("id"), str) and one["id"].strip()]
    said = {one["id"]: one for one in given if one["id"] not in _RECKONED}
    if "Shipping" not in said:
        shipping = document.get("shippingData")
        logistics = _dicts(shipping.get("logisticsInfo")) if isinstance(shipping, dict) else []
        said["Shipping"] = {"value": sum(_whole(one.get("price")) for one in logistics)}
    parts = {name: _whole(one.get("value")) for name, one in {"Tax": {}, **said}.items()}
    items = next((_whole(one.get("value")) for one in given if one["id"] == "Items"), goods)
    goods = items if abs(items - goods) < pieces else goods
    rest = value - goods - sum(parts.values())
    found = [
        _part("Items", goods), _part("Discounts", min(rest, 0)), _part("Shipping", parts.pop("Shipping")),
        _part("Tax", parts.pop("Tax")),
    ]  # fmt: skip
    found += [_part(name, amount, said[name].get("name")) for name, amount in parts.items()]
    return found + ([_part("Change", rest)] if rest > 0 else [])


def _part(name: str, value: int, called: object = None) -> dict[str, Any]:
    title = called if isinstance(called, str) and called else _NAMES.get(name, name)
    return {"id": name, "name": title, "value": value}


def _dicts(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _whole(value: object) -> int:
    """A number without what follows the point; one that no order has is nothing."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return 0
    return int(value) if abs(value) <= bounds.LARGEST else 0
