"""Whatever is refused under /api/ is refused in JSON, in one shape."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from pytest_django import Settings

from orders.api import errors
from orders.models import ApiKey
from tests.orders.api.conftest import PLACE, READ, Api


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


@pytest.mark.parametrize("statements", range(3))
def test_a_database_that_is_away_is_503_in_json_and_says_when_to_come_again(api: Api, number: str, statements):
    """Wherever it goes away: before the key is looked up, or later."""
    left = statements

    def go_away(execute: Any, *args: Any) -> Any:
        nonlocal left
        if not left:
            raise OperationalError("the connection is closed")
        left -= 1
        return execute(*args)

    with connection.execute_wrapper(go_away):
        answer = api.read(number)
    assert (answer.status_code, answer["Retry-After"], answer.json()) == (
        503,
        "60",
        _shape("service_unavailable", "The database does not answer. Come again in a minute."),
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


ORDER = "/api/oms/pvt/orders/1/"
NO_OBJECT = "Input should be an object"


@pytest.mark.parametrize(
    ("path", "body", "problem"),
    [
        (PLACE, b'[{"items": }]', ("", "The body is not JSON: see line 1, column 12.")),
        (PLACE, b"[\xff]", ("", "The body is not JSON: it is not written in UTF-8.")),
        (PLACE, b"[NaN]", ("", "The body is not JSON: a number in it is none, or too large.")),
        (PLACE, b"[1e999]", ("", "The body is not JSON: a number in it is none, or too large.")),
        (PLACE, b"[" + b"9" * 6_000 + b"]", ("", "The body is not JSON: a number in it is none, or too large.")),
        (PLACE, b"[" * 100_000, ("", "The body is nested deeper than 32 levels.")),
        (PLACE, b"{}", ("", "Input should be a valid list")),
        (PLACE, b"[1]", ("0", NO_OBJECT)),
        (PLACE, b"", ("", "Field required")),
        (f"{ORDER}invoice", b"null", ("", NO_OBJECT)),
        (f"{ORDER}interactions", b'"x"', ("", NO_OBJECT)),
        (f"{ORDER}cancel", b'{"reason": []}', ("reason", "Input should be a valid string")),
        ("/api/orders/feed", b"x", ("", "The body is not JSON: see line 1, column 1.")),
        ("/api/orders/feed", b'{"handles": [1]}', ("handles.0", "Input should be a valid string")),
    ],
)
def test_a_body_that_cannot_be_taken_is_400_with_its_problem_by_path(api, path, body, problem):
    answer = Client().post(path, body, content_type="application/json", headers=api.headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid")
    assert [(one["path"], one["message"]) for one in answer.json()["problems"]] == [problem]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("/api/oms/pvt/orders?page=abc&per_page=101", ["page", "per_page"]),
        ("/api/oms/pvt/orders?page=99999999999999999999999", ["page"]),
        ("/api/oms/pvt/orders?page=NaN&f_status=%FF", ["page"]),
        ("/api/oms/pvt/orders?f_nothing=1&orderBy=%00", ["f_nothing", "orderBy"]),
        ("/api/orders/feed?maxlot=x", ["maxlot"]),
        ("/api/pvt/emailMapping", ["alias", "reason"]),
    ],
)
def test_a_query_that_cannot_be_taken_is_400_with_its_problems_by_name(api, query, names):
    answer = Client().get(query, headers=api.headers)
    assert (answer.status_code, [one["path"] for one in answer.json()["problems"]]) == (400, names)


def test_a_form_that_cannot_be_read_is_400_with_its_problem(api, placed):
    ApiKey.objects.update(may_answer=True)
    path = f"{READ}{placed.order.number}/conversation-message"
    answer = Client().post(path, b"no parts", content_type="multipart/form-data", headers=api.headers)
    assert (answer.status_code, answer.json()) == (
        400,
        {
            **_shape("invalid", "The request cannot be read. Nothing was changed."),
            "problems": [{"path": "", "message": "The request cannot be read."}],
        },
    )
