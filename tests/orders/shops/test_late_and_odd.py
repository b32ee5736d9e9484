"""What a shop tells late, or otherwise than it should, undoes nothing and is not guessed at."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from conversation_tracker.models import OrderMail, TemplateKey
from orders import alerts, payment
from orders.models import Alert, AlertKind, Invoice, Order, ShopDelivery, TimelineEntry
from orders.shops import editing
from tests.conversation_tracker.order_mails import write
from tests.orders.shops import payloads

pytestmark = pytest.mark.django_db


def says(shop: Any, topic: str, payload: dict[str, Any]) -> Order:
    assert payloads.post_shopify(shop, payload, topic=topic).status_code == 200
    payloads.work()
    return Order.objects.get()


def outcomes() -> list[str]:
    return list(ShopDelivery.objects.order_by("pk").values_list("outcome", flat=True))


def done(**fields: Any) -> dict[str, Any]:
    """The order, sent in one parcel."""
    sent = {"financial_status": "paid", "fulfillment_status": "fulfilled", "fulfillments": [payloads.parcel()]}
    return payloads.shopify(**{**sent, **fields})


@pytest.mark.parametrize("status", ["processing", "completed", "refunded"])
def test_an_order_of_before_its_shop_was_connected_is_taken_over_in_silence(woo, status):
    then = "2024-01-05T13:00:00"
    old = payloads.woocommerce(status, date_created_gmt=then, date_paid_gmt=then, date_completed_gmt=then)
    assert payloads.post_woocommerce(woo, old).status_code == 200
    payloads.work()
    write()
    assert (outcomes(), OrderMail.objects.count(), Order.objects.count()) == (["taken"], 0, 1)
    new = payloads.woocommerce("processing", id=728, number="728")
    assert payloads.post_woocommerce(woo, new).status_code == 200
    payloads.work()
    write()
    assert OrderMail.objects.count() > 0


@pytest.mark.parametrize("status", ["pending", "on-hold", "failed"])
def test_nobody_is_reminded_of_the_payment_of_an_order_of_before(woo, status):
    old = payloads.woocommerce(status, date_created_gmt="2024-01-05T13:00:00")
    assert payloads.post_woocommerce(woo, old).status_code == 200
    payloads.work()
    payment.remind(now=timezone.now() + timedelta(days=9))
    write()
    assert OrderMail.objects.count() == 0


def test_a_refund_or_a_parcel_of_which_nobody_says_when_it_was_is_of_before(woo):
    then = "2024-01-05T13:00:00"
    refunded = [{"id": 991, "reason": "", "total": "-5.00"}]
    said: list[dict[str, Any]] = [{"refunds": refunded, "date_completed_gmt": then}, {"date_completed_gmt": None}]
    for number, changes in enumerate(said):
        old = payloads.woocommerce("completed", date_created_gmt=then, date_paid_gmt=then, id=900 + number, **changes)
        assert payloads.post_woocommerce(woo, old).status_code == 200
        payloads.work()
    write()
    assert (Order.objects.count(), OrderMail.objects.count()) == (2, 0)


def test_an_order_that_was_imported_into_the_shop_is_as_old_as_it_is(shopify):
    says(shopify, "orders/paid", payloads.shopify(processed_at="2023-05-01T10:00:00-05:00", financial_status="paid"))
    write()
    assert OrderMail.objects.count() == 0


def test_a_parcel_of_after_the_connection_is_told_though_its_order_is_of_before(shopify):
    says(shopify, "orders/fulfilled", done(created_at="2026-10-30T10:00:00-05:00"))
    write()
    mailed = list(OrderMail.objects.values_list("template", flat=True).order_by("pk"))
    assert mailed == [TemplateKey.INVOICED, TemplateKey.SHIPPED]


def test_what_happens_from_then_on_to_such_an_order_is_told(woo):
    old = payloads.woocommerce("pending", date_created_gmt="2024-01-05T13:00:00")
    for order in (old, {**old, "status": "processing", "date_paid_gmt": "2026-11-29T10:00:00"}):
        assert payloads.post_woocommerce(woo, order).status_code == 200
        payloads.work()
        write()
    assert list(OrderMail.objects.values_list("template", flat=True).order_by("pk"))[:1] == [
        TemplateKey.PAYMENT_APPROVED
    ]


def test_an_older_word_on_a_parcel_does_not_undo_its_tracking(shopify):
    says(shopify, "orders/fulfilled", done())
    url = "https://carrier.example/NEW"
    fresh = payloads.parcel(tracking_number="NEW", tracking_url=url, updated_at="2026-11-25T09:00:00-05:00")
    says(shopify, "fulfillments/update", fresh)
    says(shopify, "orders/updated", done(updated_at="2026-11-26T09:00:00-05:00"))
    invoice = Invoice.objects.get()
    assert (invoice.tracking_number.text(), invoice.tracking_url.text()) == ("NEW", url)
    assert outcomes() == ["taken", "taken", "nothing"]


def test_what_a_carrier_said_before_the_delivery_is_recorded_and_not_mailed_after_it(shopify):
    says(shopify, "orders/fulfilled", done())
    moments = {"delivered": "2026-11-25T09:00:00-05:00", "in_transit": "2026-11-24T09:00:00-05:00"}
    for status, at in moments.items():
        says(shopify, "fulfillments/update", payloads.parcel(shipment_status=status, updated_at=at))
    write()
    assert [seen.description for seen in Invoice.objects.get().tracking.all()] == ["In transit"]
    mailed = list(OrderMail.objects.order_by("pk").values_list("template", flat=True))
    assert (TemplateKey.DELIVERED in mailed, TemplateKey.SHIPPING_UPDATE in mailed) == (True, False)


def test_what_a_carrier_says_after_the_delivery_is_mailed(shopify):
    says(shopify, "orders/fulfilled", done())
    moments = {"delivered": "2026-11-25T09:00:00-05:00", "failure": "2026-11-26T09:00:00-05:00"}
    for status, at in moments.items():
        says(shopify, "fulfillments/update", payloads.parcel(shipment_status=status, updated_at=at))
    write()
    assert OrderMail.objects.filter(template=TemplateKey.SHIPPING_UPDATE).count() == 1


def yen(amount: str = "1500") -> dict[str, Any]:
    given = payloads.refund(amount=amount)
    return {**given, "transactions": [{**one, "currency": "JPY"} for one in given["transactions"]]}


def open_alerts() -> list[tuple[str, str]]:
    return list(Alert.objects.open().order_by("pk").values_list("kind", "about"))


REFUNDED = (AlertKind.SHOP, "refund-509562969 JPY")
UNSURE = (AlertKind.SHOP, editing.UNSURE_VALUE)


def test_a_refund_in_another_currency_is_told_to_staff_once_and_has_no_value(shopify):
    says(shopify, "orders/fulfilled", done())
    says(shopify, "refunds/create", yen())
    assert open_alerts() == [REFUNDED]
    Alert.objects.update(settled_at=Alert.objects.get().raised_at)
    back = {"refunds": [yen(), payloads.refund(7)], "current_total_price": "259.80"}
    order = says(shopify, "orders/updated", done(**back, updated_at="2026-11-26T09:00:00-05:00"))
    assert (order.value, outcomes(), open_alerts()) == (27_980, ["taken", "impossible", "taken"], [UNSURE])
    assert list(Invoice.objects.filter(kind="Input").values_list("number", "value")) == [("refund-7", 1_000)]
    assert not TimelineEntry.objects.filter(kind="change").exists()


def sums(current: str, current_yen: str) -> dict[str, Any]:
    """The totals of a buyer who paid in yen, as the order was placed and as they are now."""

    def both(dollars: str, yens: str) -> dict[str, Any]:
        return {
            "shop_money": {"amount": dollars, "currency_code": "USD"},
            "presentment_money": {"amount": yens, "currency_code": "JPY"},
        }

    return {
        "presentment_currency": "JPY", "total_price_set": both("279.80", "41873"), "current_total_price": current,
        "current_total_price_set": both(current, current_yen),
    }  # fmt: skip


def partly(day: int, **fields: Any) -> dict[str, Any]:
    """The order on this day, its lamps sent; a bulb is still to come."""
    parcels = [payloads.parcel(items=[payloads.LAMPS])]
    sent = {"financial_status": "paid", "fulfillment_status": "partial", "fulfillments": parcels}
    return payloads.shopify(**{**sent, "updated_at": f"2026-11-{day}T09:00:00-05:00", **fields})


MORE_BULBS = [payloads.LAMPS, {**payloads.BULB, "current_quantity": 3}]


def test_an_edit_after_a_refund_in_the_buyer_s_currency_is_taken_over_by_its_rate(shopify):
    says(shopify, "orders/partially_fulfilled", partly(23, **sums("279.80", "41873")))
    back = partly(24, **sums("269.77", "40373"), refunds=[yen()])  # its rounding is the shop's
    order = says(shopify, "orders/updated", back)
    assert (order.value, TimelineEntry.objects.filter(kind="change").count()) == (27_980, 0)
    order = says(
        shopify, "orders/updated", partly(25, **sums("289.77", "43366"), refunds=[yen()], line_items=MORE_BULBS)
    )  # fmt: skip
    [entry] = TimelineEntry.objects.filter(kind="change")
    assert (order.value, entry.data["before"], entry.data["after"]) == (29_979, 27_980, 29_979)
    assert [(item["id"], item["quantity"]) for item in entry.data["added"]] == [("BULB-1", 2)]
    assert open_alerts() == [REFUNDED]


def test_an_edit_of_which_the_value_cannot_be_known_is_told_to_staff_once(shopify):
    says(shopify, "orders/partially_fulfilled", partly(23))
    says(shopify, "orders/updated", partly(24, current_total_price="269.77", refunds=[yen()]))
    Alert.objects.update(settled_at=timezone.now())
    edited = partly(25, current_total_price="289.77", refunds=[yen()], line_items=MORE_BULBS)
    for _ in range(2):
        order = says(shopify, "orders/updated", edited)
    assert (order.value, outcomes()[-2:], open_alerts()) == (27_980, ["impossible", "impossible"], [UNSURE])
    assert Alert.objects.filter(about=editing.UNSURE_VALUE).count() == 2


def test_an_edit_of_what_has_ended_here_is_told_to_staff(shopify):
    says(shopify, "orders/fulfilled", done())
    later = {"current_total_price": "299.80", "updated_at": "2026-11-26T09:00:00-05:00"}
    order = says(shopify, "orders/updated", done(**later, line_items=MORE_BULBS))
    assert (order.value, outcomes()[-1], open_alerts()) == (27_980, "impossible", [(AlertKind.SHOP, editing.ENDED)])


def test_an_address_that_is_corrected_in_the_shop_is_told_to_staff_once(shopify):
    says(shopify, "orders/create", payloads.shopify())
    other = {"email": "maria@other.example", "updated_at": "2026-11-23T11:00:00-05:00"}
    order = says(shopify, "orders/updated", payloads.shopify(**other))
    assert open_alerts() == [(AlertKind.SHOP, editing.OTHER_ADDRESS)]
    assert (order.customer.address.text(), outcomes()) == (payloads.BUYER, ["taken", "impossible"])
    alerts.settle_about(editing.OTHER_ADDRESS, order=order, now=order.placed_at)
    says(shopify, "orders/updated", payloads.shopify(**other, note="again"))
    assert (open_alerts(), outcomes()[-1]) == ([], "nothing")


def test_an_address_that_is_put_right_in_the_shop_needs_nobody(shopify):
    says(shopify, "orders/create", payloads.shopify())
    says(shopify, "orders/updated", payloads.shopify(email="x@other.example", updated_at="2026-11-23T11:00:00-05:00"))
    says(shopify, "orders/updated", payloads.shopify(updated_at="2026-11-24T11:00:00-05:00"))
    assert open_alerts() == []


def test_a_cancellation_that_comes_late_cancels_nothing(shopify):
    says(shopify, "orders/updated", payloads.shopify(financial_status="paid", updated_at="2026-11-22T12:00:00-05:00"))
    late = payloads.shopify(financial_status="voided", updated_at="2026-11-22T11:30:00-05:00")
    order = says(shopify, "orders/updated", late)
    write()
    assert (order.status, outcomes()) == ("window-to-cancel", ["taken", "nothing"])
    assert not OrderMail.objects.filter(template=TemplateKey.CANCELLED).exists()
    assert not Alert.objects.exists()
