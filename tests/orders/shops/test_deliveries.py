"""What was taken in from shops is settled or quarantined, whatever happens to workers."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orders import claims
from orders.models import Action, AuditEntry, Order, ShopDelivery, ShopDeliveryState, ShopKind, User
from orders.shops import applying, deliveries, reports, shopify, woocommerce
from tests import factories
from tests.orders.concurrency import at_once
from tests.orders.shops import payloads

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(store):
    return payloads.make_shop(store, ShopKind.WOOCOMMERCE)


def the_delivery() -> ShopDelivery:
    return ShopDelivery.objects.get()


@pytest.mark.parametrize(
    "body",
    [b"", b"not json", b"[]", b"{}", b'{"status": "processing"}', b'{"id": 1, "currency": "R$"}', b"\xff\xfe", b"NaN",
     b'{"id": 1, "currency": "USD", "total": "NaN"}', b'{"id": 1, "currency": "USD", "total": "1e999999"}',
     b'{"id": 1, "currency": "USD", "total": "-1"}', b'{"a":' * 100_000],
)  # fmt: skip
def test_what_cannot_be_read_is_quarantined_with_its_bytes(body, shop):
    payloads.post_woocommerce(shop, body)
    payloads.work()
    delivery = the_delivery()
    assert (delivery.state, delivery.trouble, delivery.body.bytes()) == ("quarantined", "unreadable", body)
    assert Order.objects.count() == 0


def test_a_call_that_fails_leaves_nothing_half_done(shop, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("maria.silva@people.example")

    monkeypatch.setattr(applying, "_catch_up", fail)
    payloads.post_woocommerce(shop, payloads.woocommerce("completed"))
    payloads.work()
    delivery = the_delivery()
    assert (delivery.state, delivery.trouble, Order.objects.count()) == ("quarantined", "failed", 0)
    assert delivery.trouble_detail.startswith("RuntimeError in fail")


def test_a_bad_call_among_good_ones_stops_none_of_them(shop):
    payloads.post_woocommerce(shop, b"garbage")
    payloads.post_woocommerce(shop, payloads.woocommerce())
    payloads.work()
    assert list(ShopDelivery.objects.order_by("pk").values_list("state", flat=True)) == ["quarantined", "done"]


def test_a_passing_fault_is_tried_again_for_as_long_as_it_takes(shop, monkeypatch):
    real = applying.apply

    def away(*_, **__):
        raise OperationalError

    payloads.post_woocommerce(shop, payloads.woocommerce())
    monkeypatch.setattr(applying, "apply", away)
    now = timezone.now()
    for _ in range(8):
        assert deliveries.work(now=now)
        now = the_delivery().next_attempt_at
    assert (the_delivery().state, the_delivery().deferrals, the_delivery().attempts) == ("pending", 8, 0)
    monkeypatch.setattr(applying, "apply", real)
    deliveries.work(now=now)
    assert (the_delivery().state, the_delivery().outcome, the_delivery().trouble) == ("done", "taken", "")


def end(session: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [session])


def take_and_die() -> None:
    """Take a call, count the attempt, and be killed."""
    held = claims.held(claims.Space.SHOPS, deliveries._TAKE, {"now": timezone.now() + timedelta(seconds=1)})
    assert held.__enter__()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [(session,)] = cursor.fetchall()
    at_once(lambda: end(session))
    connection.close()


def test_a_call_whose_worker_was_killed_is_taken_up_by_the_next(transactional_db):
    payloads.post_woocommerce(payloads.make_shop(factories.make_store(), ShopKind.WOOCOMMERCE), payloads.woocommerce())
    take_and_die()
    assert payloads.work() == 1
    assert (the_delivery().state, the_delivery().attempts, Order.objects.count()) == ("done", 2, 1)


def test_a_call_that_kills_every_worker_is_quarantined(transactional_db):
    payloads.post_woocommerce(payloads.make_shop(factories.make_store(), ShopKind.WOOCOMMERCE), payloads.woocommerce())
    for _ in range(deliveries.MOST_ATTEMPTS):
        take_and_die()
    payloads.work()
    assert (the_delivery().state, the_delivery().trouble) == ("quarantined", "killed_worker")
    assert Order.objects.count() == 0


def test_workers_at_once_settle_each_call_once_and_make_one_order(transactional_db):
    shop = payloads.make_shop(factories.make_store(), ShopKind.WOOCOMMERCE)
    for status in ("pending", "processing", "completed", "completed", "processing", "pending"):
        payloads.post_woocommerce(shop, payloads.woocommerce(status))
    at_once(*[payloads.work] * 4)
    order = Order.objects.get()
    assert (order.status, order.invoices.count()) == ("invoiced", 1)
    assert {(one.state, one.attempts) for one in ShopDelivery.objects.all()} == {("done", 1)}


def test_an_operator_puts_a_call_back_once_it_can_be_read(shop, monkeypatch):
    payloads.post_woocommerce(shop, payloads.woocommerce())
    with monkeypatch.context() as broken:
        broken.setattr(woocommerce, "TOPICS", None)
        payloads.work()
    assert the_delivery().state == ShopDeliveryState.QUARANTINED
    client = Client()
    client.force_login(User.objects.create_superuser("operator@staff.example", name="Operator"))
    form = {"action": "replay", "_selected_action": [the_delivery().pk]}
    client.post(reverse("admin:orders_shopdelivery_changelist"), form)
    payloads.work()
    assert (the_delivery().outcome, the_delivery().attempts) == ("taken", 1)
    assert AuditEntry.objects.filter(action=Action.RECEIPT_REPLAYED, subject=str(the_delivery())).count() == 1


def test_settled_calls_are_forgotten_and_quarantined_ones_stay(shop):
    payloads.post_woocommerce(shop, payloads.woocommerce())
    payloads.post_woocommerce(shop, b"garbage")
    payloads.work()
    assert deliveries.forget_settled(before=timezone.now() - timedelta(days=1)) == 0
    assert deliveries.forget_settled(before=timezone.now() + timedelta(days=1)) == 1
    assert the_delivery().state == ShopDeliveryState.QUARANTINED


def test_texts_that_cannot_be_stored_are_mended(shop):
    billing = {**payloads.woocommerce()["billing"], "first_name": "Ma\0ria\ud800"}
    payloads.post_woocommerce(shop, payloads.woocommerce("completed", billing=billing))
    payloads.work()
    assert (the_delivery().outcome, Order.objects.get().customer.name.text()) == ("taken", "Ma\ufffdria\ufffd Silva")


def test_nothing_of_a_call_is_logged(shop, caplog):
    payloads.post_woocommerce(shop, payloads.woocommerce("completed"))
    payloads.post_woocommerce(shop, b'{"email": "maria.silva@people.example"')
    payloads.work()
    assert [word for word in ("maria", "Silva", "Flores") if word.lower() in caplog.text.lower()] == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=15,
)
READERS = [*((woocommerce.read, topic) for topic in woocommerce.TOPICS[:1]), *((shopify.read, topic) for topic in (
    "orders/create", "fulfillments/update", "refunds/create"))]  # fmt: skip
MODELS = {
    "order.created": payloads.woocommerce(refunds=[{"id": 1, "total": "-1"}]),
    "orders/create": payloads.shopify(fulfillments=[payloads.parcel()], refunds=[payloads.refund()]),
    "fulfillments/update": payloads.parcel(),
    "refunds/create": payloads.refund(),
}


@pytest.mark.parametrize(("read", "topic"), READERS)
@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_json_is_read_or_said_to_be_unreadable(read, topic, data):
    document = json.loads(json.dumps(MODELS[topic]))
    for name in data.draw(st.lists(st.sampled_from(sorted(document)), max_size=4)):
        document[name] = data.draw(JSON)
    assert _is_read_or_unreadable(read, topic, json.dumps(document).encode())


@given(body=st.binary(max_size=200))
def test_any_bytes_are_read_or_said_to_be_unreadable(body):
    for read, topic in READERS:
        assert _is_read_or_unreadable(read, topic, body)


def _is_read_or_unreadable(read, topic, body):
    try:
        return isinstance(read(topic, body), reports.OrderReport | reports.PartReport | None)
    except reports.Unreadable as error:
        return bool(str(error))
