"""Header fields of a request, and what a form, a password and a schema may cost anybody."""

from __future__ import annotations

import encodings
from typing import Any

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher, check_password, make_password
from django.http import HttpRequest
from django.test import Client, RequestFactory
from pytest_django import Settings

from conversation_tracker import fields, forms
from orders.api import openapi


def call(**environ: str) -> tuple[str, str]:
    """The status, and the type of the body as the application sees it."""
    seen: list[Any] = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.append(environ.get("CONTENT_TYPE", ""))
        start_response("200 OK", [])
        return [b""]

    statuses: list[str] = []
    list(fields.bounded(application)(environ, lambda status, _: statuses.append(status)))  # type: ignore[arg-type]
    return statuses[0], seen[0] if seen else ""


@pytest.mark.parametrize(
    "environ",
    [{"HTTP_COOKIE": 'a="' + '\\"' * 4_095 + '"'}, {"CONTENT_TYPE": "a/b; x=" + ";" * 1_000}],
)
def test_fields_that_would_keep_a_process_busy_are_refused(environ: dict[str, str]) -> None:
    assert call(**environ)[0].startswith("431 ")
    assert call(**{name: value[:900] for name, value in environ.items()})[0] == "200 OK"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("text/plain; charset=utf-8", "text/plain"),
        ('text/plain; CharSet="ISO-8859-1"; x=y', "text/plain; x=y"),
        ("text/plain;charset=nobody-has-it;x=y", "text/plain;x=y"),
        ("text/plain; charset*=utf-8''punycode; charset=", "text/plain"),
        ("text/plain; charset*0*=utf-8''puny;charset*1=code ;\tcharset = idna", "text/plain"),
        ("text/plain; x*=nobody-has-it''v; y*1*=z; a=b", "text/plain; a=b"),
        ("multipart/form-data; boundary=charset*1", "multipart/form-data; boundary=charset*1"),
        ("", ""),
    ],
)
def test_no_charset_of_a_body_is_listened_to(written: str, read: str) -> None:
    assert call(CONTENT_TYPE=written) == ("200 OK", read)


def form(*parameters: str) -> HttpRequest:
    parts = "".join(f'--a\r\nContent-Disposition: form-data; name="f"; {one}\r\n\r\nx\r\n' for one in parameters)
    return RequestFactory().generic(
        "POST", "/x", parts.encode() + b"--a--\r\n", content_type="multipart/form-data; boundary=a"
    )


def test_no_form_makes_python_remember_charsets_that_do_not_exist() -> None:
    for turn in range(3):
        forms.keep(form(*(f"x*0*=nobody{turn}{n}''y; filename*=\"no;body{turn}{n}''z" for n in range(1_000))))
    assert len(encodings._cache) < 1_100
    assert encodings._cache["utf_8"] is not None


@pytest.mark.parametrize("charset", ["UTF-8", "utf8", "iso-8859-1", "Windows-1252", "latin-1", "us-ascii", "Shift_JIS"])
def test_the_name_of_a_file_in_any_charset_is_read(charset: str) -> None:
    request = form(f"filename*={charset}''a%20b.pdf")
    forms.keep(request)
    assert [file.name for file in request.FILES.getlist("f")] == ["a b.pdf"]


def test_a_password_takes_little_memory_and_one_kept_otherwise_is_kept_anew(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["conversation_tracker.hashers.Argon2"]
    older = Argon2PasswordHasher()
    kept: list[str] = []
    password = older.encode("long enough a word", older.salt())
    assert check_password("long enough a word", password, kept.append)
    assert kept == ["long enough a word"]
    assert make_password("long enough a word").split("$")[3] == "m=19456,t=2,p=1"
    assert not check_password("another word", make_password("long enough a word"))


@pytest.mark.django_db
def test_the_schema_is_made_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    first = client.get("/api/openapi.json").json()
    monkeypatch.setattr(openapi.Api, "_schema", None)
    assert client.get("/api/openapi.json").json() == first
