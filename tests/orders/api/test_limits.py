"""A key makes so many calls a minute; every answer says how many are left; Redis may be away."""

from __future__ import annotations

import re
import socket

import pytest
import time_machine

from orders.api import limits
from tests import factories, stopwatch
from tests.orders.api.conftest import READ, Api

NOW = 1_790_000_000 - 1_790_000_000 % 60


@pytest.fixture(autouse=True)
def _fresh():
    yield
    limits.resting.end()
    limits._redis.cache_clear()


@pytest.fixture
def clock():
    with time_machine.travel(NOW + 0.5, tick=False) as clock:
        yield clock


def test_every_answer_says_what_is_left(api, settings, clock):
    settings.API_CALLS_PER_MINUTE = 10
    answers = [api.read("1"), api.send("GET", "/api/oms/pvt/orders"), api.place({})]
    assert [answer["RateLimit-Policy"] for answer in answers] == ['"calls";q=10;w=60'] * 3
    assert [answer["RateLimit"] for answer in answers] == [f'"calls";r={left};t=60' for left in (9, 8, 7)]


def test_one_call_too_many_is_429_until_the_window_ends(api, settings, clock):
    settings.API_CALLS_PER_MINUTE = 2
    clock.move_to(NOW + 40)
    answers = [api.read("1") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [404, 404, 429, 429]
    refused = answers[2]
    assert (refused["Retry-After"], refused["RateLimit"], refused["Content-Type"]) == (
        "20", '"calls";r=0;t=20', "application/json",
    )  # fmt: skip
    assert refused.json()["error"]["code"] == "too_many_calls"
    clock.move_to(NOW + 60)
    assert api.read("1").status_code == 404


def test_a_call_too_many_changes_nothing(api, store, settings, clock):
    settings.API_CALLS_PER_MINUTE = 1
    order = factories.make_order(store)
    answers = [api.read("1"), api.act(order, "cancel")]
    order.refresh_from_db()
    assert ([answer.status_code for answer in answers], order.status) == ([404, 429], "order-created")


def test_each_key_has_its_own(api, settings, clock):
    settings.API_CALLS_PER_MINUTE = 1
    other = Api(factories.make_store())
    assert [one.read("1").status_code for one in (api, other, api, other)] == [404, 404, 429, 429]


def test_who_is_not_let_in_is_not_counted(client, api, settings, clock):
    answer = client.get(READ + "1", headers={**api.headers, "X-VTEX-API-AppToken": "wrong"})
    assert (answer.status_code, "RateLimit" in answer.headers) == (401, False)


def test_zero_is_no_limit(api, settings, clock):
    settings.API_CALLS_PER_MINUTE = 0
    assert "RateLimit" not in api.read("1").headers


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "unix:///nowhere/redis.sock"])
def test_without_redis_calls_are_let_through(api, settings, url):
    settings.REDIS_URL, settings.API_CALLS_PER_MINUTE = url, 1
    limits._redis.cache_clear()
    answers = [api.read("1") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [404] * 3
    assert ["RateLimit" in answer.headers for answer in answers] == [False] * 3


def test_a_redis_that_hangs_is_left_alone_and_asked_again_later(api, settings):
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        working = settings.REDIS_URL
        settings.REDIS_URL = f"redis://127.0.0.1:{hanging.getsockname()[1]}/0"
        limits._redis.cache_clear()
        with stopwatch.running() as waited:
            assert [api.read("1").status_code for _ in range(20)] == [404] * 20
    assert waited.seconds < 4 * limits.PATIENCE + 2, "only the first call waits"
    settings.REDIS_URL = working
    limits._redis.cache_clear()
    limits.resting.end()
    assert re.fullmatch(r'"calls";r=\d+;t=\d+', api.read("1")["RateLimit"])
