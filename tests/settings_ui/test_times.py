"""How long an order may be cancelled, and when its payment is reminded of: chosen and audited."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from orders.models import Action, AuditEntry, Store, User

pytestmark = pytest.mark.django_db
URL = "/settings/acme/times/"


def post(client: Client, window: object, pending: object) -> Any:
    return client.post(URL, {"cancellation_window": window, "payment_pending_after": pending}, follow=True)


def test_they_are_saved_and_shown(as_admin: Client, store: Store):
    page = post(as_admin, 0, 1_000).content.decode()
    store.refresh_from_db()
    assert (store.cancellation_window, store.payment_pending_after) == (0, 1_000)
    assert 'name="cancellation_window" min="0" max="43200" required inputmode="numeric" value="0"' in page
    assert 'value="1000"' in page
    assert "Saved." in page


def test_each_change_is_audited(as_admin: Client, store: Store, store_admin: User):
    post(as_admin, 45, 48)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.user, entry.store) == (Action.SETTING_CHANGED, store_admin, store)
    assert (entry.subject, entry.before, entry.after) == ("cancellation_window of store acme", "30", "45")


def test_the_same_again_is_no_change(as_admin: Client):
    assert "Nothing changed." in post(as_admin, 30, 48).content.decode()
    assert AuditEntry.objects.count() == 0


@pytest.mark.parametrize(("window", "pending"), [("", 1), (1, ""), (-1, 1), (1, -1), ("x", 1), (43_201, 1), (1, 1_441)])
def test_what_cannot_be_is_refused_and_shown_again(window: object, pending: object, as_admin: Client, store: Store):
    response = post(as_admin, window, pending)
    store.refresh_from_db()
    assert response.status_code == 400
    assert f'value="{window}"' in response.content.decode()
    assert (store.cancellation_window, store.payment_pending_after) == (30, 48)
    assert AuditEntry.objects.count() == 0


def test_support_may_not_change_them(as_support: Client, store: Store):
    assert post(as_support, 0, 0).status_code == 403
    store.refresh_from_db()
    assert store.cancellation_window == 30
