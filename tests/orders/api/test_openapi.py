"""The schema is valid OpenAPI, its page runs nothing inline, and no call it describes ends in a server error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.contrib.staticfiles import finders
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import validate
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance

from orders import access
from orders.models import ApiKey, Order, Status
from tests import factories
from tests.orders.api.conftest import Api

SCHEMA = "/api/openapi.json"
SILENT = {("post", "/api/orders/pvt/document/{order_id}/deny-cancellation-request")}  # 200 and no body


@pytest.fixture
def schema(db) -> dict[str, Any]:
    found: dict[str, Any] = Client().get(SCHEMA).json()
    return found


def test_the_schema_is_valid_openapi(schema):
    validate(schema)
    assert schema["openapi"].startswith("3.1")


def test_every_call_of_the_product_we_match_is_in_it(schema):
    orders = "/api/oms/pvt/orders"
    one = f"{orders}/{{order_id}}"
    calls = {(method, path) for path, operations in schema["paths"].items() for method in operations}
    assert {
        ("post", "/api/fulfillment/pvt/orders"), ("get", orders), ("get", one), ("post", f"{one}/start-handling"),
        ("post", f"{one}/cancel"), ("post", f"{one}/invoice"), ("patch", f"{one}/invoice/{{number}}"),
        ("put", f"{one}/invoice/{{number}}/tracking"), ("post", f"{one}/interactions"), ("post", f"{one}/changes"),
        ("post", f"{one}/payments/{{payment_id}}/payment-notification"), ("get", f"{one}/conversation-message"),
        ("get", "/api/pvt/emailMapping"), ("get", "/api/orders/feed"), ("get", "/api/orders/feed/config"),
        ("get", "/api/orders/hook/config"),
    } <= calls  # fmt: skip


def test_every_call_has_its_place_and_says_what_it_answers(schema):
    for path, operations in schema["paths"].items():
        for method, call in operations.items():
            done = {code: answer for code, answer in call["responses"].items() if code.startswith("2")}
            is_said = any(one["schema"] for answer in done.values() for one in answer.get("content", {}).values())
            is_silent = set(done) <= {"201", "204"} or (method, path) in SILENT
            assert (bool(call.get("tags")), is_said != is_silent) == (True, True), (method, path)


def test_every_call_names_both_headers_and_its_refusals(schema):
    headers = {one["name"] for one in schema["components"]["securitySchemes"].values()}
    assert headers == {"X-VTEX-API-AppKey", "X-VTEX-API-AppToken"}
    for path in schema["paths"].values():
        for call in path.values():
            assert call["security"] == [{"AppKey": [], "AppToken": []}]
            assert {"400", "401", "404", "409", "422", "429"} <= set(call["responses"])


def test_the_page_is_our_own_files_and_runs_nothing_inline(db):
    answer = Client().get("/api/docs")
    page = answer.content.decode()
    files = re.findall(r'(?:src|href)="/static/([^"]+)"', page)
    assert (answer.status_code, f'data-schema="{SCHEMA}"' in page) == (200, True)
    assert [name for name in files if finders.find(name) is None] == []
    assert {"ninja/swagger-ui-bundle.js", "ninja/swagger-ui.css", "ct/api.js"} <= set(files)
    assert re.findall(r"<script(?![^>]*src=)|<style|\son\w+=|style=|https?://", page) == []
    assert "script-src 'self'" in answer["Content-Security-Policy"]


@pytest.fixture
def order(store) -> Order:
    placed = factories.make_order_at(Status.HANDLING, store=store)
    factories.make_mail(placed.aliases.get(party="customer"), placed.aliases.get(party="store"))
    Api(store).act(placed, "invoice", {"invoiceNumber": "F-1", "invoiceValue": 1, "issuanceDate": "2026-01-01"})
    return placed


@pytest.fixture
def described(order) -> Iterator[Any]:
    """The schema, asked of the application itself, which keeps the test's connection as Django's own client does."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield schemathesis.openapi.from_wsgi(SCHEMA, get_wsgi_application())
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


# What configures a hook calls the address that was made up.
CALLS_OUT = ("POST", "/api/orders/hook/config")


def test_no_call_ends_in_a_server_error(described, order):
    key, made = _key(order), 0
    for found in described.get_all_operations():
        operation = found.ok()
        if (operation.method.upper(), operation.path) == CALLS_OUT:
            continue

        @given(case=operation.as_strategy())
        @settings(
            max_examples=6, deadline=None, derandomize=True, phases=[Phase.generate], database=None,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        def call(case: Any) -> None:
            nonlocal made
            for name, value in (("order_id", order.number), ("number", "F-1")):
                if name in (case.path_parameters or {}):
                    case.path_parameters[name] = value
            response = case.call(headers=key)
            case.validate_response(response, checks=[not_a_server_error, response_schema_conformance])
            made += 1

        call()
    assert made > 60


def _key(order: Order) -> dict[str, str]:
    made, _ = ApiKey.objects.get_or_create(
        store=order.store, app_key="fuzz",
        defaults={"token_digest": access.token_digest("token"), "label": "Fuzz", "created_at": order.placed_at,
                  "may_reveal": True, "may_answer": True},
    )  # fmt: skip
    return {"X-VTEX-API-AppKey": made.app_key, "X-VTEX-API-AppToken": "token"}
