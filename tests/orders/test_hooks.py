"""Hooks: set up, changed and taken away; what they hold is sealed."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from standardwebhooks import Webhook

from orders import hooks
from orders.models import Action, AuditEntry, Hook, HookDelivery
from orders.secrecy import Secret
from tests import factories, targets
from tests.orders.hooking import NOWHERE, states, wait_for, wanted, work

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _at_home(settings):
    """Targets of tests are on this machine."""
    settings.HOOK_LOCAL_TARGETS = True


def test_a_hook_is_pinged_and_its_secret_verifies_the_ping(store):
    with targets.target() as target:
        hook, is_new = hooks.configure(
            factories.make_key(store), wanted(target.url, **{"X-K": "v"}), now=timezone.now()
        )
        [ping] = target.posts
    assert (is_new, json.loads(ping.body), ping.headers["X-K"]) == (True, {"hookConfig": "ping"}, "v")
    Webhook(hook.secret.text()).verify(ping.body, dict(ping.headers.items()))


@pytest.mark.parametrize("status", [204, 302, 404, 500])
def test_a_target_that_does_not_answer_the_ping_with_200_is_no_hook(status, store):
    with targets.target(lambda _: (status, {})) as target, pytest.raises(hooks.NotTaken, match=f"answered {status}"):
        hooks.configure(factories.make_key(store), wanted(target.url), now=timezone.now())
    assert (Hook.objects.count(), AuditEntry.objects.count()) == (0, 0)


@pytest.mark.parametrize("url", ["https://127.0.0.1/", "https://169.254.169.254/", "https://[::ffff:10.0.0.1]/"])
def test_a_target_on_a_private_address_is_no_hook(url, store, settings):
    settings.HOOK_LOCAL_TARGETS = False
    with pytest.raises(hooks.NotTaken, match="private network"):
        hooks.configure(factories.make_key(store), wanted(url), now=timezone.now())
    assert Hook.objects.count() == 0


def test_what_waits_for_a_target_that_is_changed_is_posted_at_once(store):
    [hook] = wait_for(store, NOWHERE)
    HookDelivery.objects.update(failures=9, next_attempt_at=timezone.now() + timedelta(hours=3))
    with targets.target() as target:
        hooks.configure(hook.api_key, wanted(target.url), now=timezone.now())
        assert (work(), states()) == (1, ["delivered"])


def test_a_hook_that_was_taken_away_is_not_posted_to(store):
    with targets.target() as target:
        [hook] = wait_for(store, target.url)
        assert hooks.remove(hook.api_key, now=timezone.now())
        assert (work(), target.posts, HookDelivery.objects.count()) == (0, [], 0)


def test_a_changed_hook_keeps_its_secret_and_each_change_is_audited_without_what_is_secret(store):
    key = factories.make_key(store, "erp")
    with targets.target() as target:
        first, _ = hooks.configure(key, wanted(f"{target.url}/?token=hush", **{"X-Token": "hush"}), now=timezone.now())
        second, is_new = hooks.configure(key, wanted(target.url, kinds=["message.sent"]), now=timezone.now())
    assert (is_new, first.secret) == (False, second.secret)
    assert (hooks.remove(key, now=timezone.now()), hooks.remove(key, now=timezone.now())) == (True, False)
    entries = list(AuditEntry.objects.order_by("pk").values_list("action", "subject", "before", "after"))
    one, two = "any status, to 127.0.0.1", "any status, message.sent, to 127.0.0.1"
    assert entries == [
        (Action.HOOK_CHANGED, "hook of erp", before, after) for before, after in (("", one), (one, two), (two, ""))
    ]


def test_address_headers_and_secret_of_a_hook_are_sealed(store):
    factories.make_hook(factories.make_key(store), "https://erp.example/?hush", headers=Secret.of_json({"a": "hush"}))
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL bytea_output = 'escape'")
        cursor.execute("SELECT hook::text FROM orders_hook hook")
        [(row,)] = cursor.fetchall()
    assert [word for word in ("hush", "erp.example", "whsec") if word in row] == []
