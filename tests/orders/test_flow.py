"""An order goes from status to status only along the flow, and each step stands on its timeline."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orders import flow
from orders.models import Kind, Order, Status, TimelineEntry
from tests import factories
from tests.orders.concurrency import at_once

NOW = datetime(2026, 3, 1, tzinfo=UTC)
EVERY_STEP = [(old, new) for old in Status for new in Status]
USUAL = (
    Status.WAITING_FOR_AUTHORIZATION,
    Status.PAYMENT_PENDING,
    Status.PAYMENT_APPROVED,
    Status.WINDOW_TO_CANCEL,
    Status.READY_FOR_HANDLING,
    Status.START_HANDLING,
    Status.HANDLING,
    Status.INVOICE,
    Status.INVOICED,
)


def steps(order: Order) -> list[tuple[str, str, str]]:
    return list(
        TimelineEntry.objects.filter(order=order, kind=Kind.STATUS)
        .order_by("id")
        .values_list("old_status", "new_status", "actor")
    )


def test_the_usual_path_is_open_and_stands_on_the_timeline(store):
    order = factories.make_order(store)
    for status in USUAL:
        flow.move(order, status, actor="Shop", now=NOW)
    path = [Status.ORDER_CREATED, *USUAL]
    assert (Order.objects.get().status, order.status) == (Status.INVOICED, Status.INVOICED)
    assert steps(order)[1:] == [(old, new, "Shop") for old, new in zip(path, USUAL, strict=False)]


def test_a_denied_payment_leads_to_a_cancelled_order(store):
    order = factories.make_order(store)
    for status in (*USUAL[:2], Status.PAYMENT_DENIED, Status.CANCEL, Status.CANCELED):
        flow.move(order, status, actor="Shop", now=NOW)
    assert Order.objects.get().status == Status.CANCELED


def test_every_step_is_legal_as_the_flow_says_and_refused_otherwise(store):
    order = factories.make_order(store)
    begun = len(steps(order))
    legal = []
    for old, new in EVERY_STEP:
        Order.objects.update(status=old)
        try:
            flow.move(order, new, actor="Shop", now=NOW)
        except flow.IllegalTransition:
            assert Order.objects.get().status == old
        else:
            assert Order.objects.get().status == new
            legal.append((old.value, new.value, "Shop"))
    assert steps(order)[begun:] == legal
    assert legal == [(old, new, "Shop") for old, new in EVERY_STEP if new in flow.NEXT[old]]


def test_an_illegal_step_says_both_statuses(store):
    with pytest.raises(flow.IllegalTransition, match="order-created cannot become invoiced"):
        flow.move(factories.make_order(store), Status.INVOICED, actor="Shop", now=NOW)


def test_every_status_has_its_place_in_the_flow():
    assert set(flow.NEXT) == set(Status)


def test_every_status_can_be_reached_from_the_first():
    reached, edge = {Status.ORDER_CREATED}, [Status.ORDER_CREATED]
    while edge:
        edge = [new for old in edge for new in flow.NEXT[old] if new not in reached]
        reached.update(edge)
    assert reached == set(Status)


@pytest.mark.parametrize("final", [Status.INVOICED, Status.CANCELED])
def test_a_finished_order_goes_nowhere(final):
    assert flow.NEXT[final] == frozenset()


def test_an_invoice_that_is_being_verified_or_done_cannot_be_cancelled():
    cancelling = {Status.CANCEL, Status.CANCELED, Status.CANCELLATION_REQUESTED}
    assert [flow.NEXT[status] & cancelling for status in (Status.INVOICE, Status.INVOICED)] == [frozenset()] * 2


@pytest.mark.django_db(transaction=True)
def test_one_step_asked_for_at_once_is_made_once():
    order = factories.make_order()
    first_step = Status.WAITING_FOR_AUTHORIZATION

    def move() -> bool:
        try:
            flow.move(Order.objects.get(pk=order.pk), first_step, actor="Shop", now=NOW)
        except flow.IllegalTransition:
            return False
        return True

    assert sorted(at_once(*[move] * 4)) == [False, False, False, True]
    assert steps(order) == [("", Status.ORDER_CREATED, "tests"), (Status.ORDER_CREATED, first_step, "Shop")]
