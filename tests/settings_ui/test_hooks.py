"""Store settings / Hooks and feeds."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.utils import timezone
from standardwebhooks import Webhook

from orders import events, feeds, hook_posts, telling
from orders.models import Action, AuditEntry, DeliveryState, Feed, Hook, HookDelivery, Role
from orders.models.feed import SHORTEST_KEPT
from orders.secrecy import Secret
from tests import factories, targets

pytestmark = pytest.mark.django_db
URL = "/settings/acme/hooks/"


@pytest.fixture
def _at_home(settings):
    """Targets of tests are on this machine."""
    settings.HOOK_LOCAL_TARGETS = True


@pytest.fixture
def key(store):
    return factories.make_key(store)


def audited() -> list[str]:
    return list(AuditEntry.objects.filter(action=Action.HOOK_CHANGED).order_by("pk").values_list("after", flat=True))


def entered(key, url: str, **others):
    return {"key": key.pk, "url": url, "statuses": ["invoiced"], "kinds": ["message.received"], **others}


def work() -> int:
    return hook_posts.work(clock=timezone.now)


@pytest.mark.usefixtures("_at_home")
def test_a_hook_is_set_up_once_its_target_has_taken_the_ping(as_admin, key):
    with targets.target() as target:
        answer = as_admin.post(URL, entered(key, target.url, headers="X-Key: s3cret"), follow=True)
        [ping] = target.posts
    hook, page = Hook.objects.get(), answer.content.decode()
    assert (json.loads(ping.body), ping.headers["X-Key"]) == ({"hookConfig": "ping"}, "s3cret")
    assert (hook.api_key, hook.statuses, hook.kinds) == (key, ["invoiced"], ["message.received"])
    assert ("X-Key: ••••••••" in page, "s3cret" in page, hook.secret.text() in page) == (True, False, False)
    assert audited() == ["invoiced, message.received, to 127.0.0.1"]
    assert AuditEntry.objects.get().user is not None


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://127.0.0.1/", "Refused: this is an address of a private network."),
        ("https://169.254.169.254/latest", "Refused: this is an address of a private network."),
        ("https://[::1]/", "Refused: this is an address of a private network."),
        ("http://shop.example/", "Refused: the address has to begin with https://."),
        ("https://user:pass@shop.example/", "Refused: the address names a user; send credentials in a header."),
        ("https://127.0.0.1:22/", "Refused: port 22 belongs to other services."),
    ],
)
def test_a_target_inside_is_refused_in_the_form_in_words(url, said, as_admin, key):
    answer = as_admin.post(URL, entered(key, url))
    page = answer.content.decode()
    assert (answer.status_code, Hook.objects.count(), audited()) == (400, 0, [])
    assert said in page
    assert f'value="{url}"' in page


@pytest.mark.usefixtures("_at_home")
def test_a_change_keeps_the_headers_for_the_same_host_alone(as_admin, key):
    with targets.target() as target, targets.target() as other:
        hook = factories.make_hook(key, target.url)
        Hook.objects.update(headers=Secret.of_json({"X-Key": "s3cret"}))
        for url in (f"{target.url}/orders", other.url):
            as_admin.post(f"{URL}{hook.pk}/", {f"hook-{hook.pk}-url": url})
        assert [target.posts[0].headers["X-Key"], other.posts[0].headers["X-Key"]] == ["s3cret", None]
    hook.refresh_from_db()
    assert (hook.url.text(), hook.headers.json()) == (other.url, {})


@pytest.mark.usefixtures("_at_home")
def test_ping_says_what_the_target_answered(as_admin, key):
    with targets.target(lambda _: (404, {})) as target:
        hook = factories.make_hook(key, target.url)
        page = as_admin.post(f"{URL}{hook.pk}/ping/", follow=True).content.decode()
        [post] = target.posts
    assert "The ping was not taken. It answered 404, not 200." in page
    Webhook(hook.secret.text()).verify(post.body, dict(post.headers.items()))


def test_the_secret_is_shown_and_replaced_on_demand_and_each_is_audited(as_admin, key):
    hook = factories.make_hook(key, "https://shop.example/")
    old = hook.secret.text()
    shown = as_admin.post(f"{URL}{hook.pk}/secret/")
    replaced = as_admin.post(f"{URL}{hook.pk}/secret/replace/")
    hook.refresh_from_db()
    assert old in shown.content.decode()
    assert old != hook.secret.text() in replaced.content.decode()
    assert "no-store" in replaced["Cache-Control"]
    assert hook.secret.text() not in as_admin.get(URL).content.decode()
    assert audited() == ["secret shown", "secret replaced and shown"]


@pytest.mark.usefixtures("_at_home")
def test_switched_off_nothing_is_posted_and_on_again_what_waited_is(as_admin, key, store):
    with targets.target() as target:
        hook = factories.make_hook(key, target.url)
        factories.make_order(store)
        events.dispatch(now=timezone.now())
        as_admin.post(f"{URL}{hook.pk}/switch/", {"to": "off"})
        factories.make_order(store)
        events.dispatch(now=timezone.now())
        HookDelivery.objects.update(next_attempt_at=timezone.now() + timedelta(hours=3))
        assert (work(), HookDelivery.objects.count()) == (0, 1)
        assert "Switched off" in as_admin.get(URL).content.decode()
        for _ in range(2):
            as_admin.post(f"{URL}{hook.pk}/switch/", {"to": "on"})
        assert (work(), len(target.posts)) == (1, 1)
    assert audited() == ["switched off", "switched on"]


@pytest.mark.usefixtures("_at_home")
def test_deliveries_are_shown_with_what_was_answered(as_admin, key, store):
    with targets.target(lambda _: (503, {})) as target:
        factories.make_hook(key, target.url)
        factories.make_order(store)
        events.dispatch(now=timezone.now())
        work()
    delivery, page = HookDelivery.objects.get(), as_admin.get(URL).content.decode()
    assert (delivery.state, delivery.status) == (DeliveryState.WAITING, 503)
    assert "<code>503</code>" in page
    assert "It answered 503, not 200." in page


def test_hooks_and_feeds_are_removed_once(as_admin, key):
    hook = factories.make_hook(key, "https://shop.example/")
    wanted = feeds.Wanted(telling.Choice(), visibility_timeout=240, retention=SHORTEST_KEPT)
    feed = feeds.configure(key, wanted, now=timezone.now())
    page = as_admin.get(URL).content.decode()
    assert ("240 seconds" in page, "4 days" in page) == (True, True)
    for address in (f"{URL}{hook.pk}/remove/", f"/settings/acme/feeds/{feed.pk}/remove/"):
        for said in ("Removed, with what waited for it.", "it was removed already"):
            assert said in as_admin.post(address, follow=True).content.decode()
    assert (Hook.objects.count(), Feed.objects.count(), audited()) == (0, 0, [""])


FEEDS = "/settings/acme/feeds/"


def feed_changes() -> list[tuple[str, str, bool]]:
    entries = AuditEntry.objects.filter(action=Action.FEED_CHANGED).order_by("pk")
    return [(entry.before, entry.after, entry.user is not None) for entry in entries]


def test_a_feed_is_set_up_and_changed_and_each_is_audited(as_admin, key):
    new = {"feed-key": key.pk, "feed-statuses": ["invoiced"], "feed-visibility_timeout": 30, "feed-days": 5}
    page = as_admin.post(FEEDS, new, follow=True).content.decode()
    assert "The feed is set up." in page
    assert "Set up a feed" not in page  # the one key has its feed
    feed = Feed.objects.get()
    said = {"kinds": ["message.sent"], "visibility_timeout": 60, "days": 5}
    as_admin.post(f"{FEEDS}{feed.pk}/", {f"feed-{feed.pk}-{name}": value for name, value in said.items()})
    feed.refresh_from_db()
    assert (feed.statuses, feed.kinds, feed.visibility_timeout, feed.retention) == ([], ["message.sent"], 60, 432_000)
    one, two = "invoiced; 30 s, 432000 s", "any status, message.sent; 60 s, 432000 s"
    assert feed_changes() == [("", one, True), (one, two, True)]


def test_what_is_not_changed_of_a_feed_stays_as_its_system_set_it(as_admin, key):
    choice = telling.Choice(["invoiced"], [], 'status = "invoiced"', fires_once=True)
    feed = feeds.configure(key, feeds.Wanted(choice, 30, 400_000), now=timezone.now())
    said = {"statuses": ["invoiced"], "kinds": ["message.sent"], "visibility_timeout": 30, "days": 4}
    as_admin.post(f"{FEEDS}{feed.pk}/", {f"feed-{feed.pk}-{name}": value for name, value in said.items()})
    feed.refresh_from_db()
    assert (feed.expression, feed.fires_once, feed.kinds, feed.retention) == (
        'status = "invoiced"', True, ["message.sent"], 400_000,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"visibility_timeout": 0}, "Write a whole number from 1 to 43200."),
        ({"visibility_timeout": 43_201}, "Write a whole number from 1 to 43200."),
        ({"days": 15}, "Write a whole number from 4 to 14."),
        ({"days": ""}, "Write a whole number from 4 to 14."),
        ({"statuses": ["nothing"]}, "nothing is not one of the available choices."),
        ({"key": 0}, "Choose an API key."),
    ],
)
def test_a_feed_that_cannot_be_is_refused_in_the_form_in_words(said, words, as_admin, key):
    entered = {"key": key.pk, "visibility_timeout": 240, "days": 4, **said}
    answer = as_admin.post(FEEDS, {f"feed-{name}": value for name, value in entered.items()})
    assert (answer.status_code, Feed.objects.count()) == (400, 0)
    assert words in answer.content.decode()


def test_only_who_may_change_settings_sets_up_feeds_and_only_of_this_store(client, as_admin, store, key):
    theirs = factories.make_feed(factories.make_key(factories.make_store()))
    assert as_admin.post(f"{FEEDS}{theirs.pk}/").status_code == 404
    foreign = {"feed-key": theirs.api_key_id, "feed-visibility_timeout": 1, "feed-days": 4}
    assert as_admin.post(FEEDS, foreign).status_code == 400
    client.force_login(factories.make_user(store=store, role=Role.SUPPORT))
    assert [client.post(path).status_code for path in (FEEDS, f"{FEEDS}{theirs.pk}/")] == [403, 403]
    assert Feed.objects.count() == 1


@pytest.mark.parametrize("path", ["", "1/", "1/ping/", "1/secret/", "1/secret/replace/", "1/switch/", "1/remove/"])
def test_only_who_may_change_settings_and_only_of_this_store(path, client, as_admin, store, key):
    theirs = factories.make_hook(factories.make_key(factories.make_store()), "https://shop.example/")
    address = URL + path.replace("1", str(theirs.pk))
    if path not in {"", "1/remove/"}:
        assert as_admin.post(address).status_code == 404
    client.force_login(factories.make_user(store=store, role=Role.SUPPORT))
    assert client.post(address).status_code == 403
    assert Hook.objects.count() == 1


@pytest.mark.parametrize("count", [1, 3])
def test_the_page_asks_the_database_as_often_for_one_as_for_three(count, as_admin, store, django_assert_num_queries):
    for _ in range(count):
        key = factories.make_key(store)
        factories.make_hook(key, "https://shop.example/")
        feeds.configure(
            key,
            feeds.Wanted(telling.Choice(), visibility_timeout=240, retention=SHORTEST_KEPT),
            now=timezone.now(),
        )
    factories.make_order(store)
    events.dispatch(now=timezone.now())
    as_admin.get(URL)
    with django_assert_num_queries(11):
        as_admin.get(URL)
