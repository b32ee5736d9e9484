"""The verdict on a mail: SPF or DKIM, aligned with From; and headers that two readers would read in two ways."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation_tracker.authenticity import dmarc
from conversation_tracker.authenticity.dmarc import Handover
from conversation_tracker.mailflow.shapes import Verdict
from tests.conversation_tracker.authenticity import zones

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MAIL = b"From: Kim <kim@carrier.example>\r\nSubject: Your parcel\r\n\r\nIt is here.\r\n"
GOOD = Handover(client="192.0.2.7", helo="mx.carrier.example", sender="bounce@mail.carrier.example")
STRANGER = Handover(client="203.0.113.9", helo="mx.evil.example", sender="x@evil.example")
ZONE: dict[tuple[str, str], tuple[str, ...] | None] = {
    ("mail.carrier.example", "TXT"): ("v=spf1 ip4:192.0.2.7 -all",),
    ("mx.carrier.example", "TXT"): ("v=spf1 ip4:192.0.2.7 -all",),
    ("evil.example", "TXT"): ("v=spf1 ip4:203.0.113.9 -all",),
    ("sel._domainkey.carrier.example", "TXT"): (zones.KEY_RECORD,),
    ("sel._domainkey.evil.example", "TXT"): (zones.KEY_RECORD,),
    ("_dmarc.carrier.example", "TXT"): ("v=DMARC1; p=none",),
}


def judge(
    raw: bytes = MAIL, handover: Handover = GOOD, *, texts: dict[str, tuple[str, ...] | None] | None = None
) -> Verdict:
    zone = {**ZONE, **{(name, "TXT"): said for name, said in (texts or {}).items()}}
    return dmarc.judge(raw, handover, lookup=zones.lookup(zone), now=NOW)


def test_spf_of_an_aligned_sender_passes():
    assert judge() is Verdict.PASS


def test_spf_of_the_helo_name_counts_for_the_null_sender():
    assert judge(handover=Handover("192.0.2.7", "mx.carrier.example", "")) is Verdict.PASS


def test_spf_of_another_domain_is_no_proof():
    assert judge(handover=STRANGER) is Verdict.FAIL


def test_an_aligned_signature_passes_whoever_hands_it_in():
    assert judge(zones.signed(MAIL, domain="carrier.example"), STRANGER) is Verdict.PASS


def test_a_signature_of_another_domain_is_no_proof():
    assert judge(zones.signed(MAIL, domain="evil.example"), STRANGER) is Verdict.FAIL


def test_without_a_client_address_only_the_signature_counts():
    unknown = Handover("", "mx.carrier.example", "bounce@mail.carrier.example")
    assert judge(handover=unknown) is Verdict.NONE
    assert judge(zones.signed(MAIL, domain="evil.example"), unknown) is Verdict.NONE
    assert judge(zones.signed(MAIL, domain="carrier.example"), unknown) is Verdict.PASS


def test_a_domain_without_a_policy_is_not_judged():
    assert judge(handover=STRANGER, texts={"_dmarc.carrier.example": ()}) is Verdict.NONE


def test_a_domain_without_a_policy_can_prove_itself():
    assert judge(texts={"_dmarc.carrier.example": ()}) is Verdict.PASS


def test_the_policy_of_the_registered_domain_holds_below_it():
    raw = MAIL.replace(b"@carrier", b"@news.carrier")
    assert judge(raw, STRANGER) is Verdict.FAIL
    assert judge(raw) is Verdict.PASS


def test_two_domains_under_a_public_suffix_have_nothing_in_common():
    assert dmarc.aligned("a.co.uk", "b.co.uk") is False
    assert dmarc.aligned("x.a.co.uk", "a.co.uk") is True


@pytest.mark.parametrize("policy", ["v=DMARC1; p=reject; aspf=s", "v=DMARC1;p=reject; ASPF=S"])
def test_strict_alignment_asks_for_the_very_same_domain(policy):
    assert judge(texts={"_dmarc.carrier.example": (policy,)}) is Verdict.FAIL


@pytest.mark.parametrize("silent", ["_dmarc.carrier.example", "mail.carrier.example"])
def test_silence_of_dns_is_no_verdict(silent):
    assert judge(texts={silent: None}) is Verdict.NONE


def test_a_key_that_does_not_come_is_no_verdict():
    raw = zones.signed(MAIL, domain="carrier.example")
    assert judge(raw, STRANGER, texts={"sel._domainkey.carrier.example": None}) is Verdict.NONE


@pytest.mark.parametrize(
    "raw",
    [
        b"From: kim@carrier.example\r\n" + MAIL,
        MAIL.replace(b"From", b"To"),
        MAIL.replace(b"From: Kim <kim@carrier.example>", b"From: kim@carrier.example, x@evil.example"),
        MAIL.replace(b"Subject", b"X: y\rFrom: x@evil.example\r\nSubject"),
        MAIL.replace(b"Subject", b"X: y\nFrom: x@evil.example\r\nSubject"),
        MAIL.replace(b"Subject", b"not a field\r\nSubject"),
        MAIL.replace(b"Subject", b"X: \x00\r\nSubject"),
        b" continued\r\n" + MAIL,
        b"",
        b"\r\n\r\n",
        b"\xff\x00",
    ],
    ids=["twice", "never", "two", "bare CR", "bare LF", "no field", "NUL", "continuation", "empty", "blank", "binary"],
)
def test_a_header_that_can_be_read_in_two_ways_is_not_judged(raw):
    assert judge(raw) is Verdict.NONE


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_get_a_verdict(raw, is_after_a_header):
    assert judge(MAIL + raw if is_after_a_header else raw) in set(Verdict)
