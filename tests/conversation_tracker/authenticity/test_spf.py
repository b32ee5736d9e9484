"""SPF: each mechanism, each limit, and records that nobody should have written."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation_tracker.authenticity import spf
from conversation_tracker.authenticity.spf import Result
from tests.conversation_tracker.authenticity import zones

CLIENT = "192.0.2.7"
ZONE: dict[tuple[str, str], tuple[str, ...] | None] = {
    ("a.example", "A"): (CLIENT,),
    ("near.example", "A"): ("192.0.2.200",),
    ("mail.example", "MX"): ("mx1.example", "mx2.example"),
    ("mx1.example", "A"): ("198.51.100.1",),
    ("mx2.example", "A"): (CLIENT,),
    ("yes.example", "TXT"): ("v=spf1 ip4:192.0.2.0/24 -all",),
    ("no.example", "TXT"): ("v=spf1 -all",),
    ("silent.example", "TXT"): None,
    ("twice.example", "TXT"): ("v=spf1 +all", "v=spf1 -all"),
    ("7.2.0.192.in-addr.arpa", "PTR"): ("host.own.example",),
    ("host.own.example", "A"): (CLIENT,),
    ("7.2.0.192.ip.example", "A"): ("127.0.0.2",),
    ("kim.example", "A"): ("127.0.0.2",),
    ("loop.example", "TXT"): ("v=spf1 include:loop.example -all",),
    ("six.example", "AAAA"): ("2001:db8::7",),
}


def check(record: str, *, client: str = CLIENT, sender: str = "kim@from.example", helo: str = "helo.example") -> Result:
    zone = {**ZONE, ("from.example", "TXT"): (record,)}
    return spf.check(client, sender=sender, helo=helo, lookup=zones.lookup(zone))


@pytest.mark.parametrize(
    ("record", "result"),
    [
        ("v=spf1 all", Result.PASS),
        ("v=spf1 -all", Result.FAIL),
        ("V=SPF1 ~ALL", Result.SOFTFAIL),
        ("v=spf1 ?all", Result.NEUTRAL),
        ("v=spf1", Result.NEUTRAL),
        ("v=spf10 -all", Result.NONE),
        ("something else", Result.NONE),
        ("v=spf1 ip4:192.0.2.7 -all", Result.PASS),
        ("v=spf1 ip4:192.0.2.8 -all", Result.FAIL),
        ("v=spf1 ip4:192.0.2.0/24 -all", Result.PASS),
        ("v=spf1 ip6:2001:db8::/32 -all", Result.FAIL),
        ("v=spf1 a:a.example -all", Result.PASS),
        ("v=spf1 a:near.example -all", Result.FAIL),
        ("v=spf1 a:near.example/24 -all", Result.PASS),
        ("v=spf1 mx:mail.example -all", Result.PASS),
        ("v=spf1 include:yes.example -all", Result.PASS),
        ("v=spf1 include:no.example ?all", Result.NEUTRAL),
        ("v=spf1 include:nothing.example -all", Result.PERMERROR),
        ("v=spf1 include:twice.example -all", Result.PERMERROR),
        ("v=spf1 include:silent.example -all", Result.TEMPERROR),
        ("v=spf1 redirect=yes.example", Result.PASS),
        ("v=spf1 redirect=nothing.example", Result.PERMERROR),
        ("v=spf1 ptr:own.example -all", Result.PASS),
        ("v=spf1 ptr:other.example -all", Result.FAIL),
        ("v=spf1 exists:%{ir}.ip.example -all", Result.PASS),
        ("v=spf1 exists:%{l}.example -all", Result.PASS),
        ("v=spf1 exists:%{o1}.example -all", Result.FAIL),
        ("v=spf1 unknown=fine -all", Result.FAIL),
        ("v=spf1 moo -all", Result.PERMERROR),
        ("v=spf1 all:x -all", Result.PERMERROR),
        ("v=spf1 ip4:192.0.2 -all", Result.PERMERROR),
        ("v=spf1 ip4:192.0.2.0/33 -all", Result.PERMERROR),
        ("v=spf1 a:nodots -all", Result.PERMERROR),
        ("v=spf1 exists:%{z}.example -all", Result.PERMERROR),
        ("v=spf1 redirect=yes.example redirect=yes.example", Result.PERMERROR),
    ],
)
def test_a_record_gives_its_result(record, result):
    assert check(record) is result


def test_an_ipv6_client_is_looked_up_as_such():
    assert check("v=spf1 a:six.example -all", client="2001:db8::7") is Result.PASS


def test_an_ipv4_client_in_ipv6_clothing_is_an_ipv4_client():
    assert check("v=spf1 ip4:192.0.2.7 -all", client="::ffff:192.0.2.7") is Result.PASS


def test_without_a_sender_the_helo_name_is_checked():
    zone = {("helo.example", "TXT"): ("v=spf1 ip4:192.0.2.7 -all",)}
    assert spf.check(CLIENT, sender="", helo="helo.example", lookup=zones.lookup(zone)) is Result.PASS


def test_more_than_ten_questions_are_too_many():
    assert check("v=spf1 " + "a:near.example " * 10 + "all") is Result.PASS
    assert check("v=spf1 " + "a:near.example " * 11 + "all") is Result.PERMERROR


def test_more_than_two_names_that_do_not_exist_are_too_many():
    assert check("v=spf1 a:x1.example a:x2.example all") is Result.PASS
    assert check("v=spf1 a:x1.example a:x2.example a:x3.example all") is Result.PERMERROR


def test_a_record_that_includes_itself_ends():
    zone = zones.lookup(ZONE)
    assert spf.check(CLIENT, sender="kim@loop.example", helo="x.example", lookup=zone) is Result.PERMERROR


def test_macros_cannot_make_a_name_of_any_length():
    assert check("v=spf1 exists:" + "%{s}." * 700 + "example -all") is Result.FAIL


@given(st.text(string.printable + "\xe9", max_size=80))
def test_any_record_gives_a_result(text):
    assert check(f"v=spf1 {text}") in set(Result)
