"""Payments are approved, denied and changed once, and awaited no longer than the store wants to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orders import changing, flow, payment
from orders.models import EventKind, Kind, Order, OrderEvent, Status
from tests import factories
from tests.orders import told
from tests.orders.concurrency import at_once

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
APPROVED = [
    "waiting-for-authorization",
    "payment-pending",
    "payment-approved",
    "window-to-cancel",
]
UNPAID = [Status.ORDER_CREATED, Status.ORDER_COMPLETED, Status.WAITING_FOR_AUTHORIZATION, Status.PAYMENT_PENDING]


def approve(order: Order, *, now: datetime = NOW) -> None:
    payment.approve(order, payment_id="P-1", actor="Bank", now=now)


def deny(order: Order, *, reason: str = "no funds") -> None:
    payment.deny(order, payment_id="P-1", reason=reason, actor="Bank", now=NOW)


def test_an_approved_payment_opens_the_window_to_cancel_and_each_step_is_told(store):
    order = factories.make_order(store)
    approve(order)
    assert (order.status, order.authorized_at, Order.objects.get().authorized_at) == ("window-to-cancel", NOW, NOW)
    assert told.statuses(order)[1:] == APPROVED
    assert told.events(order)[1:] == [("order.status", f"status:{status}") for status in APPROVED]
    assert {entry.actor for entry in told.entries(order, Kind.STATUS)[1:]} == {"Bank"}


def test_without_a_window_an_approved_order_is_ready_for_handling(db):
    order = factories.make_order(factories.make_store(cancellation_window=0))
    approve(order)
    assert told.statuses(order)[1:] == [*APPROVED, "ready-for-handling"]


@pytest.mark.parametrize("status", UNPAID)
def test_a_payment_may_come_before_the_steps_to_it_were_told(store, status):
    order = factories.make_order_at(status, store=store)
    approve(order)
    assert order.status == "window-to-cancel"


def test_a_payment_told_twice_is_approved_once(store):
    order = factories.make_order(store)
    approve(order)
    before = told.count(order)
    approve(Order.objects.get(pk=order.pk), now=LATER)
    assert (told.count(order), Order.objects.get().authorized_at) == (before, NOW)


@pytest.mark.django_db(transaction=True)
def test_a_payment_told_four_times_at_once_is_approved_once():
    order = factories.make_order()
    at_once(*[lambda: approve(Order.objects.get(pk=order.pk))] * 4)
    assert told.statuses(order)[1:] == APPROVED
    assert told.count(order) == 1 + len(APPROVED)


@pytest.mark.parametrize("status", [Status.PAYMENT_DENIED, Status.CANCEL, Status.CANCELED])
def test_an_order_that_ended_is_not_approved(store, status):
    order = factories.make_order_at(status, store=store)
    before = told.count(order)
    with pytest.raises(flow.IllegalTransition):
        approve(order)
    assert (Order.objects.get().status, told.count(order)) == (status, before)


def test_a_denied_payment_cancels_the_order_and_says_why(store):
    order = factories.make_order_at(Status.PAYMENT_PENDING, store=store)
    deny(order)
    assert (order.status, order.canceled_at, order.authorized_at) == (Status.CANCELED, NOW, None)
    assert told.statuses(order)[-3:] == ["payment-denied", "cancel", "canceled"]
    assert [entry.text for entry in told.entries(order, Kind.STATUS)[-3:]] == ["no funds"] * 3
    assert told.details(order, "order.status")[-3] == {"reason": "no funds", "payment_id": "P-1"}


def test_a_payment_denied_twice_is_denied_once(store):
    order = factories.make_order(store)
    deny(order)
    before = told.count(order)
    deny(Order.objects.get(pk=order.pk))
    assert told.count(order) == before


@pytest.mark.django_db(transaction=True)
def test_a_payment_denied_four_times_at_once_is_denied_once():
    order = factories.make_order()
    at_once(*[lambda: deny(Order.objects.get(pk=order.pk))] * 4)
    assert told.statuses(order).count("payment-denied") == 1


@pytest.mark.django_db(transaction=True)
def test_approved_and_denied_at_once_only_one_of_them_counts():
    order = factories.make_order_at(Status.PAYMENT_PENDING)

    def told_of(call: object) -> bool:
        try:
            call(Order.objects.get(pk=order.pk))  # type: ignore[operator]  # one of the two above
        except flow.IllegalTransition:
            return False
        return True

    assert sorted(at_once(lambda: told_of(approve), lambda: told_of(deny))) == [False, True]
    assert Order.objects.get().status in {"window-to-cancel", "canceled"}


@pytest.mark.parametrize("status", [Status.READY_FOR_HANDLING, Status.INVOICED, Status.CANCELED])
def test_an_order_past_its_payment_is_not_denied(store, status):
    order = factories.make_order_at(status, store=store)
    before = told.count(order)
    with pytest.raises(flow.IllegalTransition):
        deny(order)
    assert (Order.objects.get().status, told.count(order)) == (status, before)


def test_no_address_is_told_of_in_the_reason(store):
    order = factories.make_order(store, email="maria@people.example")
    deny(order, reason="The card of MARIA@people.example was refused")
    texts = [entry.text for entry in told.entries(order, Kind.STATUS)]
    assert "maria@people" not in f"{texts} {told.details(order, 'order.status')}".lower()
    assert texts[-1].startswith("The card of ")


def test_another_way_to_pay_is_told_each_time_and_masked(store):
    order = factories.make_order(store, email="maria@people.example")
    for system in ("Card", "Voucher of maria@people.example"):
        payment.change(order, data={"paymentSystemName": system}, actor="Shop", now=LATER)
    alias = order.aliases.get(party="customer").address.text()
    said = [{"paymentSystemName": "Card"}, {"paymentSystemName": f"Voucher of {alias}"}]
    assert [entry.data for entry in told.entries(order, Kind.PAYMENT)] == said
    assert told.details(order, EventKind.PAYMENT_CHANGED) == said
    assert len(set(told.events(order, since=1))) == 2
    assert Order.objects.get().changed_at == LATER


@pytest.mark.parametrize("status", [Status.INVOICED, Status.CANCEL, Status.CANCELED, Status.PAYMENT_DENIED])
def test_an_order_that_ended_is_not_paid_for_in_another_way(store, status):
    order = factories.make_order_at(status, store=store)
    before = told.count(order)
    with pytest.raises(payment.TooLate):
        payment.change(order, data={}, actor="Shop", now=LATER)
    assert (told.entries(order, Kind.PAYMENT), told.count(order)) == ([], before)


def remind(hours: float) -> int:
    return payment.remind(now=NOW + timedelta(hours=hours))


@pytest.mark.parametrize("status", UNPAID)
def test_a_payment_awaited_too_long_is_told_once(store, status):
    order = factories.make_order_at(status, store=store, now=NOW)
    assert [remind(47.9), remind(48), remind(480)] == [0, 1, 0]
    assert told.events(order)[-1] == ("order.payment_pending", "payment:pending")


def test_a_store_says_how_long_payments_are_awaited_or_never_tells(db):
    patient, hasty, silent = (factories.make_store(payment_pending_after=hours) for hours in (72, 1, 0))
    orders = [factories.make_order(one, now=NOW) for one in (patient, hasty, silent)]
    assert [remind(2), remind(71), remind(72), remind(10_000)] == [1, 0, 1, 0]
    assert [told.count(order) for order in orders] == [2, 2, 1]


@pytest.mark.parametrize("status", [Status.WINDOW_TO_CANCEL, Status.CANCELED, Status.INVOICED])
def test_a_payment_that_came_or_never_will_is_not_reminded_of(store, status):
    factories.make_order_at(status, store=store, now=NOW)
    assert remind(1_000) == 0


def test_of_an_order_that_was_replaced_nobody_is_reminded(store):
    old, new = factories.make_order(store, now=NOW), factories.make_order(store, now=NOW)
    changing.replace(old, new, actor="Shop", now=NOW)
    assert remind(48) == 1
    assert OrderEvent.objects.get(kind=EventKind.PAYMENT_PENDING).order == new


@pytest.mark.django_db(transaction=True)
def test_workers_that_remind_at_once_remind_once():
    orders = [factories.make_order(now=NOW) for _ in range(3)]
    for _ in range(20):  # one may look before another is done, and lock after it: that needs its chance
        assert sum(at_once(*[lambda: remind(100)] * 4)) == 3
        assert [told.count(order) for order in orders] == [2, 2, 2]
        OrderEvent.objects.filter(kind=EventKind.PAYMENT_PENDING).delete()


def test_the_same_other_way_to_pay_told_twice_is_told_once(store):
    order = factories.make_order(store)
    for way in ("Pix", "Pix", "Boleto", "Pix"):
        payment.change(order, data={"paymentSystemName": way}, actor="Bank", now=NOW)
    assert [entry.data["paymentSystemName"] for entry in told.entries(order, Kind.PAYMENT)] == ["Pix", "Boleto", "Pix"]


@pytest.mark.parametrize(
    ("source", "passed"),
    [("api", "waiting-for-authorization"), ("shopify", "on-order-completed")],
)
def test_an_order_of_a_shop_was_completed_there_and_any_other_waits_to_be_confirmed(store, source, passed):
    order = factories.make_order(store, source=source)
    payment.approve(order, payment_id="P-1", actor="Bank", now=NOW)
    assert told.statuses(order)[:4] == ["order-created", passed, "payment-pending", "payment-approved"]
