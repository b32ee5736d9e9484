"""Store settings / Orders / Settings: suppressed addresses."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from orders import suppression
from orders.models import Action, AuditEntry, MaskType, Role, Suppression, SuppressionReason
from tests import factories

pytestmark = pytest.mark.django_db
URL = "/settings/acme/suppressions/"


def lift_url(pk: int) -> str:
    return f"{URL}{pk}/lift/"


def test_the_page_shows_who_why_and_since_when_and_no_real_address(as_admin, store):
    placed = factories.place_order(store, email="real.person@people.example", name="Maria Silva")
    factories.make_suppression(placed.customer_alias, SuppressionReason.COMPLAINED)
    page = as_admin.get(URL).content.decode()
    wanted = ("Maria Silva", placed.customer_alias.address.text(), placed.order.number, "A mail was marked as spam")
    assert [words for words in wanted if words not in page] == []
    assert "real.person" not in page


def test_without_any_the_page_says_when_one_comes(as_admin):
    page = as_admin.get(URL).content.decode()
    assert "No address is suppressed" in page
    assert "When a mail bounces for good" in page


def test_the_newest_come_first_and_older_ones_are_a_page_away(as_admin, store, monkeypatch):
    monkeypatch.setattr(suppression, "PAGE", 2)
    now = timezone.now()
    made = [
        factories.make_suppression(factories.place_order(store).customer_alias, now=now - timedelta(minutes=minutes))
        for minutes in (0, 1, 1, 2, 3)
    ]
    seen, before = [], ""
    for _ in range(3):
        page = as_admin.get(URL, {"before": before}).context["page"]
        seen += [row.pk for row in page.rows]
        before = str(page.older or "")
    assert seen[0] == made[0].pk
    assert sorted(seen) == sorted(one.pk for one in made)
    assert before == ""


@pytest.mark.parametrize("count", [1, 3])
def test_the_page_asks_the_database_as_often_for_one_as_for_three(count, as_admin, store, django_assert_num_queries):
    for _ in range(count):
        factories.make_suppression(factories.place_order(store).customer_alias)
    as_admin.get(URL)
    with django_assert_num_queries(6):  # session, user, store, rights, suppressions, settings in the bar
        as_admin.get(URL)


def test_other_stores_are_not_shown(as_admin):
    factories.make_suppression(factories.place_order().customer_alias)
    assert as_admin.get(URL).context["page"].rows == []


def test_lifting_is_audited_and_said(as_admin, placed, store_admin):
    found = factories.make_suppression(placed.customer_alias)
    page = as_admin.post(lift_url(found.pk), follow=True)
    assert page.redirect_chain == [(URL, 302)]
    assert "Lifted. Mail goes to this address again from now on" in page.content.decode()
    assert Suppression.objects.count() == 0
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.user) == (Action.SUPPRESSION_LIFTED, store_admin)


def test_lifting_twice_changes_nothing_more(as_admin, placed):
    found = factories.make_suppression(placed.customer_alias)
    as_admin.post(lift_url(found.pk))
    page = as_admin.post(lift_url(found.pk), follow=True).content.decode()
    assert "Nothing changed: this address is not suppressed any more." in page
    assert AuditEntry.objects.count() == 1


def test_a_foreign_suppression_is_answered_as_one_that_is_gone(as_admin):
    foreign = factories.make_suppression(factories.place_order().customer_alias)
    answers = [as_admin.post(lift_url(pk), follow=True).content.decode() for pk in (foreign.pk, foreign.pk + 1)]
    assert ["Nothing changed" in answer for answer in answers] == [True, True]
    assert (Suppression.objects.count(), AuditEntry.objects.count()) == (1, 0)


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.VIEWER])
def test_who_may_not_set_the_store_may_neither_see_nor_lift(role, client, placed, store):
    found = factories.make_suppression(placed.customer_alias)
    client.force_login(factories.make_user(store=store, role=role))
    assert (client.get(URL).status_code, client.post(lift_url(found.pk)).status_code) == (403, 403)
    assert (Suppression.objects.count(), AuditEntry.objects.count()) == (1, 0)


@pytest.mark.parametrize("url", [URL, "/settings/nope/suppressions/"])
def test_to_an_outsider_the_store_does_not_exist(url, outsider, placed):
    found = factories.make_suppression(placed.customer_alias)
    client = Client()
    client.force_login(outsider)
    assert client.get(url).status_code == 404
    assert client.post(f"{url}{found.pk}/lift/").status_code == 404
    assert Suppression.objects.count() == 1


def test_a_link_does_not_lift(as_admin, placed):
    assert as_admin.get(lift_url(factories.make_suppression(placed.customer_alias).pk)).status_code == 405


def test_a_form_from_another_site_is_refused(store_admin, placed):
    found = factories.make_suppression(placed.customer_alias)
    client = Client(enforce_csrf_checks=True)
    client.force_login(store_admin)
    assert client.post(lift_url(found.pk)).status_code == 403
    assert Suppression.objects.count() == 1


def test_a_soft_alias_is_shown_as_it_is(client):
    """It can be read, as everywhere: that is what Soft means. The address beside it is not shown."""
    soft = factories.make_store("softshop", mask_type=MaskType.SOFT)
    placed = factories.place_order(soft)
    factories.make_suppression(placed.customer_alias)
    client.force_login(factories.make_user(store=soft))
    page = client.get("/settings/softshop/suppressions/").content.decode()
    alias, real = placed.customer_alias.address.text(), placed.customer_alias.real.text()
    assert alias in page
    assert real not in page.replace(alias, "")
