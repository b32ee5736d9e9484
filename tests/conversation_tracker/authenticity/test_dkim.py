"""DKIM: what is signed counts, what was changed or is weak does not; and nothing takes long."""

from __future__ import annotations

import base64
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from conversation_tracker.authenticity import dkim, dmarc
from tests import stopwatch
from tests.conversation_tracker.authenticity import zones

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEY_AT = ("sel._domainkey.carrier.example", "TXT")
MAIL = b"From: Kim  <kim@carrier.example>\r\nSubject: Your\r\n\t parcel\r\n\r\nIt is  here. \r\n\r\n \t\r\n\r\n"
MAILS = Path(__file__).parent / "mails"
OTHER_RSA = (
    "v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAhtzM99hGB/Vhwh+a4mV3GKMbIiei/rfiB/xjsefByjS0Hy8r2IX"
    "emkvD7uHE4TlTXuPoMOwQAkO9UQa//m3lnfayIrXL48QMUq+xOfEFhpPg2pHLTYcrfGoah6yNDamYNJ3n+EYzqCD4fxEXXwsVGoJpD36H4rWzPZtcIO"
    "FIJNbL3F0hFSweRgAD+9aSeUHngXeafPp0T+mi62VpROjj6ThokRSehYDlaIEpfPA4iMgRuEyO3DjZl8NsP8EehhHi0qkSScEesIUlFk8hduKRsvCrN"
    "7+7Ss9oRcNn1/P1Y96B4KoEOXw8LHJSGjez1n/WL1ggFjVVUsZFnXtnOl1VVwIDAQAB"
)
OTHER_ED = "v=DKIM1; k=ed25519; p=YWc+lFzLuWl1wKoF3B+nHtE4vC7OcUandWMuzuhLg50="
GOOD = frozenset({"carrier.example"})
NOTHING: frozenset[str] = frozenset()


def domains(raw: bytes, key: str = zones.KEY_RECORD) -> frozenset[str]:
    mail = dmarc.cut(raw)
    assert mail is not None
    return dkim.check(mail, lookup=zones.lookup({KEY_AT: (key,)}), now=NOW).domains


def sign(raw: bytes = MAIL, **options: str) -> bytes:
    return zones.signed(raw, domain="carrier.example", **options)


@pytest.mark.parametrize("form", ["relaxed/relaxed", "relaxed/simple", "simple/relaxed", "simple/simple"])
@pytest.mark.parametrize(
    "body", [b"", b"\r\n", b"\r\n\r\n", b"a", b"a \r\n\r\n", b" \t\r\nb\r\n \r\n", b"\x00\xff\r\n", b"x\r\n" * 700_000]
)
def test_a_signature_in_every_form_is_good(form, body):
    raw = MAIL.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + body
    if body == b"a" and form.endswith("simple"):
        raw += b"\r\n"
    assert domains(sign(raw, form=form)) == GOOD


def test_space_may_change_where_the_signature_is_relaxed():
    raw = sign().replace(b"Kim  <", b"Kim <").replace(b"is  here. ", b"is here.")
    assert domains(raw) == GOOD


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"here", b"there"),
        (b"parcel", b"prize"),
        (b"Kim", b"Tim"),
        (b"\r\n\r\nIt", b"\r\n\r\n\r\nIt"),
        (b"b=", b"b=AAAA"),
    ],
)
def test_a_changed_mail_is_not_signed(old, new):
    assert domains(sign().replace(old, new)) == NOTHING


def test_a_second_from_is_not_signed():
    assert domains(b"From: x@bank.example\r\n" + sign()) == NOTHING


@pytest.mark.parametrize("field", [b"Subject: Pay here", b"SUBJECT : Pay here"])
def test_no_signature_counts_where_a_second_subject_was_put_on_top(field):
    assert domains(field + b"\r\n" + sign()) == NOTHING


def test_fields_that_may_stand_often_may_stand_twice():
    assert domains(b"Received: from a\r\nReceived: from b\r\nX-Note: a\r\nX-Note: b\r\n" + sign()) == GOOD


@pytest.mark.parametrize(
    "tags",
    [{"l": "5"}, {"x": "1700000000"}, {"x": "never"}, {"i": "@other.example"}, {"q": "carrier/pigeon"}, {"v": "1"}],
    ids=str,
)
def test_a_signature_that_does_not_hold_for_the_whole_mail_now_counts_for_nothing(tags):
    assert domains(sign(**tags)) == NOTHING


def test_a_signature_that_does_not_cover_from_counts_for_nothing():
    assert domains(sign(covered="subject")) == NOTHING


@pytest.mark.parametrize(
    "key",
    [
        "",
        "v=DKIM1; p=",
        "v=DKIM1; p=!!!",
        "v=DKIM1; p=AAAA",
        f"v=DKIM2; p={zones.PUBLIC}",
        f"k=ed25519; p={zones.PUBLIC}",
        f"h=sha1; p={zones.PUBLIC}",
        f"s=tlsrpt; p={zones.PUBLIC}",
        "nonsense",
    ],
)
def test_a_key_that_is_none_counts_for_nothing(key):
    assert domains(sign(), key) == NOTHING


def test_a_short_key_counts_for_nothing(monkeypatch):
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    monkeypatch.setattr(zones, "KEY", short)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    public = base64.b64encode(short.public_key().public_bytes(serialization.Encoding.DER, form)).decode()
    raw = sign()
    assert domains(raw, f"p={public}") == GOOD
    monkeypatch.setattr(dkim, "SMALLEST_KEY", 1_025)
    assert domains(raw, f"p={public}") == NOTHING


def test_a_key_that_does_not_come_leaves_the_check_incomplete():
    mail = dmarc.cut(sign())
    assert mail is not None
    found = dkim.check(mail, lookup=zones.lookup({KEY_AT: None}), now=NOW)
    assert found == dkim.Checked(NOTHING, is_complete=False)


@pytest.mark.parametrize("selector", ["rsa", "ed25519"])
def test_a_mail_that_another_program_signed(selector):
    """Made with dkimpy 1.1.8."""
    mail = dmarc.cut((MAILS / f"{selector}.eml").read_bytes())
    assert mail is not None
    zone = {
        ("rsa._domainkey.carrier.example", "TXT"): (OTHER_RSA,),
        ("ed._domainkey.carrier.example", "TXT"): (OTHER_ED,),
    }
    assert dkim.check(mail, lookup=zones.lookup(zone), now=NOW).domains == GOOD


@pytest.mark.parametrize(
    "body",
    [
        b" " * 20_000_000 + b"x",
        b"\r\n" * 10_000_000,
        b" \r\n" * 6_000_000,
        b"a \t" * 6_000_000,
        b"\t\r\r\n" * 4_000_000,
    ],
    ids=["spaces", "ends", "blank lines", "words", "odd"],
)
def test_no_body_takes_long(body):
    began = time.process_time()
    domains(sign(b"From: kim@carrier.example\r\n\r\n" + b"x").partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + body)
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    "field",
    [b"b=" + b" \t" * 7_000, b";" * 14_000, b"=" * 14_000, b"a=b;" * 3_500, b"\xff" * 14_000],
    ids=lambda one: one[:8],
)
def test_no_signature_field_takes_long(field):
    signed = b"DKIM-Signature: " + field + b"\r\n" + MAIL
    assert domains(signed) == NOTHING
    assert stopwatch.least(lambda: domains(signed)) < 1
