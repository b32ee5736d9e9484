"""What an Authentication-Results header may say, and what a sender may make of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation_tracker.mailflow.shapes import Verdict
from conversation_tracker.providers import authentication
from tests import stopwatch

FROM = ("From", "Kim <kim@carrier.example>")


def judged(*values: str, author: str = "Kim <kim@carrier.example>") -> Verdict:
    fields = [*(("Authentication-Results", value) for value in values), ("From", author)]
    return authentication.verdict(fields, authserv_id="mx.example")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("mx.example; dmarc=pass header.from=carrier.example", Verdict.PASS),
        ("MX.example 1; DMARC = PASS (p=none) header.from = Carrier.Example", Verdict.PASS),
        ("mx.example; dmarc=fail; dkim=pass header.d=carrier.example", Verdict.FAIL),
        ("mx.example; dmarc=pass header.from=evil.example", Verdict.FAIL),
        ("mx.example; dmarc=none; dkim=pass header.d=carrier.example", Verdict.PASS),
        ("mx.example; dkim=pass header.i=@mail.carrier.example", Verdict.PASS),
        ("mx.example; dkim=pass header.d=evil.example; spf=pass smtp.mailfrom=kim@carrier.example", Verdict.PASS),
        ("mx.example; dkim=pass header.d=evil.example; dkim=fail header.d=carrier.example", Verdict.FAIL),
        ("mx.example; spf=softfail smtp.mailfrom=carrier.example", Verdict.FAIL),
        ("mx.example; spf=none; dkim=none", Verdict.NONE),
        ("mx.example; none", Verdict.NONE),
        ("mx.example", Verdict.NONE),
        ("", Verdict.NONE),
        ("other.example; dmarc=pass header.from=carrier.example", Verdict.NONE),
        # A sender chooses his local part, his name in HELO, what a comment repeats.
        ('mx.example; spf=pass smtp.mailfrom="carrier.example"@evil.example', Verdict.FAIL),
        ('mx.example; spf=pass smtp.mailfrom="carrier.example" @evil.example', Verdict.FAIL),
        ("mx.example; spf=pass smtp.mailfrom=carrier.example=x@evil.example", Verdict.FAIL),
        ('mx.example; spf=pass smtp.mailfrom="; dmarc=pass "@evil.example', Verdict.FAIL),
        ("mx.example; spf=fail (x; dmarc=pass header.from=carrier.example)", Verdict.FAIL),
        ("mx.example; spf=fail (x\\) (y); dmarc=pass", Verdict.NONE),
        ("mx.example; spf=pass helo=x; dmarc=pass header.from=carrier.example; dmarc=fail", Verdict.NONE),
        ('mx.example; spf=pass smtp.mailfrom="unfinished', Verdict.NONE),
    ],
)
def test_only_aligned_results_pass(value: str, expected: Verdict) -> None:
    assert judged(value) == expected


def test_only_the_topmost_field_counts_and_only_when_it_is_the_only_one_of_its_server() -> None:
    good, bad = "mx.example; dmarc=pass", "mx.example; dmarc=fail"
    assert judged(good, "other.example; dmarc=fail") == Verdict.PASS
    assert judged("other.example; dmarc=pass", good) == Verdict.NONE
    assert judged(bad, good) == Verdict.NONE
    assert judged(good, good) == Verdict.NONE


@pytest.mark.parametrize("author", ["", "a@carrier.example, b@evil.example", "Group: a@carrier.example, b@x.example;"])
def test_a_mail_without_one_author_is_nobodys(author: str) -> None:
    assert judged("mx.example; dkim=pass header.d=carrier.example", author=author) == Verdict.NONE
    assert judged("mx.example; dmarc=pass", author=author) != Verdict.PASS


def test_two_from_fields_are_no_author() -> None:
    fields = [("Authentication-Results", "mx.example; dkim=pass header.d=carrier.example"), FROM, FROM]
    assert authentication.verdict(fields, authserv_id="mx.example") == Verdict.NONE


def test_without_a_trusted_server_nothing_counts() -> None:
    fields = [("Authentication-Results", "; dmarc=pass"), FROM]
    assert authentication.verdict(fields, authserv_id="") == Verdict.NONE


@given(st.text(alphabet='ab=;:()"\\ .@\n\t', max_size=60))
def test_any_text_is_read_without_an_exception(value: str) -> None:
    found = authentication.parse(f"mx.example;{value}")
    assert found is None or found[0] == "mx.example"


@given(st.text(alphabet="abc=.+-_", min_size=1, max_size=30))
def test_no_local_part_makes_another_domain_pass(local: str) -> None:
    assert judged(f"mx.example; spf=pass smtp.mailfrom={local}@evil.example") == Verdict.FAIL


@pytest.mark.parametrize("piece", ["(", '"', "\\", "a=", ";", "(()", '"\\'])
def test_long_values_are_read_in_no_time(piece: str) -> None:
    value = "mx.example;" + piece * ((authentication.LONGEST - 20) // len(piece))
    assert stopwatch.least(lambda: authentication.parse(value)) < 0.5
    found = authentication.parse(value)
    assert found is None or all(one.result != "pass" for one in found[1])
    assert authentication.parse("mx.example; " + "x" * authentication.LONGEST) is None
