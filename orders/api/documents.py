"""The documents the API answers with: an order as posted and as kept, every address in it an alias."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Prefetch, Q
from django.utils import translation

from orders import changing, currencies, customers, flow, masking, placing, totals
from orders import payment as payments
from orders.api import fields, shapes
from orders.known import Known
from orders.models import (
    Alias,
    EventKind,
    Invoice,
    Kind,
    Order,
    PartyKind,
    Status,
    TimelineEntry,
    TrackingEvent,
)
from orders.models.order import FIRST_SEQUENCE
from orders.outcomes import Reason
from orders.placing import Placed

_CANCELLING = (Status.PAYMENT_DENIED, Status.CANCELLATION_REQUESTED, Status.CANCEL, Status.CANCELED)
RECEIPTS = uuid.UUID("5f0e3c9e-4ba5-4b1d-9a58-6d1e6f3a8f10")  # the space of our receipts
# Symbol, number of the locale, country; how amounts are written there: decimal sign, group sign.
_CURRENCIES: dict[str, tuple[str, int, str | None, str, str]] = {
    "ARS": ("$", 11274, "ARG", ",", "."),
    "BRL": ("R$", 1046, "BRA", ",", "."),
    "CLP": ("$", 13322, "CHL", ",", "."),
    "COP": ("$", 9226, "COL", ",", "."),
    "EUR": ("€", 3082, None, ",", "."),
    "GBP": ("£", 2057, "GBR", ".", ","),
    "MXN": ("$", 2058, "MEX", ".", ","),
    "PEN": ("S/", 10250, "PER", ".", ","),
    "USD": ("$", 1033, "USA", ".", ","),
}


def posted(placed: Placed) -> dict[str, Any]:
    """What was posted, the first time, with ``orderId`` and with aliases in the place of addresses."""
    aliases = (placed.customer_alias, placed.store_alias) if placed.is_new else placed.order.aliases.all()
    document = masking.document(placed.order.document.json(), masking.known(aliases))
    profile = {**(document.get("clientProfileData") or {}), "email": placed.customer_alias.address.text()}
    return {
        **document,
        "clientProfileData": profile,
        "orderId": placed.order.number,
        "followUpEmail": placed.store_alias.address.text(),
    }


def receipt(order: Order, act: str) -> str:
    """The receipt of something that is done once, however often it is asked for."""
    return str(uuid.uuid5(RECEIPTS, f"{order.pk}:{act}"))


def request_id(order: Order, asked: TimelineEntry) -> str:
    """By what a request to cancel the order is named: 32 hexadecimal digits."""
    return receipt(order, f"cancellation-request:{asked.pk}").replace("-", "")


def label(status: str) -> str:
    """What a status is called; in English, whoever asks, since programs compare it."""
    with translation.override("en"):
        return str(Status(status).label)


def sequence(order: Order) -> str:
    """A short number that grows from order to order."""
    return str(FIRST_SEQUENCE + order.pk)


def order(order: Order) -> shapes.Order:
    """One order, in the shape of the order document: five queries."""
    aliases = list(order.aliases.all())
    customer_alias, store_alias = placing.parties(aliases)
    parties = masking.known(aliases)
    seen: dict[str, str] = {}
    document = masking.document(order.document.json(), parties, seen)
    invoices, history = _invoices(order, parties), _history(order, parties)
    items = [_item(order, place, item) for place, item in enumerate(fields.mappings(document.get("items")))]
    shipping = _shipping(document.get("shippingData"))
    found = {
        **document,
        "orderId": order.number,
        "sequence": sequence(order),
        "marketplaceOrderId": order.marketplace_number,
        "sellerOrderId": order.number,
        "origin": "Fulfillment",
        "status": order.status,
        "statusDescription": label(order.status),
        "workflowIsInError": False,
        "value": order.value,
        "creationDate": shapes.moment(order.placed_at),
        "lastChange": shapes.moment(order.changed_at),
        "followUpEmail": store_alias.address.text(),
        "lastMessage": _last_message(order, aliases, parties),
        "hostname": order.store.account,
        "isCompleted": True,
        "roundingError": 0,
        "isCheckedIn": False,
        "allowCancellation": Status.CANCEL in flow.NEXT[Status(order.status)],
        "allowEdition": order.status not in changing.FINAL,
        "authorizedDate": shapes.moment(order.authorized_at),
        "invoicedDate": shapes.moment(order.invoiced_at),
        "items": items,
        "totals": _totals(order, document, items),
        "itemMetadata": {"Items": [_metadata(item) for item in items]},
        "sellers": _sellers(order, document, items),
        "clientProfileData": {
            **fields.mapping(document.get("clientProfileData")),
            "id": "clientProfileData",
            "email": customer_alias.address.text(),
            "userProfileId": str(order.customer.profile_id),
        },
        "clientPreferencesData": {
            **fields.mapping(document.get("clientPreferencesData")), "locale": customers.locale_of(order),
        },
        "shippingData": shipping,
        "paymentData": payment(document.get("paymentData")),
        "packageAttachment": {"packages": [_package(one, items, parties, seen) for one in invoices]},
        "ratesAndBenefitsData": {**fields.mapping(document.get("ratesAndBenefitsData")), "id": "ratesAndBenefitsData"},
        "marketplace": {"name": order.store.account, **fields.mapping(document.get("marketplace"))},
        "storePreferencesData": _preferences(order, shipping),
        "cancellationData": _cancellation(order, history),
        "changesAttachment": _changes(order, history),
        "cancellationRequests": _cancellation_requests(order, history),
    }  # fmt: skip
    found["cancelReason"] = (found["cancellationData"] or {}).get("Reason")
    return shapes.Order.model_validate(found)


def changes(order: Order) -> list[dict[str, Any]]:
    """What was changed of an order since it was placed, oldest first: two queries."""
    history = _history(order, masking.of_order(order))
    attachment = _changes(order, history) or {"id": "changeAttachment", "changesData": []}
    return shapes.Changes.model_validate(attachment).model_dump()["changesData"]  # type: ignore[no-any-return]


def _invoices(order: Order, parties: tuple[Known, ...]) -> list[Invoice]:
    """With what carriers said of their parcels; masked."""
    tracking = Prefetch("tracking", TrackingEvent.objects.order_by("happened_at", "id"))
    invoices = list(order.invoices.prefetch_related(tracking).order_by("id"))
    masking.sightings((seen for invoice in invoices for seen in invoice.tracking.all()), parties)
    return invoices


def _history(order: Order, parties: tuple[Known, ...]) -> list[TimelineEntry]:
    """What of the timeline stands in the document, but for mails: changes and cancellation; masked."""
    wanted = (
        Q(kind=Kind.CHANGE)
        | Q(kind=Kind.STATUS, new_status__in=_CANCELLING)
        | Q(kind=Kind.STATUS, old_status=Status.CANCELLATION_REQUESTED)
    )
    found = TimelineEntry.objects.filter(wanted, order=order).only(
        "kind", "data", "text", "actor", "occurred_at", "old_status", "new_status"
    )
    history = list(found.order_by("occurred_at", "id"))
    masking.entries(history, parties)
    return history


def _last_message(order: Order, aliases: Iterable[Alias], parties: tuple[Known, ...]) -> str | None:
    """How the store's last mail to the customer begins; of the others nothing is read."""
    to = [alias.pk for alias in aliases if alias.party == PartyKind.CUSTOMER]
    mails = TimelineEntry.objects.filter(order=order, kind=Kind.MAIL, reason=Reason.ORDER_MAIL, recipient_alias__in=to)
    words = mails.order_by("-occurred_at", "-id").values_list("first_words", flat=True).first()
    return words and masking.text(words, parties)


def _item(order: Order, place: int, item: dict[str, Any]) -> dict[str, Any]:
    price = fields.whole(item.get("price"))
    unique = uuid.uuid5(RECEIPTS, f"{order.pk}:item:{place}").hex.upper()
    return {"uniqueId": unique, "listPrice": price, "sellingPrice": price, **item}


def _metadata(item: dict[str, Any]) -> dict[str, Any]:
    name = item.get("name")
    return {
        "Id": item.get("id"), "Seller": item.get("seller", "1"), "Name": name, "SkuName": name,
        "ProductId": item.get("productId"), "RefId": item.get("refId"), "Ean": item.get("ean"),
        "ImageUrl": item.get("imageUrl"), "DetailUrl": item.get("detailUrl"),
    }  # fmt: skip


def _sellers(order: Order, document: dict[str, Any], items: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Who sells the items: as posted, or the store itself."""
    known = {str(one.get("id")): one for one in fields.mappings(document.get("sellers"))}
    wanted = dict.fromkeys(str(item.get("seller", "1")) for item in items)
    return [{"id": seller, "name": order.store.name, **known.get(seller, {})} for seller in wanted]


def _shipping(posted: Any) -> dict[str, Any]:
    found = {**fields.mapping(posted), "id": "shippingData"}
    address = found.get("address")
    if not isinstance(found.get("selectedAddresses"), list):
        found["selectedAddresses"] = [address] if isinstance(address, dict) else []
    return found


def _totals(order: Order, document: dict[str, Any], items: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    goods = sum(fields.whole(item.get("price")) * fields.whole(item.get("quantity")) for item in items)
    return totals.of(order.value, document, goods=goods, pieces=order.item_count)


def payment(posted: Any) -> dict[str, Any]:
    """As posted, with one transaction at least: programs read the first one."""
    found = fields.mapping(posted)
    transactions = fields.mappings(found.get("transactions")) or [{"payments": payments.listed(found)}]
    return {"giftCards": found.get("giftCards") or [], "transactions": transactions}


def _package(
    invoice: Invoice, items: Sequence[dict[str, Any]], parties: tuple[Known, ...], seen: dict[str, str]
) -> dict[str, Any]:
    document = masking.document(invoice.document.json(), parties, seen) or {}
    places = {str(item.get("id")): place for place, item in reversed(list(enumerate(items)))}
    tracking = list(invoice.tracking.all())
    return {
        **{name: value for name, value in document.items() if value != ""},
        "items": [
            {
                "itemIndex": places.get(str(item.get("id")), 0),
                "quantity": fields.whole(item.get("quantity")),
                "price": fields.whole(item.get("price")),
                "description": item.get("description") or None,
            }
            for item in fields.mappings(document.get("items"))
        ],
        "courier": masking.text(invoice.courier.text(), parties) or None,
        "invoiceNumber": invoice.number,
        "invoiceValue": invoice.value,
        "issuanceDate": shapes.moment(invoice.issued_at),
        "trackingNumber": masking.text(invoice.tracking_number.text(), parties) or None,
        "trackingUrl": masking.text(invoice.tracking_url.text(), parties) or None,
        "type": invoice.kind,
        "courierStatus": {
            "status": tracking[-1].description if tracking else "",
            "finished": invoice.delivered_at is not None,
            "deliveredDate": shapes.moment(invoice.delivered_at),
            "data": [
                {
                    "lastChange": shapes.moment(event.happened_at),
                    "city": event.city,
                    "state": event.state,
                    "description": event.description,
                    "createDate": shapes.moment(event.created_at),
                }
                for event in tracking
            ],
        },
    }


def _preferences(order: Order, shipping: dict[str, Any]) -> dict[str, Any]:
    currency = order.currency
    symbol, locale, country, decimal, group = _CURRENCIES.get(currency, (currency, 1033, None, ".", ","))
    return {
        "countryCode": fields.mapping(shipping.get("address")).get("country") or country,
        "currencyCode": currency,
        "currencyFormatInfo": {
            "CurrencyDecimalDigits": currencies.digits(currency),
            "CurrencyDecimalSeparator": decimal,
            "CurrencyGroupSeparator": group,
            "CurrencyGroupSize": 3,
            "StartsWithCurrencySymbol": True,
        },
        "currencyLocale": locale,
        "currencySymbol": symbol,
        "timeZone": order.store.time_zone,
    }


def _cancellation(order: Order, history: Iterable[TimelineEntry]) -> dict[str, Any] | None:
    steps = {entry.new_status: entry for entry in history if entry.kind == Kind.STATUS}
    if Status.CANCELED not in steps:
        return None
    is_denied = Status.PAYMENT_DENIED in steps
    entry = steps[Status.CANCELED]
    was_asked = steps.get(Status.CANCEL, entry).old_status == Status.CANCELLATION_REQUESTED
    is_customers_wish = was_asked or bool(entry.data.get(flow.BY_CUSTOMER))
    return {
        "RequestedByUser": is_customers_wish,
        "RequestedBySystem": not entry.actor,
        "RequestedBySellerNotification": bool(entry.actor) and not is_denied and not is_customers_wish,
        "RequestedByPaymentNotification": is_denied,
        "Reason": entry.text or None,
        "CancellationDate": shapes.moment(entry.occurred_at),
    }


def _cancellation_requests(order: Order, history: Iterable[TimelineEntry]) -> list[dict[str, Any]]:
    """What was asked for past the cancellation window, oldest first, and what the store said to it."""
    found: list[dict[str, Any]] = []
    for entry in history:
        if entry.new_status == Status.CANCELLATION_REQUESTED:
            found.append(
                {
                    "id": request_id(order, entry),
                    "reason": entry.text,
                    "cancellationRequestDate": shapes.moment(entry.occurred_at),
                    "requestedByUser": True,
                }
            )
        elif found and entry.old_status == Status.CANCELLATION_REQUESTED and entry.new_status != Status.CANCEL:
            found[-1] |= {
                "deniedBySeller": True,
                "deniedBySellerReason": entry.text or None,
                "cancellationRequestDenyDate": shapes.moment(entry.occurred_at),
            }
    return found


def _changes(order: Order, history: Iterable[TimelineEntry]) -> dict[str, Any] | None:
    made = [entry for entry in history if entry.kind == Kind.CHANGE and entry.data.get("event") == EventKind.CHANGED]
    if not made:
        return None
    return {
        "changesData": [
            {
                "reason": entry.text,
                "discountValue": entry.data.get("discount"),
                "incrementValue": entry.data.get("increment"),
                "itemsAdded": entry.data.get("added"),
                "itemsRemoved": entry.data.get("removed"),
                "receipt": {
                    "date": shapes.moment(entry.occurred_at),
                    "orderId": order.number,
                    "receipt": receipt(order, f"change:{entry.pk}"),
                },
            }
            for entry in made
        ]
    }
