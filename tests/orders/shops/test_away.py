"""A shop that was disconnected for a while: what happened meanwhile is over, and nobody is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from conversation_tracker.models import OrderMail, TemplateKey
from orders import events, payment, placing
from orders.models import EventKind, Order, OrderEvent, ShopConnection
from orders.shops import connections
from tests import factories
from tests.conversation_tracker.order_mails import write
from tests.orders.shops import payloads

pytestmark = pytest.mark.django_db
PAID = {"financial_status": "paid"}
MARCH, LATER = "2027-03-01T11:00:00Z", "2027-03-01T12:01:00Z"


def says(shop: ShopConnection, **fields: Any) -> None:
    payload = payloads.shopify(**{**PAID, **fields})
    assert payloads.post_shopify(shop, payload, topic="orders/updated").status_code == 200
    payloads.work()
    write()


def mails() -> list[str]:
    return list(OrderMail.objects.order_by("pk").values_list("template", flat=True))


@pytest.fixture
def again(shopify: ShopConnection) -> Iterator[ShopConnection]:
    """It was disconnected in November, with one order that was paid, and is connected again in March."""
    with time_machine.travel(datetime(2026, 11, 22, 17, tzinfo=UTC)):
        says(shopify)
        connections.remove(shopify, user=factories.make_user(), now=timezone.now())
    with time_machine.travel(datetime(2027, 3, 1, 12, tzinfo=UTC), tick=True):
        connections.connect_again(shopify, user=factories.make_user(), now=timezone.now())
        connections.replace_secret(shopify, payloads.SECRET, user=factories.make_user(), now=timezone.now())
        yield ShopConnection.objects.get()


def test_of_what_was_sent_meanwhile_nobody_is_told(again: ShopConnection) -> None:
    before = mails()
    sent = payloads.parcel(shipment_status="delivered")  # in November
    says(again, fulfillment_status="fulfilled", tags="archived", updated_at=MARCH, fulfillments=[sent])
    assert (mails(), Order.objects.get().status) == (before, "invoiced")


def test_nor_where_a_parcel_is_told_by_itself(again: ShopConnection) -> None:
    before = mails()
    assert payloads.post_shopify(again, payloads.parcel(), topic="fulfillments/update").status_code == 200
    payloads.work()
    write()
    assert (mails(), Order.objects.get().status) == (before, "invoiced")


def test_of_what_is_sent_afterwards_its_customer_is_told(again: ShopConnection) -> None:
    before = mails()
    sent = payloads.parcel(created_at=LATER, updated_at=LATER)
    says(again, fulfillment_status="fulfilled", updated_at=LATER, fulfillments=[sent])
    assert TemplateKey.SHIPPED in mails()[len(before) :]


def test_of_an_order_that_was_made_meanwhile_nobody_is_told(again: ShopConnection) -> None:
    before = mails()
    says(again, id=5, created_at="2026-12-22T11:00:00-05:00", updated_at=MARCH)
    assert (mails(), Order.objects.count()) == (before, 2)


class TestOfWhatWasSentBefore:
    """It was sent and told before the shop was disconnected: whatever happens to it afterwards is news."""

    @pytest.fixture
    def sent(self, woo: ShopConnection) -> Iterator[ShopConnection]:
        with time_machine.travel(datetime(2026, 11, 23, 10, 1, tzinfo=UTC), tick=True):
            self.says(woo, date_modified_gmt="2026-11-23T10:00:00")
        with time_machine.travel(datetime(2026, 12, 1, 12, tzinfo=UTC), tick=True):
            connections.remove(woo, user=factories.make_user(), now=timezone.now())
            connections.connect_again(woo, user=factories.make_user(), now=timezone.now())
            connections.replace_secret(woo, payloads.SECRET, user=factories.make_user(), now=timezone.now())
        with time_machine.travel(datetime(2026, 12, 20, 12, tzinfo=UTC), tick=True):
            yield ShopConnection.objects.get()

    def says(self, shop: ShopConnection, **fields: Any) -> None:
        assert payloads.post_woocommerce(shop, payloads.woocommerce("completed", **fields)).status_code == 200
        payloads.work()
        write()

    def test_a_refund_is_told(self, sent: ShopConnection) -> None:
        before = mails()
        assert TemplateKey.INVOICED in before
        refund = {"id": 9, "total": "-50.00", "reason": ""}
        self.says(sent, date_modified_gmt="2026-12-20T12:00:00", refunds=[refund])
        assert mails()[len(before) :] == [TemplateKey.REFUNDED]


def test_what_happened_meanwhile_to_what_was_told_before_is_over(shopify: ShopConnection) -> None:
    sent = {"fulfillment_status": "fulfilled"}
    with time_machine.travel(datetime(2026, 11, 23, 17, tzinfo=UTC)):
        says(shopify, **sent, fulfillments=[payloads.parcel()])
        connections.remove(shopify, user=factories.make_user(), now=timezone.now())
    before = mails()
    with time_machine.travel(datetime(2027, 3, 1, 12, tzinfo=UTC), tick=True):
        connections.connect_again(shopify, user=factories.make_user(), now=timezone.now())
        connections.replace_secret(shopify, payloads.SECRET, user=factories.make_user(), now=timezone.now())
        arrived = payloads.parcel(shipment_status="delivered", updated_at="2026-12-05T11:00:00Z")
        says(ShopConnection.objects.get(), **sent, updated_at=MARCH, fulfillments=[arrived])
    assert mails() == before


def test_mail_that_waits_to_be_told_is_told_all_the_same(again: ShopConnection) -> None:
    order = Order.objects.get()
    mail = factories.make_mail(*reversed(placing.parties(order.aliases.all())))
    came = events.message(EventKind.MESSAGE_RECEIVED, order=order, entry_id=mail.pk, occasion="x", now=timezone.now())
    events.publish([came])
    sent = payloads.parcel(shipment_status="delivered")
    says(again, fulfillment_status="fulfilled", updated_at=MARCH, fulfillments=[sent])
    invoiced = OrderEvent.objects.filter(kind=EventKind.INVOICED).latest("pk")
    assert OrderEvent.objects.filter(pk=came.pk, dispatched_at__gt=invoiced.dispatched_at).exists()


def test_a_call_that_waited_when_it_was_disconnected_reminds_nobody(shopify: ShopConnection) -> None:
    assert payloads.post_shopify(shopify, payloads.shopify()).status_code == 200
    connections.remove(shopify, user=factories.make_user(), now=timezone.now())
    payloads.work()
    assert OrderEvent.objects.filter(kind=EventKind.PAYMENT_PENDING, dispatched_at__isnull=False).count() == 1
    assert payment.remind(now=timezone.now() + timedelta(days=30)) == 0
