"""The addresses to which a store sends no more mail."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from orders import suppression
from orders.models import Action, AuditEntry, Suppression, SuppressionReason
from tests import factories
from tests.orders.concurrency import at_once


def add(placed, reason=SuppressionReason.BOUNCED, *, spell=str, now=None):
    alias = placed.customer_alias
    suppression.add(
        spell(alias.real.text()), alias=alias, reason=reason, source="outbound 7", now=now or timezone.now()
    )


@pytest.mark.django_db
def test_an_address_is_suppressed_in_every_spelling_and_in_its_store_only(placed):
    add(placed)
    real, other = placed.customer_alias.real.text(), factories.make_store()
    store = placed.order.store
    assert suppression.is_suppressed(real.upper(), store_id=store.pk)
    assert not suppression.is_suppressed(real, store_id=other.pk)
    assert not suppression.is_suppressed("other@people.example", store_id=store.pk)


@pytest.mark.django_db
def test_added_again_it_stays_one_with_its_first_moment_and_the_latest_reason(placed):
    first = timezone.now() - timedelta(days=1)
    add(placed, now=first)
    add(placed, SuppressionReason.COMPLAINED, spell=str.upper)
    found = Suppression.objects.get()
    assert (found.since, found.reason, found.source) == (first, SuppressionReason.COMPLAINED, "outbound 7")


@pytest.mark.django_db(transaction=True)
def test_added_twice_at_once_it_is_one(placed):
    at_once(lambda: add(placed), lambda: add(placed))
    assert Suppression.objects.count() == 1


@pytest.mark.django_db
def test_lifting_lets_mail_go_again_and_is_audited_without_the_address(placed, store_admin):
    store, real = placed.order.store, placed.customer_alias.real.text()
    found = factories.make_suppression(placed.customer_alias)
    assert suppression.lift(store, found.pk, user=store_admin, now=timezone.now())
    entry = AuditEntry.objects.get()
    assert not suppression.is_suppressed(real, store_id=store.pk)
    assert (entry.action, entry.user, entry.store) == (Action.SUPPRESSION_LIFTED, store_admin, store)
    assert (entry.subject, entry.before) == (f"suppression {found.pk} of alias {placed.customer_alias.pk}", "bounced")


@pytest.mark.django_db
def test_one_of_another_store_cannot_be_lifted(placed, store_admin):
    found = factories.make_suppression(placed.customer_alias)
    assert not suppression.lift(factories.make_store(), found.pk, user=store_admin, now=timezone.now())
    assert (Suppression.objects.count(), AuditEntry.objects.count()) == (1, 0)


@pytest.mark.django_db(transaction=True)
def test_lifted_twice_at_once_it_is_audited_once(placed, store_admin):
    store, found = placed.order.store, factories.make_suppression(placed.customer_alias)

    def lift() -> bool:
        return suppression.lift(store, found.pk, user=store_admin, now=timezone.now())

    assert sorted(at_once(lift, lift)) == [False, True]
    assert AuditEntry.objects.count() == 1
