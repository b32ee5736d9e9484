"""Orders led on their way by API calls alone, and what lies in their customers' mailboxes then."""

from __future__ import annotations

import json
import time
import urllib.request
import zoneinfo
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from django.utils import timezone

from conversation_tracker.local.models import LocalMail
from conversation_tracker.models import OrderMail, OrderMailState, OutboundMail, SendState, TemplateKey
from orders import access, events
from orders.models import ApiKey, EventKind, Kind, Order, OrderEvent, Store, TimelineEntry
from orders.outcomes import Reason
from tests import factories
from tests.flows.conftest import System, wait_for

ZONE = "Pacific/Kiritimati"  # where it is another day than in UTC for most of the day
VALUE = 12_990
PARCEL: dict[str, Any] = {"courier": "Fast", "trackingNumber": "AB1", "trackingUrl": "https://fast.example/AB1"}
Keys = TemplateKey


class Shop:
    """A store's systems, that know the API and nothing else."""

    def __init__(self, system: System, store: Store) -> None:
        self._url = system.url
        self._headers = {
            "X-VTEX-API-AppKey": "shop",
            "X-VTEX-API-AppToken": "token",
            "Content-Type": "application/json",
        }
        ApiKey.objects.create(
            store=store, app_key="shop", token_digest=access.token_digest("token"), label="Shop",
            created_at=timezone.now(),
        )  # fmt: skip

    def call(self, method: str, path: str, body: object = None) -> Any:
        request = urllib.request.Request(
            f"{self._url}/api/{path}", json.dumps(body).encode() if body is not None else None, self._headers,
            method=method,
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=20) as response:
            said = response.read()
        return json.loads(said) if said else None

    def place(self, number: str = "1") -> str:
        order = {
            "marketplaceOrderId": number,
            "marketplacePaymentValue": VALUE,
            "items": [{"id": "1", "name": "Cadeira", "quantity": 1, "seller": "1", "price": VALUE}],
            "clientProfileData": {"email": f"ana{number}@people.example", "firstName": "Ana", "lastName": "Souza"},
        }
        (placed,) = self.call("POST", "fulfillment/pvt/orders", [order])
        return str(placed["orderId"])

    def act(self, order: str, path: str, body: object = None, *, method: str = "POST") -> None:
        self.call(method, f"oms/pvt/orders/{order}/{path}", body)

    def pay(self, order: str) -> None:
        self.act(order, "payments/1/payment-notification")

    def invoice(self, order: str, number: str = "1", *, value: int = VALUE, **fields: Any) -> None:
        body = {"type": "Output", "issuanceDate": "2026-11-23", "invoiceNumber": number, "invoiceValue": value}
        self.act(order, "invoice", {**body, "items": [], **fields})


@pytest.fixture
def shop(system: System) -> Shop:
    """A store whose customers read Portuguese, in a zone of its own, in which an order waits for nobody."""
    return Shop(system, factories.make_store("acme", locale="pt-BR", time_zone=ZONE, cancellation_window=0))


def templates(number: str) -> list[str]:
    """The order's mails in the order of their entries."""
    return list(OrderMail.objects.filter(order__number=number).order_by("entry_id").values_list("template", flat=True))


def all_sent(count: int) -> bool:
    is_written = OrderMail.objects.filter(state=OrderMailState.QUEUED).count() == count
    return is_written and OutboundMail.objects.filter(state=SendState.SENT).count() == count


def mailbox() -> list[EmailMessage]:
    found = LocalMail.objects.order_by("pk")
    return [message_from_bytes(mail.raw.bytes(), policy=policy.default) for mail in found]


def expect(number: str, wanted: list[TemplateKey]) -> None:
    """Wait until exactly these mails were sent, and have a look whether more come."""
    wait_for(lambda: all_sent(len(wanted)), what=f"{len(wanted)} mails sent")
    time.sleep(1)
    assert templates(number) == [key.value for key in wanted]
    assert LocalMail.objects.count() == len(wanted)


def test_an_order_goes_the_usual_way_and_its_customer_hears_of_each_step_once(shop: Shop) -> None:
    number = shop.place()
    shop.pay(number)
    shop.act(number, "start-handling")
    shop.invoice(number, **PARCEL)
    arrived = {"isDelivered": True, "events": [{"city": "Recife", "state": "PE", "description": "No caminho",
                                                "date": "2026-11-23T10:00:00Z"}]}  # fmt: skip
    shop.act(number, "invoice/1/tracking", arrived, method="PUT")
    for _ in range(2):  # told again, nothing happens again
        shop.pay(number)
        shop.invoice(number, **PARCEL)
        shop.act(number, "invoice/1/tracking", arrived, method="PUT")
    expect(
        number,
        [
            Keys.NEW_ORDER, Keys.PAYMENT_APPROVED, Keys.IN_HANDLING, Keys.INVOICED, Keys.SHIPPED,
            Keys.SHIPPING_UPDATE, Keys.DELIVERED,
        ],
    )  # fmt: skip
    order = Order.objects.select_related("store").get(number=number)
    mails = mailbox()
    entries = TimelineEntry.objects.filter(order=order, kind=Kind.MAIL).order_by("occurred_at", "pk")
    assert {entry.reason for entry in entries} == {Reason.ORDER_MAIL}
    assert sorted(mail["Subject"] for mail in mails) == sorted(entry.subject for entry in entries)
    assert {mail["To"] for mail in mails} == {"ana1@people.example"}
    assert all(str(mail["From"]).endswith("@ct.acme.example>") for mail in mails)
    first = next(mail for mail in mails if mail["Subject"] == entries[0].subject)
    said = first.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    there = order.placed_at.astimezone(zoneinfo.ZoneInfo(ZONE))
    assert "pedido" in said
    assert f"{there.day} de " in said
    assert order.placed_at.astimezone(zoneinfo.ZoneInfo("UTC")).strftime("%H:%M") not in said


def test_a_denied_payment_is_told_as_such(shop: Shop) -> None:
    number = shop.place()
    shop.act(number, "payments/1/payment-denied", {"reason": "cartão recusado"})
    expect(number, [Keys.NEW_ORDER, Keys.PAYMENT_DENIED])


def test_a_cancellation_is_told(shop: Shop) -> None:
    number = shop.place()
    shop.pay(number)
    shop.act(number, "cancel", {"reason": "desistência"})
    expect(number, [Keys.NEW_ORDER, Keys.PAYMENT_APPROVED, Keys.CANCELLED])


def test_partial_invoices_and_a_refund_are_told_each(shop: Shop) -> None:
    number = shop.place()
    shop.pay(number)
    shop.act(number, "start-handling")
    shop.invoice(number, "1", value=5_000, **PARCEL)
    shop.invoice(number, "2", value=VALUE - 5_000)
    shop.invoice(number, "3", value=1_000, type="Input")
    expect(
        number,
        [
            Keys.NEW_ORDER, Keys.PAYMENT_APPROVED, Keys.IN_HANDLING, Keys.INVOICED, Keys.SHIPPED, Keys.INVOICED,
            Keys.REFUNDED,
        ],
    )  # fmt: skip


def test_doubled_events_and_killed_workers_make_no_mail_twice_and_lose_none(system: System, shop: Shop) -> None:
    numbers = [shop.place(str(number)) for number in range(8)]
    system.kill("worker")
    for number in numbers:
        shop.pay(number)
    for told in OrderEvent.objects.select_related("order"):
        again = events.build(
            told.order, EventKind(told.kind), occasion=told.occasion, new_status=told.new_status, now=timezone.now()
        )
        events.publish([again])
    system.start("worker")
    system.start("beat")
    wait_for(lambda: OrderMail.objects.exclude(state=OrderMailState.DUE).count() > 3, what="the first mails")
    system.kill("worker")
    # What it had in hand would wait until it cannot live any more.
    OutboundMail.objects.filter(state=SendState.SENDING).update(next_attempt_at=timezone.now())
    system.start("worker")
    wait_for(lambda: all_sent(16), what="every mail sent", seconds=60)
    time.sleep(1)
    for number in numbers:
        assert templates(number) == [Keys.NEW_ORDER.value, Keys.PAYMENT_APPROVED.value]
    ours = {str(mail["Message-ID"]) for mail in mailbox()}
    assert len(ours) == 16  # killed while it sends, a worker may send a mail twice, under one Message-ID
    assert TimelineEntry.objects.filter(kind=Kind.MAIL).count() == 16
