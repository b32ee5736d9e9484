"""A list of orders as the API answers it: rows, paging and figures, every address in it an alias."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from orders import browsing, masking
from orders.api import documents, fields, shapes
from orders.models import Invoice, InvoiceKind, Order, Status


def page(
    rows: Iterable[browsing.Row], *, total: int, number: int, size: int, figures: dict[str, browsing.Figures]
) -> dict[str, Any]:
    """A page of a list. ``figures`` by column; without them they are zeros."""
    nothing = browsing.Figures(total, 0, 0, 0, 0, 0, 0)
    columns = {"totalValue": "value", "totalItems": "item_count"}
    stats = {name: _figures(figures.get(column, nothing)) for name, column in columns.items()}
    return {
        "list": [_listed(row) for row in rows],
        "facets": [],
        "paging": {"total": total, "pages": -(-total // size), "currentPage": number, "perPage": size},
        "stats": {"stats": stats},
    }


def _figures(found: browsing.Figures) -> dict[str, Any]:
    return {
        "Count": found.count, "Max": found.most, "Mean": found.mean, "Min": found.least, "Missing": 0,
        "StdDev": found.deviation, "Sum": found.total, "SumOfSquares": found.squares, "Facets": {},
    }  # fmt: skip


def _listed(row: browsing.Row) -> dict[str, Any]:
    """One order of a list."""
    order = row.order
    document = order.document.json()
    profile, shipping = fields.mapping(document.get("clientProfileData")), fields.mapping(document.get("shippingData"))
    names = [profile.get("firstName"), profile.get("lastName")]
    payments = [
        one
        for part in documents.payment(document.get("paymentData"))["transactions"]
        for one in fields.mappings(part.get("payments"))
    ]
    dates = [one.get("shippingEstimateDate") for one in fields.mappings(shipping.get("logisticsInfo"))]
    estimates = sorted(date for date in dates if isinstance(date, str))
    invoices = list(order.invoices.all())
    sent = [one for one in invoices if one.kind == InvoiceKind.OUTPUT]
    delivered = [one.delivered_at for one in sent if one.delivered_at]
    shown = masking.document(
        {
            "clientName": " ".join(name for name in names if isinstance(name, str) and name) or _name(order),
            "items": [{**item, "description": item.get("name")} for item in fields.mappings(document.get("items"))],
            "paymentNames": ", ".join(
                str(one["paymentSystemName"]) for one in payments if one.get("paymentSystemName")
            ),
            "ShippingEstimatedDate": estimates[-1] if estimates else None,
            "ShippingEstimatedDateMin": estimates[0] if estimates else None,
            "ShippingEstimatedDateMax": estimates[-1] if estimates else None,
            "salesChannel": document.get("salesChannel", "1"),
            "affiliateId": document.get("affiliateId", ""),
            "lastMessageUnread": row.last_mail or None,
        },
        masking.known(order.aliases.all()),
    )
    found = {
        **shown,
        "items": [{"sellingPrice": item.get("price"), **item} for item in shown["items"]],
        "orderId": order.number,
        "creationDate": shapes.moment(order.placed_at),
        "totalValue": order.value,
        "status": order.status,
        "statusDescription": documents.label(order.status),
        "marketPlaceOrderId": order.marketplace_number,
        "sequence": documents.sequence(order),
        "authorizedDate": shapes.moment(order.authorized_at),
        "paymentApprovedDate": shapes.moment(order.authorized_at),
        "readyForHandlingDate": shapes.moment(row.ready_at),
        "totalItems": order.item_count,
        "currencyCode": order.currency,
        "hostname": order.store.account,
        "invoiceOutput": _numbers(invoices, InvoiceKind.OUTPUT),
        "invoiceInput": _numbers(invoices, InvoiceKind.INPUT),
        "lastChange": shapes.moment(order.changed_at),
        "isAllDelivered": bool(sent) and len(delivered) == len(sent) and order.status == Status.INVOICED,
        "isAnyDelivered": bool(delivered),
        "deliveryDates": [shapes.moment(at) for at in delivered] or None,
    }
    return shapes.ListedOrder.model_validate(found).model_dump()


def _name(order: Order) -> str:
    return order.customer.name.text()


def _numbers(invoices: Iterable[Invoice], kind: InvoiceKind) -> list[str] | None:
    """The numbers of invoices or returns; None when there are none."""
    return [one.number for one in invoices if one.kind == kind] or None
