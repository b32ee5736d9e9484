"""What staff see of order mails, and how they have one resent."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from conversation_tracker import order_mails
from conversation_tracker.models import (
    OrderMail,
    OrderMailState,
    TemplateChoice,
    TemplateKey,
)  # fmt: skip
from orders import events, flow
from orders.models import (
    Action,
    Alert,
    AuditEntry,
    Order,
    Role,
    Status,
    Store,
    User,
)  # fmt: skip
from orders.placing import Placed
from orders.secrecy import Secret
from tests import factories
from tests.conversation_tracker.order_mails import Work, sent_on, the_mail, write

pytestmark = pytest.mark.django_db


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
