"""How far an order has come, on its page and in its history."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from orders import cancelling, changing, flow, invoicing, masking, payment, progress, shipping, timeline
from orders.models import InvoiceKind, Kind, Order, Role, Status, TimelineEntry
from tests import factories

pytestmark = pytest.mark.django_db
URL = "https://track.example/1"
WAY = (Status.PAYMENT_APPROVED, Status.READY_FOR_HANDLING, Status.START_HANDLING)


def bring(order: Order, *steps: Status) -> None:
    for status in steps:
        flow.advance(order, status, actor="shop", now=timezone.now())


def invoice(order: Order, number: str = "1", *, value: int = 0, kind: InvoiceKind = InvoiceKind.OUTPUT, url: str = ""):
    parcel = shipping.Parcel("Fast Carrier", "AB1" if url else "", url)
    document = {"invoiceUrl": "https://shop.example/1.pdf"}
    draft = invoicing.Draft(kind, number, value or order.value, timezone.now(), document, parcel)
    return invoicing.invoice(order, draft, actor="ERP", now=timezone.now())[0]


def states(order: Order) -> list[str]:
    parcels = progress.parcels(order, masking.of_order(order))
    return [stage.state for stage in progress.stages(order, parcels)]


def html(client, order: Order, query: str = "") -> str:
    response = client.get(f"/orders/{order.store.account}/{order.number}/{query}")
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


class TestStages:
    """The status track."""

    @pytest.mark.parametrize(
        ("steps", "expected"),
        [
            ((), "done now coming coming coming coming"),
            ((Status.PAYMENT_PENDING,), "done now coming coming coming coming"),
            (WAY[:1], "done done now coming coming coming"),
            (WAY, "done done now coming coming coming"),
            ((Status.PAYMENT_DENIED,), "done bad"),
            ((*WAY, Status.CANCEL), "done done bad"),
        ],
    )
    def test_they_follow_the_status(self, steps, expected, placed):
        bring(placed.order, *steps)
        assert " ".join(states(placed.order)) == expected

    def test_they_follow_invoices_and_parcels(self, placed):
        order = placed.order
        bring(order, *WAY)
        first = invoice(order, "1", value=1_000, url=URL)
        assert states(order) == ["done", "done", "done", "now", "done", "coming"]
        invoice(order, "2", value=order.value - 1_000)
        assert states(order) == ["done", "done", "done", "done", "now", "coming"]
        shipping.track(order, first, [], delivered_at=timezone.now(), actor="carrier", now=timezone.now())
        assert states(order) == ["done", "done", "done", "done", "now", "now"]

    def test_the_page_draws_them_with_the_one_that_is_now(self, as_admin, placed):
        page = html(as_admin, placed.order)
        assert page.count('aria-current="step"') == 1
        assert page.count('class="track__stage ') == 6


class TestParcels:
    """Invoices, returns and where their parcels are."""

    def test_the_page_shows_them_with_the_link_to_follow(self, as_admin, placed):
        order = placed.order
        bring(order, *WAY)
        made = invoice(order, "NF-1", url=URL)
        sighting = shipping.Sighting(timezone.now(), "Out for delivery", "Recife", "PE")
        shipping.track(order, made, [sighting], delivered_at=timezone.now(), actor="carrier", now=timezone.now())
        invoice(order, "NF-2", value=500, kind=InvoiceKind.INPUT)
        page = html(as_admin, order)
        for words in ("NF-1", "NF-2", f'href="{URL}"', "https://shop.example/1.pdf", "Out for delivery", "Recife, PE"):
            assert words in page
        assert page.count("Delivered") >= 2

    @pytest.mark.parametrize("url", ["javascript:alert(1)", "//evil.example", "ftp://a.example/1", "https://[bad", ""])
    def test_what_is_no_page_s_address_is_no_link(self, url):
        assert progress.safe_url(url) == ""

    @pytest.mark.parametrize("parcels", [1, 3])
    def test_the_page_asks_as_often_for_one_as_for_three(self, parcels, as_admin, placed, django_assert_num_queries):
        bring(placed.order, *WAY)
        for number in range(parcels):
            made = invoice(placed.order, str(number), value=100, url=URL)
            seen = [shipping.Sighting(timezone.now(), "seen")]
            shipping.track(placed.order, made, seen, delivered_at=None, actor="carrier", now=timezone.now())
        html(as_admin, placed.order)
        # as without a parcel, and what carriers said
        with django_assert_num_queries(13):
            html(as_admin, placed.order)

    def test_a_real_address_in_them_is_masked(self, as_admin, store):
        placed = factories.place_order(store, email="ana@people.example")
        bring(placed.order, *WAY)
        invoice(placed.order, url="https://track.example/?to=ana@people.example")
        assert "ana@people.example" not in html(as_admin, placed.order)


class TestGeneral:
    """What is known of the order."""

    DOCUMENT = {
        "items": [{"id": "1", "name": "Oak chair", "quantity": 2, "price": 5_000}],
        "shippingData": {
            "address": {
                "receiverName": "Ana", "street": "Rua A", "number": "12", "city": "Recife", "state": "PE",
                "postalCode": "50000", "complement": "ask ana@people.example",
            },
            "logisticsInfo": [{"selectedSla": "Express", "deliveryCompany": "Fast"}],
        },
    }  # fmt: skip

    def test_items_and_delivery_are_shown_masked(self, as_admin, store):
        order = factories.make_order(store, email="ana@people.example", document=self.DOCUMENT)
        page = html(as_admin, order)
        for words in ("2 × Oak chair", "R$ 50.00", "Rua A 12", "Recife, PE", "Express · Fast"):
            assert words in page
        assert "ana@people.example" not in page

    @pytest.mark.parametrize("shipping_data", [None, [], "x", {"address": None}, {"address": [], "logisticsInfo": {}}])
    def test_whatever_was_posted_as_delivery_is_no_error(self, shipping_data, as_admin, store):
        order = factories.make_order(store, document={"items": [{"id": "1"}], "shippingData": shipping_data})
        assert "Delivery</dt>" not in html(as_admin, order)


class TestHistory:
    """The kinds of entries."""

    def test_each_kind_is_told_in_words(self, as_admin, placed):
        order, now = placed.order, timezone.now()
        payment.change(order, data={"paymentSystemName": "Pix"}, actor="shop", now=now)
        wanted = changing.Change("out of stock", discount=990)
        changing.change(order, wanted, actor="shop", now=now)
        bring(order, *WAY)
        made = invoice(order, "NF-1", url=URL)
        at = now - timedelta(days=1)
        shipping.track(order, made, [shipping.Sighting(at, "On the road")], delivered_at=at, actor="carrier", now=now)
        with pytest.raises(cancelling.TooLate):
            cancelling.cancel(order, reason="too slow", actor="shop", now=now)
        timeline.happened(order, Kind.INTERACTION, text="Sent to the warehouse", actor="WMS", now=now)
        page = html(as_admin, order)
        for words in ("Payment changed", "Pix", "Order changed", "out of stock", "R$ 129.90", "R$ 120.00",
                      "Shipped</strong>", "On the road", "Cancellation refused", "The order is invoiced already.",
                      "too slow", "Sent to the warehouse", "WMS"):  # fmt: skip
            assert words in page, words

    def test_a_status_says_why(self, as_admin, placed):
        payment.deny(placed.order, payment_id="1", reason="card expired", actor="bank", now=timezone.now())
        assert "card expired" in html(as_admin, placed.order)

    def test_an_order_and_the_one_in_its_place_lead_to_each_other(self, as_admin, store):
        old, new = factories.make_order(store), factories.make_order(store)
        changing.replace(old, new, actor="shop", now=timezone.now())
        assert f"/orders/{store.account}/{new.number}/" in html(as_admin, old)
        assert f"/orders/{store.account}/{old.number}/" in html(as_admin, new)

    @pytest.mark.parametrize(
        ("show", "seen", "unseen"),
        [
            ("mails", "A question", "A note"),
            ("comments", "A note", "A question"),
            ("interactions", "A call", "A question"),
        ],
    )
    def test_some_of_it_can_be_shown_alone(self, show, seen, unseen, as_admin, placed):
        factories.make_mail(placed.customer_alias, placed.store_alias, text="A question", subject="x")
        timeline.happened(placed.order, Kind.NOTE, text="A note", actor="Sam", now=timezone.now())
        timeline.happened(placed.order, Kind.INTERACTION, text="A call", actor="WMS", now=timezone.now())
        page = html(as_admin, placed.order, f"?show={show}")
        assert seen in page
        assert unseen not in page
        assert "A question" in html(as_admin, placed.order, "?show=nonsense")


class TestComments:
    """What staff say among themselves."""

    def test_a_comment_is_kept_masked_and_mailed_to_nobody(self, as_support, support, store):
        from conversation_tracker.models import OutboundMail

        placed = factories.place_order(store, email="ana@people.example")
        url = f"/orders/acme/{placed.order.number}/comment/"
        response = as_support.post(url, {"text": " ana@people.example called "}, follow=True)
        entry = TimelineEntry.objects.get(kind=Kind.NOTE)
        assert (entry.text, entry.actor) == (f"{placed.customer_alias.address.text()} called", str(support))
        assert "It is mailed to nobody." in response.content.decode()
        assert OutboundMail.objects.count() == 0

    @pytest.mark.parametrize("text", ["", "   ", "x" * 10_001])
    def test_nothing_and_too_much_are_not_kept(self, text, as_support, placed):
        as_support.post(f"/orders/acme/{placed.order.number}/comment/", {"text": text})
        assert TimelineEntry.objects.filter(kind=Kind.NOTE).count() == 0

    def test_who_may_only_read_may_not_comment(self, client, placed, store):
        client.force_login(factories.make_user(store=store, role=Role.VIEWER))
        assert client.post(f"/orders/acme/{placed.order.number}/comment/", {"text": "x"}).status_code == 403
        assert TimelineEntry.objects.filter(kind=Kind.NOTE).count() == 0
