"""An order of a shop that another system invoices or follows, by the API."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from conversation_tracker.models import OrderMail, TemplateKey
from orders import events
from orders.models import Alert, EventKind, Invoice, Order, OrderEvent, ShopDelivery, Store
from tests.orders.api.conftest import Api
from tests.orders.shops import payloads

pytestmark = pytest.mark.django_db

WAY = {"courier": "Correios", "trackingNumber": "BR1", "trackingUrl": "https://carrier.example/BR1"}
DONE = {"financial_status": "paid", "fulfillment_status": "fulfilled"}


def invoiced(store: Store, shop: Any, *values: int, **way: str) -> tuple[Order, Api]:
    """A paid order of which a system invoices these values, before its shop sends it, and that system."""
    store.cancellation_window = 0
    store.save()
    if shop.kind == "shopify":
        payloads.post_shopify(shop, payloads.shopify(financial_status="paid"))
    else:
        payloads.post_woocommerce(shop, payloads.woocommerce("processing"))
    payloads.work()
    order, api = Order.objects.get(), Api(store)
    assert api.act(order, "start-handling").status_code == 204
    for number, value in enumerate(values, 1):
        document = {"type": "Output", "issuanceDate": "2026-11-23T10:00:00", "invoiceNumber": f"NF-{number}",
                    "invoiceValue": value, "items": [], **way}  # fmt: skip
        assert api.act(order, "invoice", document).status_code == 200
    return order, api


def posts(shop: Any, topic: str, payload: dict[str, Any]) -> None:
    payloads.post_shopify(shop, payload, topic=topic)
    payloads.work()


def told() -> list[str]:
    while events.dispatch(now=timezone.now()):
        pass
    return list(OrderMail.objects.order_by("pk").values_list("template", flat=True))


@pytest.mark.parametrize("way", [{}, {**WAY, "trackingNumber": "1Z2345"}], ids=["without its way", "with the same way"])
def test_a_parcel_of_an_order_that_another_system_invoiced_is_followed(way, shopify, store):
    invoiced(store, shopify, 27_980, **way)
    sent = payloads.parcel()
    posts(shopify, "fulfillments/create", sent)
    posts(shopify, "orders/fulfilled", payloads.shopify(**DONE, fulfillments=[sent]))
    posts(
        shopify, "fulfillments/update", {**sent, "shipment_status": "delivered", "updated_at": "2026-11-25T12:00:00Z"}
    )
    invoice = Invoice.objects.get()
    assert (invoice.number, invoice.tracking_number.text()) == ("NF-1", "1Z2345")
    assert invoice.delivered_at is not None
    mails = told()
    assert (mails.count(TemplateKey.SHIPPED), mails.count(TemplateKey.DELIVERED)) == (1, 1)
    assert not Alert.objects.open().exists()
    assert "impossible" not in ShopDelivery.objects.values_list("outcome", flat=True)


@pytest.mark.parametrize(
    ("values", "items"),
    [([27_980], [payloads.BULB]), ([20_000, 7_980], [payloads.LAMPS, payloads.BULB])],
    ids=["a part of it", "of two invoices"],
)
def test_where_it_is_not_plain_which_goods_a_parcel_holds_staff_are_told(values, items, shopify, store):
    invoiced(store, shopify, *values)
    posts(shopify, "fulfillments/create", payloads.parcel(1, items))
    assert [one.about for one in Alert.objects.open()] == ["parcel-1"]
    assert {one.tracking_number.text() for one in Invoice.objects.all()} == {""}


def test_another_number_than_the_other_system_s_changes_nothing_and_staff_are_told(shopify, store):
    invoiced(store, shopify, 27_980, **WAY)
    posts(shopify, "fulfillments/create", payloads.parcel(1))
    assert [one.about for one in Alert.objects.open()] == ["parcel-1"]
    assert Invoice.objects.get().tracking_number.text() == "BR1"


def test_an_order_that_is_completed_after_all_of_it_was_invoiced_needs_nobody(woo, store):
    invoiced(store, woo, 26_980, **WAY)
    payloads.post_woocommerce(woo, payloads.woocommerce("completed"))
    payloads.work()
    assert not Alert.objects.open().exists()
    assert Invoice.objects.count() == 1
    assert ShopDelivery.objects.latest("pk").outcome == "nothing"


def test_a_time_that_another_system_told_stays_and_is_told_once(woo, store):
    """Plug-ins for tracking post by the API what WooCommerce does not know."""
    way = {**WAY, "dispatchedDate": "2026-11-23T15:00:00"}
    payloads.post_woocommerce(woo, payloads.woocommerce("completed"))
    payloads.work()
    order, api = Order.objects.get(), Api(store)
    for minute in range(3):
        assert api.act(order, "invoice/727", way, method="PATCH").status_code == 200
        payloads.post_woocommerce(
            woo, payloads.woocommerce("completed", date_modified_gmt=f"2026-11-24T10:0{minute}:00")
        )
        payloads.work()
    assert OrderEvent.objects.filter(kind=EventKind.SHIPPED).count() == 1
    at = Invoice.objects.get().dispatched_at
    assert at is not None
    assert at.isoformat() == "2026-11-23T18:00:00+00:00"


def test_the_first_of_two_invoices_of_another_system_is_that_of_its_parcel(shopify, store):
    order, api = invoiced(store, shopify, 20_000, **{**WAY, "trackingNumber": "1Z2345"})
    first, second = payloads.parcel(1, [payloads.LAMPS]), payloads.parcel(2, [payloads.BULB], tracking_number="BR2")
    posts(shopify, "fulfillments/create", first)
    document = {"type": "Output", "issuanceDate": "2026-11-23T10:00:00", "invoiceNumber": "NF-2",
                "invoiceValue": 7_980, "items": [], **WAY, "trackingNumber": "BR2"}  # fmt: skip
    assert api.act(order, "invoice", document).status_code == 200
    posts(shopify, "fulfillments/create", second)
    posts(shopify, "orders/fulfilled", payloads.shopify(**DONE, fulfillments=[first, second]))
    assert [one.number for one in Invoice.objects.order_by("pk")] == ["NF-1", "NF-2"]
    assert told().count(TemplateKey.SHIPPED) == 2
    assert not Alert.objects.open().exists()


@pytest.mark.parametrize("cents", [0, 1])
def test_what_another_system_left_is_told_to_nobody_as_an_invoice(cents, woo, store):
    """As of an item that was given back before, or by a cent."""
    invoiced(store, woo, 26_980 - (cents or 12_990), **WAY)
    refunds = [] if cents else [{"id": 900, "reason": "", "total": "-129.90"}]
    payloads.post_woocommerce(woo, payloads.woocommerce("completed", refunds=refunds))
    payloads.work()
    assert told().count(TemplateKey.INVOICED) == 1
    assert Order.objects.get().status == "invoiced"


def test_another_sku_of_the_same_goods_is_no_change(woo):
    """WooCommerce tells the one that a product has now."""
    line: dict[str, Any] = payloads.woocommerce()["line_items"][0]
    payloads.post_woocommerce(woo, payloads.woocommerce("processing"))
    names: list[dict[str, Any]] = [{"sku": "LAMP-NEW"}, {"sku": None, "product_id": 0}]
    for number, later in enumerate(names):
        at = f"2026-11-24T10:0{number}:00"
        payloads.post_woocommerce(
            woo, payloads.woocommerce("processing", line_items=[{**line, **later}], date_modified_gmt=at)
        )
    payloads.work()
    assert not OrderEvent.objects.filter(kind=EventKind.CHANGED).exists()


@pytest.mark.parametrize("is_sent", [False, True])
def test_a_refund_that_takes_its_time_is_no_edit(is_sent, shopify):
    sent = {"fulfillments": [payloads.parcel()], "fulfillment_status": "fulfilled"} if is_sent else {}
    posts(shopify, "orders/create", payloads.shopify(financial_status="paid", **sent))
    items = [payloads.LAMPS, {**payloads.BULB, "current_quantity": 0}]
    for hour, status in ((10, "pending"), (11, "success")):
        given = {"id": 1, "kind": "refund", "status": status, "amount": "10.00", "currency": "USD"}
        refund = {**payloads.refund(1, "10.00"), "transactions": [given]}
        edited = payloads.shopify(
            financial_status="paid", refunds=[refund], current_total_price="269.80", line_items=items,
            updated_at=f"2026-11-24T{hour}:00:00-05:00", **sent,
        )  # fmt: skip
        posts(shopify, "orders/updated", edited)
    assert not Alert.objects.open().exists()
    assert not OrderEvent.objects.filter(kind=EventKind.CHANGED, details=None).exists()
    assert Order.objects.get().value == 27_980


def test_a_parcel_that_another_system_invoiced_is_followed_to_another_number_and_its_end(shopify, store):
    invoiced(store, shopify, 27_980)
    sent = payloads.parcel()
    posts(shopify, "fulfillments/create", sent)
    again = {**sent, "tracking_number": "OK2", "updated_at": "2026-11-24T12:00:00Z"}
    posts(shopify, "fulfillments/update", again)
    arrived = {**again, "shipment_status": "delivered", "updated_at": "2026-11-25T12:00:00Z"}
    posts(shopify, "fulfillments/update", arrived)
    invoice = Invoice.objects.get()
    assert (invoice.tracking_number.text(), invoice.delivered_at is None) == ("OK2", False)
    assert not Alert.objects.open().exists()
    posts(shopify, "fulfillments/update", {**again, "status": "cancelled", "updated_at": "2026-11-26T12:00:00Z"})
    assert [one.about for one in Alert.objects.open()] == [f"undone-{sent['id']}"]


def test_each_parcel_stays_on_its_invoice_when_its_number_is_corrected_and_another_is_undone(shopify, store):
    order, api = invoiced(store, shopify, 20_000, **{**WAY, "trackingNumber": "OLD1"})
    document = {"type": "Output", "issuanceDate": "2026-11-23T10:00:00", "invoiceNumber": "NF-2",
                "invoiceValue": 7_980, "items": [], **WAY, "trackingNumber": "OLD2"}  # fmt: skip
    assert api.act(order, "invoice", document).status_code == 200
    parcels = [
        payloads.parcel(1, [payloads.LAMPS], tracking_number="OLD1"),
        payloads.parcel(2, [payloads.BULB], tracking_number="OLD2"),
    ]
    for sent in parcels:
        posts(shopify, "fulfillments/create", sent)
    corrected = {**parcels[1], "tracking_number": "NEW2", "updated_at": "2026-11-24T12:00:00Z"}
    posts(shopify, "fulfillments/update", corrected)
    numbers = {one.number: one.tracking_number.text() for one in Invoice.objects.all()}
    assert numbers == {"NF-1": "OLD1", "NF-2": "NEW2"}
    posts(shopify, "fulfillments/update", {**payloads.parcel(3), "status": "cancelled"})  # which nobody was told of
    assert not Alert.objects.open().exists()
    posts(shopify, "fulfillments/update", {**corrected, "status": "cancelled", "updated_at": "2026-11-25T12:00:00Z"})
    assert [one.about for one in Alert.objects.open()] == ["undone-2"]


def test_a_parcel_of_what_another_system_invoices_in_parts_is_not_invoiced_again(shopify, store):
    order, api = invoiced(store, shopify, 25_980)
    lamps = payloads.parcel(1, [payloads.LAMPS])
    posts(shopify, "fulfillments/create", lamps)
    assert ([one.about for one in Alert.objects.open()], Invoice.objects.count()) == (["parcel-1"], 1)
    assert told().count(TemplateKey.INVOICED) == 1
    way = {**WAY, "trackingNumber": "1Z2345"}
    assert api.act(order, "invoice/NF-1", way, method="PATCH").status_code == 200
    posts(shopify, "fulfillments/update", {**lamps, "updated_at": "2026-11-24T12:00:00Z"})
    assert not Alert.objects.open().exists()


def test_goods_called_otherwise_are_known_by_their_new_name(woo, store):
    line: dict[str, Any] = payloads.woocommerce()["line_items"][0]
    invoiced(store, woo)
    named = {**line, "sku": "LAMP-NEW"}
    payloads.post_woocommerce(
        woo, payloads.woocommerce("processing", line_items=[named], date_modified_gmt="2026-11-24T10:00:00")
    )
    payloads.work()
    assert [item["id"] for item in Order.objects.get().document.json()["items"]] == ["LAMP-NEW"]
    assert not OrderEvent.objects.filter(kind=EventKind.CHANGED).exists()
