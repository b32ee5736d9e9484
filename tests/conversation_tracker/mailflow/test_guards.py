"""What is absurd is turned away before anything parses it."""

from __future__ import annotations

import time
from contextlib import nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation_tracker.mailflow import guards
from conversation_tracker.mailflow.guards import Limit, OverLimit
from conversation_tracker.providers import base
from tests import letters


def nested(depth: int) -> bytes:
    levels = range(depth)
    return b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in levels) + b"\r\nx"


def siblings(count: int) -> bytes:
    head = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
    return head + b"--x\r\nContent-Type: message/rfc822\r\n\r\nSubject: a\r\n\r\nb\r\n" * count + b"--x--\r\n"


ORDINARY = {
    "plain": letters.mime(),
    "with files": letters.mime(html="<p>x</p>", files=(("a.txt", "text/plain", b"x"),)),
    "forty levels": nested(40),
    "a digest of a hundred mails": siblings(100),
    "empty": b"",
    "binary": bytes(range(256)) * 100,
    "large": b"Subject: x\r\n\r\n" + b"x" * 30_000_000,
    "many lines that look like boundaries": b"Subject: x\r\n\r\n" + b"--signature\r\n" * 5_000,
    "a quoted mail": b"Subject: x\r\n\r\n" + b"> Content-Type: multipart/mixed; boundary=x\r\n" * 200,
}
ABSURD = {
    Limit.SIZE: b"Subject: x\r\n\r\n" + b"x" * 40_000_000,
    Limit.HEADER_BLOCK: b"X-Pad: y\r\n" * 20_000,
    Limit.HEADER: b"From: " + b'"' * 98_000 + b"\r\n\r\n",
    Limit.FIELDS: b"X: y\r\n" * 1_001 + b"\r\n",
    Limit.NESTING: nested(51),
    Limit.PARTS: siblings(1_001),
    Limit.RECEIVED: b"Received: from a by b\r\n" * 101 + b"\r\n",
    Limit.ENCODED_WORDS: b"Subject: " + b"=?utf-8?q?a?= " * 501 + b"\r\n\r\n",
    Limit.COMMENTS: b"From: " + b"(" * 1_000 + b"\r\n\r\n",
    Limit.RECIPIENTS: b"To: " + b"a@b.example," * 1_001 + b"\r\n\r\n",
    Limit.PARAMETERS: b"Content-Type: text/plain; " + b"a*0=b; " * 1_000 + b"\r\n\r\n",
}


def test_a_field_of_semicolons_is_turned_away() -> None:
    with pytest.raises(OverLimit) as caught:
        guards.check_raw(b'Content-Type: text/plain; x="' + b";" * 1_001 + b"\r\n\r\n")
    assert caught.value.limit == Limit.PARAMETERS


@pytest.mark.parametrize("raw", ORDINARY.values(), ids=ORDINARY.keys())
def test_an_ordinary_mail_passes(raw: bytes) -> None:
    assert guards.check_raw(raw) is None  # type: ignore[func-returns-value]  # that it returns is the claim


@pytest.mark.parametrize("limit", ABSURD, ids=[limit.name for limit in ABSURD])
def test_an_absurd_mail_is_turned_away(limit: Limit) -> None:
    with pytest.raises(OverLimit) as caught:
        guards.check_raw(ABSURD[limit])
    assert caught.value.limit == limit


@pytest.mark.parametrize(
    ("raw", "over"),
    [
        (b"\n", False),
        (b"--", True),
        (b"\n--a", True),
        (b"content-type:", True),
        (b":", True),
        (b"content-type: multipart/x;", True),
        (b"\r\n \r\n", False),
        (b"\n\n--a", False),
    ],
    ids=repr,
)
def test_megabytes_of_anything_are_scanned_at_once(raw: bytes, over: bool) -> None:
    raw = raw * (20_000_000 // len(raw))
    with pytest.raises(OverLimit) if over else nullcontext():
        guards.check_raw(raw)


@given(st.binary(max_size=3_000))
def test_any_bytes_are_scanned(raw: bytes) -> None:
    assert guards.check_raw(raw) is None  # type: ignore[func-returns-value]


def test_fields_of_a_document_are_looked_at_too() -> None:
    with pytest.raises(OverLimit):
        guards.check_fields([("From", '"' * 98_000)])


MIXED = b"Content-Type: multipart/mixed; boundary = b\r\n\r\n"


@pytest.mark.parametrize(
    ("raw", "limit"),
    [
        (MIXED + b"--b\r\r" * 100_000, Limit.PARTS),
        (MIXED + b"--b\r\n\r\n" * 100_000, Limit.PARTS),
        (MIXED + b"--b\r\n" + b"X: y\r\n" * 100_000, Limit.FIELDS_IN_PARTS),
        (MIXED + b'--b\r\nContent-Type: a/b; name="' + b'"' * 98_000 + b"\r\n\r\n", Limit.HEADER),
        (MIXED + b"--b\r\nContent-Type: a/b; name=" + b"=?utf-8?q?a?= " * 1_000 + b"\r\n\r\n", Limit.ENCODED_WORDS),
        (b"X-A: b\r\n" * 4_000_000, Limit.HEADER_BLOCK),
    ],
    ids=["lines that end in CR", "a boundary with spaces", "fields", "quotes", "words", "stamps"],
)
def test_what_is_absurd_inside_is_seen_at_once_by_the_parser(raw: bytes, limit: Limit) -> None:
    before = time.process_time()
    assert base.message(raw).unread.detail == limit
    assert time.process_time() - before < 2


def test_the_fields_of_an_attached_mail_may_be_long() -> None:
    to = b"To: " + b"someone@b.example, " * 2_000
    found = base.message(MIXED + b"--b\r\nContent-Type: message/rfc822\r\n\r\n" + to + b"\r\n\r\nHi\r\n--b--\r\n")
    assert not hasattr(found, "unread")
    assert [part.get_content_type() for part in found.walk()][1:] == ["message/rfc822", "text/plain"]
