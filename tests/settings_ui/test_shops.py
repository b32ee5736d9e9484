"""Store settings / Shops."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from orders import payment
from orders.models import Action, AuditEntry, EventKind, OrderEvent, Role, ShopConnection, ShopKind, Status
from orders.shops import connections
from tests import factories
from tests.orders.shops import payloads

pytestmark = pytest.mark.django_db
URL = "/settings/acme/shops/"
NEW = {"kind": "woocommerce", "name": "shop.example", "secret": ""}


def audited() -> list[tuple[str, str, str, str]]:
    return list(AuditEntry.objects.order_by("pk").values_list("action", "subject", "before", "after"))


def the_shop() -> ShopConnection:
    return ShopConnection.objects.get()


def test_a_shop_is_connected_and_its_address_shown_but_not_its_secret(as_admin, store):
    page = as_admin.post(URL, NEW, follow=True).content.decode()
    shop = the_shop()
    assert (shop.store, shop.kind, len(shop.secret.text()) >= 32) == (store, ShopKind.WOOCOMMERCE, True)
    assert f"/shops/{shop.token}/woocommerce/</code>" in page
    assert shop.secret.text() not in page
    assert audited() == [(Action.SHOP_CHANGED, "WooCommerce shop shop.example", "", "connected")]


def test_the_secret_is_shown_when_it_is_asked_for_and_that_is_audited(as_admin, store):
    shop = payloads.make_shop(store, ShopKind.WOOCOMMERCE)
    answer = as_admin.post(f"{URL}{shop.pk}/secret/")
    assert payloads.SECRET in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert audited()[1:] == [(Action.SHOP_CHANGED, "WooCommerce shop shop.example", "", "secret shown")]


def test_a_shopify_shop_waits_for_its_secret_and_then_verifies_by_it(as_admin):
    page = as_admin.post(URL, {**NEW, "kind": "shopify"}, follow=True).content.decode()
    shop = the_shop()
    assert "Its secret is not entered yet" in page
    assert payloads.post_shopify(shop, {}).status_code == 401
    as_admin.post(f"{URL}{shop.pk}/secret/replace/", {"secret": "0123456789abcdef"})
    signature = payloads.signature(b"{}", "0123456789abcdef")
    assert payloads.post_shopify(shop, b"{}", **{"X-Shopify-Hmac-Sha256": signature}).status_code == 200
    assert [after for _, _, _, after in audited()] == ["connected", "secret replaced"]


@pytest.mark.parametrize("secret", ["", "short", "with a space in it", "ünprintable-secret-text", "x" * 201])
def test_a_secret_that_could_be_guessed_or_mistyped_is_refused(secret, as_admin, store):
    shop = payloads.make_shop(store, ShopKind.SHOPIFY)
    answer = as_admin.post(f"{URL}{shop.pk}/secret/replace/", {"secret": secret})
    assert (answer.status_code, the_shop().secret.text()) == (400, payloads.SECRET)
    assert f'aria-describedby="secret-error-{shop.pk}"' in answer.content.decode()


@pytest.mark.parametrize(
    ("wrong", "words"), [({"kind": "ebay"}, "Choose the shop"), ({"name": ""}, "Give the shop a name.")]
)
def test_what_is_missing_is_said_and_nothing_is_connected(wrong, words, as_admin):
    answer = as_admin.post(URL, {**NEW, **wrong})
    assert (answer.status_code, words in answer.content.decode(), ShopConnection.objects.count()) == (400, True, 0)


def test_a_disconnected_shop_is_gone_and_its_orders_stay(as_admin, store):
    shop = payloads.make_shop(store, ShopKind.SHOPIFY)
    payloads.post_shopify(shop, payloads.shopify())
    payloads.work()
    for words in ("Its orders stay", "Nothing changed: this shop was disconnected already."):
        assert words in as_admin.post(f"{URL}{shop.pk}/disconnect/", follow=True).content.decode()
    assert (store.orders.count(), the_shop().secret.text()) == (1, "")
    assert [after for _, _, _, after in audited()] == ["connected", "removed"]


class TestConnectAgain:
    """A shop that was disconnected, by mistake perhaps."""

    @pytest.fixture
    def shop(self, as_admin, store):
        shop = payloads.make_shop(store, ShopKind.WOOCOMMERCE)
        payloads.post_woocommerce(shop, payloads.woocommerce("pending"))
        payloads.work()
        as_admin.post(f"{URL}{shop.pk}/disconnect/")
        return shop

    def test_it_has_the_address_that_it_had_and_its_orders_stay_one(self, as_admin, store, shop):
        before = shop.token
        assert f"{shop.pk}/connect/" in as_admin.get(URL).content.decode()
        page = as_admin.post(f"{URL}{shop.pk}/connect/", follow=True).content.decode()
        assert ("Connected again" in page, before in page, f"{shop.pk}/connect/" in page) == (True, True, False)
        connections.replace_secret(shop, payloads.SECRET, user=factories.make_user(), now=timezone.now())
        payloads.post_woocommerce(shop, payloads.woocommerce("processing"))
        payloads.work()
        assert [order.status for order in store.orders.all()] == [Status.WINDOW_TO_CANCEL]
        assert [after for _, _, _, after in audited()][:3] == ["connected", "removed", "connected"]

    def test_done_twice_it_is_simply_done(self, as_admin, shop):
        as_admin.post(f"{URL}{shop.pk}/connect/")
        page = as_admin.post(f"{URL}{shop.pk}/connect/", follow=True).content.decode()
        assert "this shop is connected already" in page

    def test_not_beyond_the_most(self, as_admin, shop, monkeypatch):
        monkeypatch.setattr(connections, "MOST_SHOPS", 0)
        page = as_admin.post(f"{URL}{shop.pk}/connect/", follow=True).content.decode()
        assert "as many shops as it may have" in page
        assert the_shop().removed_at is not None

    def test_while_it_is_away_nobody_is_asked_to_pay(self, store, shop):
        order = store.orders.get()
        assert payment.remind(now=timezone.now() + timedelta(days=30)) == 0
        said = OrderEvent.objects.get(order=order, kind=EventKind.PAYMENT_PENDING)
        assert said.dispatched_at is not None


def test_the_page_tells_what_became_of_the_latest_calls(as_admin, store):
    shop = payloads.make_shop(store, ShopKind.SHOPIFY)
    payloads.post_shopify(shop, payloads.shopify())
    payloads.post_shopify(shop, payloads.shopify(id=2, email="", contact_email="", customer=None))
    payloads.post_shopify(shop, b"garbage")
    payloads.work()
    page = as_admin.get(URL).content.decode()
    wanted = (
        "Taken over", "The order names no e-mail address", "It could not be read", store.orders.get().number,
        "<span>1 could not be taken over</span>",
    )  # fmt: skip
    assert [words for words in wanted if words not in page] == []
    assert payloads.BUYER not in page


@pytest.mark.parametrize("count", [1, 3])
def test_the_page_asks_the_database_as_often_for_one_as_for_three(count, as_admin, store, django_assert_num_queries):
    for number in range(count):
        shop = payloads.make_shop(store, ShopKind.SHOPIFY, name=f"shop {number}", user=factories.make_user())
        payloads.post_shopify(shop, payloads.shopify(id=number))
    payloads.work()
    as_admin.get(URL)
    with django_assert_num_queries(8):  # session, user, store, rights, shops, removed, calls, settings in the bar
        as_admin.get(URL)


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.VIEWER])
def test_who_may_not_set_the_store_may_neither_see_nor_change(role, client, store):
    shop = payloads.make_shop(store, ShopKind.SHOPIFY, user=factories.make_user())
    client.force_login(factories.make_user(store=store, role=role))
    answers = [client.get(URL), client.post(URL, NEW), *(client.post(f"{URL}{shop.pk}/{act}/") for act in ACTS)]
    assert [answer.status_code for answer in answers] == [403] * 6
    assert (ShopConnection.objects.count(), AuditEntry.objects.count()) == (1, 1)


ACTS = ("secret", "secret/replace", "disconnect", "connect")


def test_a_shop_of_another_store_is_not_there(as_admin):
    foreign = payloads.make_shop(factories.make_store(), ShopKind.SHOPIFY)
    assert foreign.token not in as_admin.get(URL).content.decode()
    assert [as_admin.post(f"{URL}{foreign.pk}/{act}/").status_code for act in ACTS] == [404, 404, 302, 404]
    assert the_shop().removed_at is None


def test_to_an_outsider_the_store_does_not_exist(outsider, store):
    client = Client()
    client.force_login(outsider)
    assert client.get(URL).status_code == 404


def test_a_store_has_no_more_shops_than_it_may(as_admin, store, monkeypatch):
    monkeypatch.setattr(connections, "MOST_SHOPS", 1)
    for _ in range(2):
        page = as_admin.post(URL, NEW, follow=True).content.decode()
    assert "as many shops as it may have" in page
    assert ShopConnection.objects.count() == 1


def test_removed_shops_do_not_count_towards_the_most(store, store_admin, monkeypatch):
    monkeypatch.setattr(connections, "MOST_SHOPS", 1)
    shop = payloads.make_shop(store, ShopKind.SHOPIFY, user=store_admin)
    connections.remove(shop, user=store_admin, now=timezone.now())
    assert payloads.make_shop(store, ShopKind.SHOPIFY, user=store_admin).removed_at is None
