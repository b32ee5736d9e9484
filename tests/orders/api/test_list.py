"""A store's orders are listed: filtered, sorted, counted, page by page, and masked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from orders import invoicing, shipping
from orders.models import InvoiceKind, MaskType, Order, Status
from orders.outcomes import Reason
from tests import factories
from tests.orders.api.conftest import Api, make_order

LIST = "/api/oms/pvt/orders"
DAY = datetime(2026, 2, 1, 12, tzinfo=UTC)


def ask(api: Api, **query: Any) -> Any:
    asked = QueryDict(mutable=True)
    asked.update({name: str(value) for name, value in query.items()})
    return api.send("GET", f"{LIST}?{asked.urlencode()}")


def numbers(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["orderId"] for row in answer.json()["list"]]


@pytest.fixture
def orders(store) -> list[Order]:
    """Four orders, a day apart, the oldest first."""
    ways = (Status.ORDER_CREATED, Status.HANDLING, Status.CANCELED, Status.WINDOW_TO_CANCEL)
    return [
        factories.make_order_at(
            status, store=store, now=DAY + place * timedelta(days=1), value=1_000 * (place + 1),
            email=f"buyer{place}@people.example",
        )
        for place, status in enumerate(ways)
    ]  # fmt: skip


def test_orders_come_newest_first_with_their_paging(api, orders):
    answer = ask(api)
    assert numbers(answer) == [order.number for order in reversed(orders)]
    assert answer.json()["paging"] == {"total": 4, "pages": 1, "currentPage": 1, "perPage": 15}
    assert sorted(answer.json()) == ["facets", "list", "paging", "stats"]


def test_pages_follow_each_other_without_a_gap(api, orders):
    answers = [ask(api, page=page, per_page=3) for page in (1, 2, 3)]
    assert [len(numbers(answer)) for answer in answers] == [3, 1, 0]
    assert [number for answer in answers for number in numbers(answer)] == [order.number for order in reversed(orders)]
    assert answers[1].json()["paging"] == {"total": 4, "pages": 2, "currentPage": 2, "perPage": 3}


def test_orders_of_one_moment_are_paged_without_a_gap(api, store):
    made = {factories.make_order(store, now=DAY).number for _ in range(5)}
    seen = [number for page in range(1, 6) for number in numbers(ask(api, page=page, per_page=1))]
    assert (len(seen), set(seen)) == (5, made)


@pytest.mark.parametrize(
    ("by", "places"),
    [
        ("creationDate,asc", [0, 1, 2, 3]),
        ("creationDate,ASC", [0, 1, 2, 3]),
        ("creationDate", [3, 2, 1, 0]),
        ("totalValue,desc", [3, 2, 1, 0]),
        ("totalValue,asc", [0, 1, 2, 3]),
        ("status,asc", [2, 1, 0, 3]),
        ("authorizedDate,asc", [1, 3, 0, 2]),
        ("authorizedDate,desc", [3, 1, 2, 0]),
    ],
)
def test_orders_are_sorted(api, orders, by, places):
    assert numbers(ask(api, orderBy=by)) == [orders[place].number for place in places]


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ({"f_status": "handling"}, [1]),
        ({"f_status": "handling, canceled"}, [2, 1]),
        ({"f_status": ""}, [3, 2, 1, 0]),
        ({"f_creationDate": "creationDate:[2026-02-02T00:00:00.000Z TO 2026-02-03T23:59:59.999Z]"}, [2, 1]),
        ({"f_creationDate": "creationDate:[2026-02-02T12:00:00Z TO 2026-02-02T12:00:00Z]"}, [1]),
        ({"f_creationDate": "creationDate:[* TO 2026-02-02T00:00:00Z]"}, [0]),
        ({"f_creationDate": "creationDate:[2026-02-03 TO *]"}, [3, 2]),
        ({"f_creationDate": "creationDate:[2026-02-02T10:00:00-03:00 TO *]"}, [3, 2]),
        ({"f_creationDate": "creationDate:[2026-02-02T09:00:01 TO 2026-02-03T09:00:00]"}, [2]),  # the store's time
        ({"f_authorizedDate": "authorizedDate:[* TO *]"}, [3, 2, 1, 0]),
        ({"f_authorizedDate": "authorizedDate:[2026-01-01 TO *]"}, [3, 1]),
        ({"f_invoicedDate": "invoicedDate:[2026-01-01 TO *]"}, []),
        ({"f_status": "handling", "f_creationDate": "creationDate:[2026-02-03 TO *]"}, []),
        ({"q": "BUYER2@people.example"}, [2]),
        ({"q": "buyer@people.example"}, []),
        ({"q": " buyer2@people.example ", "f_status": "handling"}, []),
        ({"incompleteOrders": False, "searchField": "x", "utm": 1}, [3, 2, 1, 0]),
    ],
)
def test_orders_are_filtered(api, orders, query, places):
    answer = ask(api, **query)
    assert numbers(answer) == [orders[place].number for place in places]
    assert answer.json()["paging"]["total"] == len(places)


def test_an_order_is_found_by_its_numbers_and_aliases(api, orders):
    order = orders[1]
    alias = order.aliases.get(party="customer").address.text()
    assert [numbers(ask(api, q=text)) for text in (order.number, order.marketplace_number, alias)] == [
        [order.number]
    ] * 3


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"page": 0}, "page"),
        ({"page": "x"}, "page"),
        ({"page": 1_001}, "page"),
        ({"per_page": 0}, "per_page"),
        ({"per_page": 101}, "per_page"),
        ({"orderBy": "name,asc"}, "orderBy"),
        ({"orderBy": "creationDate,up"}, "orderBy"),
        ({"f_status": "handling,lost"}, "f_status"),
        ({"f_creationDate": "yesterday"}, "f_creationDate"),
        ({"f_creationDate": "creationDate:[x TO y]"}, "f_creationDate"),
        ({"f_creationDate": "creationDate:[2026 TO 2027]"}, "f_creationDate"),
        ({"f_creationDate": "creationDate:[0001-01-01 TO 9999-12-31]"}, "f_creationDate"),
        ({"f_creationDate": "invoicedDate:[* TO *]"}, "f_creationDate"),
        ({"f_salesChannel": "1"}, "f_salesChannel"),
        ({"q": "x" * 321}, "q"),
    ],
)
def test_what_cannot_be_asked_for_is_named(api, orders, query, path):
    answer = ask(api, **query)
    assert (answer.status_code, [found["path"] for found in answer.json()["problems"]]) == (400, [path])


def test_figures_are_of_all_orders_found_when_they_are_asked_for(api, orders):
    found = ask(api, per_page=1, _stats=1).json()["stats"]["stats"]
    assert {name: found["totalValue"][name] for name in ("Count", "Sum", "Min", "Max", "Mean", "SumOfSquares")} == {
        "Count": 4, "Sum": 10_000.0, "Min": 1_000.0, "Max": 4_000.0, "Mean": 2_500.0, "SumOfSquares": 30_000_000.0,
    }  # fmt: skip
    assert found["totalItems"]["Sum"] == 20.0
    assert ask(api).json()["stats"]["stats"]["totalValue"]["Sum"] == 0.0


def test_the_largest_values_add_up(api, store):
    for _ in range(3):
        factories.make_order(store, value=10**15)
    assert ask(api, _stats=1).json()["stats"]["stats"]["totalValue"]["Sum"] == 3e15


def test_a_row_has_its_fields(api, store):
    [placed] = api.place(make_order()).json()
    [row] = ask(api).json()["list"]
    order = Order.objects.get()
    expected = {
        "orderId": placed["orderId"],
        "clientName": "Maria Silva",
        "totalValue": 25_980,
        "status": "order-created",
        "statusDescription": "Order created",
        "marketPlaceOrderId": "shop-1",
        "sequence": str(500_000 + order.pk),
        "totalItems": 2,
        "currencyCode": "BRL",
        "hostname": "acme",
        "origin": "Fulfillment",
        "invoiceOutput": None,
        "isAllDelivered": False,
        "lastMessageUnread": None,
    }
    assert {name: row[name] for name in expected} == expected
    assert row["items"] == [
        {
            "seller": "1", "quantity": 2, "description": "Lamp", "ean": None, "refId": None, "id": "sku-7",
            "productId": None, "sellingPrice": 12_990, "price": 12_990,
        }
    ]  # fmt: skip


def test_a_row_tells_of_invoices_deliveries_and_the_last_mail(api, store):
    placed = factories.place_order(store, value=2)
    order = placed.order
    Order.objects.update(status=Status.HANDLING)
    for number, value, kind in (("F-1", 1, "Output"), ("F-2", 1, "Output"), ("R-1", 1, "Input")):
        draft = factories.make_invoice_draft(number, value, kind=InvoiceKind(kind))
        invoicing.invoice(order, draft, actor="ERP", now=DAY)
    factories.make_mail(placed.store_alias, placed.customer_alias, text="Invoiced!", reason=Reason.ORDER_MAIL)
    seen = []
    for number in ("F-1", "F-2"):
        shipping.track(order, shipping.find(order, number), [], delivered_at=DAY, actor="Fast", now=DAY)
        [row] = ask(api).json()["list"]
        seen.append((row["isAnyDelivered"], row["isAllDelivered"]))
    assert seen == [(True, False), (True, True)]
    assert (row["invoiceOutput"], row["invoiceInput"], row["lastMessageUnread"]) == (
        ["F-1", "F-2"],
        ["R-1"],
        "Invoiced!",
    )


def test_nothing_of_another_store_is_listed(api, orders):
    foreign = factories.make_order(email="buyer1@people.example")
    alias = foreign.aliases.get(party="customer").address.text()
    queries: list[dict[str, Any]] = [{}, *({"q": text} for text in (foreign.number, "buyer1@people.example", alias))]
    assert [foreign.number in numbers(ask(api, **query)) for query in queries] == [False] * 4


@pytest.mark.parametrize("mask_type", MaskType)
def test_no_row_shows_a_real_address(db, mask_type):
    api = Api(factories.make_store("acme", mask_type=mask_type))
    order = make_order(clientProfileData__firstName="maria.silva@people.example")
    order["items"][0]["name"] = "For MARIA.SILVA@people.example"
    order["paymentData"] = {"payments": [{"paymentSystemName": "of maria.silva@people.example"}]}
    api.place(order)
    answer = ask(api)
    shown = answer.content.decode()
    for alias in Order.objects.get().aliases.all():
        shown = shown.replace(alias.address.text(), "")
    assert "people.example" not in shown.lower()


def test_a_list_of_100_orders_asks_the_database_as_often_as_one_of_10(api, store):
    counts: list[int] = []
    for many, rows in ((10, 10), (90, 100)):
        for _ in range(many):
            placed = factories.place_order(store)
            factories.make_mail(placed.store_alias, placed.customer_alias, reason=Reason.ORDER_MAIL)
        with CaptureQueriesContext(connection) as queries:
            assert len(numbers(ask(api, per_page=100, _stats=1))) == rows
        counts.append(len(queries))
    assert counts == [8, 8]
