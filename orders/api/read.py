"""The calls that read orders."""

from __future__ import annotations

import zoneinfo
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from orders import access, browsing
from orders.api import documents, keys, lists, queries, shapes
from orders.api.openapi import answers

router = Router(tags=["Orders"])
MOST_ROWS = 100
LAST_PAGE = 1_000  # further down one asks for another span of time
FILTERS = [
    ("q", "An order's number, an alias, a customer's e-mail address or document, exactly; or words of the name."),
    ("f_status", "One status, or several with commas between."),
    ("f_creationDate", "creationDate:[2026-01-31T00:00:00.000Z TO 2026-02-28T23:59:59.999Z]; * for an open end."),
    ("f_authorizedDate", "The same with authorizedDate."),
    ("f_invoicedDate", "The same with invoicedDate."),
    ("orderBy", f"{', '.join(browsing.SORTS)}; and asc or desc after a comma. Otherwise creationDate,desc."),
]


@router.get(
    "/oms/pvt/orders",
    summary="List orders",
    openapi_extra={
        **answers(shapes.OrderList),
        "parameters": [
            {"in": "query", "name": name, "required": False, "schema": {"type": "string"}, "description": description}
            for name, description in FILTERS
        ],
    },
)
def list_orders(
    request: HttpRequest,
    page: Annotated[int, Query(ge=1, le=LAST_PAGE)] = 1,
    per_page: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 15,
    stats: Annotated[
        bool, Query(alias="_stats", description="Add up the values and items of all orders found.")
    ] = False,
) -> dict[str, Any]:
    """The orders of the store that meet every filter, newest first."""
    store = keys.of(request).store
    wanted = queries.wanted(request.GET, zone=zoneinfo.ZoneInfo(store.time_zone))
    found = browsing.find(store, wanted)
    return lists.page(
        browsing.page(found, wanted, number=page, size=per_page),
        total=found.count(),
        number=page,
        size=per_page,
        figures=browsing.figures(found, ("value", "item_count")) if stats else {},
    )


@router.get("/oms/pvt/orders/{order_id}", summary="Read an order", openapi_extra=answers(shapes.Order))
def read_order(request: HttpRequest, order_id: str) -> HttpResponse:
    """The order with aliases in the place of addresses."""
    found = documents.order(access.order_of_key(keys.of(request), order_id))
    return HttpResponse(shapes.written(found), content_type="application/json; charset=utf-8")


@router.get(
    "/order-system/orders/{order_id}/changes", summary="Read an order’s changes", openapi_extra=answers([shapes.Change])
)
def read_changes(request: HttpRequest, order_id: str) -> list[dict[str, Any]]:
    """What was changed of the order since it was placed, oldest first."""
    return documents.changes(access.order_of_key(keys.of(request), order_id))
