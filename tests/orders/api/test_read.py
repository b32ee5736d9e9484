"""An order is read back with aliases in the place of addresses, wherever an address hides."""

from __future__ import annotations

import html
import json
from typing import Any
from urllib.parse import quote, unquote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.dateparse import parse_datetime

from orders import flow
from orders.models import MaskType, Order, Status
from orders.secrecy import Secret
from tests import factories
from tests.orders.api.conftest import READ, Api, make_order

REAL = "maria.silva@people.example"
STORE = "help@acme.example"
HIDING_PLACES = [
    REAL,
    REAL.upper(),
    REAL.replace("@", "+gifts@"),
    f"Maria Silva <{REAL}>",
    f"mailto:{REAL}?subject=hi",
    quote(REAL, safe=""),
    quote(quote(REAL, safe=""), safe=""),
    REAL.replace("@", " @ "),
    REAL.replace("@", "&#64;"),
    "".join(f"&#{ord(char)};" for char in REAL),
    "".join(f"%{ord(char):02x}" for char in REAL),
    REAL.replace("@", "＠"),
    REAL.replace("@", "\u200b@"),
    REAL.replace(".", "\u3002"),
    f"{REAL}-1b.elsewhere.example",
    f'{{"email": "{REAL}"}}',
    f"{REAL} and {STORE.upper()}",
]


def shown(answer: Any) -> str:
    """All that a reader or program could make of the answer."""
    plain = json.dumps(answer.json(), ensure_ascii=False)
    return "\n".join([answer.content.decode(), plain, unquote(unquote(plain)), html.unescape(plain)]).lower()


@pytest.fixture
def number(api) -> str:
    """The number of an order placed through the API."""
    return str(api.place(make_order()).json()[0]["orderId"])


def test_an_order_is_read_in_its_shape(api, number):
    answer = api.read(number)
    order = Order.objects.get()
    customer, store = (order.aliases.get(party=party).address.text() for party in ("customer", "store"))
    found = answer.json()
    assert parse_datetime(found.pop("creationDate")) == order.placed_at
    assert (answer.status_code, found) == (
        200,
        {
            "orderId": number,
            "sequence": str(500_000 + order.pk),
            "marketplaceOrderId": "shop-1",
            "origin": "Fulfillment",
            "status": "order-created",
            "statusDescription": "Order created",
            "value": 25_980,
            "hostname": "acme",
            "followUpEmail": store,
            "items": [{"id": "sku-7", "quantity": 2, "seller": "1", "price": 12_990, "name": "Lamp"}],
            "totals": [{"id": "Items", "name": "Items Total", "value": 25_980}],
            "clientProfileData": {
                "id": "clientProfileData",
                "email": customer,
                "firstName": "Maria",
                "lastName": "Silva",
                "documentType": "cpf",
                "document": "12345678909",
                "phone": "+5511987654321",
                "userProfileId": str(order.customer.profile_id),
            },
            "clientPreferencesData": {"locale": "pt-BR", "optinNewsLetter": True},
            "shippingData": make_order()["shippingData"],
            "paymentData": None,
            "openTextField": None,
            "storePreferencesData": {"currencyCode": "BRL", "timeZone": "America/Sao_Paulo"},
        },
    )


def test_reading_gives_the_aliases_that_placing_gave(api):
    [posted] = api.place(make_order()).json()
    read = api.read(posted["orderId"]).json()
    assert (read["clientProfileData"]["email"], read["followUpEmail"]) == (
        posted["clientProfileData"]["email"],
        posted["followUpEmail"],
    )


def test_the_status_is_the_orders(api, number):
    flow.move(Order.objects.get(), Status.WAITING_FOR_AUTHORIZATION, actor="Shop", now=Order.objects.get().placed_at)
    found = api.read(number).json()
    assert (found["status"], found["statusDescription"]) == (
        "waiting-for-authorization",
        "Waiting for seller confirmation",
    )


def test_a_customer_is_recognised_by_a_pseudonym_in_all_orders(api):
    answers = [api.place(make_order(marketplaceOrderId=f"shop-{n}")).json()[0]["orderId"] for n in range(2)]
    profiles = [api.read(number).json()["clientProfileData"] for number in answers]
    assert profiles[0]["userProfileId"] == profiles[1]["userProfileId"]
    assert profiles[0]["email"] != profiles[1]["email"]


@pytest.mark.parametrize("hidden", HIDING_PLACES)
def test_no_answer_shows_a_real_address(api, hidden):
    order = make_order(
        openTextField=f"Please write to {hidden}!",
        shippingData={"address": {"receiver": [{"contact": hidden}]}, hidden: 1},
        paymentData={"payer": hidden},
        clientProfileData__corporateName=hidden,
        note=[[hidden]],
    )
    order["items"][0]["name"] = hidden
    placed = api.place(order)
    again = api.place(order)
    read = api.read(placed.json()[0]["orderId"])
    assert [answer.status_code for answer in (placed, again, read)] == [200, 200, 200]
    assert [
        ["silva@" in shown(answer), "people" in shown(answer), STORE in shown(answer)]
        for answer in (placed, again, read)
    ] == [[False] * 3] * 3


@pytest.mark.parametrize("hidden", [REAL, f"<{REAL}>", REAL.replace("@", "+gifts@"), STORE])
def test_a_soft_stores_answers_show_addresses_only_inside_aliases(db, hidden):
    api = Api(factories.make_store("acme", mask_type=MaskType.SOFT))
    placed = api.place(make_order(openTextField=f"Write to {hidden}!"))
    read = api.read(placed.json()[0]["orderId"])
    aliases = [alias.address.text() for alias in Order.objects.get().aliases.all()]
    for answer in (placed, read):
        text = answer.content.decode()
        for alias in aliases:
            text = text.replace(alias, "")
        assert (REAL in text, "silva@" in text, STORE in text) == (False, False, False)


def test_a_carriers_address_is_masked_once_it_is_a_party(api, number):
    carrier = factories.make_third_party(Order.objects.get(), email="driver@haulage.example")
    order = Order.objects.get()
    order.document = Secret.of_json(make_order(openTextField="The carrier is Driver@Haulage.example"))
    order.save()
    expected = f"The carrier is {carrier.address.text()}"
    assert api.read(number).json()["openTextField"] == expected
    assert api.place(make_order()).json()[0]["openTextField"] == expected


def test_reading_takes_a_fixed_number_of_statements(api, number):
    counts = []
    for parties in (0, 5):
        for _ in range(parties):
            factories.make_third_party(Order.objects.get())
        with CaptureQueriesContext(connection) as queries:
            assert api.read(number).status_code == 200
        counts.append(len(queries))
    print(f"\nreading an order: {counts[0]} statements")  # noqa: T201  worth knowing
    assert counts == [3, 3]


@pytest.mark.parametrize(
    "unknown",
    ["1000000000000-01", "no-such-order", "x" * 5_000, "a%00b", "%ED%A0%80", "%F0%9F%8C%B7", "..", "'; DROP TABLE"],
)
def test_an_order_that_does_not_exist_is_404(api, unknown):
    answer = api.read(unknown)
    assert (answer.status_code, answer.json()) == (
        404,
        {"error": {"code": "not_found", "message": "There is no such order in this store.", "exception": None}},
    )


def test_a_foreign_order_and_one_that_does_not_exist_are_answered_alike(api, number):
    theirs = Api(factories.make_store())
    foreign, unknown = theirs.read(number), theirs.read("1000000000000-01")
    assert (foreign.status_code, foreign.content, dict(foreign.items())) == (
        404,
        unknown.content,
        dict(unknown.items()),
    )


def test_two_stores_with_one_order_number_each_read_their_own(api, number):
    theirs = Api(factories.make_store())
    theirs.place(make_order(openTextField="theirs"))
    Order.objects.filter(store=theirs.key.store).update(number=number)
    assert (api.read(number).json()["openTextField"], theirs.read(number).json()["openTextField"]) == (None, "theirs")


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_another_method_changes_nothing(api, number, client, method):
    before = Order.objects.values().get()
    assert getattr(client, method)(READ + number, headers=api.headers).status_code == 405
    assert Order.objects.values().get() == before
