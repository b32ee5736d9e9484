"""What shops post becomes orders, and brings them along."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from orders import changing, flow, payment
from orders.models import (
    Alert,
    EventKind,
    Invoice,
    Order,
    OrderEvent,
    ShopDelivery,
    ShopDeliveryState,
    ShopKind,
    ShopOutcome,
    Status,
    TimelineEntry,
)
from orders.shops import deliveries
from tests import factories
from tests.orders.shops import payloads

pytestmark = pytest.mark.django_db


def outcomes() -> list[str]:
    return list(ShopDelivery.objects.order_by("pk").values_list("outcome", flat=True))


def woo_says(shop: Any, *states: str, **fields: Any) -> Order:
    for status in states:
        assert payloads.post_woocommerce(shop, payloads.woocommerce(status, **fields)).status_code == 200
        payloads.work()
    return Order.objects.get()


def shopify_says(shop: Any, topic: str, payload: dict[str, Any]) -> Order:
    assert payloads.post_shopify(shop, payload, topic=topic).status_code == 200
    payloads.work()
    return Order.objects.get()


def statuses(order: Order) -> list[str]:
    return list(
        TimelineEntry.objects.filter(order=order, kind="status").order_by("pk").values_list("new_status", flat=True)
    )


HANDED = ["window-to-cancel", "ready-for-handling", "start-handling", "handling", "invoice", "invoiced"]


def test_an_order_of_woocommerce_is_placed_as_it_was_made(woo):
    order = woo_says(woo, "pending")
    document = order.document.json()
    assert (order.value, order.currency, order.item_count, order.source) == (26_980, "BRL", 2, "woocommerce")
    assert order.marketplace_number == f"woocommerce-{woo.pk}-727"
    assert (order.customer.address.text(), order.customer.name.text()) == (payloads.BUYER, "Maria Silva")
    assert document["items"] == [{"id": "LAMP-1", "quantity": 2, "seller": "1", "price": 12_990, "name": "Lamp"}]
    assert (order.status, outcomes()) == (Status.ORDER_CREATED, [ShopOutcome.TAKEN])


def test_the_api_shows_an_order_of_a_shop_masked(woo, store):
    from tests.orders.api.conftest import Api

    order = woo_says(woo, "pending")
    shown = Api(store).read(order.number).json()
    assert payloads.BUYER not in str(shown)
    assert (shown["clientProfileData"]["firstName"], shown["value"]) == ("Maria", 26_980)


@pytest.mark.parametrize(
    ("states", "ends"),
    [
        (["pending"], Status.ORDER_CREATED),
        (["on-hold"], Status.ORDER_CREATED),
        (["pending", "failed"], Status.ORDER_CREATED),
        (["failed", "processing"], Status.WINDOW_TO_CANCEL),
        (["processing"], Status.WINDOW_TO_CANCEL),
        (["processing", "pending"], Status.WINDOW_TO_CANCEL),
        (["completed"], Status.INVOICED),
        (["completed", "processing", "pending"], Status.INVOICED),
        (["pending", "processing", "completed"], Status.INVOICED),
        (["cancelled"], Status.CANCELED),
        (["processing", "cancelled"], Status.CANCELED),
        (["processing", "refunded"], Status.CANCELED),
        (["pending", "trash"], Status.CANCELED),
        (["completed", "cancelled"], Status.INVOICED),
        (["lost-in-space"], Status.ORDER_CREATED),
    ],
)
def test_each_status_of_woocommerce_brings_the_order_along_and_never_back(states, ends, woo):
    assert woo_says(woo, *states).status == ends


@pytest.mark.parametrize(
    ("said", "status", "reminders"),
    [
        ({"financial_status": "authorized"}, Status.WINDOW_TO_CANCEL, 0),  # captured when it is sent
        ({"financial_status": "paid"}, Status.WINDOW_TO_CANCEL, 0),
        ({"financial_status": "partially_paid"}, Status.ORDER_CREATED, 0),
        ({"payment_gateway_names": ["Cash on Delivery (COD)"]}, Status.ORDER_CREATED, 0),
        ({"payment_gateway_names": ["Pagamento na entrega"]}, Status.ORDER_CREATED, 0),
        ({"payment_gateway_names": ["Bank Deposit"]}, Status.ORDER_CREATED, 1),
    ],
)
def test_who_has_paid_or_pays_later_is_not_asked_to(said, status, reminders, shopify):
    for _ in range(2):
        order = shopify_says(shopify, "orders/updated", payloads.shopify(**said))
    assert order.status == status
    assert payment.remind(now=timezone.now() + timedelta(days=30)) == reminders


def test_a_completed_order_walks_the_whole_flow_with_an_invoice_under_the_orders_number(woo):
    order = woo_says(woo, "completed")
    assert statuses(order)[-6:] == HANDED
    invoice = Invoice.objects.get()
    assert (invoice.number, invoice.value, invoice.kind) == ("727", 26_980, "Output")


def test_a_refund_after_completion_takes_goods_back_once(woo):
    refunds = [{"id": 9, "reason": "broken", "total": "-20.00"}]
    woo_says(woo, "completed")
    woo_says(woo, "completed", "completed", refunds=refunds)
    returned = Invoice.objects.get(kind="Input")
    assert (returned.number, returned.value, outcomes()) == ("refund-9", 2_000, ["taken", "taken", "nothing"])


def test_more_given_back_than_was_invoiced_is_told_and_not_taken(woo):
    woo_says(woo, "completed", refunds=[{"id": 9, "total": "-999.00"}])
    assert (Alert.objects.open().get().about, Invoice.objects.count()) == ("refund-9", 1)


@pytest.mark.parametrize("email", ["", "not an address", None])
def test_an_order_without_an_address_is_left_out_and_said(email, woo):
    billing = {**payloads.woocommerce()["billing"], "email": email}
    payloads.post_woocommerce(woo, payloads.woocommerce("processing", billing=billing))
    payloads.work()
    assert (outcomes(), Order.objects.count()) == ([ShopOutcome.NO_ADDRESS], 0)


@pytest.mark.parametrize(
    ("currency", "total", "price", "value", "each"),
    [
        ("USD", "12.5", 12.5, 1_250, 1_250),
        ("JPY", "1250", 1250, 1_250, 1_250),
        ("KWD", "12.345", 12.345, 12_345, 12_345),
        ("USD", "0.005", 0.005, 1, 1),
        ("BRL", "0.00", 0, 0, 0),
        ("USD", "1234567.89", 1234567.89, 123_456_789, 123_456_789),
    ],
)
def test_amounts_are_in_minor_units_of_their_currency(currency, total, price, value, each, woo):
    item = {**payloads.woocommerce()["line_items"][0], "price": price, "quantity": 1}
    order = woo_says(woo, "pending", currency=currency, total=total, line_items=[item])
    assert (order.value, order.document.json()["items"][0]["price"]) == (value, each)


def test_an_order_of_shopify_goes_from_its_creation_to_its_delivery(shopify):
    order = shopify_says(shopify, "orders/create", payloads.shopify())
    assert (order.value, order.currency, order.item_count, order.source) == (27_980, "USD", 3, "shopify")
    assert order.status == Status.ORDER_CREATED
    order = shopify_says(shopify, "orders/paid", payloads.shopify(financial_status="paid"))
    assert order.status == Status.WINDOW_TO_CANCEL
    done = {"financial_status": "paid", "fulfillment_status": "fulfilled", "fulfillments": [payloads.parcel()]}
    order = shopify_says(shopify, "orders/fulfilled", payloads.shopify(**done))
    invoice = Invoice.objects.get()
    assert (order.status, invoice.number, invoice.value) == (Status.INVOICED, "255858046", 27_980)
    assert (invoice.courier.text(), invoice.tracking_number.text()) == ("Fast Carrier", "1Z2345")
    moving = payloads.parcel(shipment_status="in_transit", updated_at="2026-11-24T09:00:00-05:00")
    shopify_says(shopify, "fulfillments/update", moving)
    arrived = payloads.parcel(shipment_status="delivered", updated_at="2026-11-25T09:00:00-05:00")
    shopify_says(shopify, "fulfillments/update", arrived)
    invoice.refresh_from_db()
    assert [event.description for event in invoice.tracking.all()] == ["In transit"]
    assert invoice.delivered_at is not None
    kinds = OrderEvent.objects.filter(invoice=invoice).order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == [EventKind.INVOICED, EventKind.SHIPPED, EventKind.TRACKING, EventKind.DELIVERED]
    assert outcomes() == ["taken"] * 5


def test_paid_before_created_is_one_order_that_is_paid(shopify):
    shopify_says(shopify, "orders/paid", payloads.shopify(financial_status="paid"))
    order = shopify_says(shopify, "orders/create", payloads.shopify())
    assert (order.status, outcomes()) == (Status.WINDOW_TO_CANCEL, ["taken", "nothing"])


def test_parcels_of_an_order_are_invoiced_in_parts_that_add_up(shopify):
    lamps, bulb = payloads.parcel(1, [payloads.LAMPS]), payloads.parcel(2, [payloads.BULB], tracking_number="other")
    paid = {"financial_status": "paid"}
    partial = payloads.shopify(**paid, fulfillment_status="partial", fulfillments=[lamps])
    order = shopify_says(shopify, "orders/partially_fulfilled", partial)
    assert order.status == Status.INVOICE
    whole = payloads.shopify(**paid, fulfillment_status="fulfilled", fulfillments=[lamps, bulb])
    order = shopify_says(shopify, "orders/fulfilled", whole)
    values = dict(Invoice.objects.values_list("number", "value"))
    assert (order.status, values) == (Status.INVOICED, {"1": 26_942, "2": 1_038})
    assert sum(values.values()) == order.value


def test_a_parcel_that_is_planned_or_cancelled_is_none(shopify):
    parcels = [payloads.parcel(1, status="cancelled"), payloads.parcel(2, status="pending")]
    order = shopify_says(shopify, "orders/updated", payloads.shopify(financial_status="paid", fulfillments=parcels))
    assert (order.status, Invoice.objects.count()) == (Status.WINDOW_TO_CANCEL, 0)


def test_an_order_cancelled_in_shopify_is_cancelled_with_its_reason(shopify):
    shopify_says(shopify, "orders/create", payloads.shopify())
    gone = payloads.shopify(cancelled_at="2026-11-23T12:00:00-05:00", cancel_reason="inventory")
    order = shopify_says(shopify, "orders/cancelled", gone)
    assert order.status == Status.CANCELED
    assert TimelineEntry.objects.filter(text="Cancelled in the shop: inventory.").exists()


def test_an_order_cancelled_here_is_not_brought_back_by_its_shop(shopify):
    order = shopify_says(shopify, "orders/create", payloads.shopify())
    flow.advance(order, Status.CANCEL, actor="staff", now=timezone.now())
    order = shopify_says(shopify, "orders/paid", payloads.shopify(financial_status="paid"))
    assert (order.status, outcomes()) == (Status.CANCELED, ["taken", "impossible"])


def test_a_refund_of_shopify_counts_what_was_given_back(shopify):
    done = {"financial_status": "paid", "fulfillment_status": "fulfilled", "fulfillments": [payloads.parcel()]}
    shopify_says(shopify, "orders/fulfilled", payloads.shopify(**done))
    shopify_says(shopify, "refunds/create", payloads.refund())
    shopify_says(shopify, "orders/updated", payloads.shopify(**done, refunds=[payloads.refund()]))
    returned = Invoice.objects.get(kind="Input")
    assert (returned.number, returned.value, outcomes()) == ("refund-509562969", 1_000, ["taken", "taken", "nothing"])


@pytest.mark.parametrize("email", ["", None])
def test_an_order_made_at_the_counter_is_left_out(email, shopify):
    anonymous = payloads.shopify(email=email, contact_email=None, customer=None)
    payloads.post_shopify(shopify, anonymous)
    payloads.work()
    assert (outcomes(), Order.objects.count()) == ([ShopOutcome.NO_ADDRESS], 0)


@pytest.mark.parametrize(
    ("topic", "payload"), [("fulfillments/update", payloads.parcel()), ("refunds/create", payloads.refund())]
)
def test_what_comes_before_its_order_waits_for_it(topic, payload, shopify):
    payloads.post_shopify(shopify, payload, topic=topic)
    payloads.work()
    delivery = ShopDelivery.objects.get()
    assert (delivery.state, delivery.trouble, delivery.attempts) == (ShopDeliveryState.PENDING, "waiting", 0)
    done = {"financial_status": "paid", "fulfillment_status": "fulfilled", "fulfillments": [payloads.parcel()]}
    shopify_says(shopify, "orders/fulfilled", payloads.shopify(**done))
    deliveries.work(now=timezone.now() + timedelta(minutes=1))
    delivery.refresh_from_db()
    assert delivery.state == ShopDeliveryState.DONE
    assert delivery.outcome in {"taken", "nothing"}


def test_what_waits_for_an_order_that_never_comes_is_settled_with_that_reason(shopify):
    payloads.post_shopify(shopify, payloads.parcel(), topic="fulfillments/update")
    payloads.work()
    deliveries.work(now=timezone.now() + timedelta(hours=2))
    assert (outcomes(), Order.objects.count()) == ([ShopOutcome.NO_ORDER], 0)


@pytest.mark.parametrize("topic", ["products/update", "orders/delete", "", "x" * 500])
def test_a_topic_that_is_not_used_is_kept_and_settled(topic, shopify):
    assert payloads.post_shopify(shopify, {"id": 1}, topic=topic).status_code == 200
    payloads.work()
    assert (outcomes(), Order.objects.count()) == ([ShopOutcome.TOPIC], 0)


def test_two_shops_of_a_store_may_count_alike(store, woo):
    other = payloads.make_shop(store, ShopKind.WOOCOMMERCE, name="outlet.example")
    for shop in (woo, other):
        payloads.post_woocommerce(shop, payloads.woocommerce())
    payloads.work()
    assert Order.objects.count() == 2


def test_what_an_order_of_a_shop_says_is_masked_on_its_timeline(woo, shopify):
    parcel = payloads.parcel(tracking_company=f"ask {payloads.BUYER}")
    done = {"financial_status": "paid", "fulfillment_status": "fulfilled", "fulfillments": [parcel]}
    payloads.post_shopify(shopify, payloads.shopify(**done))
    payloads.work()
    assert TimelineEntry.objects.filter(data__icontains=payloads.BUYER).count() == 0
    assert TimelineEntry.objects.filter(data__icontains="ask ").count() == 1


def test_another_stores_orders_are_left_alone(woo):
    foreign = payloads.make_shop(factories.make_store(), ShopKind.SHOPIFY)
    woo_says(woo, "pending")
    payloads.post_shopify(foreign, payloads.refund(), topic="refunds/create")
    payloads.work()
    assert Order.objects.get().store == woo.store


def changes(order: Order) -> list[tuple[int, int]]:
    entries = TimelineEntry.objects.filter(order=order, kind="change").order_by("pk")
    return [(entry.data["before"], entry.data["after"]) for entry in entries]


THREE = {
    "line_items": [{**payloads.woocommerce()["line_items"][0], "quantity": 3, "total": "389.70"}],
    "total": "399.70",
}


def test_an_order_edited_in_its_shop_is_changed_once(woo):
    woo_says(woo, "pending")
    order = woo_says(woo, "pending", "on-hold", "pending", **THREE)
    assert (order.value, order.item_count, changes(order)) == (39_970, 3, [(26_980, 39_970)])
    entry = TimelineEntry.objects.get(order=order, kind="change")
    assert (entry.text, entry.actor, [item["quantity"] for item in entry.data["added"]], entry.data["removed"]) == (
        "Changed in the shop.", "shop.example", [1], [],
    )  # fmt: skip
    assert (outcomes(), [item["quantity"] for item in order.document.json()["items"]]) == (
        ["taken", "taken", "nothing", "nothing"], [3],
    )  # fmt: skip
    assert woo_says(woo, "completed", **THREE).status == Status.INVOICED
    assert Invoice.objects.get().value == 39_970


def test_only_another_total_is_taken_over_too(woo):
    woo_says(woo, "pending")
    order = woo_says(woo, "pending", total="250.00")
    assert (order.value, changes(order)) == (25_000, [(26_980, 25_000)])
    assert TimelineEntry.objects.get(kind="change").data["discount"] == 1_980


def test_an_edit_that_comes_late_undoes_nothing(woo):
    woo_says(woo, "pending", date_modified_gmt="2026-11-23T10:00:00")
    woo_says(woo, "pending", date_modified_gmt="2026-11-23T12:00:00", total="300.00")
    order = woo_says(woo, "pending", date_modified_gmt="2026-11-23T11:00:00", **THREE)
    assert (order.value, changes(order), outcomes()) == (30_000, [(26_980, 30_000)], ["taken", "taken", "nothing"])
    woo_says(woo, "pending", date_modified_gmt="2026-11-23T13:00:00", total="300.00")
    order = woo_says(woo, "pending", date_modified_gmt="2026-11-23T12:30:00")
    assert (order.value, len(changes(order))) == (30_000, 1)


def test_what_was_changed_here_stays_until_the_shop_changes_it(woo):
    order = woo_says(woo, "pending")
    changing.change(order, changing.Change(reason="a gift", discount=980), actor="staff", now=timezone.now())
    assert woo_says(woo, "on-hold").value == 26_000
    assert woo_says(woo, "pending", **THREE).value == 39_970


def test_an_edit_after_all_was_invoiced_is_told_and_not_taken(woo):
    order = woo_says(woo, "completed")
    order = woo_says(woo, "completed", **THREE)
    assert (order.value, changes(order), outcomes()) == (26_980, [], ["taken", "impossible"])


def test_shopify_tells_edits_and_refunds_apart(shopify):
    shopify_says(shopify, "orders/create", payloads.shopify())
    lamps = [{**payloads.LAMPS, "current_quantity": 1}, {**payloads.BULB, "current_quantity": 0}]
    edited = payloads.shopify(line_items=lamps, current_total_price="149.90", updated_at="2026-11-22T12:00:00-05:00")
    order = shopify_says(shopify, "orders/updated", edited)
    assert (order.value, order.item_count, changes(order)) == (14_990, 1, [(27_980, 14_990)])
    assert sorted(item["id"] for item in TimelineEntry.objects.get(kind="change").data["removed"]) == [
        "BULB-1",
        "LAMP-1",
    ]
    parts = {"fulfillment_status": "fulfilled", "fulfillments": [payloads.parcel(items=[payloads.LAMPS])]}
    done = {**edited, "financial_status": "paid", **parts, "updated_at": "2026-11-23T12:00:00-05:00"}
    assert shopify_says(shopify, "orders/fulfilled", done).status == Status.INVOICED
    back = {**done, "refunds": [payloads.refund()], "current_total_price": "139.90"}
    order = shopify_says(shopify, "orders/updated", {**back, "updated_at": "2026-11-24T12:00:00-05:00"})
    assert (order.value, Invoice.objects.get(kind="Input").value, outcomes()[-1]) == (14_990, 1_000, "taken")


def test_a_parcel_s_address_that_is_none_of_the_web_is_left_out(shopify):
    parcels = [payloads.parcel(tracking_url="javascript:alert(1)")]
    done = {"financial_status": "paid", "fulfillment_status": "fulfilled", "fulfillments": parcels}
    shopify_says(shopify, "orders/fulfilled", payloads.shopify(**done))
    invoice = Invoice.objects.get()
    assert (invoice.tracking_number.text(), invoice.tracking_url.text()) == ("1Z2345", "")


def test_any_order_of_calls_doubled_ends_alike(shopify):
    paid = payloads.shopify(financial_status="paid", updated_at="2026-11-22T12:00:00-05:00")
    done = {**paid, "fulfillment_status": "fulfilled", "fulfillments": [payloads.parcel()]}
    done = {**done, "updated_at": "2026-11-23T12:00:00-05:00"}
    calls = [
        ("orders/fulfilled", done), ("refunds/create", payloads.refund()), ("orders/paid", paid),
        ("orders/create", payloads.shopify()), ("orders/fulfilled", done),
        ("fulfillments/update", payloads.parcel(shipment_status="delivered")), ("refunds/create", payloads.refund()),
        ("fulfillments/update", payloads.parcel(shipment_status="delivered")),
    ]  # fmt: skip
    for topic, payload in calls:
        order = shopify_says(shopify, topic, payload)
    invoices = sorted(Invoice.objects.values_list("kind", "value"))
    assert (order.status, invoices, changes(order)) == (Status.INVOICED, [("Input", 1_000), ("Output", 27_980)], [])
    kinds = list(OrderEvent.objects.exclude(kind="order.status").order_by("pk").values_list("kind", flat=True))
    assert kinds == [EventKind.INVOICED, EventKind.SHIPPED, EventKind.REFUNDED, EventKind.DELIVERED]
