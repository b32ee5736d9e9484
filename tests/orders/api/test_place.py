"""Orders come in through the API: whole or not at all, once, and with aliases in the answer."""

from __future__ import annotations

import json
import re
import threading
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from orders.models import Customer, MaskType, Order, Status, Store, TimelineEntry
from tests import factories
from tests.orders.api.conftest import NOTHING, ONE, Api, make_order, rows
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


def problems(answer: Any) -> list[tuple[str, str]]:
    return [(problem["path"], problem["message"]) for problem in answer.json()["problems"]]


def paths(answer: Any) -> list[str]:
    return [path for path, _ in problems(answer)]


def test_every_problem_is_listed_by_its_path_and_nothing_is_created(api):
    bad = {
        "marketplaceOrderId": "",
        "marketplacePaymentValue": 12.5,
        "items": [{"id": "1", "quantity": 0, "price": -1}, {"quantity": "2", "price": "1"}, "lamp"],
        "clientProfileData": {"email": "not an address", "firstName": 7},
        "shippingData": [],
    }
    answer = api.place(make_order(), bad)
    assert answer.status_code == 400
    assert sorted(paths(answer)) == [
        "1.clientProfileData.email",
        "1.clientProfileData.firstName",
        "1.items.0.price",
        "1.items.0.quantity",
        "1.items.1.id",
        "1.items.1.price",
        "1.items.1.quantity",
        "1.items.2",
        "1.marketplaceOrderId",
        "1.marketplacePaymentValue",
        "1.shippingData",
    ]
    assert answer.json()["error"]["code"] == "invalid"
    assert answer.json()["error"]["message"].endswith("and 10 more. Nothing was changed.")
    assert rows() == NOTHING


@pytest.mark.parametrize("missing", ["marketplaceOrderId", "marketplacePaymentValue", "items", "clientProfileData"])
def test_a_missing_field_is_named(api, missing):
    order = make_order()
    del order[missing]
    answer = api.place(order)
    assert (answer.status_code, problems(answer), rows()) == (400, [(f"0.{missing}", "Field required")], NOTHING)


def test_an_empty_order_misses_all_that_is_needed(api):
    answer = api.place({})
    assert (answer.status_code, sorted(paths(answer)), rows()) == (
        400,
        ["0.clientProfileData", "0.items", "0.marketplaceOrderId", "0.marketplacePaymentValue"],
        NOTHING,
    )


@pytest.mark.parametrize(
    "email",
    [
        "",
        "maria",
        "maria@",
        "@people.example",
        "maria@people..example",
        "maria silva@people.example",
        "Maria <maria@people.example>",
        "maria@people.example\nBcc: eve@evil.example",
        "maria@people.example, eve@evil.example",
        "m" * 65 + "@people.example",
        "maria@" + "p" * 64 + ".example",
        "m" * 400 + "@people.example",
        "maria\0@people.example",
        "maria\ud800@people.example",
        None,
        7,
        ["maria@people.example"],
    ],
)
def test_an_email_that_cannot_be_an_address_is_named(api, email):
    answer = api.place(make_order(clientProfileData__email=email))
    assert (answer.status_code, paths(answer), rows()) == (400, ["0.clientProfileData.email"], NOTHING)


def test_a_refusal_does_not_repeat_the_address(api):
    answer = api.place(make_order(clientProfileData__email="maria..silva@people.example"))
    assert (answer.status_code, "silva" in answer.content.decode()) == (400, False)


@pytest.mark.parametrize("value", [-1, 0.5, 100.0, "100", True, None, 10**16, 10**400, [], {}])
@pytest.mark.parametrize("path", ["marketplacePaymentValue", "items.0.price"])
def test_money_is_whole_minor_units(api, path, value):
    order = make_order()
    (order["items"][0] if "." in path else order)[path.rpartition(".")[2]] = value
    answer = api.place(order)
    assert (answer.status_code, paths(answer), rows()) == (400, [f"0.{path}"], NOTHING)


@pytest.mark.parametrize("quantity", [0, -1, 1.5, "1", 10**7, True, None])
def test_a_quantity_is_a_whole_number_from_one(api, quantity):
    order = make_order()
    order["items"][0]["quantity"] = quantity
    answer = api.place(order)
    assert (answer.status_code, paths(answer), rows()) == (400, ["0.items.0.quantity"], NOTHING)


@pytest.mark.parametrize("text", ["nul \0", "surrogate \ud800", "x" * 501])
@pytest.mark.parametrize("field", ["clientProfileData__firstName", "marketplaceOrderId", "clientProfileData__document"])
def test_a_text_that_cannot_be_stored_is_named(api, field, text):
    answer = api.place(make_order(**{field: text}))
    assert (answer.status_code, paths(answer), rows()) == (400, [f"0.{field.replace('__', '.')}"], NOTHING)


@pytest.mark.parametrize("text", ["nul \0", "surrogate \ud800", "maria.silva@people.example \ud800\0"])
def test_an_odd_text_in_a_free_field_is_kept_as_it_is(api, text):
    answer = api.place(make_order(openTextField=text, shippingData={"note": text, text: 1}))
    assert answer.status_code == 200
    assert (Order.objects.get().document.json()["openTextField"], rows()) == (text, ONE)
    assert api.read(Order.objects.get().number).status_code == 200
    assert b"maria.silva" not in answer.content


@pytest.mark.parametrize(
    ("locale", "kept"), [("pt-BR", "pt-BR"), ("es", "es"), (None, "en"), ("zh-Hant-TW", "zh-Hant-TW")]
)
def test_the_customers_language_is_kept_or_the_stores(api, locale, kept):
    api.place(make_order(clientPreferencesData__locale=locale))
    assert Customer.objects.get().locale == kept


@pytest.mark.parametrize("locale", ["portuguese please", "", 7, "pt_BR\n"])
def test_a_language_that_is_none_is_named(api, locale):
    answer = api.place(make_order(clientPreferencesData__locale=locale))
    assert (answer.status_code, paths(answer), rows()) == (400, ["0.clientPreferencesData.locale"], NOTHING)


@pytest.mark.parametrize("at", [0, 1, 2])
def test_one_bad_order_of_three_leaves_nothing(api, at):
    orders = [make_order(marketplaceOrderId=f"shop-{number}") for number in range(3)]
    orders[at]["clientProfileData"]["email"] = "nobody"
    answer = api.place(*orders)
    assert (answer.status_code, paths(answer), rows()) == (400, [f"{at}.clientProfileData.email"], NOTHING)


@pytest.mark.parametrize("body", ["[]", "{}", "null", "7", '"text"', "true", json.dumps(make_order())])
def test_what_is_not_an_array_of_orders_is_refused(api, body):
    answer = api.post(body)
    assert (answer.status_code, answer.json()["error"]["code"], paths(answer), rows()) == (
        400,
        "invalid",
        [""],
        NOTHING,
    )


def test_more_orders_than_a_call_may_hold_are_refused(api):
    answer = api.place(*[make_order(marketplaceOrderId=f"shop-{number}") for number in range(101)])
    assert (answer.status_code, paths(answer), rows()) == (400, [""], NOTHING)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "not json",
        '[{"a": 1',
        "[1,]",
        b"\xff\xfe\xfa",
        b"[\xe9]",
        "[NaN]",
        '[{"openTextField": NaN}]',
        '[{"openTextField": -Infinity}]',
        '[{"openTextField": 1e999}]',
        '[{"openTextField": ' + "9" * 5_000 + "}]",
        "\0",
        "<xml/>",
        "a=1&b=2",
    ],
)
def test_what_is_not_json_is_refused(api, body):
    answer = api.post(body)
    assert (answer.status_code, answer.json()["error"]["code"], rows()) == (400, "invalid", NOTHING)
    assert "Nothing was changed" in answer.json()["error"]["message"]


@pytest.mark.parametrize("depth", [40, 200, 900, 5_000, 100_000])
@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a":', "}")])
def test_a_body_nested_too_deep_is_refused(api, depth, opened, closed):
    nested = json.dumps(make_order(openTextField="?")).replace('"?"', opened * depth + "1" + closed * depth)
    answer = api.post(f"[{nested}]")
    assert (answer.status_code, answer.json()["error"]["code"], rows()) == (400, "invalid", NOTHING)
    assert "deeper" in answer.json()["error"]["message"]


def test_a_body_nested_as_orders_are_is_taken(api):
    nested = json.loads("[" * 25 + "]" * 25)
    assert api.place(make_order(openTextField=nested)).json()[0]["openTextField"] == nested


def test_a_body_over_the_limit_is_413(api):
    answer = api.post("[" + " " * 5_000_000 + "]")
    assert (answer.status_code, rows()) == (413, NOTHING)


def test_a_large_body_under_the_limit_is_taken(api):
    items = [{"id": f"sku-{number}", "quantity": 1, "price": 1, "name": "Lamp " * 90} for number in range(1_000)]
    answer = api.place(make_order(items=items))
    assert (answer.status_code, len(answer.json()[0]["items"]), rows()) == (200, 1_000, ONE)


def test_the_content_type_does_not_matter(api):
    answer = api.post(json.dumps([make_order()]), content_type="text/plain")
    assert (answer.status_code, rows()) == (200, ONE)


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_another_method_is_405(api, client, method):
    answer = getattr(client, method)("/api/fulfillment/pvt/orders", headers=api.headers)
    assert (answer.status_code, rows()) == (405, NOTHING)


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


@pytest.mark.parametrize("code", ["QQQ", "R$", "BRLX", 986])
def test_a_currency_that_is_none_is_named(api, code):
    answer = api.place(make_order(storePreferencesData={"currencyCode": code}))
    assert [one["path"] for one in answer.json()["problems"]] == ["0.storePreferencesData.currencyCode"]
    assert (answer.status_code, rows()) == (400, NOTHING)
