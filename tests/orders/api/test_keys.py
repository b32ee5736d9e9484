"""Nobody is let in without the key and token of a store."""

from __future__ import annotations

import json
import logging

import pytest
from django.test import Client
from django.utils import timezone

from orders import access
from orders.models import ApiKey
from tests.orders.api.conftest import NOTHING, PLACE, READ, make_order, rows

REFUSAL = {
    "error": {
        "code": "unauthorized",
        "message": "Send the headers X-VTEX-API-AppKey and X-VTEX-API-AppToken of a key that is not revoked.",
        "exception": None,
    }
}
BAD_HEADERS: list[dict[str, str]] = [
    {},
    {"X-VTEX-API-AppKey": "acme-key"},
    {"X-VTEX-API-AppToken": "token"},
    {"X-VTEX-API-AppKey": "acme-key", "X-VTEX-API-AppToken": "wrong"},
    {"X-VTEX-API-AppKey": "acme-key", "X-VTEX-API-AppToken": ""},
    {"X-VTEX-API-AppKey": "other-key", "X-VTEX-API-AppToken": "token"},
    {"X-VTEX-API-AppKey": "", "X-VTEX-API-AppToken": ""},
    {"X-VTEX-API-AppKey": "acme\0key", "X-VTEX-API-AppToken": "to\0ken"},
    {"X-VTEX-API-AppKey": "é" * 9_000, "X-VTEX-API-AppToken": "é" * 9_000},
    {"Authorization": "Basic YWNtZS1rZXk6dG9rZW4="},
]


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize("headers", BAD_HEADERS, ids=range(len(BAD_HEADERS)))
def test_a_call_without_a_good_key_and_token_is_401(client, headers):
    placed = client.post(PLACE, json.dumps([make_order()]), content_type="application/json", headers=headers)
    read = client.get(f"{READ}1000000000000-01", headers=headers)
    assert [(answer.status_code, answer.json()) for answer in (placed, read)] == [(401, REFUSAL)] * 2
    assert rows() == NOTHING


def test_a_revoked_key_is_401(api):
    ApiKey.objects.update(revoked_at=timezone.now())
    assert (api.place(make_order()).status_code, api.read("1").status_code, rows()) == (401, 401, NOTHING)


def test_a_bad_body_without_a_key_is_401_and_tells_nothing_more(client, db):
    answer = client.post(PLACE, "not json", content_type="application/json")
    assert (answer.status_code, answer.json()) == (401, REFUSAL)


def test_signing_in_with_a_browser_is_no_key(as_admin, api):
    answer = as_admin.get(f"{READ}1000000000000-01")
    assert (answer.status_code, answer.json()) == (401, REFUSAL)


def test_a_call_needs_no_cookie_and_leaves_none(api):
    answer = Client(enforce_csrf_checks=True).post(
        PLACE, json.dumps([make_order()]), content_type="application/json", headers=api.headers
    )
    assert (answer.status_code, dict(answer.cookies)) == (200, {})


@pytest.mark.parametrize("path", [READ, f"{READ}1000000000000-01", "/api/pvt/emailMapping", "/orders/", "/healthz"])
def test_no_cache_keeps_an_answer_for_another_key(api, path):
    assert api.send("GET", path).headers["Cache-Control"] == "private, no-store"


def test_the_token_is_kept_as_a_digest_only(api):
    assert bytes(ApiKey.objects.get().token_digest) == access.token_digest("token")


def test_no_address_is_logged(api, caplog):
    with caplog.at_level(logging.DEBUG):
        number = api.place(make_order()).json()[0]["orderId"]
        api.place(make_order(clientProfileData__email="maria..silva@people.example"))
        api.read(number)
    assert "silva" not in "\n".join(
        record.getMessage() for record in caplog.records if record.name != "django.db.backends"
    )
