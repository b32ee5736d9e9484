"""Whatever is refused under /api/ is refused in JSON, in one shape."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import Settings

from orders.api import errors
from tests.orders.api.conftest import PLACE, READ


def _shape(code: str, message: str) -> dict[str, dict[str, str | None]]:
    return {"error": {"code": code, "message": message, "exception": None}}


@pytest.mark.parametrize("said", ["too late", "Too late."])
def test_a_refusal_is_sentences(said):
    assert errors.sentence(ValueError(said)) == "Too late. Nothing was changed."


@pytest.mark.parametrize("path", ["/api/", "/api/nothing", "/api/oms/pvt/orders/1/nothing/", "/api/é?x=1"])
@pytest.mark.parametrize("debug", [False, True])
def test_a_call_that_does_not_exist_is_404_in_json(db, settings: Settings, path, debug):
    settings.DEBUG = debug
    answer = Client().get(path)
    assert (answer.status_code, answer.json()) == (404, _shape("not_found", "Not Found."))


@pytest.mark.parametrize(("method", "path", "allowed"), [("get", PLACE, "POST"), ("delete", f"{READ}1", "GET")])
def test_a_method_that_does_not_exist_is_405_in_json_and_names_the_one_that_does(db, method, path, allowed):
    answer = getattr(Client(), method)(path)
    assert (answer.status_code, answer["Allow"], answer.json()) == (
        405,
        allowed,
        _shape("method_not_allowed", "Method Not Allowed."),
    )


def test_a_body_that_is_too_large_is_413_in_json(db, settings: Settings):
    settings.REQUEST_MAX_BYTES = 10
    answer = Client().post(PLACE, "[" * 11, content_type="application/json")
    assert (answer.status_code, answer.json()["error"]["exception"], answer["Content-Type"]) == (
        413,
        None,
        "application/json",
    )


def test_a_page_that_does_not_exist_stays_a_page(db):
    answer = Client().get("/apiary")
    assert (answer.status_code, answer["Content-Type"]) == (404, "text/html; charset=utf-8")
