"""What is wrong with posted orders is named by its path, and nothing of them is placed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.orders.api.conftest import NOTHING, make_order, rows


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


def test_a_number_that_spells_the_customers_address_is_named(api):
    spelled = make_order(marketplaceOrderId="maria.silva(at)people.example")
    answer = api.place(make_order(), spelled)
    assert (answer.status_code, paths(answer), rows()) == (400, ["1.marketplaceOrderId"], NOTHING)


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


@pytest.mark.parametrize("locale", ["portuguese please", 7, "pt_BR\n"])
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


def test_a_body_over_the_limit_is_413(api):
    answer = api.post("[" + " " * 5_000_000 + "]")
    assert (answer.status_code, rows()) == (413, NOTHING)


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_another_method_is_405(api, client, method):
    answer = getattr(client, method)("/api/fulfillment/pvt/orders", headers=api.headers)
    assert (answer.status_code, rows()) == (405, NOTHING)


@pytest.mark.parametrize("code", ["QQQ", "R$", "BRLX", 986])
def test_a_currency_that_is_none_is_named(api, code):
    answer = api.place(make_order(storePreferencesData={"currencyCode": code}))
    assert [one["path"] for one in answer.json()["problems"]] == ["0.storePreferencesData.currencyCode"]
    assert (answer.status_code, rows()) == (400, NOTHING)
