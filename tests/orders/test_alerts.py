"""Alerts: raised, settled and dismissed; on the order page and in the list."""

from __future__ import annotations

import re
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Exists
from django.test import Client
from django.utils import timezone

from orders import alerts, events, history
from orders.models import Action, Alert, AlertKind, AuditEntry, EventKind, OrderEvent, Role, TimelineEntry
from tests import factories
from tests.orders.concurrency import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def mail(placed) -> TimelineEntry:
    """A mail whose copy came back."""
    entry = factories.make_mail(placed.store_alias, placed.customer_alias, subject="Your invoice")
    factories.make_outbound(entry, state="bounced")
    factories.make_alert(entry)
    return entry


def order_url(order: Any, rest: str = "") -> str:
    return f"/orders/{order.store.account}/{order.number}/{rest}"


def wait_until_one_waits() -> None:
    """For a row that this session holds."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))")
            if cursor.fetchone()[0]:
                return
        time.sleep(0.02)
    raise AssertionError("nobody waits")


def page(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def numbers(response: Any) -> list[str]:
    return [row.order.number for row in response.context["page"].rows]


class TestRaising:
    """One open alert for an entry."""

    def test_raised_again_an_open_alert_takes_the_new_kind(self, mail):
        alert = factories.make_alert(mail, AlertKind.COMPLAINED)
        assert (Alert.objects.count(), alert.kind) == (1, AlertKind.COMPLAINED)

    def test_after_it_was_settled_a_new_one_is_raised(self, mail):
        alerts.settle(mail.pk, now=timezone.now())
        factories.make_alert(mail, AlertKind.COMPLAINED)
        assert list(Alert.objects.order_by("pk").values_list("kind", flat=True)) == ["bounced", "complained"]

    @pytest.mark.django_db(transaction=True)
    def test_what_fails_while_another_of_its_name_is_written_stays_an_alert(self, placed):
        order, now = placed.order, timezone.now()
        alerts.raise_about(AlertKind.TEMPLATE, "Invoiced", order=order, now=now)
        is_raised = threading.Event()

        def fail() -> None:
            with transaction.atomic():
                alerts.raise_about(AlertKind.NOT_SENT, "Invoiced", order=order, now=now)
                failed = events.build(order, EventKind.REPLACED, occasion="failed", now=now)
                events.publish([failed])
                is_raised.set()
                wait_until_one_waits()

        def succeed() -> None:
            is_raised.wait(20)
            with transaction.atomic():
                failed = Exists(OrderEvent.objects.filter(order=order, occasion="failed"))
                alerts.settle_about("Invoiced", order=order, unless=failed, now=now)

        at_once(fail, succeed)
        assert Alert.objects.open().get().kind == AlertKind.NOT_SENT

    def test_what_settles_by_itself_names_nobody(self, mail):
        alerts.settle(mail.pk, now=timezone.now())
        alert = Alert.objects.get()
        assert (alert.settled_at is not None, alert.settled_by) == (True, None)

    def test_settling_leaves_who_dismissed_it(self, mail, placed, support):
        then = timezone.now() - timedelta(hours=1)
        alerts.dismiss(placed.order, Alert.objects.get().pk, user=support, now=then)
        alerts.settle(mail.pk, now=timezone.now())
        alert = Alert.objects.get()
        assert (alert.settled_at, alert.settled_by) == (then, support)


@pytest.mark.django_db(transaction=True)
def test_raised_twice_at_once_it_is_one(placed):
    entry = factories.make_mail(placed.store_alias, placed.customer_alias)

    def raise_it() -> None:
        alerts.raise_for(
            AlertKind.BOUNCED, entry_id=entry.pk, order_id=entry.order_id, store_id=entry.store_id, now=timezone.now()
        )

    at_once(raise_it, raise_it)
    assert Alert.objects.count() == 1


class TestOrderPage:
    """On top of the order, and at the mail itself."""

    def test_it_says_in_words_what_happened_and_what_to_do(self, as_support, mail, placed):
        shown = page(as_support, order_url(placed.order))
        assert "1 matter needs attention" in shown
        assert "The mail came back: the recipient’s mail server did not take it" in shown
        assert "Reach the person in another way and ask for an address that takes mail." in shown
        assert f'href="#mail-{mail.pk}">Your invoice</a>' in shown

    def test_the_mail_is_marked_on_the_timeline_too(self, as_support, mail, placed):
        timeline = page(as_support, order_url(placed.order)).partition('<ol class="timeline">')[2]
        assert timeline.count("Needs attention") == 1

    def test_an_order_without_alerts_says_nothing(self, as_support, placed):
        assert "attention" not in page(as_support, order_url(placed.order))

    def test_a_mail_on_an_earlier_stretch_is_linked_there(self, as_support, mail, placed, monkeypatch):
        monkeypatch.setattr(history, "PAGE", 2)
        for minutes in (1, 2, 3):
            factories.make_mail(
                placed.customer_alias, placed.store_alias, now=timezone.now() + timedelta(minutes=minutes)
            )
        shown = page(as_support, order_url(placed.order))
        [link] = re.findall(rf'href="([^"]+)#mail-{mail.pk}"', shown)
        assert f'id="mail-{mail.pk}"' not in shown
        assert f'id="mail-{mail.pk}"' in page(as_support, link)

    def test_who_may_only_read_sees_it_and_no_buttons(self, client, mail, placed):
        client.force_login(factories.make_user(store=placed.order.store, role=Role.VIEWER))
        shown = page(client, order_url(placed.order))
        assert "1 matter needs attention" in shown
        assert [word for word in ("Dismiss", "Send again<") if word in shown] == []

    def test_only_who_may_lift_is_led_to_the_suppressed_addresses(self, as_support, as_admin, mail, placed):
        factories.make_alert(mail, AlertKind.SUPPRESSED)
        link = 'href="/settings/acme/suppressions/"'
        shown = [link in page(browser, order_url(placed.order)) for browser in (as_support, as_admin)]
        assert shown == [False, True]

    def test_many_are_folded(self, as_support, placed):
        for _ in range(7):
            factories.make_alert(factories.make_mail(placed.store_alias, placed.customer_alias))
        shown = page(as_support, order_url(placed.order))
        assert "7 matters need attention" in shown
        assert shown.count('class="alerts__one"') == 7
        assert shown.index('data-fold="alerts"') > shown.index('class="alerts__one"')

    @pytest.mark.parametrize("count", [1, 3])
    def test_one_alert_asks_the_database_as_often_as_three(self, count, as_support, placed, django_assert_num_queries):
        for _ in range(count):
            entry = factories.make_mail(placed.store_alias, placed.customer_alias)
            factories.make_outbound(entry, state="bounced")
            factories.make_alert(entry)
        as_support.get(order_url(placed.order))
        # session, user, order, alerts, their copies, entries, attachments, outbound, rights, aliases, settings
        with django_assert_num_queries(13):
            as_support.get(order_url(placed.order))


class TestDismissing:
    """Somebody looked at it."""

    def dismiss(self, client: Client, order: Any, pk: int, **data: str) -> Any:
        return client.post(order_url(order, f"alerts/{pk}/dismiss/"), data)

    def test_it_is_gone_from_the_page_and_audited(self, as_support, mail, placed, support):
        alert = Alert.objects.get()
        response = self.dismiss(as_support, placed.order, alert.pk)
        entry = AuditEntry.objects.get()
        assert response["Location"] == order_url(placed.order)
        assert "needs attention" not in page(as_support, order_url(placed.order))
        assert (entry.action, entry.user, entry.before) == (Action.ALERT_DISMISSED, support, "bounced")
        assert entry.subject == f"alert {alert.pk} of order {placed.order.number}"

    def test_one_comes_back_to_where_one_was(self, as_support, mail, placed):
        before = "20261123T100000.000000-7"
        response = self.dismiss(as_support, placed.order, Alert.objects.get().pk, before=before)
        assert response["Location"] == order_url(placed.order, f"?before={before}")

    def test_nonsense_about_where_one_was_is_ignored(self, as_support, mail, placed):
        response = self.dismiss(as_support, placed.order, Alert.objects.get().pk, before="//evil.example")
        assert response["Location"] == order_url(placed.order)

    def test_who_may_only_read_may_not(self, client, mail, placed):
        client.force_login(factories.make_user(store=placed.order.store, role=Role.VIEWER))
        response = self.dismiss(client, placed.order, Alert.objects.get().pk)
        assert response.status_code == 403
        assert (Alert.objects.open().count(), AuditEntry.objects.count()) == (1, 0)

    def test_a_foreign_alert_and_none_look_the_same(self, outsider, as_support, mail, placed):
        client = Client()
        client.force_login(outsider)
        alert, other = Alert.objects.get(), factories.make_order(placed.order.store)
        answers = [
            self.dismiss(client, placed.order, alert.pk),
            self.dismiss(client, placed.order, alert.pk + 1),
            self.dismiss(as_support, placed.order, alert.pk + 1),
            self.dismiss(as_support, other, alert.pk),
        ]
        assert [answer.status_code for answer in answers] == [404] * 4
        assert Alert.objects.open().count() == 1

    def test_a_link_does_not_dismiss(self, as_support, mail, placed):
        url = order_url(placed.order, f"alerts/{Alert.objects.get().pk}/dismiss/")
        assert as_support.get(url).status_code == 405

    def test_a_form_from_another_site_is_refused(self, support, mail, placed):
        client = Client(enforce_csrf_checks=True)
        client.force_login(support)
        assert self.dismiss(client, placed.order, Alert.objects.get().pk).status_code == 403
        assert Alert.objects.open().count() == 1


@pytest.mark.django_db(transaction=True)
def test_dismissed_twice_at_once_it_is_audited_once(mail, placed, support):
    pk = Alert.objects.get().pk

    def dismiss() -> Alert | None:
        return alerts.dismiss(placed.order, pk, user=support, now=timezone.now())

    assert None not in at_once(dismiss, dismiss)
    assert AuditEntry.objects.count() == 1


class TestList:
    """In the list of orders."""

    def test_an_order_with_an_alert_is_marked_and_counted(self, as_support, mail, placed):
        factories.make_order(placed.order.store)
        response = as_support.get("/orders/")
        marked = [row.order.number for row in response.context["page"].rows if row.needs_attention]
        assert (marked, response.context["in_need"]) == ([placed.order.number], 1)
        assert '<span class="count count--bad">1</span>' in response.content.decode()

    def test_two_alerts_of_one_order_count_once(self, as_support, mail, placed):
        factories.make_alert(factories.make_mail(placed.store_alias, placed.customer_alias))
        assert as_support.get("/orders/").context["in_need"] == 1

    def test_the_filter_shows_only_those(self, as_support, mail, placed):
        factories.make_order(placed.order.store)
        assert numbers(as_support.get("/orders/", {"attention": "1"})) == [placed.order.number]

    def test_a_settled_alert_marks_nothing(self, as_support, mail, placed):
        alerts.settle(mail.pk, now=timezone.now())
        response = as_support.get("/orders/", {"attention": "1"})
        assert (numbers(response), response.context["in_need"]) == ([], 0)
        assert "No order needs attention" in response.content.decode()

    def test_alerts_of_other_stores_are_neither_shown_nor_counted(self, mail, outsider):
        client = Client()
        client.force_login(outsider)
        response = client.get("/orders/", {"attention": "1"})
        assert (numbers(response), response.context["in_need"]) == ([], 0)
