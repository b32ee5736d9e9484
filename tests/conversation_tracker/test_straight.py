"""A provider's call goes straight to its door, past what is for browsers, and not past what protects it."""

from __future__ import annotations

from io import BytesIO

import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict
from django.test import Client, RequestFactory
from pytest_django import Settings

from conversation_tracker import middleware
from conversation_tracker.models import Receipt
from orders.placing import Placed
from tests import letters

pytestmark = pytest.mark.django_db
INBOUND = "/anymail/postmark/inbound/"


def test_it_passes_what_is_for_browsers(client: Client, placed: Placed) -> None:
    answer = letters.post_postmark(client, letters.postmark(placed.customer_alias))
    assert (answer.status_code, answer.headers["Content-Length"]) == (200, "0")
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert not {"Content-Security-Policy", "Content-Language", "X-Frame-Options"} & set(answer.headers)


@pytest.mark.parametrize("path", ["/anymail/", "/anymail/nobody/inbound/", "/anymail/postmark/inbound/more/"])
def test_what_is_no_door_is_a_page_that_is_not_there(client: Client, path: str) -> None:
    answer = client.post(path, b"{}", content_type="application/json")
    assert answer.status_code == 404
    assert "Content-Security-Policy" in answer.headers


def test_without_tls_it_is_sent_there(client: Client, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    answer = client.post(INBOUND, b"{}", content_type="application/json", headers={"Authorization": letters.BASIC_AUTH})
    assert (answer.status_code, answer.headers["Location"]) == (301, f"https://testserver{INBOUND}")
    assert not Receipt.objects.exists()


def test_under_a_strange_name_it_is_refused(client: Client) -> None:
    headers = {"Authorization": letters.BASIC_AUTH, "Host": "elsewhere.example"}
    assert client.post(INBOUND, b"{}", content_type="application/json", headers=headers).status_code == 400
    assert not Receipt.objects.exists()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b'{"a": 1}'),
        ("application/x-www-form-urlencoded", b"a=1"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n'),
    ],
)
def test_of_what_was_answered_no_body_is_kept(kind: str, body: bytes) -> None:
    def answer(request: HttpRequest) -> HttpResponse:
        assert request.body == body
        assert request.POST.get("a", "1") == "1"
        return HttpResponse()

    request = RequestFactory().post(INBOUND, body, content_type=kind)
    middleware.RequestBodyLimit(answer)(request)
    assert not [value for value in vars(request).values() if isinstance(value, bytes | QueryDict | BytesIO)]


def test_what_protects_a_call_stands_before_it() -> None:
    names = [name.rpartition(".")[2] for name in settings.MIDDLEWARE]
    assert names.index("Straight") > max(names.index("RequestBodyLimit"), names.index("SecurityMiddleware"))


@pytest.mark.parametrize(
    ("path", "kind", "status"),
    [
        ("/orders/a/b/write/", "multipart/form-data; boundary=x", 200),
        ("/orders/a/b/write/", "application/x-www-form-urlencoded", 413),
        ("/orders/a/b/write/", "text/plain", 413),
        ("/sign-in/", "multipart/form-data; boundary=x", 413),
        ("/api/oms/pvt/orders/a/conversation-message", "application/json", 200),
    ],
)
def test_only_mails_with_files_may_be_large(path: str, kind: str, status: int) -> None:
    request = RequestFactory().post(path, b"x" * (settings.REQUEST_MAX_BYTES + 1), content_type=kind)
    assert middleware.RequestBodyLimit(lambda _: HttpResponse())(request).status_code == status
