"""Forms are read as the standard library and Django read them, in less memory."""

from __future__ import annotations

import os
import tracemalloc
from base64 import encodebytes
from contextlib import suppress
from unittest.mock import patch
from urllib.parse import parse_qs, quote, unquote_to_bytes, urlencode

import pytest
from django.core.exceptions import TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.multipartparser import MultiPartParserError
from django.test import RequestFactory
from hypothesis import example, given
from hypothesis import strategies as st

from conversation_tracker import forms, middleware
from tests import stopwatch

WRITTEN = st.lists(
    st.sampled_from([b"%", b"=", b"+", b"\n", b"\r\n", b"4", b"3D", b"0a", b"_", b" ", b"\t", b"?", b"\xe9"])
)


@given(WRITTEN)
@example([b"%", b"\n"])
@example([b"=", b"\n", b"x"])
def test_whatever_is_written_is_decoded_as_the_standard_library_does(pieces: list[bytes]) -> None:
    written = b"".join(pieces)
    expected = unquote_to_bytes(written.replace(b"+", b" "))
    assert forms.unquote(written) == expected
    with patch.object(forms, "PIECE", 3):
        assert forms.unquote(written) == expected


@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=20)), max_size=5))
def test_a_form_is_read_as_django_reads_it(fields: list[tuple[str, str]]) -> None:
    body = urlencode(fields, errors="replace").encode()
    assert dict(forms.read(body).lists()) == dict(QueryDict(body).lists())


@given(st.binary(), st.binary())
def test_a_field_is_written_as_it_is_read(value: bytes, other: bytes) -> None:
    body = forms.field("b", other) + b"&" + forms.field("a", value)
    assert forms.octets(body, "a") == value
    if body.isascii():
        assert parse_qs(body, keep_blank_values=True) == {b"a": [value], b"b": [other]}


def test_of_fields_of_one_name_the_last_counts_and_one_that_is_missing_is_told() -> None:
    assert forms.octets(b"a=1&&a=2&b", "a") == b"2"
    assert forms.octets(b"a=1&&a=2&b", "b") == b""
    with pytest.raises(KeyError):
        forms.octets(b"a=1&&a=2&b", "c")


def test_fields_that_are_too_long_to_be_looked_at_are_left_out() -> None:
    assert forms.read(b"a=%41%41&b=1&cccc=1", longest=3).dict() == {"b": "1"}


def test_more_fields_than_the_settings_allow_are_refused() -> None:
    with pytest.raises(TooManyFieldsSent):
        forms.read(b"a=1&" * 2_000)


def test_a_form_with_a_large_mail_takes_a_few_times_its_size() -> None:
    body = urlencode({"body-mime": encodebytes(os.urandom(5_000_000))}).encode()
    tracemalloc.start()
    forms.read(body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < len(body) * 5 // 2


@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=20)), max_size=5))
def test_a_form_at_a_page_is_read_as_django_reads_it(fields: list[tuple[str, str]]) -> None:
    body = urlencode(fields, errors="replace").encode()
    request = RequestFactory().generic("POST", "/x", body, content_type=forms.URLENCODED)
    forms.read_lightly(request)
    assert QueryDict(body) == request.POST
    with pytest.raises(AttributeError):
        request.POST.setlist("a", ["b"])  # type: ignore[misc]  # it says so


@pytest.mark.parametrize("kind", [forms.URLENCODED, "multipart/form-data; boundary=a"])
def test_at_a_door_no_page_reads_a_form(kind: str) -> None:
    request = RequestFactory().generic("POST", "/anymail/nowhere/", b"a=v", content_type=kind)
    forms.read_lightly(request)
    assert (request.POST.dict(), request.FILES.dict()) == ({}, {})
    assert request.read() == b"a=v"


def test_what_is_no_such_form_django_reads() -> None:
    request = post(part(FIELD) + b"--a--\r\n")
    forms.read_lightly(request)
    assert request.POST.dict() == {"a": "v"}
    for method, kind in (("GET", forms.URLENCODED), ("POST", "text/plain")):
        request = RequestFactory().generic(method, "/x", b"a=v", content_type=kind)
        forms.read_lightly(request)
        assert request.POST.dict() == {}
    request = RequestFactory().generic("POST", "/x", b"a=v", content_type=forms.URLENCODED)
    request.read(1)
    forms.read_lightly(request)
    assert request.POST.dict() == {}


@pytest.mark.parametrize("unit", [b"%", b"%61", b"+", b"\xf0\x9f\x98\x80"])
def test_no_form_at_a_page_takes_more_than_some_times_its_size(unit: bytes) -> None:
    body = b"a=" + unit * (1_000_000 // len(unit))

    def answer(request: HttpRequest) -> HttpResponse:
        assert len(request.POST["a"]) > 200_000
        return HttpResponse()

    tracemalloc.start()
    middleware.RequestBodyLimit(answer)(RequestFactory().generic("POST", "/x", body, content_type=forms.URLENCODED))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40_000_000


def test_of_a_form_with_a_long_field_none_is_made_a_text_of_it_to_find_a_signature() -> None:
    large = "\N{GRINNING FACE}".encode() * 2_000_000
    request = post(
        part(FIELD, value=large) + part(FIELD.replace(b'"a"', b'"token"'), value="é".encode()) + b"--a--\r\n"
    )
    assert len(request.body) > len(large)
    tracemalloc.start()
    forms.keep(request, longest=1_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert request.POST.dict() == {"token": "é"}
    assert peak < len(large) / 4


def post(body: bytes) -> HttpRequest:
    return RequestFactory().generic("POST", "/x", body, content_type="multipart/form-data; boundary=a")


def part(*lines: bytes, value: bytes = b"v") -> bytes:
    return b"--a\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + value + b"\r\n"


FIELD, FILE = b'Content-Disposition: form-data; name="a"', b'Content-Disposition: form-data; name="a"; filename=""'


@pytest.mark.parametrize(
    "absurd",
    [
        part(FIELD[:-1] + b";" * 7_900 + b'"'),
        part(FIELD, *[b"a:;"] * 250),
        part(FIELD, *[b"a: b"] * 1_000),
    ],
)
@pytest.mark.parametrize("is_door", [True, False])
def test_no_header_of_a_part_keeps_the_reader_busy(absurd: bytes, is_door: bool) -> None:
    def read() -> None:
        request = post(absurd * 300 + b"--a--\r\n")
        with pytest.raises(MultiPartParserError):
            _ = forms.keep(request) if is_door else request.POST

    assert stopwatch.least(read) < 0.5


def test_headers_that_are_longer_together_than_those_of_any_mail_are_refused() -> None:
    long = part(FIELD + b"; x*=punycode''" + b"9" * 8_000)

    def read() -> None:
        with pytest.raises(MultiPartParserError):
            _ = post(long * 1_990 + b"--a--\r\n").POST

    assert stopwatch.least(read) < 0.5
    name = quote("\u65e5" * 110).encode()
    files = part(b"Content-Disposition: form-data; name=\"a\"; filename*=UTF-8''%s.pdf" % name) * 500
    request = post(files + b"--a--\r\n")
    assert [file.name for file in request.FILES.getlist("a")] == ["\u65e5" * 110 + ".pdf"] * 500


@pytest.mark.parametrize(
    "unit",
    [
        part(FIELD[:-1] + b";" * 90 + b'"', *[b"a:;"] * 6),
        part(FIELD + b"; x*=" * 90),
        *(
            part(FIELD + b"; x" + sign * (2_000 // len(sign)))
            for sign in (b"*=", b"*0*=", b"* ", b'*="', b"*='", b"%27")
        ),
        *(part(FIELD + b"; x*=%s''" % charset + b"9" * 600) for charset in (b"punycode", b"IDNA", b"utf-7", b"zlib")),
        part(FIELD + b"; x*0*=p; x*1=unycode''" + b"9" * 600),
        part(FIELD + b"; x*=utf-8''" + b"%" * 600),
    ],
)
def test_as_many_parts_as_are_allowed_take_no_time_whatever_their_headers(unit: bytes) -> None:
    many = unit * min(1_990, forms.LONGEST_HEADERS // len(unit)) + b"--a--\r\n"
    assert stopwatch.least(lambda: forms.keep(post(many))) < 2


@pytest.mark.parametrize(
    "unit",
    [b"content-disposition:" + b";" * 900 + b"--a\r\n", b"--a\r\n", b"--a\r\n" * 9 + b'filename=""', b"x\r\n--a\r\n"],
)
def test_looking_for_files_without_a_name_takes_no_time(unit: bytes) -> None:
    body = b'--a\r\nfilename=""\r\n' + unit * (10_000_000 // len(unit)) + b"--a--\r\n"

    def read() -> None:
        with suppress(MultiPartParserError, TooManyFieldsSent):
            forms.keep(post(body))

    assert stopwatch.least(read) < 1


def test_each_file_without_a_name_gets_one_and_nothing_else_is_changed() -> None:
    looks = b'Content-Disposition: form-data; name="b"; filename=""\r\n'
    request = post(
        part(FILE) + part(b"X: y", FILE.upper(), b"Content-Type: text/plain") + part(FIELD, value=looks) + b"--a--\r\n"
    )
    forms.keep(request)
    assert [file.name for files in request.FILES.lists() for file in files[1]] == [forms.NAMELESS] * 2
    assert request.POST["a"] == looks.decode()


@pytest.mark.parametrize(
    "unit",
    [
        part(FIELD, value="\N{GRINNING FACE}".encode() + b"a" * 4_000),
        part(FIELD, value=b"a" * 54_000),
        b"--a\r\n",
        b"--a" * 9 + b"\r\n\r\n",
        part(b"content-disposition:;filename=a", *[b";a*=%dx''"] * 7),
        part(FILE, value=b"x" * 50_000),
        b"--a--",
    ],
)
@pytest.mark.parametrize("start", [b"", part(FIELD, value=b"a" * 3_000_000), b"x" * 3_000_000])
def test_no_form_takes_more_for_its_signature_than_it_has(unit: bytes, start: bytes) -> None:
    request = post(start + unit * (6_000_000 // len(unit)) + b"--a--\r\n")

    def read() -> None:
        with suppress(MultiPartParserError, TooManyFieldsSent, TooManyFilesSent):
            forms.keep(request, longest=1_000)

    assert stopwatch.least(read) < 2
    tracemalloc.start()
    read()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000


def test_of_what_is_looked_at_for_a_signature_only_what_is_short_is_kept() -> None:
    body = b"\xf0\x9f\x98\x80" + b"a" * 2_000 + b"=&b=%41&c=" + b"x" * 1_001
    request: HttpRequest = RequestFactory().generic("POST", "/x", body, content_type=forms.URLENCODED)
    forms.keep(request, longest=1_000)
    assert request.POST.dict() == {"b": "A"}
    request = post(b"".join(part(FIELD, FIELD[:30], value=b"v" * n) for n in (1, 10_000)) + part(FILE) + b"--a--\r\n")
    forms.keep(request, longest=1_000)
    assert request.POST.getlist("a")[0] == "v"
    for broken in (b"", b"--a", b"--b--", b"a" * 10):
        request = post(broken)
        with suppress(MultiPartParserError):
            forms.keep(request, longest=1_000)
            assert not request.POST


def test_parts_that_django_does_not_count_are_counted() -> None:
    def read() -> None:
        with pytest.raises(MultiPartParserError):
            _ = post(part(b"content-disposition:;filename=a", b";a*=nobody''") * 20_000 + b"--a--\r\n").POST

    assert stopwatch.least(read) < 2


@pytest.mark.parametrize("digits", [4_000, 5_000])
def test_a_file_whose_name_django_stumbles_over_is_taken(digits: int) -> None:
    request = post(part(FILE[:-1] + b'&#%s;"' % (b"1" * digits)) + b"--a--\r\n")
    forms.keep(request)
    assert len(request.FILES.getlist("a")) == 1
