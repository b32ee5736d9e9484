"""An order mail whose occasion has passed is not sent, wherever it waited, and says why."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import settings
from django.core import mail
from django.db import connection
from django.test import Client
from django.utils import timezone
from django.utils.module_loading import import_string

from conversation_tracker import order_mails, outbox
from conversation_tracker.message_center import occasions
from conversation_tracker.models import OrderMail, OrderMailState, OutboundMail, SendState, TemplateChoice, TemplateKey
from orders import cancelling, changing, events, flow, payment
from orders.models import Alert, Order, Status, Store, User
from orders.secrecy import Secret
from tests import factories
from tests.conversation_tracker.order_mails import DOCUMENT, Work, write

pytestmark = pytest.mark.django_db


def beat(name: str) -> None:
    """What beat starts under this name, carried out at once."""
    import_string(str(settings.CELERY_BEAT_SCHEDULE[name]["task"])).apply(throw=True)


@pytest.fixture
def awaited(store: Store) -> Order:
    """An order whose payment has been awaited for longer than its store waits; nothing was dispatched since."""
    Store.objects.update(payment_pending_after=3)
    order = factories.make_order(store, now=timezone.now() - timedelta(hours=4), document=DOCUMENT)
    beat("remind-of-payments")
    return order


def reminder() -> OrderMail:
    return OrderMail.objects.get(template=TemplateKey.PAYMENT_PENDING, resend=0)


def pay(order: Order) -> None:
    flow.advance(order, Status.PAYMENT_APPROVED, actor="shop", now=timezone.now())


def deny(order: Order) -> None:
    payment.deny(order, payment_id="1", reason="no funds", actor="shop", now=timezone.now())


def cancel(order: Order) -> None:
    cancelling.cancel(order, reason="changed my mind", actor="shop", now=timezone.now())


def test_beat_s_tasks_alone_bring_the_reminder_to_the_mailbox_once(awaited: Order):
    for _ in range(2):
        for name in ("remind-of-payments", "sweep-events", "sweep-order-mails", "sweep-outbox"):
            beat(name)
    assert reminder().state == OrderMailState.QUEUED
    assert [row.order_mail_id for row in OutboundMail.objects.filter(state=SendState.SENT)].count(reminder().pk) == 1
    assert len(mail.outbox) == 2


@pytest.mark.parametrize(
    ("act", "why"), [(pay, occasions.PAID), (deny, occasions.CANCELLED), (cancel, occasions.CANCELLED)]
)
def test_a_reminder_that_is_written_too_late_is_left_out(
    act: Callable[[Order], None], why: str, awaited: Order, work: Work
):
    act(awaited)
    write()
    assert (reminder().state, reminder().problem, reminder().entry) == (OrderMailState.SKIPPED, why, None)
    assert len(work()) == 2  # that it was placed, and what happened then
    assert Alert.objects.count() == 0


def test_a_reminder_that_waits_in_the_outbox_too_long_does_not_leave(awaited: Order, as_support: Client, work: Work):
    copies = {"cc": ["audit@acme.example"], "bcc": []}
    TemplateChoice.objects.create(store=awaited.store, key=TemplateKey.PAYMENT_PENDING, copies=Secret.of_json(copies))
    write()
    pay(awaited)
    write()
    assert len(work()) == 2
    rows = OutboundMail.objects.filter(order_mail=reminder())
    assert [(row.state, row.problem) for row in rows] == [(SendState.SKIPPED, occasions.PAID)] * 2
    assert (reminder().state, reminder().problem) == (OrderMailState.SKIPPED, occasions.PAID)
    assert Alert.objects.count() == 0
    page = as_support.get(f"/orders/{awaited.store.account}/{awaited.number}/").content.decode()
    assert page.count("The payment is no longer awaited.") == 3  # the two copies, and the order mail
    assert "Not passed on" not in page


def test_the_reminder_that_left_stays_sent_when_a_copy_of_it_does_not(awaited: Order, work: Work):
    copies = {"cc": ["audit@acme.example"], "bcc": []}
    TemplateChoice.objects.create(store=awaited.store, key=TemplateKey.PAYMENT_PENDING, copies=Secret.of_json(copies))
    write()
    copy = OutboundMail.objects.filter(order_mail=reminder()).exclude(entry=reminder().entry).get()
    OutboundMail.objects.filter(pk=copy.pk).update(next_attempt_at=timezone.now() + timedelta(minutes=1))
    work()
    pay(awaited)
    while outbox.work(now=timezone.now() + timedelta(minutes=2)):
        pass
    copy.refresh_from_db()
    assert (copy.state, reminder().state) == (SendState.SKIPPED, OrderMailState.QUEUED)


def test_somebody_may_resend_it_all_the_same(awaited: Order, support: User, work: Work):
    pay(awaited)
    write()
    order_mails.resend(awaited, reminder().pk, user=support, now=timezone.now())
    write()
    assert len(work()) == 3


def test_what_is_still_to_come_is_not_told_of_a_cancelled_order_but_what_happened_is(store: Store, work: Work):
    order, now = factories.make_order(store, document=DOCUMENT), timezone.now()
    payment.change(order, data={"payments": [{"paymentSystemName": "Pix"}]}, actor="shop", now=now)
    changing.change(order, changing.Change("gift", discount=100), actor="shop", now=now)
    pay(order)
    flow.advance(order, Status.READY_FOR_HANDLING, actor="shop", now=now)
    flow.start_handling(order, actor="shop", now=now)
    cancel(order)
    write()
    states = dict(OrderMail.objects.values_list("template", "state"))
    left_out = {key for key, state in states.items() if state == OrderMailState.SKIPPED}
    assert left_out == {TemplateKey.PAYMENT_CHANGED, TemplateKey.ORDER_CHANGED, TemplateKey.IN_HANDLING}
    assert set(states) - left_out == {TemplateKey.NEW_ORDER, TemplateKey.PAYMENT_APPROVED, TemplateKey.CANCELLED}
    assert len(work()) == 3


def test_what_was_skipped_before_is_said_to_be_switched_off(awaited: Order):
    events.dispatch(now=timezone.now())
    OrderMail.objects.update(state=OrderMailState.SKIPPED)
    found = importlib.import_module("conversation_tracker.migrations.0010_order_mails_switched_off_say_so")
    with connection.cursor() as cursor:
        cursor.execute(found.SAY)
    assert set(OrderMail.objects.values_list("problem", flat=True)) == {order_mails.OFF}
