"""Order mails are noted once and written once, and what goes wrong with one is seen."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from django.db import OperationalError
from django.utils import timezone

from conversation_tracker import order_mails
from conversation_tracker.message_center import rendering
from conversation_tracker.models import (
    OrderMail,
    OrderMailState,
    OutboundMail,
    SendState,
    TemplateChoice,
    TemplateKey,
    TemplateVersion,
)  # fmt: skip
from orders import alerts, events, flow, invoicing, payment, secrecy, shipping
from orders.models import (
    Alert,
    AlertKind,
    InvoiceKind,
    MaskType,
    OrderEvent,
    Status,
    Store,
    User,
)  # fmt: skip
from orders.outcomes import Outcome, Reason
from orders.placing import Placed
from orders.secrecy import Secret
from tests import factories
from tests.conversation_tracker.order_mails import DOCUMENT, Work, sent_on, the_mail, write
from tests.orders.concurrency import at_once

pytestmark = pytest.mark.django_db


def test_an_order_that_is_placed_is_confirmed_through_the_aliases(shopped: Placed, work: Work):
    write()
    (sent,) = work()
    (entry,) = sent_on()
    assert sent.to == ["ana@people.example"]
    assert sent.from_email == f"Acme Support <{shopped.store_alias.address.text()}>"
    assert sent.reply_to == [shopped.store_alias.address.text()]
    assert shopped.order.number in sent.subject + str(sent.body)
    assert sent.alternatives
    assert (entry.outcome, entry.reason, entry.actor) == (Outcome.RELAYED, Reason.ORDER_MAIL, "")
    assert (the_mail().state, the_mail().entry) == (OrderMailState.QUEUED, entry)


@pytest.mark.parametrize("mask_type", MaskType)
def test_every_mail_of_the_usual_way_passes_the_leak_gate(mask_type: MaskType, store: Store, work: Work):
    Store.objects.update(mask_type=mask_type)
    store.refresh_from_db()
    placed = factories.place_order(store, email="ana@people.example", name="Ana Souza", document=DOCUMENT)
    order, now = placed.order, timezone.now()
    for status in (Status.PAYMENT_APPROVED, Status.READY_FOR_HANDLING, Status.START_HANDLING):
        flow.advance(order, status, actor="shop", now=now)
    parcel = shipping.Parcel("Fast", "AB1", "https://track.example/AB1")
    draft = invoicing.Draft(InvoiceKind.OUTPUT, "NF-1", order.value, now, {}, parcel)
    made, _ = invoicing.invoice(order, draft, actor="shop", now=now)
    seen = [shipping.Sighting(now, "Ask ana@people.example"), shipping.Sighting(now, "On the road", "Recife", "PE")]
    shipping.track(order, made, seen, delivered_at=now, actor="carrier", now=now)
    back = invoicing.Draft(InvoiceKind.INPUT, "NF-2", 500, now, {}, shipping.Parcel())
    invoicing.invoice(order, back, actor="shop", now=now)
    write()
    mails = work()
    assert [row.template for row in OrderMail.objects.order_by("pk")] == [
        TemplateKey.NEW_ORDER, TemplateKey.PAYMENT_APPROVED, TemplateKey.IN_HANDLING, TemplateKey.INVOICED,
        TemplateKey.SHIPPED, TemplateKey.SHIPPING_UPDATE, TemplateKey.DELIVERED,
        TemplateKey.REFUNDED,
    ]  # fmt: skip
    assert set(OutboundMail.objects.values_list("state", flat=True)) == {SendState.SENT}
    assert len(mails) == 8
    for mail in mails:
        assert "ana@people.example " not in f"{mail.subject} {mail.body}"


class TestOnce:
    """However often something is told."""

    def test_the_same_event_told_again_is_one_mail(self, shopped: Placed, work: Work):
        write()
        told = OrderEvent.objects.get()
        for _ in range(3):
            order_mails.take([told])
        again = events.build(shopped.order, told.kind, occasion=told.occasion, now=timezone.now())  # type: ignore[arg-type]
        events.publish([again])
        write()
        assert (OrderMail.objects.count(), len(work()), len(sent_on())) == (1, 1, 1)

    def test_the_database_refuses_to_write_it_to_somebody_twice(self, shopped: Placed):
        write()
        OrderMail.objects.update(state=OrderMailState.DUE, entry=None)
        write()
        assert len(sent_on()) == 1
        assert the_mail().state == OrderMailState.DUE

    def test_what_fails_half_way_leaves_nothing_and_is_written_later(
        self, shopped: Placed, monkeypatch: pytest.MonkeyPatch, work: Work
    ):
        TemplateChoice.objects.create(
            store=shopped.order.store, key=TemplateKey.NEW_ORDER, copies=Secret.of_json({"bcc": ["boss@acme.example"]})
        )

        def stop(*args: object, **kwargs: object) -> None:
            raise OSError("the disk is away")

        with monkeypatch.context() as broken:
            broken.setattr(order_mails, "_settle", stop)
            write()
        assert (len(sent_on()), OutboundMail.objects.count(), the_mail().state) == (0, 0, OrderMailState.DUE)
        later = timezone.now() + timedelta(minutes=1)
        write(now=later)
        assert (len(work(now=later)), len(sent_on()), the_mail().state) == (2, 2, OrderMailState.QUEUED)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("is_delivered", "templates"),
    [(False, [TemplateKey.SHIPPING_UPDATE]), (True, [TemplateKey.SHIPPING_UPDATE, TemplateKey.DELIVERED])],
)
def test_what_a_carrier_says_in_one_breath_is_one_mail(
    store: Store, is_delivered: bool, templates: list[TemplateKey]
) -> None:
    order = factories.make_order_at(Status.HANDLING, store=store)
    now = timezone.now()
    invoice, _ = invoicing.invoice(order, factories.make_invoice_draft(), actor="ERP", now=now)
    write(now=now)
    before = set(OrderMail.objects.values_list("pk", flat=True))
    seen = [shipping.Sighting(now - timedelta(hours=8 - step), f"Step {step}") for step in range(8)]
    delivered_at = now if is_delivered else None
    for _ in range(2):
        shipping.track(order, invoice, seen, delivered_at=delivered_at, actor="ERP", now=now + timedelta(seconds=1))
        write(now=now + timedelta(seconds=2))
    fresh = OrderMail.objects.exclude(pk__in=before)
    assert list(fresh.order_by("pk").values_list("template", flat=True)) == templates
    if not is_delivered:
        text = sent_on()[-1].text
        assert [f"Step {step}" in text for step in range(8)] == [True] * 8


@pytest.mark.django_db(transaction=True)
def test_many_workers_at_once_write_each_mail_once_and_an_order_s_in_order():
    store = factories.make_store(cancellation_window=0)
    orders = [factories.make_order(store) for _ in range(4)]
    for order in orders:
        flow.advance(order, Status.PAYMENT_APPROVED, actor="shop", now=timezone.now())
        flow.advance(order, Status.START_HANDLING, actor="shop", now=timezone.now())

    def drain() -> None:
        write()

    at_once(drain, drain, drain)
    write()
    for order in orders:
        mails = order.order_mails.order_by("entry_id")
        expected = [TemplateKey.NEW_ORDER, TemplateKey.PAYMENT_APPROVED, TemplateKey.IN_HANDLING]
        assert [mail.template for mail in mails] == expected


class TestFaults:
    """What goes wrong with one mail."""

    @pytest.fixture
    def _broken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        render = rendering.render

        def fail(store: Store, key: TemplateKey, **kwargs: Any) -> Any:
            if key is TemplateKey.NEW_ORDER:
                raise RuntimeError("@".join(("ana", "people.example")))
            return render(store, key, **kwargs)

        monkeypatch.setattr(rendering, "render", fail)

    @pytest.mark.usefixtures("_broken")
    def test_it_blocks_no_other_is_tried_again_and_alarms_in_the_end(self, shopped: Placed, caplog: Any):
        flow.advance(shopped.order, Status.PAYMENT_APPROVED, actor="shop", now=timezone.now())
        now = timezone.now()
        for _ in range(order_mails.MOST_ATTEMPTS + 2):
            write(now=now)
            now += timedelta(hours=3)
        broken, fine = OrderMail.objects.order_by("pk")
        alert = Alert.objects.get()
        assert (broken.state, broken.attempts) == (OrderMailState.FAILED, order_mails.MOST_ATTEMPTS)
        assert fine.state == OrderMailState.QUEUED
        assert (alert.kind, alert.entry, alert.about) == (AlertKind.NOT_SENT, None, "Order confirmation")
        assert "ana@people.example" not in caplog.text + broken.problem

    def test_another_of_its_name_that_is_written_settles_nothing_of_it(self, shopped: Placed, store_admin: User):
        order, now = shopped.order, timezone.now()
        write()
        said = the_mail().context
        mails = {
            occasion: OrderMail.objects.create(
                store=order.store, order=order, template=TemplateKey.SHIPPING_UPDATE, occasion=occasion,
                context=said, created_at=now, next_attempt_at=now,
            )
            for occasion in ("parcel 1", "parcel 2")
        }  # fmt: skip
        OrderMail.objects.filter(occasion="parcel 1").update(attempts=order_mails.MOST_ATTEMPTS)
        write()
        states = dict(OrderMail.objects.values_list("occasion", "state"))
        assert (states["parcel 1"], states["parcel 2"]) == (OrderMailState.FAILED, OrderMailState.QUEUED)
        assert Alert.objects.open().get().kind == AlertKind.NOT_SENT
        another = OrderMail.objects.get(occasion="parcel 2")
        alerts.raise_about(
            AlertKind.TEMPLATE, "Shipping update", order=order, unless=order_mails._another_failed(another), now=now
        )
        assert Alert.objects.open().get().kind == AlertKind.NOT_SENT
        order_mails.resend(order, mails["parcel 1"].pk, user=store_admin, now=timezone.now())
        write()
        assert not Alert.objects.open().exists()

    @pytest.mark.parametrize("fault", [OperationalError("no space left"), secrecy.KeyMissing("another has it")])
    def test_a_fault_that_passes_is_waited_for_as_long_as_for_other_mails(
        self, shopped: Placed, fault: Exception, monkeypatch: pytest.MonkeyPatch
    ):
        now = timezone.now()
        with monkeypatch.context() as away:
            away.setattr(rendering, "render", Mock(side_effect=fault))
            for hours in range(24):
                write(now=now + timedelta(hours=hours))
        assert the_mail().next_attempt_at < now + timedelta(hours=24)
        write(now=now + timedelta(hours=24))
        assert the_mail().state == OrderMailState.QUEUED
        assert not Alert.objects.exists()

    def test_a_fault_that_should_pass_and_stays_is_told_of_after_two_days(
        self, shopped: Placed, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(rendering, "render", Mock(side_effect=OperationalError))
        now = timezone.now()
        for hours in range(50):
            write(now=now + timedelta(hours=hours))
        assert the_mail().state == OrderMailState.FAILED
        assert Alert.objects.get().kind == AlertKind.NOT_SENT

    def test_one_that_stops_its_worker_is_given_up(self, shopped: Placed):
        events.dispatch(now=timezone.now())
        OrderMail.objects.update(attempts=order_mails.MOST_ATTEMPTS)
        write()
        assert (the_mail().state, the_mail().problem) == (OrderMailState.FAILED, order_mails.STOPPED)
        assert Alert.objects.get().kind == AlertKind.NOT_SENT

    def test_a_template_that_takes_for_ever_is_stopped(self, shopped: Placed, monkeypatch: pytest.MonkeyPatch):
        def spin(*args: object, **kwargs: object) -> None:
            while True:
                pass

        monkeypatch.setattr(rendering, "render", spin)
        monkeypatch.setattr("conversation_tracker.limits.SECONDS", 0.2)
        write()
        assert (the_mail().state, the_mail().problem) == (OrderMailState.DUE, order_mails.TOO_SLOW)

    def test_where_the_store_s_template_fails_the_default_goes_and_somebody_is_told(self, shopped: Placed, work: Work):
        TemplateVersion.objects.create(
            store=shopped.order.store, key=TemplateKey.NEW_ORDER, locale="en", number=1,
            subject="{{ order.nothing | no }}", html="x", text="x", created_at=timezone.now(),
        )  # fmt: skip
        write()
        assert len(work()) == 1
        alert = Alert.objects.get()
        assert (alert.kind, alert.about) == (AlertKind.TEMPLATE, "Order confirmation")

    def test_a_suppressed_customer_s_mail_stands_on_the_timeline_unsent(self, shopped: Placed, work: Work):
        factories.make_suppression(shopped.customer_alias)
        write()
        assert work() == []
        assert OutboundMail.objects.get().state == SendState.SUPPRESSED


def test_a_mail_that_is_switched_off_is_skipped(shopped: Placed):
    TemplateChoice.objects.create(store=shopped.order.store, key=TemplateKey.NEW_ORDER, is_enabled=False)
    write()
    assert (the_mail().state, the_mail().problem) == (OrderMailState.SKIPPED, order_mails.OFF)
    assert (sent_on(), Alert.objects.count()) == ([], 0)


@pytest.mark.parametrize(
    ("customer", "of_store", "words"),
    [("pt-BR", "en", "Pedido"), ("es-MX", "en", "Pedido"), ("", "pt-BR", "Pedido"), ("", "en", "Order")],
)
def test_it_is_in_the_customer_s_language_or_the_store_s(customer: str, of_store: str, words: str, work: Work):
    store = factories.make_store(locale=of_store)
    order = factories.make_order(store, document=DOCUMENT)
    order.customer.locale = customer
    order.customer.save()
    write()
    (sent,) = work()
    assert words.lower() in str(sent.body).lower()


def test_a_mail_is_in_the_language_of_its_order_whatever_the_customer_s_next_one_is_in(store: Store, work: Work):
    for locale in ("pt-BR", "es"):
        document = {**DOCUMENT, "clientPreferencesData": {"locale": locale}}
        order = factories.make_order(store, email="ana@people.example", document=document)
        order.customer.locale = locale
        order.customer.save()
    write()
    html = [str(mail.alternatives[0][0]) for mail in work()]
    assert [('lang="pt-BR"' in one, 'lang="es"' in one) for one in html] == [(True, False), (False, True)]


def test_a_payment_still_awaited_is_mailed_once_after_the_store_s_time(store: Store, work: Work):
    Store.objects.update(payment_pending_after=3)
    placed_at = timezone.now() - timedelta(hours=4)
    factories.make_order(store, now=placed_at)
    for _ in range(2):
        payment.remind(now=timezone.now())
        write()
    templates = list(OrderMail.objects.order_by("pk").values_list("template", flat=True))
    assert templates == [TemplateKey.NEW_ORDER, TemplateKey.PAYMENT_PENDING]
    assert len(work()) == 2
