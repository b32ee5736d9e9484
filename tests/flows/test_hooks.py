"""A hook by API calls alone: a real web process, Redis, a Celery worker, and a target that listens."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests import factories, targets
from tests.flows.conftest import System, wait_for
from tests.orders.api.conftest import PLACE, make_order


@pytest.fixture
def own_environment() -> dict[str, str]:
    """Targets of this test are on this machine."""
    return {"HOOK_LOCAL_TARGETS": "true"}


def call(system: System, path: str, body: Any) -> Any:
    """Post JSON with the key of the store, and read the answer."""
    headers = {"X-VTEX-API-AppKey": "erp", "X-VTEX-API-AppToken": "token", "Content-Type": "application/json"}
    request = urllib.request.Request(system.url + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def test_an_order_placed_by_api_is_posted_to_a_target_that_listens(system: System) -> None:
    store = factories.make_store("acme")
    factories.make_key(store, "erp")
    with targets.target() as target:
        wanted = {"filter": {"type": "FromWorkflow"}, "hook": {"url": target.url, "headers": {"X-Token": "ours"}}}
        made = call(system, "/api/orders/hook/config", wanted)
        assert [json.loads(post.body) for post in target.posts] == [{"hookConfig": "ping"}]
        [placed] = call(system, PLACE, [make_order()])
        wait_for(lambda: len(target.posts) == 2, what="the post about the order")
        [_, post] = target.posts
    told = Webhook(made["hook"]["secret"]).verify(post.body, dict(post.headers.items()))
    assert (told["OrderId"], told["State"], told["Origin"]) == (
        placed["orderId"], "order-created", {"Account": "acme", "Key": "erp"},
    )  # fmt: skip
    assert (post.headers["X-Token"], b"maria.silva" in post.body) == ("ours", False)
