"""What a template is filled with: everything about an order, and no real address."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest

from conversation_tracker.message_center import choices, context, occasions, rendering, shape
from conversation_tracker.models import Sender, TemplateChoice, TemplateKey
from orders import cancelling, changing, customers, flow, invoicing, payment, shipping
from orders.models import EventKind, InvoiceKind, MaskType, OrderEvent, Status
from orders.secrecy import Secret
from tests import factories

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 25, 1, 30, tzinfo=UTC)
REAL = "maria.silva@people.example"
DOCUMENT = {
    "items": [
        {"id": "1", "name": "Lamp", "quantity": 2, "price": 5_000, "imageUrl": "https://shop.example/lamp.png"},
        {"id": "2", "quantity": 1, "price": 2_990, "imageUrl": "javascript:alert(1)"},
    ],
    "clientProfileData": {"email": REAL, "firstName": "Maria", "document": "123.456.789-09"},
    "shippingData": {
        "address": {"receiverName": f"Maria {REAL}", "street": "Rua A", "number": "1", "city": "Recife", "state": "PE"},
        "logisticsInfo": [{"price": 500, "shippingEstimateDate": "2026-11-30T12:00:00-03:00"}],
    },
    "paymentData": {"transactions": [{"payments": [{"paymentSystemName": "Pix", "value": 12_990}]}]},
}


@pytest.fixture(params=[MaskType.HARD, MaskType.SOFT])
def order(request):
    store = factories.make_store("acme", mask_type=request.param, cancellation_window=0)
    return factories.make_order(store, now=NOW, email=REAL, document=DOCUMENT)


def last(order, kind=None):
    events = OrderEvent.objects.filter(order=order)
    return (events.filter(kind=kind) if kind else events).order_by("-pk").first()


def invoice(order, value=12_990, kind=InvoiceKind.OUTPUT, called="77", **parcel):
    draft = invoicing.Draft(
        kind, called, value, NOW, {"items": [{"id": "1", "quantity": 1}]}, shipping.Parcel(**parcel)
    )
    return invoicing.invoice(order, draft, actor="ERP", now=NOW)[0]


def to_handling(order):
    payment.approve(order, payment_id="p", actor="Shop", now=NOW)
    flow.advance(order, Status.START_HANDLING, actor="Shop", now=NOW)


def test_an_order_is_told_with_items_totals_delivery_and_payment(order):
    said = context.of_event(order, last(order))
    assert said["customer"]["first_name"] == "Maria"
    assert [(item["name"], item["total"], item["image"]) for item in said["order"]["items"]] == [
        ("Lamp", 10_000, "https://shop.example/lamp.png"),
        (None, 2_990, None),
    ]
    assert said["order"]["totals"] == [
        {"id": "Items", "name": "Items", "value": 12_990},
        {"id": "Discounts", "name": "Discounts", "value": -500},
        {"id": "Shipping", "name": "Shipping", "value": 500},
    ]
    assert said["delivery"]["lines"] == ["Rua A 1", "Recife, PE"]
    assert said["delivery"]["estimated_at"] == "2026-11-30T15:00:00+00:00"
    assert said["payment"]["method"] == "Pix"
    assert said["order"]["placed_at"] == "2026-11-25T01:30:00+00:00"


def test_no_real_address_and_no_document_number_is_in_it_but_every_alias(order):
    text = json.dumps(context.of_event(order, last(order)))
    said = text
    for alias in order.aliases.all():
        assert alias.address.text() in text
        said = said.replace(alias.address.text(), "")
    assert "people.example" not in said
    assert "acme.example" not in said.replace("ct.acme.example", "")
    assert "123.456" not in said


def test_it_has_every_name_of_the_shape_and_json_can_carry_it(order):
    said = context.of_event(order, last(order))
    assert shape.complete(json.loads(json.dumps(said))) == said


def test_the_sample_has_every_name_too(store):
    for key in TemplateKey:
        said = context.sample(store, key)
        assert shape.complete(said) == said
        assert store.sender_address.text() not in json.dumps(said)


def test_a_parcel_is_told_with_what_the_carrier_said_newest_first(order):
    to_handling(order)
    made = invoice(order, courier="Fast")
    seen = [
        shipping.Sighting(NOW, "Picked up", "Recife", "PE"),
        shipping.Sighting(NOW.replace(hour=9), f"Left at {REAL}", "Olinda", "PE"),
    ]
    shipping.track(order, made, seen, delivered_at=NOW, actor="Carrier", now=NOW)
    said = context.of_event(order, last(order, EventKind.TRACKING))
    assert said["parcel"]["courier"] == "Fast"
    assert [one["place"] for one in said["parcel"]["events"]] == ["Olinda, PE", "Recife, PE"]
    assert said["parcel"]["delivered_at"] == NOW.isoformat()
    assert REAL not in said["event"]["description"].replace(order.aliases.order_by("pk")[0].address.text(), "")


def test_what_was_removed_is_called_as_in_the_order(order):
    wanted = changing.Change(reason="Sold out", removed=[{"id": "1", "quantity": 1, "price": 5_000}])
    changing.change(order, wanted, actor="Shop", now=NOW)
    said = context.of_event(order, last(order))
    assert (said["change"]["before"], said["change"]["after"]) == (12_990, 7_990)
    assert [(item["name"], item["total"]) for item in said["change"]["removed"]] == [("Lamp", 5_000)]
    assert said["event"]["reason"] == "Sold out"


@pytest.mark.parametrize("zone", ["America/Sao_Paulo", "Asia/Tokyo"])
@pytest.mark.parametrize(
    ("said", "estimated"),
    [
        ("0001-01-01T00:00:00", False), ("0001-01-01", False), ("9999-12-31T23:59:59-03:00", False),
        ("1969-12-31T00:00:00Z", False), ("2201-01-01", False), (1e308, False), ("2026-11-30", True),
    ],
)  # fmt: skip
def test_what_no_order_has_is_nothing_and_its_mails_are_written(zone, said, estimated):
    logistics = [{"shippingEstimateDate": said, "price": 1e308}]
    shipping = {"address": {"street": "Rua A", "city": "Recife"}, "logisticsInfo": logistics}
    items = [{"id": "1", "quantity": 10**400, "price": -1e300}]
    document = {"items": items, "shippingData": shipping, "totals": [{"id": "Items", "value": 10**400}]}
    store = factories.make_store("acme", time_zone=zone, locale="en")
    order = factories.make_order(store, now=NOW, document=document)
    filled = context.of_event(order, last(order))
    mail = rendering.render(store, TemplateKey.NEW_ORDER, locale="en", context=filled)
    assert (filled["delivery"]["estimated_at"] is not None, "November 30, 2026" in mail.text) == (estimated, estimated)
    assert filled["order"]["items"][0]["total"] is None
    assert order.number in mail.subject


@pytest.mark.parametrize("key", TemplateKey)
def test_every_default_mail_can_be_written_of_a_real_order(order, key):
    said = context.of_event(order, last(order))
    mail = rendering.render(order.store, key, locale="pt-BR", context=said)
    assert mail.problem == ""
    assert order.number in mail.html + mail.text + mail.subject


def templates(order):
    found = (occasions.template_of(event) for event in OrderEvent.objects.filter(order=order).order_by("pk"))
    return [key for key in found if key]


def test_each_step_of_an_order_has_its_mail(order):
    payment.remind(now=NOW.replace(month=12))
    to_handling(order)
    made = invoice(order, courier="Fast", number="FP1", url="https://t.example/1")
    with pytest.raises(cancelling.TooLate):
        cancelling.cancel(order, reason="", actor="Shop", now=NOW)
    shipping.track(order, made, [shipping.Sighting(NOW, "Moved")], delivered_at=NOW, actor="Carrier", now=NOW)
    invoice(order, 5_000, InvoiceKind.INPUT, called="78")
    assert templates(order) == [
        TemplateKey.NEW_ORDER,
        TemplateKey.PAYMENT_PENDING,
        TemplateKey.PAYMENT_APPROVED,
        TemplateKey.IN_HANDLING,
        TemplateKey.INVOICED,
        TemplateKey.SHIPPED,
        TemplateKey.CANCEL_REFUSED_SHIPPED,
        TemplateKey.SHIPPING_UPDATE,
        TemplateKey.DELIVERED,
        TemplateKey.REFUNDED,
    ]


def test_no_parcel_is_on_its_way_that_was_delivered(order):
    to_handling(order)
    made = invoice(order)
    shipping.track(order, made, [], delivered_at=NOW, actor="Carrier", now=NOW)
    for number in ("FP1", "FP2"):
        shipping.hand_over(order, made, shipping.Parcel("Fast", number, "https://t.example/1"), actor="Shop", now=NOW)
    assert OrderEvent.objects.filter(order=order, kind=EventKind.SHIPPED).count() == 2
    assert templates(order)[-2:] == [TemplateKey.INVOICED, TemplateKey.DELIVERED]


@pytest.mark.parametrize("locale", ["en", "pt-BR", "es"])
def test_the_mails_of_an_invoice_over_a_part_list_that_part_and_say_so(order, locale):
    to_handling(order)
    made = invoice(order, 5_000, courier="Fast", number="FP1", url="https://t.example/1")
    shipping.track(order, made, [], delivered_at=NOW, actor="Carrier", now=NOW)
    for key, kind in (
        (TemplateKey.INVOICED, EventKind.INVOICED),
        (TemplateKey.SHIPPED, EventKind.SHIPPED),
        (TemplateKey.DELIVERED, EventKind.DELIVERED),
    ):
        mail = rendering.render(order.store, key, locale=locale, context=context.of_event(order, last(order, kind)))
        assert re.findall(r"\n- (\S+ × \w+)", mail.text) == ["1 × Lamp"]
        assert mail.html.count('class="what"') == 1
        assert "129" not in re.sub(r"\S+@\S+|\d{7,}", "", mail.text)
        part = {"en": "part of your", "pt-BR": "parte do seu", "es": "parte de su"}[locale]
        title, _, rest = mail.text.partition("\n")
        assert [part in one for one in (mail.subject, title, rest)] == [True] * 3


def test_an_invoice_over_the_whole_order_is_no_part_of_it_and_one_without_items_is_told_by_its_value(order):
    to_handling(order)
    invoice(order)
    event = last(order, EventKind.INVOICED)
    whole = [{"id": "1", "quantity": 2}, {"id": "2", "quantity": 1}]
    for items, value, is_part, listed in (
        (whole, 1, False, ["2 × Lamp", "1 × 2"]),
        ([], order.value, False, ["2 × Lamp", "1 × 2"]),
        ([], order.value - 1, True, []),
    ):
        event.invoice.value, event.invoice.document = value, Secret.of_json({"items": items})
        said = context.of_event(order, event)
        assert said["invoice"]["is_part"] is is_part
        mail = rendering.render(order.store, TemplateKey.INVOICED, locale="en", context=said)
        assert re.findall(r"\n- (\S+ × \w+)", mail.text) == listed


def test_a_denied_payment_is_told_once_and_not_as_a_cancellation_too(order):
    payment.deny(order, payment_id="p", reason="", actor="Shop", now=NOW)
    assert templates(order) == [TemplateKey.NEW_ORDER, TemplateKey.PAYMENT_DENIED]
    assert Status(order.status) is Status.CANCELED


def test_a_cancellation_a_change_and_a_changed_payment_are_told(order):
    payment.change(order, data={"payments": [{"paymentSystemName": "Visa"}]}, actor="Shop", now=NOW)
    assert context.of_event(order, last(order))["payment"]["method"] == "Visa"
    changing.change(order, changing.Change(reason="", discount=100), actor="Shop", now=NOW)
    changing.change(
        order, changing.Change(reason="", added=[{"id": "3", "quantity": 1, "price": 1}]), actor="S", now=NOW
    )
    cancelling.cancel(order, reason="Too late", actor="Shop", now=NOW)
    assert templates(order)[1:] == [
        TemplateKey.PAYMENT_CHANGED,
        TemplateKey.ORDER_CHANGED,
        TemplateKey.ORDER_CHANGED_V2,
        TemplateKey.CANCELLED,
    ]


def test_a_changed_payment_is_told_as_the_api_posts_it_and_so_are_later_mails(order):
    said = {"id": "P-1", "paymentSystem": "125", "paymentSystemName": "Boleto", "value": 12_990, "installments": 1}
    payment.change(order, data=said, actor="Shop", now=NOW)
    assert context.of_event(order, last(order))["payment"]["method"] == "Boleto"
    payment.approve(order, payment_id="P-1", actor="Shop", now=NOW)
    later = context.of_event(order, last(order))["payment"]
    assert (later["method"], later["value"]) == ("Boleto", 12_990)


def test_a_payment_that_stands_by_itself_as_shops_have_it_is_told(order):
    order.document = Secret.of_json({**DOCUMENT, "paymentData": {"paymentSystemName": "visa"}})
    order.save()
    assert context.of_event(order, last(order))["payment"]["method"] == "visa"


def test_an_invoiced_order_that_has_not_left_is_refused_in_other_words(order):
    to_handling(order)
    invoice(order)
    with pytest.raises(cancelling.TooLate):
        cancelling.cancel(order, reason="", actor="Shop", now=NOW)
    assert templates(order)[-1] is TemplateKey.CANCEL_REFUSED_INVOICED


def test_a_replacement_is_told_with_both_numbers(order):
    new = factories.make_order(order.store, now=NOW)
    changing.replace(order, new, actor="Shop", now=NOW)
    said = context.of_event(new, last(new))
    assert occasions.template_of(last(new)) is TemplateKey.REPLACED
    assert said["replacement"] == {"old_number": order.number, "new_number": new.number}


def make_sender(store, name, address, **fields):
    digest = customers.real_digest(address)
    return Sender.objects.create(
        store=store, name=name, address=Secret.of(address), address_digest=digest, created_at=NOW, **fields
    )


def test_without_a_choice_a_mail_is_sent_by_the_store_itself_or_by_its_default_sender(store):
    own = choices.of(store, TemplateKey.INVOICED)
    assert (own.is_enabled, own.sender_name, own.sender_address) == (True, store.sender_name, "help@acme.example")
    make_sender(store, "Orders", "orders@acme.example", is_default=True)
    found = choices.of(store, TemplateKey.INVOICED)
    assert (found.sender_name, found.sender_address, found.cc, found.bcc) == ("Orders", "orders@acme.example", (), ())


def test_a_choice_names_sender_and_copies_and_does_not_print_them(store):
    billing = make_sender(store, "Billing", "billing@acme.example")
    copies = Secret.of_json({"cc": ["a@acme.example"], "bcc": ["b@acme.example"]})
    TemplateChoice.objects.create(
        store=store, key=TemplateKey.INVOICED, is_enabled=False, sender=billing, copies=copies
    )
    found = choices.of(store, TemplateKey.INVOICED)
    assert (found.is_enabled, found.sender_address) == (False, "billing@acme.example")
    assert (found.cc, found.bcc) == (("a@acme.example",), ("b@acme.example",))
    assert "acme.example" not in repr(found)
