"""The door for the webhooks of shops."""

from __future__ import annotations

import json

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from orders.models import Order, ShopConnection, ShopDelivery, ShopKind
from orders.shops import connections, deliveries
from tests import factories
from tests.orders.shops import payloads

pytestmark = pytest.mark.django_db
WOO, SHOPIFY = ShopKind.WOOCOMMERCE, ShopKind.SHOPIFY
POST = {WOO: payloads.post_woocommerce, SHOPIFY: payloads.post_shopify}
SIGNATURE = {WOO: "X-WC-Webhook-Signature", SHOPIFY: "X-Shopify-Hmac-Sha256"}


@pytest.fixture(params=[WOO, SHOPIFY])
def shop(request, store) -> ShopConnection:
    return payloads.make_shop(store, request.param)


def post(shop: ShopConnection, payload: object, **headers: str):
    return POST[ShopKind(shop.kind)](shop, payload, **headers)


def kept() -> int:
    return ShopDelivery.objects.count()


def test_a_signed_call_is_kept_byte_for_byte_and_nothing_is_read(shop):
    body = b'\xef\xbb\xbf{"any": "thing at all" '
    assert post(shop, body).status_code == 200
    delivery = ShopDelivery.objects.get()
    assert (delivery.body.bytes(), delivery.size, delivery.state) == (body, len(body), "pending")
    assert payloads.signature(body) in dict(delivery.headers.json()).values()
    assert Order.objects.count() == 0


@pytest.mark.parametrize(
    "signature",
    ["", "wrong", payloads.signature(b"another body"), payloads.signature(b"{}", "another secret"), "é" * 44],
)
def test_a_wrong_signature_is_401_and_nothing_is_kept(signature, shop):
    answer = post(shop, b"{}", **{SIGNATURE[ShopKind(shop.kind)]: signature.encode().decode("latin-1")})
    assert (answer.status_code, kept()) == (401, 0)


def test_a_shop_whose_secret_is_not_entered_yet_takes_in_nothing(store):
    user = factories.make_user(store=store)
    shop = connections.connect(store, SHOPIFY, name="x", secret="", user=user, now=timezone.now())
    body = b"{}"
    answer = post(shop, body, **{"X-Shopify-Hmac-Sha256": payloads.signature(body, "")})
    assert (answer.status_code, kept()) == (401, 0)


def test_an_address_that_is_none_or_was_removed_is_404(shop, store_admin):
    path = f"/shops/{shop.token}/{shop.kind}/"
    other = WOO if shop.kind == SHOPIFY else SHOPIFY
    paths = [
        f"/shops/nope/{shop.kind}/",
        f"/shops/{shop.token}/{other}/",
        f"/shops/{shop.token}/ebay/",
        "/shops/%00/shopify/",
    ]
    assert [Client().post(one).status_code for one in paths] == [404] * 4
    connections.remove(shop, user=store_admin, now=timezone.now())
    assert (Client().post(path).status_code, kept()) == (404, 0)


def test_only_posts_are_answered(shop):
    answer = Client().get(f"/shops/{shop.token}/{shop.kind}/")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


def test_no_token_of_a_form_is_asked_for(shop):
    client = Client(enforce_csrf_checks=True)
    path, body = f"/shops/{shop.token}/{shop.kind}", b"{}"
    headers = {SIGNATURE[ShopKind(shop.kind)]: payloads.signature(body)}
    assert client.post(path, body, content_type="application/json", headers=headers).status_code == 200


def test_an_overlarge_call_is_413_and_nothing_is_kept(shop, settings):
    settings.SHOP_MAX_BYTES = 1_000
    assert (post(shop, b"x" * 1_001).status_code, kept()) == (413, 0)
    assert (post(shop, b"x" * 1_000).status_code, kept()) == (200, 1)


def test_a_call_that_cannot_be_stored_is_503_so_that_the_shop_comes_again(shop, monkeypatch):
    def away(*_, **__):
        raise OperationalError

    monkeypatch.setattr(deliveries, "accept", away)
    answer = post(shop, b"{}")
    assert (answer.status_code, answer["Retry-After"]) == (503, "60")


def test_the_ping_of_woocommerce_is_answered_and_not_kept(store):
    shop = payloads.make_shop(store, WOO)
    path = f"/shops/{shop.token}/woocommerce/"
    ping = Client().post(path, b"webhook_id=17", content_type="application/x-www-form-urlencoded")
    assert (ping.status_code, kept()) == (200, 0)
    for body in (b"webhook_id=17&a=b", b"webhook_id=x", b""):
        assert Client().post(path, body, content_type="application/x-www-form-urlencoded").status_code == 401


def test_a_call_posted_again_is_kept_once(shop):
    answers = [post(shop, {"id": 1}, call_id="same").status_code for _ in range(3)]
    assert (answers, kept()) == ([200] * 3, 1)


def test_the_same_id_with_another_body_is_another_call(shop):
    for number in (1, 2):
        post(shop, {"id": number}, call_id="same")
    assert kept() == 2


def test_what_was_kept_is_sealed(store):
    payloads.post_woocommerce(payloads.make_shop(store, WOO), payloads.woocommerce())
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL bytea_output = 'escape'")
        cursor.execute("SELECT d::text || s::text FROM orders_shopdelivery d, orders_shopconnection s")
        [(row,)] = cursor.fetchall()
    assert [word for word in ("Maria", "people.example", "Flores", payloads.SECRET) if word in row] == []


def test_a_call_in_a_cut_off_body_is_refused(shop):
    body = json.dumps({"id": 1}).encode()
    signed = {SIGNATURE[ShopKind(shop.kind)]: payloads.signature(body)}
    answer = Client().post(
        f"/shops/{shop.token}/{shop.kind}/", body[:-1], content_type="application/json", headers=signed
    )
    assert (answer.status_code, kept()) == (401, 0)
