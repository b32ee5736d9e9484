"""An order is read back with aliases in the place of addresses, wherever an address hides."""

from __future__ import annotations

from types import NoneType
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.dateparse import parse_datetime

from orders import flow
from orders.models import Order, Status
from orders.outcomes import Reason
from tests import factories
from tests.orders.api.conftest import READ, Api, make_order

REAL = "maria.silva@people.example"


# Every field that public clients of this API name, with its type; None beside it where it may be empty.
TEXT, MAYBE, WHOLE, FLAG, OBJECT, LIST = (str,), (str, NoneType), (int,), (bool,), (dict,), (list,)
FIELDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(
        ("orderId", "sequence", "marketplaceOrderId", "sellerOrderId", "origin", "affiliateId", "salesChannel",
         "status", "statusDescription", "creationDate", "lastChange", "followUpEmail", "hostname"), TEXT),
    **dict.fromkeys(
        ("marketplaceServicesEndpoint", "merchantName", "orderGroup", "lastMessage", "orderFormId", "authorizedDate",
         "invoicedDate", "cancelReason", "checkedInPickupPointId"), MAYBE),
    **dict.fromkeys(("value", "roundingError"), WHOLE),
    **dict.fromkeys(
        ("workflowIsInError", "isCompleted", "allowCancellation", "allowEdition", "isCheckedIn"), FLAG),
    **dict.fromkeys(
        ("clientProfileData", "clientPreferencesData", "shippingData", "paymentData", "packageAttachment",
         "marketplace", "ratesAndBenefitsData", "storePreferencesData", "itemMetadata"), OBJECT),
    **dict.fromkeys(("items", "marketplaceItems", "totals", "sellers", "cancellationRequests"), LIST),
    **dict.fromkeys(
        ("giftRegistryData", "marketingData", "invoiceData", "changesAttachment", "openTextField", "customData",
         "subscriptionData", "taxData", "cancellationData"), (NoneType, dict)),
    "callCenterOperatorData": (NoneType, dict),
    "commercialConditionData": MAYBE,
}  # fmt: skip
INSIDE = {
    "items.0": """uniqueId id productId ean lockId itemAttachment attachments quantity seller name refId price listPrice
        manualPrice priceTags imageUrl detailUrl components bundleItems params offerings sellerSku priceValidUntil
        commission tax preSaleDate additionalInfo measurementUnit unitMultiplier sellingPrice isGift shippingPrice
        rewardValue freightCommission priceDefinition taxCode productCategories""",
    "items.0.additionalInfo": """brandName brandId categoriesIds productClusterId commercialConditionId dimension
        offeringInfo offeringType offeringTypeId""",
    "items.0.additionalInfo.dimension": "cubicweight height length weight width",
    "totals.0": "id name value",
    "sellers.0": "id name logo",
    "clientProfileData": """corporateDocument corporateName corporatePhone document documentType email firstName
        lastName phone stateInscription tradeName userProfileId isCorporate id customerClass""",
    "clientPreferencesData": "locale optinNewsLetter",
    "shippingData": "id address logisticsInfo trackingHints selectedAddresses",
    "shippingData.address": """addressId addressType receiverName complement city state country neighborhood postalCode
        reference street number geoCoordinates""",
    "shippingData.logisticsInfo.0": """shippingEstimate itemIndex lockTTL price selectedSla deliveryWindow listPrice
        sellingPrice deliveryCompany shippingEstimateDate slas shipsTo deliveryIds deliveryChannel pickupStoreInfo
        addressId polygonName""",
    "paymentData": "transactions giftCards",
    "paymentData.transactions.0": "isActive transactionId merchantName payments",
    "packageAttachment": "packages",
    "ratesAndBenefitsData": "id rateAndBenefitsIdentifiers",
    "marketplace": "baseURL isCertified name",
    "storePreferencesData": "countryCode currencyCode currencyFormatInfo currencyLocale currencySymbol timeZone",
    "storePreferencesData.currencyFormatInfo": """CurrencyDecimalDigits CurrencyDecimalSeparator CurrencyGroupSeparator
        CurrencyGroupSize StartsWithCurrencySymbol""",
}


def at(document: Any, path: str) -> Any:
    for part in path.split("."):
        document = document[int(part) if part.isdigit() else part]
    return document


def test_an_order_has_every_field_with_its_type(api, number):
    found = api.read(number).json()
    wrong = {
        name: found.get(name, "missing") for name, types in FIELDS.items() if type(found.get(name, ...)) not in types
    }
    assert wrong == {}
    missing = {path: set(names.split()) - set(at(found, path)) for path, names in INSIDE.items()}
    assert {path: names for path, names in missing.items() if names} == {}


def test_an_order_says_what_was_posted_and_where_it_stands(api, number):
    found = api.read(number).json()
    order = Order.objects.get()
    customer, store = (order.aliases.get(party=party).address.text() for party in ("customer", "store"))
    assert parse_datetime(found["creationDate"]) == order.placed_at
    expected = {
        "orderId": number,
        "sequence": str(500_000 + order.pk),
        "marketplaceOrderId": "shop-1",
        "origin": "Fulfillment",
        "status": "order-created",
        "statusDescription": "Order created",
        "value": 25_980,
        "hostname": "acme",
        "followUpEmail": store,
        "clientProfileData.email": customer,
        "clientProfileData.firstName": "Maria",
        "clientProfileData.document": "12345678909",
        "clientProfileData.userProfileId": str(order.customer.profile_id),
        "clientPreferencesData": {"locale": "pt-BR", "optinNewsLetter": True},
        "items.0.id": "sku-7",
        "items.0.quantity": 2,
        "items.0.price": 12_990,
        "items.0.sellingPrice": 12_990,
        "shippingData.address.street": "Rua das Flores",
        "shippingData.selectedAddresses.0.receiverName": "Maria Silva",
        "shippingData.logisticsInfo.0.price": 990,
        "paymentData.transactions.0.payments": [],
        "packageAttachment.packages": [],
        "sellers.0.id": "1",
        "itemMetadata.Items.0.Name": "Lamp",
        "storePreferencesData.currencySymbol": "R$",
        "storePreferencesData.timeZone": "America/Sao_Paulo",
        "openTextField": None,
        "lastMessage": None,
        "cancellationData": None,
        "changesAttachment": None,
        "authorizedDate": None,
        "allowCancellation": True,
        "allowEdition": True,
    }
    assert {path: at(found, path) for path in expected} == expected
    assert sum(total["value"] for total in found["totals"]) == found["value"]


def test_an_order_tells_of_its_invoices_and_parcels(api, store):
    order = factories.make_order_at(Status.HANDLING, store=store, email=REAL)
    body = {
        "invoiceNumber": "F-1", "invoiceValue": 10_000, "issuanceDate": "2026-02-01", "courier": f"Fast for {REAL}",
        "trackingNumber": "T-1", "trackingUrl": f"https://fast.example/?to={REAL}", "invoiceKey": "K", "cfop": "5102",
        "items": [{"id": "bulb", "quantity": 2, "price": 1_000, "description": REAL}],
    }  # fmt: skip
    api.act(order, "invoice", body)
    events = [{"city": REAL, "state": "PE", "description": f"Left at {REAL}", "date": "2026-02-02T10:00:00Z"}]
    api.act(order, "invoice/F-1/tracking", {"isDelivered": True, "events": events}, method="PUT")
    answer = api.read(order.number)
    alias = order.aliases.get(party="customer").address.text()
    [package] = answer.json()["packageAttachment"]["packages"]
    status = package.pop("courierStatus")
    assert {name: package[name] for name in (*body, "type") if name != "issuanceDate"} == {
        **{name: value for name, value in body.items() if name != "issuanceDate"},
        "type": "Output",
        "courier": f"Fast for {alias}",
        "trackingUrl": f"https://fast.example/?to={alias}",
        "items": [{"itemIndex": 1, "quantity": 2, "price": 1_000, "description": alias, "unitMultiplier": 1.0}],
    }
    assert (status["status"], status["finished"], status["data"][0]["city"]) == (f"Left at {alias}", True, alias)
    assert status["data"][0]["lastChange"] == "2026-02-02T10:00:00.0000000+00:00"
    assert (answer.json()["status"], answer.json()["allowCancellation"]) == ("invoice", False)
    assert REAL not in answer.content.decode()


def test_a_cancelled_order_says_by_whom_when_and_why(api, store):
    sold_out, denied = (factories.make_order_at(Status.PAYMENT_PENDING, store=store) for _ in range(2))
    api.act(sold_out, "cancel", {"reason": "sold out"})
    api.act(denied, "payments/1/payment-denied", {"reason": "no funds"})
    found = [api.read(order.number).json() for order in (sold_out, denied)]
    assert [(one["cancelReason"], one["cancellationData"]["Reason"]) for one in found] == [
        ("sold out",) * 2,
        ("no funds",) * 2,
    ]
    names = ("RequestedByUser", "RequestedBySystem", "RequestedBySellerNotification", "RequestedByPaymentNotification")
    assert [[one["cancellationData"][name] for name in names] for one in found] == [
        [False, False, True, False],
        [False, False, False, True],
    ]
    canceled_at = Order.objects.get(pk=sold_out.pk).canceled_at
    assert parse_datetime(found[0]["cancellationData"]["CancellationDate"]) == canceled_at


def test_an_order_tells_of_its_changes(api, store):
    order = factories.make_order_at(Status.HANDLING, store=store)
    body = {
        "reason": "sold out", "discountValue": 100, "itemsRemoved": [{"id": "bulb", "quantity": 3, "price": 1_000}],
        "itemsAdded": [{"id": "shade", "quantity": 1, "price": 700}],
    }  # fmt: skip
    receipt = api.act(order, "changes", body).json()
    found = api.read(order.number).json()
    [change] = found["changesAttachment"]["changesData"]
    assert change["receipt"] == receipt
    assert (change["reason"], change["discountValue"], change["incrementValue"]) == ("sold out", 100, 0)
    assert [[(item["id"], item["quantity"]) for item in change[name]] for name in ("itemsRemoved", "itemsAdded")] == [
        [("bulb", 3)],
        [("shade", 1)],
    ]
    assert api.send("GET", f"/api/order-system/orders/{order.number}/changes").json() == [change]


def test_the_last_message_is_the_excerpt_of_the_last_order_mail(api, store):
    placed = factories.place_order(store)
    for text, reason in (("Thank you", Reason.ORDER_MAIL), ("On its way", Reason.ORDER_MAIL), ("Hi", Reason.WRITTEN)):
        factories.make_mail(placed.store_alias, placed.customer_alias, text=text, reason=reason)
    factories.make_mail(placed.customer_alias, placed.store_alias, text="copy", reason=Reason.ORDER_MAIL)
    assert api.read(placed.order.number).json()["lastMessage"] == "On its way"


@pytest.mark.parametrize("junk", [7, -1.5, "x", [], {}, [[]], [{}], {"a": 1}, True, None, [None], "\ud800", 10**400])
def test_whatever_was_posted_in_free_fields_an_order_keeps_its_shape(api, junk):
    inside = ("address", "logisticsInfo", "selectedAddresses", "transactions", "payments", "giftCards")
    free = ("paymentData", "shippingData")
    extra = (
        "marketplace",
        "sellers",
        "invoiceData",
        "customData",
        "giftRegistryData",
        "marketingData",
        "subscriptionData",
        "taxData",
        "openTextField",
        "salesChannel",
        "ratesAndBenefitsData",
        "callCenterOperatorData",
        "commercialConditionData",
    )
    order = make_order(**dict.fromkeys(extra, junk), **{name: dict.fromkeys(inside, junk) for name in free})
    names = ("productId", "listPrice", "additionalInfo", "attachments", "unitMultiplier", "isGift", "itemAttachment")
    order["items"][0].update(dict.fromkeys(names, junk))
    order["clientProfileData"]["isCorporate"] = junk
    placed = api.place(order)
    assert placed.status_code == 200, placed.content
    found = api.read(placed.json()[0]["orderId"])
    assert found.status_code == 200
    wrong = {name for name, types in FIELDS.items() if type(found.json()[name]) not in types}
    assert wrong == set()
    assert api.send("GET", "/api/oms/pvt/orders").status_code == 200


@pytest.mark.parametrize("odd", ["half \ud800", 10**400, 0.1, 1e300, "ação \U0001f6d2\u2028", [None, {"": [True]}]])
def test_whatever_an_object_holds_is_answered_as_posted(api, odd):
    [placed] = api.place(make_order(customData={"odd": odd})).json()
    answer = api.read(placed["orderId"])
    assert (answer.json()["customData"], answer["Content-Type"]) == ({"odd": odd}, "application/json; charset=utf-8")


def test_objects_are_answered_as_posted_and_a_bare_open_text_as_an_object(api):
    given = {"marketingData": {"utmSource": "mail", "coupon": None}, "openTextField": {"value": "Ring twice", "by": 1}}
    first, second = api.place(
        make_order(**given), make_order(marketplaceOrderId="2", openTextField="Ring twice", marketingData="mail")
    ).json()
    found = api.read(first["orderId"]).json()
    assert {name: found[name] for name in given} == given
    found = api.read(second["orderId"]).json()
    assert (found["openTextField"], found["marketingData"]) == ({"value": "Ring twice"}, None)


def test_who_took_the_order_and_on_what_conditions_have_their_types(api):
    order = make_order(
        callCenterOperatorData={"id": "operator", "email": "ana@store.example", "userName": "ana", "desk": 7},
        commercialConditionData="On account.",
    )
    order["shippingData"] |= {"trackingHints": "none", "logisticsInfo": [{"itemIndex": 0, "deliveryWindow": "9 to 12"}]}
    order["paymentData"] = {"payments": [{"billingAddress": ["Rua"], "value": 1}]}
    order["items"][0]["priceDefinition"] = "cheap"
    found = api.read(api.place(order).json()[0]["orderId"]).json()
    assert found["callCenterOperatorData"] == {"id": "operator", "email": "ana@store.example", "userName": "ana"}
    assert found["commercialConditionData"] == "On account."
    wrong = (
        "shippingData.trackingHints", "shippingData.logisticsInfo.0.deliveryWindow", "items.0.priceDefinition",
        "paymentData.transactions.0.payments.0.billingAddress",
    )  # fmt: skip
    assert [at(found, path) for path in wrong] == [None] * 4


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


def test_reading_takes_a_fixed_number_of_statements(api, number):
    counts = []
    for parties in (0, 5):
        for _ in range(parties):
            factories.make_third_party(Order.objects.get())
        with CaptureQueriesContext(connection) as queries:
            assert api.read(number).status_code == 200
        counts.append(len(queries))
    print(f"\nreading an order: {counts[0]} statements")  # noqa: T201  worth knowing
    assert counts == [6, 6]


def test_an_order_is_read_by_its_sequence_too_and_only_in_its_store(api, number):
    sequence = api.read(number).json()["sequence"]
    assert api.read(f"seq{sequence}").json()["orderId"] == number
    other = Api(factories.make_store())
    assert [
        one.status_code for one in (other.read(f"seq{sequence}"), api.read("seq0"), api.read("seq" + "9" * 30))
    ] == [404] * 3


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
    counted = {"RateLimit"}
    heads = [{name: value for name, value in one.items() if name not in counted} for one in (foreign, unknown)]
    assert (foreign.status_code, foreign.content, heads[0]) == (404, unknown.content, heads[1])


def test_two_stores_with_one_order_number_each_read_their_own(api, number):
    theirs = Api(factories.make_store())
    theirs.place(make_order(customData={"whose": "theirs"}))
    Order.objects.filter(store=theirs.key.store).update(number=number)
    assert [one.read(number).json()["customData"] for one in (api, theirs)] == [None, {"whose": "theirs"}]


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_another_method_changes_nothing(api, number, client, method):
    before = Order.objects.values().get()
    assert getattr(client, method)(READ + number, headers=api.headers).status_code == 405
    assert Order.objects.values().get() == before


def test_the_last_message_is_read_without_reading_the_mails(api, store):
    placed = factories.place_order(store)
    for words in ("First words", "Last words"):
        factories.make_mail(placed.store_alias, placed.customer_alias, text=words, reason=Reason.ORDER_MAIL)
    with CaptureQueriesContext(connection) as queries:
        assert api.read(placed.order.number).json()["lastMessage"] == "Last words"
    asked = [query["sql"] for query in queries if 'FROM "orders_timelineentry"' in query["sql"]]
    mails = [sql for sql in asked if "'mail'" in sql]
    assert [(sql.startswith('SELECT "orders_timelineentry"."first_words"'), "LIMIT 1" in sql) for sql in mails] == [
        (True, True)
    ]
