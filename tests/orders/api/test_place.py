"""Orders come in through the API: whole or not at all, once, and with aliases in the answer."""

from __future__ import annotations

import json
import re
import threading
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from orders import placing
from orders.models import Customer, MaskType, Order, Status, Store, TimelineEntry
from tests import factories
from tests.orders.api.conftest import ONE, Api, make_order, rows
from tests.orders.concurrency import at_once

MOST_STATEMENTS = 15


def test_an_order_is_answered_as_posted_with_its_number_and_aliases(api):
    answer = api.place(make_order())
    order = Order.objects.get()
    customer, store = (order.aliases.get(party=party).address.text() for party in ("customer", "store"))
    posted = make_order(clientProfileData__email=customer)
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json; charset=utf-8")
    assert answer.json() == [{**posted, "orderId": order.number, "followUpEmail": store}]
    assert re.fullmatch(r"[0-9]{13}-[0-9]{2}", order.number)


def test_what_was_posted_is_kept(api):
    api.place(make_order())
    order = Order.objects.get()
    assert (order.marketplace_number, order.value, order.item_count, order.status) == (
        "shop-1",
        25_980,
        2,
        Status.ORDER_CREATED,
    )
    customer = order.customer
    assert (customer.address.text(), customer.name.text(), customer.phone.text(), customer.document.text()) == (
        "maria.silva@people.example",
        "Maria Silva",
        "+5511987654321",
        "12345678909",
    )
    assert (customer.locale, order.document.json(), rows()) == ("pt-BR", make_order(), ONE)
    assert TimelineEntry.objects.earliest("pk").actor == "Acme ERP"


@pytest.mark.parametrize("mask_type", MaskType)
def test_the_answer_holds_aliases_of_the_stores_form(db, mask_type):
    store = factories.make_store("acme", mask_type=mask_type)
    [posted] = Api(store).place(make_order()).json()
    shapes = {
        MaskType.HARD: (r"[0-9a-f]{32}@ct\.acme\.example",) * 2,
        MaskType.SOFT: (
            r"maria\.silva@people\.example-[0-9]{12}b\.ct\.acme\.example",
            r"help@acme\.example-[0-9]{12}b\.ct\.acme\.example",
        ),
    }[mask_type]
    assert re.fullmatch(shapes[0], posted["clientProfileData"]["email"])
    assert re.fullmatch(shapes[1], posted["followUpEmail"])


def test_several_orders_are_answered_in_the_order_they_came(api):
    numbers = [f"shop-{number}" for number in (5, 3, 9, 1)]
    emails = ["z@people.example", "a@people.example", "m@people.example", "a@people.example"]
    answer = api.place(
        *[
            make_order(marketplaceOrderId=number, clientProfileData__email=email)
            for number, email in zip(numbers, emails, strict=True)
        ]
    )
    assert [order["marketplaceOrderId"] for order in answer.json()] == numbers
    kept = {order.number: order for order in Order.objects.select_related("customer")}
    assert [kept[order["orderId"]].customer.address.text() for order in answer.json()] == emails
    assert rows() == {"Customer": 3, "Order": 4, "Alias": 8, "TimelineEntry": 12}


def test_the_same_marketplace_order_again_is_the_first_one_as_it_stands(api):
    first = api.place(make_order())
    changed = make_order(clientProfileData__email="other@people.example", marketplacePaymentValue=1, openTextField="x")
    again = api.place(changed)
    assert (again.status_code, again.json()) == (200, first.json())
    assert rows() == ONE


def test_the_same_order_twice_in_one_array_is_placed_once(api):
    answer = api.place(make_order(), make_order())
    assert answer.status_code == 200
    assert (answer.json()[0], rows()) == (answer.json()[1], ONE)


def test_the_same_marketplace_order_of_another_store_is_another_order(api):
    [first] = api.place(make_order()).json()
    [second] = Api(factories.make_store()).place(make_order()).json()
    assert (first["orderId"] != second["orderId"], Order.objects.count()) == (True, 2)


def test_fields_nobody_knows_are_kept_and_answered(api):
    extra = {"sellerNote": {"a": [1, 2.5, True, None]}}
    [posted] = api.place(make_order(marketplaceServicesEndpoint="https://x.example", customData=extra)).json()
    assert (posted["customData"], posted["marketplaceServicesEndpoint"]) == (extra, "https://x.example")


def test_the_least_that_an_order_needs(api):
    least = {
        "marketplaceOrderId": "shop-1",
        "marketplacePaymentValue": 0,
        "items": [{"id": "1", "quantity": 1, "price": 0}],
        "clientProfileData": {"email": "m@people.example"},
    }
    assert (api.place(least).status_code, rows()) == (200, ONE)
    assert Customer.objects.get().name.text() == ""


@pytest.mark.parametrize(
    ("email", "kept"),
    [
        ("maria@bücher.example", "maria@xn--bcher-kva.example"),
        ("maria@xn--bcher-kva.example", "maria@xn--bcher-kva.example"),
        ('"maria silva"@people.example', '"maria silva"@people.example'),
        ("maría@people.example", "maría@people.example"),
        ("Maria+Shop@PEOPLE.example", "Maria+Shop@people.example"),
        ("o'neil+a&b@people.example", "o'neil+a&b@people.example"),
        ("  maria@people.example  ", "maria@people.example"),
        ("maria@relay.firefox.example", "maria@relay.firefox.example"),
    ],
)
@pytest.mark.parametrize("mask_type", MaskType)
def test_any_address_is_accepted_and_masked(db, mask_type, email, kept):
    api = Api(factories.make_store("acme", mask_type=mask_type))
    answer = api.place(make_order(clientProfileData__email=email, openTextField=f"Write to {email.strip()}, please"))
    [posted] = answer.json()
    alias = posted["clientProfileData"]["email"]
    assert (answer.status_code, Customer.objects.get().address.text()) == (200, kept)
    assert posted["openTextField"] == f"Write to {alias}, please"
    assert alias.endswith("ct.acme.example")


def test_names_in_any_script_come_back_as_they_were(api):
    names = {"clientProfileData__firstName": "Łucja 🌷", "clientProfileData__lastName": "Ångström-山田"}
    [posted] = api.place(make_order(**names)).json()
    assert (posted["clientProfileData"]["firstName"], Customer.objects.get().name.text()) == (
        "Łucja 🌷",
        "Łucja 🌷 Ångström-山田",
    )


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "wish-1"}], ids=["plain", "with-idempotency-key"])
def test_placing_an_order_takes_at_most_15_statements(api, headers):
    counts = []
    for number, last_name in enumerate(("Silva", "Silva", "Souza")):  # a new customer, a known one, one who changed
        order = make_order(marketplaceOrderId=f"shop-{number}", clientProfileData__lastName=last_name)
        named = {name: f"{value}-{number}" for name, value in headers.items()}
        counts.append(statements(api, order, **named))
    assert max(counts) <= MOST_STATEMENTS
    print(f"\nplacing one order: {counts} statements")  # noqa: T201  worth knowing


def test_each_further_order_of_an_array_costs_less_than_the_first(api):
    first, three = (
        statements(api, *(make_order(marketplaceOrderId=f"shop-{many}-{number}") for number in range(many)))
        for many in (1, 3)
    )
    assert three < 3 * first


def statements(api: Any, *orders: dict[str, Any], **headers: str) -> int:
    """How many statements placing these orders takes, the ends of the call's transaction among them."""
    with CaptureQueriesContext(connection) as queries:
        answer = api.place(*orders, **headers)
    assert (answer.status_code, len(answer.json())) == (200, len(orders))
    has_ends = any(query["sql"].startswith("SAVEPOINT") for query in queries)  # the test's own transaction is around it
    return len(queries) + (0 if has_ends else 2)


@pytest.mark.parametrize("text", ["nul \0", "surrogate \ud800", "maria.silva@people.example \ud800\0"])
def test_an_odd_text_in_a_free_field_is_kept_as_it_is(api, text):
    answer = api.place(make_order(openTextField=text, shippingData={"note": text, text: 1}))
    assert answer.status_code == 200
    assert (Order.objects.get().document.json()["openTextField"], rows()) == (text, ONE)
    assert api.read(Order.objects.get().number).status_code == 200
    assert b"maria.silva" not in answer.content


@pytest.mark.parametrize(
    ("locale", "kept"), [("pt-BR", "pt-BR"), ("es", "es"), (None, ""), ("zh-Hant-TW", "zh-Hant-TW")]
)
def test_the_customers_language_is_kept_if_it_was_said(api, locale, kept):
    api.place(make_order(clientPreferencesData__locale=locale))
    assert Customer.objects.get().locale == kept


def test_a_body_nested_as_orders_are_is_taken(api):
    nested = json.loads("[" * 25 + "]" * 25)
    assert api.place(make_order(openTextField=nested)).json()[0]["openTextField"] == nested


def test_a_large_body_under_the_limit_is_taken(api):
    items = [{"id": f"sku-{number}", "quantity": 1, "price": 1, "name": "Lamp " * 90} for number in range(1_000)]
    answer = api.place(make_order(items=items))
    assert (answer.status_code, len(answer.json()[0]["items"]), rows()) == (200, 1_000, ONE)


def test_the_content_type_does_not_matter(api):
    answer = api.post(json.dumps([make_order()]), content_type="text/plain")
    assert (answer.status_code, rows()) == (200, ONE)


class TestAtOnce:
    """Several calls, each on a connection of its own."""

    pytestmark = pytest.mark.django_db(transaction=True)

    def test_the_same_order_posted_at_once_is_placed_once(self):
        api = Api(factories.make_store())
        answers = at_once(*[lambda: api.place(make_order())] * 5)
        assert [answer.status_code for answer in answers] == [200] * 5
        assert len({answer.content for answer in answers}) == 1
        assert rows() == ONE

    def test_the_same_orders_posted_in_opposite_directions_do_not_wait_in_a_circle(self):
        api = Api(factories.make_store())
        orders = [
            make_order(marketplaceOrderId=f"shop-{number}", clientProfileData__email=f"c{number % 7}@people.example")
            for number in range(30)
        ]
        answers = at_once(*[lambda: api.place(*orders), lambda: api.place(*reversed(orders))] * 2)
        assert [answer.status_code for answer in answers] == [200] * 4
        assert rows() == {"Customer": 7, "Order": 30, "Alias": 60, "TimelineEntry": 90}

    def test_a_call_that_waits_for_the_same_order_gets_it(self):
        api = Api(factories.make_store())
        store = Store.objects.get()
        placed, let_go = threading.Event(), threading.Event()

        def slow() -> str:
            with transaction.atomic():
                order = factories.make_order(
                    store, marketplace_number="shop-1", document=make_order(), email="maria.silva@people.example"
                )
                placed.set()
                let_go.wait(10)
            return order.number

        def quick() -> str:
            placed.wait(10)
            threading.Timer(0.3, let_go.set).start()
            return str(api.place(make_order()).json()[0]["orderId"])

        one, other = at_once(slow, quick)
        assert (one, rows()) == (other, ONE)


def test_channel_and_affiliate_may_stand_in_the_address(api):
    orders = [make_order(), make_order(marketplaceOrderId="shop-2", salesChannel="9")]
    answer = api.send("POST", "/api/fulfillment/pvt/orders?sc=2&affiliateId=MKP", orders)
    shown = [api.read(order["orderId"]).json() for order in answer.json()]
    assert [(order["salesChannel"], order["affiliateId"]) for order in shown] == [("2", "MKP"), ("9", "MKP")]


@pytest.mark.parametrize(
    ("said", "currency", "digits"),
    [({"currencyCode": "JPY"}, "JPY", 0), ({"currencyCode": "kwd", "timeZone": "x"}, "KWD", 3),
     ({"currencyCode": ""}, "BRL", 2), ({}, "BRL", 2), (None, "BRL", 2)],
)  # fmt: skip
def test_an_order_is_in_the_currency_that_it_says(api, said, currency, digits):
    [placed] = api.place(make_order(storePreferencesData=said)).json()
    shown = api.read(placed["orderId"]).json()["storePreferencesData"]
    assert (shown["currencyCode"], shown["currencyFormatInfo"]["CurrencyDecimalDigits"]) == (currency, digits)
    assert Order.objects.get().currency == currency


def test_numbers_where_a_text_is_meant_and_empty_texts_are_taken(api):
    order = make_order(
        marketplaceOrderId=956, clientProfileData__document=12345678909, clientProfileData__phone=5511987654321,
        clientPreferencesData__locale="",
    )  # fmt: skip
    order["items"] = [
        {"id": 7, "quantity": 1, "seller": 1, "price": 10, "name": 50},
        {**order["items"][0], "seller": None},
    ]
    [placed] = api.place(order).json()
    found = api.read(placed["orderId"]).json()
    assert (found["marketplaceOrderId"], found["clientProfileData"]["document"]) == ("956", "12345678909")
    assert [(item["id"], item["seller"], item["name"]) for item in found["items"]] == [
        ("7", "1", "50"), ("sku-7", "1", "Lamp"),
    ]  # fmt: skip


class TestAnAliasForAnAddress:
    """As whoever reads orders here is given it, and posts it again for another order of the same customer."""

    @pytest.mark.parametrize("mask_type", ["hard", "soft"])
    def test_the_stores_own_stands_for_its_customer(self, api, store, mask_type):
        Store.objects.filter(pk=store.pk).update(mask_type=mask_type)
        shown = api.place(make_order()).json()[0]["clientProfileData"]["email"]
        answer = api.place(make_order(marketplaceOrderId="again", clientProfileData={"email": shown.upper()}))
        first, second = Order.objects.order_by("pk")
        assert answer.status_code == 200
        assert second.customer == first.customer
        alias, _ = placing.parties(second.aliases.all())
        assert (alias.real.text(), alias.address.text() == shown) == (first.customer.address.text(), False)
        assert shown not in str(second.document.json())

    def test_one_of_another_store_is_refused_like_one_that_nobody_has(self, api):
        other = factories.place_order(factories.make_store("elsewhere"))
        domain = other.order.store.tracking_domain
        answers = [
            api.place(make_order(clientProfileData={"email": address})).json()
            for address in (other.customer_alias.address.text(), f"{'0' * 32}@{domain}")
        ]
        assert answers[0]["problems"] == answers[1]["problems"]
        assert answers[0]["problems"][0]["path"] == "0.clientProfileData.email"
        assert Order.objects.count() == 1

    def test_an_address_that_looks_like_one_and_is_none_is_an_address(self, api):
        assert api.place(make_order(clientProfileData={"email": f"{'0' * 32}@people.example"})).status_code == 200
