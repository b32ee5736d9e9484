"""Order mails are noted once, written once, and resent when somebody wants it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from dateutil.relativedelta import relativedelta
from django.core.mail import EmailMultiAlternatives
from django.test import Client
from django.utils import timezone

from conversation_tracker import order_mails
from conversation_tracker.message_center import rendering
from conversation_tracker.models import (
    OrderMail,
    OrderMailState,
    OutboundMail,
    Sender,
    SendState,
    TemplateChoice,
    TemplateKey,
    TemplateVersion,
)  # fmt: skip
from orders import aliases, customers, events, flow, invoicing, payment, shipping
from orders.models import (
    Action,
    Alert,
    AlertKind,
    Alias,
    AliasEvent,
    AuditEntry,
    InvoiceKind,
    Kind,
    MaskType,
    Order,
    OrderEvent,
    PartyKind,
    Role,
    Status,
    Store,
    TimelineEntry,
    User,
)  # fmt: skip
from orders.outcomes import Outcome, Reason
from orders.placing import Placed
from orders.secrecy import Secret
from tests import factories, letters
from tests.orders.concurrency import at_once

pytestmark = pytest.mark.django_db
Work = Callable[..., list[EmailMultiAlternatives]]
DOCUMENT = {
    "items": [{"id": "1", "name": "Oak chair", "quantity": 1, "price": 12_990}],
    "clientProfileData": {"firstName": "Ana", "lastName": "Souza", "email": "ana@people.example"},
    "shippingData": {
        "address": {"receiverName": "Ana Souza", "street": "Rua A", "number": "12", "city": "Recife", "state": "PE"}
    },
}


@pytest.fixture
def shopped(store: Store) -> Placed:
    """An order with everything a mail may say."""
    return factories.place_order(store, email="ana@people.example", name="Ana Souza", document=DOCUMENT)


def write(*, now: Any = None) -> None:
    """Dispatch what happened and write what is due."""
    moment = now or timezone.now()
    while events.dispatch(now=moment):
        pass
    while order_mails.work(now=moment):
        pass


def sent_on() -> list[TimelineEntry]:
    return list(TimelineEntry.objects.filter(kind=Kind.MAIL).order_by("occurred_at", "pk"))


def the_mail() -> OrderMail:
    return OrderMail.objects.get()


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
        TemplateKey.SHIPPED, TemplateKey.SHIPPING_UPDATE, TemplateKey.SHIPPING_UPDATE, TemplateKey.DELIVERED,
        TemplateKey.REFUNDED,
    ]  # fmt: skip
    assert set(OutboundMail.objects.values_list("state", flat=True)) == {SendState.SENT}
    assert len(mails) == 9
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


class TestAliases:
    """Under whose aliases it goes, also late."""

    def test_after_two_months_the_aliases_are_renewed_for_it(self, shopped: Placed, work: Work):
        write()
        late = timezone.now() + relativedelta(months=2, days=1)
        aliases.expire_due(now=late)
        shopped.order.store.cancellation_window = 0
        flow.advance(shopped.order, Status.PAYMENT_APPROVED, actor="shop", now=late)
        write(now=late)
        assert len(work(now=late)) == 2
        assert all(alias.is_valid_at(late) for alias in shopped.order.aliases.all())
        assert TimelineEntry.objects.filter(alias_event=AliasEvent.RENEWED).count() == 2

    def test_a_retired_customer_gets_none_and_somebody_is_told(self, shopped: Placed, store_admin: User):
        aliases.retire(shopped.customer_alias, user=store_admin, reason="", now=timezone.now())
        write()
        assert (the_mail().state, the_mail().problem) == (OrderMailState.FAILED, order_mails.RETIRED)
        assert Alert.objects.get().kind == AlertKind.NOT_SENT
        assert OutboundMail.objects.count() == 0

    def test_a_sender_has_an_alias_of_its_own_and_gets_the_answer(self, shopped: Placed, client: Client, work: Work):
        Sender.objects.create(
            store=shopped.order.store, name="Acme Orders", address=Secret.of("orders@acme.example"),
            address_digest=customers.real_digest("orders@acme.example"), is_default=True, created_at=timezone.now(),
        )  # fmt: skip
        write()
        (sent,) = work()
        sender = Alias.objects.get(party=PartyKind.STORE, issued_at__gt=shopped.store_alias.issued_at)
        assert sent.from_email == f"Acme Orders <{sender.address.text()}>"
        reply = letters.postmark(sender, FromFull={"Email": "ana@people.example", "Name": ""})
        letters.post_postmark(client, reply)
        (answer,) = work()
        assert answer.to == ["orders@acme.example"]

    def test_copies_are_mails_of_their_own_under_aliases_of_their_own(self, shopped: Placed, work: Work):
        copies = {"cc": ["audit@acme.example", "ana@people.example"], "bcc": ["boss@acme.example"]}
        TemplateChoice.objects.create(
            store=shopped.order.store, key=TemplateKey.NEW_ORDER, copies=Secret.of_json(copies)
        )
        write()
        sent = work()
        assert [mail.to for mail in sent] == [["ana@people.example"], ["audit@acme.example"], ["boss@acme.example"]]
        assert [(mail.cc, mail.bcc) for mail in sent] == [([], [])] * 3
        assert len(sent_on()) == 3
        kinds = [entry.recipient_alias.party for entry in sent_on() if entry.recipient_alias]
        assert kinds == [PartyKind.CUSTOMER, PartyKind.THIRD_PARTY, PartyKind.THIRD_PARTY]
        for mail in sent:
            whole = mail.message().as_string().replace(f"To: {mail.to[0]}", "")
            assert not any(address in whole for address in ("audit@acme", "boss@acme", "ana@people"))

    def test_a_copy_whose_alias_was_retired_is_not_sent_and_somebody_is_told(
        self, shopped: Placed, store_admin: User, work: Work
    ):
        order, now = shopped.order, timezone.now()
        TemplateChoice.objects.create(
            store=order.store, key=TemplateKey.NEW_ORDER,
            copies=Secret.of_json({"cc": ["audit@acme.example"], "bcc": []}),
        )  # fmt: skip
        (copy,) = aliases.issue(order, [aliases.Party(PartyKind.THIRD_PARTY, "audit@acme.example")], now=now)
        aliases.retire(copy, user=store_admin, reason="", now=now)
        write()
        assert [mail.to for mail in work()] == [["ana@people.example"]]
        assert (the_mail().state, Alert.objects.get().kind) == (OrderMailState.QUEUED, AlertKind.NOT_SENT)

    def test_a_store_that_orders_from_itself_gets_its_mail(self, store: Store, work: Work):
        factories.place_order(store, email="help@acme.example")
        write()
        (sent,) = work()
        assert sent.to == ["help@acme.example"]


def test_a_mail_that_is_switched_off_is_skipped(shopped: Placed):
    TemplateChoice.objects.create(store=shopped.order.store, key=TemplateKey.NEW_ORDER, is_enabled=False)
    write()
    assert (the_mail().state, sent_on(), Alert.objects.count()) == (OrderMailState.SKIPPED, [], 0)


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


class TestResend:
    """Staff have a mail sent once more."""

    def post(self, client: Client, order: Order, pk: int) -> Any:
        return client.post(f"/orders/{order.store.account}/{order.number}/order-mails/{pk}/resend/", follow=True)

    def test_it_is_a_new_mail_with_records_of_its_own(
        self, as_support: Client, support: User, shopped: Placed, work: Work
    ):
        write()
        first = the_mail()
        response = self.post(as_support, shopped.order, first.pk)
        write()
        again = OrderMail.objects.get(resend=1)
        one, two = work()
        assert "The order mail is being written again." in response.content.decode()
        assert (again.state, again.actor, again.occasion) == (OrderMailState.QUEUED, str(support), first.occasion)
        assert one.extra_headers["Message-ID"] != two.extra_headers["Message-ID"]
        assert (one.to, one.subject) == (two.to, two.subject)
        assert [entry.actor for entry in sent_on()] == ["", str(support)]
        assert AuditEntry.objects.get().action == Action.MAIL_SENT_AGAIN

    def test_asked_twice_it_is_sent_once_more(self, as_support: Client, shopped: Placed, work: Work):
        write()
        for _ in range(2):
            self.post(as_support, shopped.order, OrderMail.objects.earliest("pk").pk)
        write()
        assert len(work()) == 2

    def test_one_that_was_switched_off_or_failed_goes_then_and_its_alert_is_settled(
        self, as_support: Client, shopped: Placed, work: Work
    ):
        events.dispatch(now=timezone.now())
        OrderMail.objects.update(attempts=order_mails.MOST_ATTEMPTS)
        write()
        TemplateChoice.objects.create(store=shopped.order.store, key=TemplateKey.NEW_ORDER, is_enabled=False)
        self.post(as_support, shopped.order, the_mail().pk)
        write()
        assert len(work()) == 1
        assert Alert.objects.open().count() == 0

    def test_copies_go_to_nobody_a_second_time(self, as_support: Client, shopped: Placed, work: Work):
        TemplateChoice.objects.create(
            store=shopped.order.store, key=TemplateKey.NEW_ORDER, copies=Secret.of_json({"cc": ["audit@acme.example"]})
        )
        write()
        self.post(as_support, shopped.order, the_mail().pk)
        write()
        assert [mail.to[0] for mail in work()] == ["ana@people.example", "audit@acme.example", "ana@people.example"]

    def test_only_who_may_answer_and_only_of_this_order(
        self, client: Client, as_support: Client, shopped: Placed, store: Store
    ):
        write()
        client.force_login(factories.make_user(store=store, role=Role.VIEWER))
        assert self.post(client, shopped.order, the_mail().pk).status_code == 403
        other = factories.make_order(store)
        assert self.post(as_support, other, the_mail().pk).status_code == 404
        assert OrderMail.objects.count() == 1


class TestThePage:
    """What staff see of order mails."""

    def page(self, client: Client, order: Order) -> str:
        return " ".join(client.get(f"/orders/{order.store.account}/{order.number}/").content.decode().split())

    def test_they_are_on_the_timeline_with_resend(self, as_support: Client, shopped: Placed):
        write()
        page = self.page(as_support, shopped.order)
        assert "Sent by the store at this step of the order." in page or "On its way" in page
        assert page.count(f"/order-mails/{the_mail().pk}/resend/") == 1
        assert "Handed to the outbox" in page

    def test_one_that_failed_is_on_top_and_can_be_resent(self, as_support: Client, shopped: Placed, store: Store):
        events.dispatch(now=timezone.now())
        OrderMail.objects.update(attempts=order_mails.MOST_ATTEMPTS)
        write()
        page = self.page(as_support, shopped.order)
        assert "An order mail was to be sent and was not" in page
        assert '<a href="#order-mails">Order confirmation</a>' in page
        assert f"/order-mails/{the_mail().pk}/resend/" in page
        assert shopped.order.number in as_support.get("/orders/?attention=1").content.decode()

    @pytest.mark.parametrize("count", [1, 3])
    def test_it_asks_the_database_as_often_for_one_as_for_three(
        self, count: int, as_support: Client, shopped: Placed, django_assert_num_queries: Any
    ):
        statuses = [Status.PAYMENT_APPROVED, Status.READY_FOR_HANDLING, Status.START_HANDLING]
        for status in statuses[: count - 1] + statuses[count:]:
            if count > 1:
                flow.advance(shopped.order, status, actor="shop", now=timezone.now())
        write()
        self.page(as_support, shopped.order)
        with django_assert_num_queries(12):
            self.page(as_support, shopped.order)
