"""What a shop says is followed as far as it can be, and staff are told of the rest."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from conversation_tracker.message_center import context
from conversation_tracker.models import OrderMail, TemplateKey
from orders import alerts, cancelling
from orders.api import documents
from orders.models import (
    Alert,
    AlertKind,
    EventKind,
    Invoice,
    Order,
    OrderEvent,
    ShopDelivery,
    Status,
    TimelineEntry,
)  # fmt: skip
from orders.shops import deliveries, editing, settling
from tests import factories
from tests.conversation_tracker import order_mails
from tests.orders.shops import payloads

pytestmark = pytest.mark.django_db

GONE = {**payloads.LAMPS, "current_quantity": 0}
PAID = {"financial_status": "paid"}
BULB_SENT = {**PAID, "fulfillment_status": "partial", "fulfillments": [payloads.parcel(1, [payloads.BULB])]}


def says(shop: Any, topic: str, **fields: Any) -> Order:
    return posts(shop, topic, payloads.shopify(**fields))


def posts(shop: Any, topic: str, payload: dict[str, Any]) -> Order:
    assert payloads.post_shopify(shop, payload, topic=topic).status_code == 200
    payloads.work()
    return Order.objects.get()


def woo_says(shop: Any, *states: str, **fields: Any) -> Order:
    for status in states:
        assert payloads.post_woocommerce(shop, payloads.woocommerce(status, **fields)).status_code == 200
        payloads.work()
    return Order.objects.get()


def invoices() -> list[tuple[str, int]]:
    return list(Invoice.objects.order_by("pk").values_list("number", "value"))


def open_alerts() -> list[tuple[str, str]]:
    return list(Alert.objects.open().order_by("pk").values_list("kind", "about"))


def outcomes() -> list[str]:
    return list(ShopDelivery.objects.order_by("pk").values_list("outcome", flat=True))


def test_what_is_out_of_stock_and_given_back_closes_the_order_with_its_refund(shopify):
    says(shopify, "orders/partially_fulfilled", **BULB_SENT)
    posts(shopify, "refunds/create", payloads.refund(5, "259.80"))
    assert (invoices(), open_alerts(), outcomes()[-1]) == ([("1", 1_037)], [(AlertKind.SHOP, "refund-5")], "impossible")
    done = {
        **BULB_SENT, "financial_status": "partially_refunded", "fulfillment_status": "fulfilled",
        "refunds": [payloads.refund(5, "259.80")], "current_total_price": "20.00", "line_items": [GONE, payloads.BULB],
        "updated_at": "2026-11-23T12:00:00-05:00",
    }  # fmt: skip
    for _ in range(2):
        order = says(shopify, "orders/updated", **done)
    assert (order.status, open_alerts()) == (Status.INVOICED, [])
    assert invoices() == [("1", 1_037), ("rest-820982911946154508", 26_943), ("refund-5", 25_980)]
    order_mails.write()
    told = OrderMail.objects.order_by("pk").values_list("template", "occasion")
    assert list(told)[-2:] == [(TemplateKey.SHIPPED, "shipped:1"), (TemplateKey.REFUNDED, "invoice:refund-5")]


@pytest.mark.parametrize(
    ("refunds", "value", "ends", "told"),
    [
        (["279.80"], 27_980, [("rest-820982911946154508", 26_943), ("refund-5", 27_980)], []),
        (["10.00"], 1_037, [("refund-5", 1_000)], [(AlertKind.SHOP, settling.KEPT)]),
        ([], 1_037, [], [(AlertKind.SHOP, settling.KEPT)]),
    ],
)
def test_an_order_cancelled_after_a_part_of_it_left_ends(refunds, value, ends, told, shopify):
    says(shopify, "orders/partially_fulfilled", **BULB_SENT)
    gone = {"cancelled_at": "2026-11-23T12:00:00-05:00", "refunds": [payloads.refund(5, one) for one in refunds]}
    for _ in range(2):
        order = says(shopify, "orders/cancelled", **BULB_SENT, **gone)
    assert (order.status, order.value, invoices()[1:], open_alerts()) == (Status.INVOICED, value, ends, told)


def test_parcels_told_by_themselves_are_invoiced_and_add_up(shopify):
    says(shopify, "orders/paid", **PAID)
    lamps, bulb = payloads.parcel(1, [payloads.LAMPS]), payloads.parcel(2, [payloads.BULB], tracking_number="other")
    order = posts(shopify, "fulfillments/create", lamps)
    assert (order.status, invoices()) == (Status.INVOICE, [("1", 26_942)])
    posts(shopify, "fulfillments/update", {**lamps, "shipment_status": "delivered"})
    order = posts(shopify, "fulfillments/update", bulb)
    assert (order.status, invoices()) == (Status.INVOICED, [("1", 26_942), ("2", 1_038)])
    kinds = OrderEvent.objects.exclude(kind=EventKind.STATUS).order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == [
        EventKind.INVOICED, EventKind.SHIPPED, EventKind.DELIVERED, EventKind.INVOICED, EventKind.SHIPPED,
    ]  # fmt: skip
    order = says(shopify, "orders/fulfilled", **PAID, fulfillment_status="fulfilled", fulfillments=[lamps, bulb])
    assert (len(invoices()), open_alerts()) == (2, [])


def test_a_parcel_with_what_the_order_does_not_hold_waits_and_then_is_told_to_staff(shopify):
    says(shopify, "orders/paid", **PAID)
    posts(shopify, "fulfillments/create", payloads.parcel(1, [{**payloads.BULB, "sku": "NEW"}]))
    assert (ShopDelivery.objects.latest("pk").state, invoices(), open_alerts()) == ("pending", [], [])
    deliveries.work(now=timezone.now() + timedelta(hours=2))
    assert (outcomes()[-1], open_alerts()) == ("impossible", [(AlertKind.SHOP, "parcel-1")])


def test_a_parcel_after_all_was_invoiced_is_told_to_staff(shopify):
    done = {**PAID, "fulfillment_status": "fulfilled"}
    says(shopify, "orders/fulfilled", **done, fulfillments=[payloads.parcel(1)])
    says(shopify, "orders/updated", **done, fulfillments=[payloads.parcel(1, status="cancelled"), payloads.parcel(2)])
    assert (len(invoices()), outcomes()[-1]) == (1, "impossible")
    assert open_alerts() == [(AlertKind.SHOP, "parcel-2"), (AlertKind.SHOP, "undone-1")]


@pytest.mark.parametrize("status", ["cancelled", "failure"])
def test_a_parcel_that_its_shop_cancels_after_it_was_told_is_told_to_staff_once(status, as_support, shopify, store):
    order = says(shopify, "orders/partially_fulfilled", **BULB_SENT)
    gone = payloads.parcel(1, [payloads.BULB], status=status)
    posts(shopify, "fulfillments/update", gone)
    says(shopify, "orders/updated", **PAID, fulfillments=[gone, payloads.parcel(2, status=status)])
    assert (invoices(), outcomes()[1:]) == ([("1", 1_037)], ["impossible"] * 2)
    assert open_alerts() == [(AlertKind.SHOP, "undone-1")]
    page = as_support.get(f"/orders/{store.account}/{order.number}/").content.decode()
    assert page.count("The shop’s parcel 1: the shop cancelled it, and the customer was told that it was sent.") == 2
    alerts.dismiss(order, Alert.objects.get().pk, user=factories.make_user(store=store), now=timezone.now())
    says(shopify, "orders/updated", **PAID, fulfillments=[gone])
    assert open_alerts() == []


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ("refund-5", "The shop’s refund 5: it is more"),
        ("refund-5 JPY", "The shop’s refund 5: it is in JPY,"),
        ("parcel-7", "The shop’s parcel 7: all was invoiced"),
        ("undone-refund-9", "The shop’s refund 9: the shop deleted it"),
        ("undone-a %s b", "The shop’s parcel a %s b: the shop cancelled it"),
        (settling.KEPT, settling.KEPT),
        ("", ""),
    ],
)
def test_what_an_alert_of_a_shop_is_about_is_said_in_words(about, words):
    assert Alert(kind=AlertKind.SHOP, about=about).subject.startswith(words)


@pytest.mark.parametrize("place", [0, 1])
def test_a_parcel_that_is_worth_nothing_is_no_invoice(place, shopify):
    gift = {"id": 3, "variant_id": 13, "name": "Gift", "sku": "GIFT", "quantity": 1, "price": "0.00"}
    items = [payloads.LAMPS, payloads.BULB, gift]
    parcels = [payloads.parcel(2, items[:2])]
    parcels.insert(place, payloads.parcel(1, [gift]))
    says(shopify, "orders/partially_fulfilled", **PAID, line_items=items, fulfillments=parcels[:1])
    order = says(
        shopify, "orders/fulfilled", **PAID, line_items=items, fulfillments=parcels, fulfillment_status="fulfilled"
    )  # fmt: skip
    assert (order.status, invoices(), open_alerts()) == (Status.INVOICED, [("2", 27_980)], [])


def test_an_order_that_costs_nothing_is_invoiced_once_with_its_last_parcel(shopify):
    free = {**PAID, "total_price": "0.00"}
    parcels = [payloads.parcel(1, [payloads.LAMPS]), payloads.parcel(2, [payloads.BULB])]
    order = says(shopify, "orders/partially_fulfilled", **free, fulfillments=parcels[:1])
    assert (order.status, invoices()) == (Status.WINDOW_TO_CANCEL, [])
    order = says(shopify, "orders/fulfilled", **free, fulfillments=parcels, fulfillment_status="fulfilled")
    assert (order.status, len(invoices()), open_alerts()) == (Status.INVOICED, 1, [])


def test_a_cancellation_after_all_was_invoiced_is_told_to_staff_until_it_is_taken_back(woo):
    order = woo_says(woo, "completed", "cancelled", "cancelled")
    assert (order.status, outcomes()) == (Status.INVOICED, ["taken", "impossible", "impossible"])
    assert open_alerts() == [(AlertKind.SHOP, settling.KEPT)]
    woo_says(woo, "refunded", refunds=[{"id": 9, "total": "-269.80"}])
    assert (outcomes()[-1], open_alerts()) == ("taken", [])


def test_a_shop_that_goes_on_with_an_order_cancelled_here_is_told_to_staff_once(woo, store):
    order = woo_says(woo, "processing")
    cancelling.cancel(order, reason="x", actor="staff", now=timezone.now())
    woo_says(woo, "processing", "completed")
    assert (outcomes()[1:], open_alerts()) == (["impossible"] * 2, [(AlertKind.SHOP, settling.GOES_ON)])
    alerts.dismiss(order, Alert.objects.get().pk, user=factories.make_user(store=store), now=timezone.now())
    woo_says(woo, "completed")
    assert open_alerts() == []


def test_a_refund_that_its_shop_deletes_is_told_to_staff(woo):
    given = [{"id": 9, "total": "-20.00"}, {"id": 10, "total": "-5.00"}]
    woo_says(woo, "completed", refunds=given, date_modified_gmt="2026-11-23T11:00:00")
    woo_says(woo, "completed", refunds=given[:1], date_modified_gmt="2026-11-23T10:00:00")
    assert (outcomes(), open_alerts()) == (["taken", "nothing"], [])
    woo_says(woo, "completed", refunds=given[1:], date_modified_gmt="2026-11-23T12:00:00")
    assert (outcomes()[-1], open_alerts()) == ("impossible", [(AlertKind.SHOP, "undone-refund-9")])


def test_an_order_that_is_moved_to_the_trash_is_cancelled(woo):
    woo_says(woo, "on-hold")
    for _ in range(2):
        assert payloads.post_woocommerce(woo, {"id": 727}, topic="order.deleted").status_code == 200
        payloads.work()
    assert (Order.objects.get().status, outcomes()) == (Status.CANCELED, ["taken", "taken", "nothing"])
    assert TimelineEntry.objects.filter(new_status=Status.CANCEL, text="Deleted in the shop.").count() == 1


def test_an_order_deleted_after_it_was_invoiced_is_told_to_staff(woo):
    order = woo_says(woo, "completed")
    payloads.post_woocommerce(woo, {"id": 727}, topic="order.deleted")
    payloads.post_woocommerce(woo, {"id": 728}, topic="order.deleted")
    payloads.work()
    order.refresh_from_db()
    assert (order.status, outcomes(), open_alerts()) == (
        Status.INVOICED, ["taken", "impossible", ""], [(AlertKind.SHOP, settling.KEPT)],
    )  # fmt: skip


def test_a_late_word_on_a_cancelled_order_needs_nobody(woo):
    woo_says(woo, "cancelled", date_modified_gmt="2026-11-23T12:00:00")
    order = woo_says(woo, "processing", date_modified_gmt="2026-11-23T11:00:00")
    assert (order.status, outcomes(), open_alerts()) == (Status.CANCELED, ["taken", "nothing"], [])


@pytest.mark.parametrize("status", ["refunded", "voided"])
def test_an_order_given_back_or_voided_in_shopify_is_cancelled(status, shopify):
    says(shopify, "orders/create")
    assert says(shopify, "orders/updated", financial_status=status).status == Status.CANCELED


def totals(order: Order) -> dict[str, int]:
    found = documents.order(Order.objects.select_related("store", "customer").get(pk=order.pk)).totals
    assert sum(one.value for one in found) == order.value
    return {one.id: one.value for one in found if one.value}


def test_taxes_shipping_and_discounts_of_woocommerce_are_told_by_api_and_mail(woo):
    order = woo_says(woo, "processing", total="299.80", total_tax="40.00", discount_total="10.00")
    expected = {"Items": 25_980, "Shipping": 1_000, "Tax": 4_000, "Discounts": -1_000}
    assert totals(order) == expected
    mailed = context.of_order(order, now=timezone.now())["order"]["totals"]
    assert {one["id"]: one["value"] for one in mailed} == expected
    order = woo_says(woo, "processing", total="319.80", total_tax="60.00", discount_total="10.00")
    assert totals(order) == {**expected, "Tax": 6_000}


def test_prices_of_many_pieces_that_are_rounded_are_no_change(woo):
    three = {**payloads.woocommerce()["line_items"][0], "quantity": 3, "total": "100.00", "price": 33.333333}
    assert totals(woo_says(woo, "processing", line_items=[three], total="110.00")) == {
        "Items": 10_000, "Shipping": 1_000,
    }  # fmt: skip


@pytest.mark.parametrize(("is_included", "tax"), [(False, {"Tax": 2_000}), (True, {})])
def test_taxes_shipping_and_discounts_of_shopify_are_told(is_included, tax, shopify):
    shipping = {"total_shipping_price_set": {"shop_money": {"amount": "10.00", "currency_code": "USD"}}}
    said = {"total_price": f"{210 - 20 * is_included}.00", "total_tax": "20.00", "taxes_included": is_included}
    order = says(shopify, "orders/paid", **PAID, **shipping, **said)
    assert totals(order) == {"Items": 26_980, "Shipping": 1_000, "Discounts": -8_980, **tax}


def test_another_delivery_address_is_taken_over_and_on_the_timeline_once(woo):
    def moved(street: str, day: int) -> dict[str, Any]:
        shipping = {**payloads.woocommerce()["shipping"], "address_1": street}
        return {"shipping": shipping, "date_modified_gmt": f"2026-11-{day}T12:00:00"}

    woo_says(woo, "processing", **moved("Rua das Flores 1", 22))
    woo_says(woo, "processing", **moved("Rua Nova 99", 23))
    order = woo_says(woo, "processing", **moved("Rua das Flores 1", 21))
    assert order.document.json()["shippingData"]["address"]["street"] == "Rua Nova 99"
    assert list(TimelineEntry.objects.filter(kind="change").values_list("text", flat=True)) == [editing.OTHER_PLACE]
    assert (documents.changes(order), outcomes(), open_alerts()) == ([], ["taken", "taken", "nothing"], [])


def test_goods_without_an_sku_are_told_apart(woo):
    def bare(number: int, name: str) -> dict[str, Any]:
        return {**payloads.woocommerce()["line_items"][0], "id": number, "name": name, "product_id": 90 + number,
                "quantity": 1, "total": "10.00", "sku": "", "price": 10}  # fmt: skip

    lamp, vase, bowl = bare(1, "Lamp"), bare(2, "Vase"), {**bare(3, "Bowl"), "variation_id": 77}
    woo_says(woo, "processing", total="20.00", line_items=[lamp, vase], date_modified_gmt="2026-11-22T19:30:00")
    order = woo_says(woo, "processing", total="20.00", line_items=[lamp, bowl], date_modified_gmt="2026-11-22T19:40:00")
    assert [(item["id"], item["name"]) for item in order.document.json()["items"]] == [("91", "Lamp"), ("77", "Bowl")]
    told = OrderEvent.objects.get(kind=EventKind.CHANGED).details.json()
    assert ([item["name"] for item in told["removed"]], [item["name"] for item in told["added"]]) == (
        ["Vase"],
        ["Bowl"],
    )
