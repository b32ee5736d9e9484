"""Mails are read and written in little memory as the standard library reads and writes them."""

from __future__ import annotations

import tracemalloc
from base64 import b64encode, encodebytes
from email import message_from_bytes, policy
from email.message import Message
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from conversation_tracker.mailflow import frugal
from conversation_tracker.mailflow.parse import parse
from conversation_tracker.mailflow.shapes import Envelope, Mail, Mailbox, Verdict
from conversation_tracker.providers import base
from tests import stopwatch

LINES = st.lists(
    st.sampled_from(
        [b"From: a@b.example", b"Content-Type: multipart/mixed; boundary=x", b"--x", b"--x--", b" folded", b"", b"\xe9"]
    )
).map(b"\r\n".join)
ENDS = st.sampled_from([b"\r\n", b"\n", b"\r", b"\r\r\n", b""])


def leaf(body: bytes, encoding: str = "base64") -> Message:
    return message_from_bytes(b"Content-Transfer-Encoding: " + encoding.encode() + b"\n\n" + body)


@given(st.binary(max_size=200) | LINES, st.integers(1, 9))
@example(b"A: b\r\n\r\nx", 6)  # a line end that is cut in two
@example(b"A: b\r\n\r\n\xe2\x9c\x93", 9)  # and a character
def test_a_mail_read_in_pieces_is_the_mail_read_at_once(raw: bytes, size: int) -> None:
    with patch.object(frugal, "PIECE", size):
        found = frugal.parse(raw, Message, policy=policy.compat32)
    whole = message_from_bytes(raw)
    assert found.items() == whole.items()
    assert [part.get_payload() for part in found.walk() if not part.is_multipart()] == [
        part.get_payload() for part in whole.walk() if not part.is_multipart()
    ]


@given(st.binary(max_size=300), ENDS)
def test_what_was_encoded_is_decoded(content: bytes, end: bytes) -> None:
    part = leaf(encodebytes(content).replace(b"\n", end))
    assert (frugal.from_base64(part) or b"") == content
    assert part.get_payload(decode=True) == content


@given(st.binary(max_size=100) | st.text("AZaz09+/=- \n", max_size=100).map(str.encode))
def test_what_can_be_decoded_is_decoded_as_the_standard_library_does(body: bytes) -> None:
    part = leaf(body)
    found = frugal.from_base64(part)
    assert found is None or found == part.get_payload(decode=True)


@pytest.mark.parametrize("encoding", ["7bit", "quoted-printable", "x", ""])
def test_another_encoding_is_left_to_the_standard_library(encoding: str) -> None:
    assert frugal.from_base64(leaf(b64encode(b"abc"), encoding)) is None


@given(st.binary(max_size=300))
def test_what_is_written_is_what_the_standard_library_writes(content: bytes) -> None:
    assert frugal.in_base64(content) == encodebytes(content).decode("ascii")


def test_a_large_mail_is_read_in_less_than_four_times_its_size() -> None:
    raw = b"Content-Type: text/plain\r\n\r\n" + b"x" * 75 + (b"\r\n" + b"x" * 76) * 50_000
    tracemalloc.start()
    frugal.parse(raw, Message, policy=policy.compat32)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < len(raw) * 4


@pytest.mark.parametrize(
    "field",
    [
        b"Content-Type: text/plain; " + b"n" * 75 + b'="' + b"\xff" * 10 + b'a"',
        b"From: " + b'"' * 98_000,
        b"To: " + b", ".join([b"a@people.example"] * 50_000),
        b"Subject: " + b" ".join([b"=?utf-8?q?a?="] * 20_000),
        b"Subject: Caf\xe9\n and\n\tmore  ",
    ],
)
def test_a_field_is_written_as_it_came_whatever_is_in_it(field: bytes) -> None:
    raw = field + b"\n\nbody"

    def written() -> bytes:
        return frugal.parse(raw, Message, policy=policy.default).as_bytes(policy=frugal.AS_IT_CAME)

    assert written() == raw
    assert stopwatch.least(written) < 1


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_space_before_the_colon_ends_no_header(end: bytes) -> None:
    raw = end.join([b"From: a@b.example", b"Subject \t: Hi", b" there", b"To : c@d.example", b"", b"Note : x", b""])
    found = frugal.parse(raw, Message, policy=policy.compat32)
    assert found.keys() == ["From", "Subject", "To"]
    assert found.get_payload() == (b"Note : x" + end).decode()


ENVELOPE = Envelope("kim@carrier.example", True, ("a@ct.example",), Verdict.NONE, is_spam=False)


def handed_over(raw: bytes) -> Mail:
    """As the doors read it."""
    return parse(base.message(raw), envelope=ENVELOPE, is_own_hop=lambda _: False)


@pytest.mark.parametrize("end", [b"\r\n", b"\r\r\n", b"\r\r\r\n"])
def test_a_line_end_that_a_server_doubled_is_one(end: bytes) -> None:
    """As qmail and ssmtp make of what PHP writes."""
    lines = (
        b"From: a@b.example", b"Subject: one", b" two", b"Content-Type: multipart/alternative; boundary=b", b"",
        b"--b", b"Content-Type: text/plain", b"Content-Transfer-Encoding: quoted-printable", b"", b"joao=40peo=",
        b"ple.example", b"--b--", b"",
    )  # fmt: skip
    found = handed_over(b"Received: by mx\r\n" + end.join(lines))
    assert (found.subject, found.text) == ("one two", "joao@people.example")
    assert found.sender == Mailbox("", "a@b.example")


def test_a_file_that_is_no_text_keeps_what_looks_like_line_ends() -> None:
    raw = (
        b"From: a@b.example\r\nContent-Type: application/x; name=a\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        b"\x89\r\r\n\0"
    )
    assert [file.content for file in handed_over(raw).files] == [b"\x89\r\r\n\0"]


def test_a_field_with_a_space_before_its_colon_is_one() -> None:
    """As scripts write that give PHP a header made by hand."""
    raw = b'To: x@y.example\r\nFrom : "Kim"\r\n <a@b.example>\r\nSubject \t: one\r\n\r\nHi'
    found = handed_over(raw)
    assert (found.sender, found.subject, found.text) == (Mailbox("Kim", "a@b.example"), "one", "Hi")


@pytest.mark.parametrize(
    "raw",
    [
        b"\xef\xbb\xbfSubject: one\r\n\r\nHi",
        b"From x@y.example Mon Nov 23 2026\nSubject: one\n\nHi",
        b"To: x@y.example\r\n>From x Mon\r\nSubject: one\r\n\r\nHi",
    ],
)
def test_what_is_no_field_of_the_header_is_passed_over(raw: bytes) -> None:
    assert (handed_over(raw).subject, handed_over(raw).text) == ("one", "Hi")
