"""What a template is filled with: an order at an event, or a sample. Every address in it is an alias."""

from __future__ import annotations

import re
import zoneinfo
from datetime import UTC, datetime
from typing import Any

from conversation_tracker.message_center import samples, shape
from conversation_tracker.models.template import TemplateKey
from orders import bounds, customers, masking, payment, totals
from orders.models import Alias, Invoice, InvoiceKind, Order, OrderEvent, PartyKind, Store

MOST_SIGHTINGS = 20  # of what a carrier said of a parcel, the newest
_LINK = re.compile(r"https?://[^\s<>\"']+", re.IGNORECASE)


def of_event(order: Order, event: OrderEvent) -> dict[str, Any]:
    """Everything ``shape`` names, as JSON can carry it: values in minor units, moments in ISO 8601 and UTC."""
    invoice = event.invoice or _last_invoice(order)
    return _of(order, invoice, kind=event.kind, occurred_at=event.occurred_at, said=event.details.json() or {})


def of_order(order: Order, *, now: datetime) -> dict[str, Any]:
    """The same for an order as it stands, without an event: for trying a template on it."""
    last = order.events.select_related("invoice").order_by("-pk").first()
    if last is not None:
        return of_event(order, last)
    return _of(order, _last_invoice(order), kind="", occurred_at=now, said={})


def sample(store: Store, key: TemplateKey) -> dict[str, Any]:
    """A made-up order of this store in which everything is known, for trying a template."""
    return samples.of(store, key)


def _of(
    order: Order, invoice: Invoice | None, *, kind: str, occurred_at: datetime, said: dict[str, Any]
) -> dict[str, Any]:
    store = order.store
    document = order.document.json() or {}
    aliases = list(Alias.objects.filter(order=order).order_by("issued_at", "pk"))
    name = order.customer.name.text()
    items = _items(document.get("items"))
    found = {
        "locale": customers.locale_of(order),
        "time_zone": store.time_zone,
        "currency": order.currency,
        "store": {"name": store.name, "account": store.account},
        "customer": {"name": name, "first_name": _first_name(document, name)},
        "order": {
            "number": order.number,
            "marketplace_number": order.marketplace_number,
            "placed_at": _iso(order.placed_at),
            "status": order.status,
            "value": order.value,
            "item_count": order.item_count,
            "items": items,
            "totals": _totals(order, document, items),
        },
        "delivery": _delivery(_dict(document.get("shippingData")), zoneinfo.ZoneInfo(store.time_zone)),
        "payment": _payment(payment.listed(said) or payment.listed(document.get("paymentData")), order.value),
        "invoice": _invoice(invoice, items, order.value),
        "parcel": _parcel(invoice),
        "change": {
            "before": said.get("before"),
            "after": said.get("after"),
            "added": _items(said.get("added"), named=items),
            "removed": _items(said.get("removed"), named=items),
        },
        "replacement": {"old_number": said.get("order"), "new_number": said.get("by")},
        "event": {
            "kind": kind,
            "occurred_at": _iso(occurred_at),
            "reason": said.get("reason"),
            "description": said.get("description"),
            "place": _place(said.get("city"), said.get("state")),
        },
        "aliases": [{"party": one.party, "name": one.display_name.text()} for one in aliases],
    }
    # Aliases come in afterwards: a Soft one holds a real address in a readable form, and is to be left as it is.
    masked: dict[str, Any] = masking.document(shape.complete(found), masking.known(aliases))
    for shown, alias in zip(masked["aliases"], aliases, strict=True):
        shown["address"] = alias.address.text()
    masked["customer"]["address"] = _address(aliases, PartyKind.CUSTOMER)
    masked["store"]["address"] = _address(aliases, PartyKind.STORE)
    return masked


def _address(aliases: list[Alias], party: PartyKind) -> str | None:
    return next((alias.address.text() for alias in aliases if alias.party == party), None)


def _last_invoice(order: Order) -> Invoice | None:
    return Invoice.objects.filter(order=order, kind=InvoiceKind.OUTPUT).order_by("-pk").first()


def _first_name(document: dict[str, Any], name: str) -> str | None:
    said = _text(_dict(document.get("clientProfileData")).get("firstName"))
    return said or (name.split(maxsplit=1)[0] if name.split() else None)


def _items(posted: Any, *, named: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
    """Items as templates know them; what was posted without a name or price is called as in the order."""
    known = {item["id"]: item for item in named or []}
    found = []
    for one in posted if isinstance(posted, list) else []:
        item = _dict(one)
        like = known.get(_text(item.get("id")), {})
        price = _whole(item.get("price"))
        price = like.get("price") if price is None else price
        quantity = _whole(item.get("quantity")) or 1
        found.append(
            {
                "id": _text(item.get("id")),
                "name": _text(item.get("name")) or like.get("name"),
                "quantity": quantity,
                "price": price,
                "total": None if price is None else price * quantity,
                "image": _link(item.get("imageUrl")) or like.get("image"),
                "url": _link(item.get("detailUrl")) or like.get("url"),
            }
        )
    return found


def _totals(order: Order, document: dict[str, Any], items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the value is made of, without what is nothing; of goods without a price that is not known."""
    goods = [item["total"] for item in items if item["total"] is not None]
    if len(goods) < len(items):
        return [{"id": "Items", "name": "Items", "value": sum(goods)}]
    parts = totals.of(order.value, document, goods=sum(goods), pieces=order.item_count)
    shown = [one for one in parts if one["value"] or one["id"] == "Items"]
    return [{**one, "name": one["name"].removesuffix(" Total")} for one in shown]


def _delivery(shipping: dict[str, Any], zone: zoneinfo.ZoneInfo) -> dict[str, Any]:
    address = _dict(shipping.get("address"))
    said = {
        name: _text(address.get(posted))
        for name, posted in (
            ("receiver", "receiverName"), ("street", "street"), ("number", "number"), ("complement", "complement"),
            ("neighborhood", "neighborhood"), ("city", "city"), ("state", "state"), ("postal_code", "postalCode"),
            ("country", "country"),
        )
    }  # fmt: skip
    lines = (
        " ".join(filter(None, (said["street"], said["number"]))),
        said["complement"],
        said["neighborhood"],
        ", ".join(filter(None, (said["city"], said["state"]))),
        " ".join(filter(None, (said["postal_code"], said["country"]))),
    )
    logistics = shipping.get("logisticsInfo")
    first = _dict(logistics[0]) if isinstance(logistics, list) and logistics else {}
    return {
        **said,
        "lines": [line for line in lines if line],
        "method": _text(first.get("selectedSla")),
        "estimated_at": _moment(first.get("shippingEstimateDate"), zone),
    }


def _payment(payments: list[dict[str, Any]], order_value: int) -> dict[str, Any]:
    names = [_text(one.get("paymentSystemName")) or _text(one.get("group")) for one in payments]
    first = payments[0] if payments else {}
    return {
        "method": ", ".join(dict.fromkeys(name for name in names if name)) or None,
        "installments": _whole(first.get("installments")) or 1,
        "value": _whole(first.get("value")) if len(payments) == 1 else order_value,
        "url": _link(first.get("url")),
    }


def _invoice(invoice: Invoice | None, items: list[dict[str, Any]], order_value: int) -> dict[str, Any]:
    if invoice is None:
        return {}
    document = invoice.document.json() or {}
    held = _items(document.get("items"), named=items)
    # One that names no items is told by its value, by which an order counts as invoiced, too.
    is_part = _count(held) < _count(items) if held else invoice.value < order_value
    return {
        "number": invoice.number,
        "value": invoice.value,
        "key": _text(document.get("invoiceKey")),
        "url": _link(document.get("invoiceUrl")),
        "issued_at": _iso(invoice.issued_at),
        "items": held,
        "is_part": is_part,
    }


def _count(items: list[dict[str, Any]]) -> int:
    return sum(item["quantity"] for item in items)


def _parcel(invoice: Invoice | None) -> dict[str, Any]:
    if invoice is None:
        return {}
    sightings = invoice.tracking.order_by("-happened_at", "-pk")[:MOST_SIGHTINGS]
    return {
        "courier": invoice.courier.text() or None,
        "number": invoice.tracking_number.text() or None,
        "url": _link(invoice.tracking_url.text()),
        "dispatched_at": _iso(invoice.dispatched_at),
        "delivered_at": _iso(invoice.delivered_at),
        "events": [
            {
                "happened_at": _iso(one.happened_at),
                "place": _place(one.city, one.state),
                "city": one.city or None,
                "state": one.state or None,
                "description": one.description or None,
            }
            for one in sightings
        ],
    }


def _place(city: Any, state: Any) -> str | None:
    return ", ".join(filter(None, (_text(city), _text(state)))) or None


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    """A text or number as text; what is empty or something else is nothing."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value).strip() or None


def _whole(value: Any) -> int | None:
    """A number without what follows the point; one that no order has is nothing."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if is_number and abs(value) <= bounds.LARGEST else None


def _link(value: Any) -> str | None:
    """An address on the web; any other is not for a mail."""
    said = _text(value)
    return said if said and _LINK.fullmatch(said) else None


def _moment(value: Any, zone: zoneinfo.ZoneInfo) -> str | None:
    """A moment as it was posted, without an offset in the store's time zone; one of no year of ours is nothing."""
    try:
        moment = datetime.fromisoformat(_text(value) or "")
    except ValueError:
        return None
    if not bounds.FIRST_YEAR <= moment.year <= bounds.LAST_YEAR:
        return None
    return _iso(moment if moment.tzinfo else moment.replace(tzinfo=zone))


def _iso(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="seconds") if moment else None
