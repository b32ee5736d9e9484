"""The calls for feeds and hooks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from orders import events, payment
from orders.models import AnsweredCall, AuditEntry, Feed, Hook
from tests import factories, targets
from tests.orders.api.conftest import Api

pytestmark = pytest.mark.django_db
FEED, FEED_CONFIG, HOOK_CONFIG = "/api/orders/feed", "/api/orders/feed/config", "/api/orders/hook/config"
DAY = 86_400
CONFIG: dict[str, Any] = {
    "filter": {"type": "FromWorkflow", "status": ["order-created", "payment-approved"]},
    "queue": {"visibilityTimeoutInSeconds": 240, "messageRetentionPeriodInSeconds": 4 * DAY},
}


class Calls:
    """Calls with one key."""

    def __init__(self, api: Api) -> None:
        self._client, self._headers = Client(raise_request_exception=False), api.headers

    def get(self, path: str, **query: Any) -> Any:
        return self._client.get(path, query, headers=self._headers)

    def post(self, path: str, body: Any) -> Any:
        return self._client.post(path, json.dumps(body), content_type="application/json", headers=self._headers)

    def delete(self, path: str) -> Any:
        return self._client.delete(path, headers=self._headers)


@pytest.fixture
def calls(api: Api) -> Calls:
    """Calls with a key of the store."""
    return Calls(api)


def test_a_feed_is_configured_read_and_taken_away(calls):
    expected = {**CONFIG, "quantity": 0, "approximateAgeOfOldestMessageInSeconds": 0}
    expected["filter"] = {**CONFIG["filter"], "events": []}
    assert calls.get(FEED_CONFIG).status_code == 404
    made = calls.post(FEED_CONFIG, CONFIG)
    assert (made.status_code, made.json()) == (200, expected)
    assert calls.get(FEED_CONFIG).json() == expected
    assert (calls.delete(FEED_CONFIG).status_code, calls.delete(FEED_CONFIG).status_code) == (204, 404)
    assert Feed.objects.count() == 0


def test_a_filter_may_be_an_expression_over_the_status(calls, store):
    wanted = {"type": "FromOrders", "expression": 'status = "payment-pending" or status = "payment-approved"'}
    made = calls.post(FEED_CONFIG, {"filter": {**wanted, "disableSingleFire": True}})
    shown = {**wanted, "disableSingleFire": True, "status": ["payment-pending", "payment-approved"], "events": []}
    assert (made.status_code, calls.get(FEED_CONFIG).json()["filter"]) == (200, shown)
    refused = calls.post(FEED_CONFIG, {"filter": {**wanted, "expression": "value > 100"}})
    assert (refused.status_code, refused.json()["problems"][0]["path"]) == (400, "filter.expression")
    assert calls.post(FEED_CONFIG, {"filter": wanted}).json()["filter"]["disableSingleFire"] is False
    payment.approve(factories.make_order(store), payment_id="1", actor="Bank", now=timezone.now())
    events.dispatch(now=timezone.now())
    assert [item["state"] for item in calls.get(FEED).json()] == ["payment-pending"]


def test_items_are_read_and_committed(calls, store):
    calls.post(FEED_CONFIG, CONFIG)
    order = factories.make_order(store)
    events.dispatch(now=timezone.now())
    [item] = calls.get(FEED, maxlot=5).json()
    assert (item["orderId"], item["state"]) == (order.number, "order-created")
    assert calls.get(FEED_CONFIG).json()["quantity"] == 1
    assert calls.get(FEED).json() == []
    assert calls.post(FEED, {"handles": [item["handle"]]}).json() == {"committed": 1}
    assert calls.get(FEED_CONFIG).json()["quantity"] == 0


def test_a_feed_of_another_key_is_not_read(calls, store):
    calls.post(FEED_CONFIG, CONFIG)
    other = Calls(Api(factories.make_store("other")))
    assert (other.get(FEED).status_code, other.get(FEED_CONFIG).status_code) == (404, 404)


@pytest.mark.parametrize(
    ("path", "value", "place", "words"),
    [
        ("filter.type", "FromSpace", "filter.type", "write FromWorkflow or FromOrders"),
        ("filter.type", "FromOrders", "filter.expression", "status is expected at character 1"),
        ("filter.status", ["shipped"], "filter.status", "there is no 'shipped'"),
        ("filter.events", ["order.status"], "filter.events", "there is no 'order.status'"),
        ("queue.visibilityTimeoutInSeconds", 0, "queue.visibilityTimeoutInSeconds", "greater than or equal to 1"),
        ("queue.visibilityTimeoutInSeconds", 43_201, "queue.visibilityTimeoutInSeconds", "less than or equal to 43200"),
        ("queue.messageRetentionPeriodInSeconds", 4 * DAY - 1, "queue.messageRetentionPeriodInSeconds", "345600"),
        ("queue.messageRetentionPeriodInSeconds", 14 * DAY + 1, "queue.messageRetentionPeriodInSeconds", "1209600"),
    ],
)
def test_what_cannot_be_is_refused_by_its_place(path, value, place, words, calls):
    config = json.loads(json.dumps(CONFIG))
    outer, inner = path.split(".")
    config[outer][inner] = value
    answer = calls.post(FEED_CONFIG, config)
    [problem] = answer.json()["problems"]
    assert (answer.status_code, problem["path"], words in problem["message"]) == (400, place, True), problem
    assert (Feed.objects.count(), AuditEntry.objects.count()) == (0, 0)


@pytest.mark.parametrize("maxlot", [0, 11, "many"])
def test_a_lot_has_one_to_ten_items(maxlot, calls):
    calls.post(FEED_CONFIG, CONFIG)
    assert calls.get(FEED, maxlot=maxlot).status_code == 400


@pytest.mark.parametrize(
    ("method", "path"), [("get", FEED), ("post", FEED), ("get", FEED_CONFIG), ("post", HOOK_CONFIG)]
)
def test_without_a_key_nothing_is_answered(method, path):
    assert getattr(Client(), method)(path).status_code == 401


def test_a_hook_is_configured_read_and_taken_away(calls, settings):
    settings.HOOK_LOCAL_TARGETS = True
    with targets.target() as target:
        config = {"filter": CONFIG["filter"], "hook": {"url": target.url, "headers": {"key": "value"}}}
        made = calls.post(HOOK_CONFIG, config)
        again = calls.post(HOOK_CONFIG, config)
    assert made.status_code == 200
    secret = made.json()["hook"].pop("secret")
    shown = {
        "filter": {**CONFIG["filter"], "events": []},
        "hook": config["hook"],
        "deliveries": {
            "waiting": 0, "delivered": 0, "failed": 0,
            "lastDeliveredAt": None, "lastProblem": None, "lastProblemAt": None,
        },
    }  # fmt: skip
    assert (again.json(), calls.get(HOOK_CONFIG).json()) == (shown, shown)
    assert secret == Hook.objects.get().secret.text()
    assert [calls.delete(HOOK_CONFIG).status_code for _ in range(2)] == [204, 404]
    assert calls.get(HOOK_CONFIG).status_code == 404


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1/", "http://127.0.0.1/", "https://10.1.2.3/", "https://[::1]/", "https://169.254.169.254/", "x"],
)
def test_a_hook_into_a_private_network_is_refused(url, calls):
    answer = calls.post(HOOK_CONFIG, {"hook": {"url": url}})
    [problem] = answer.json()["problems"]
    assert (answer.status_code, problem["path"]) == (400, "hook.url")
    assert "The ping was not taken. Refused: " in problem["message"]
    assert (Hook.objects.count(), AuditEntry.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "a"},
        {"content-length": "1"},
        {"webhook-id": "1"},
        {"a b": "c"},
        {"a": "b\r\nc: d"},
        {"a": "é"},
        {"": "a"},
    ],
)
def test_a_header_that_would_change_the_call_is_refused(headers, calls):
    answer = calls.post(HOOK_CONFIG, {"hook": {"url": "https://127.0.0.1/", "headers": headers}})
    assert (answer.status_code, answer.json()["problems"][0]["path"]) == (400, "hook.headers")


def test_a_hook_s_configuration_is_carried_out_outside_of_the_transaction_of_an_idempotency_key(api):
    body = {"hook": {"url": "https://127.0.0.1/"}}
    answers = [api.send("POST", HOOK_CONFIG, body, **{"Idempotency-Key": "wish-1"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [400, 400]
    assert (["Idempotency-Replayed" in answer.headers for answer in answers], AnsweredCall.objects.count()) == (
        [False, False], 0,
    )  # fmt: skip
