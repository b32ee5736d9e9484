"""What DNS says of a domain, judged."""

from __future__ import annotations

import pytest

from conversation_tracker.message_center import domains, resolving
from conversation_tracker.message_center.domains import State, Verdict
from tests.conversation_tracker.authenticity import zones

GOOD = {
    ("acme.example", "MX"): ("mx1.acme.example",),
    ("acme.example", "TXT"): ("other", "v=spf1 include:spf.acme.example -all"),
    ("spf.acme.example", "TXT"): ("v=spf1 ip4:192.0.2.1 -all",),
    ("strict.example", "TXT"): ("v=spf1 -all",),
    ("open.example", "TXT"): ("v=spf1 +all",),
    ("selector1._domainkey.acme.example", "TXT"): ("v=DKIM1; k=rsa; p=AAAA",),
    ("_dmarc.acme.example", "TXT"): ("v=DMARC1; p=reject",),
}


def check(zone, domain="acme.example", **options):
    return {one.topic: one for one in domains.check(domain, lookup=zones.lookup({**GOOD, **zone}), **options)}


def test_a_domain_in_order_is_good_in_all_four():
    found = check({})
    assert [one.state for one in found.values()] == [State.GOOD] * 4
    assert [one.advised_value for one in found.values()] == [""] * 4


@pytest.mark.parametrize(
    ("kind", "texts", "topic", "verdict"),
    [
        ("MX", (), "MX", Verdict.MX_NONE),
        ("MX", ("",), "MX", Verdict.MX_NULL),
        ("TXT", (), "SPF", Verdict.SPF_NONE),
        ("TXT", ("v=spf1 a ~all",), "SPF", Verdict.SPF_SOFT),
        ("TXT", ("v=spf1 +all",), "SPF", Verdict.SPF_OPEN),
        ("TXT", ("v=spf1 mx ?all",), "SPF", Verdict.SPF_NEUTRAL),
        ("TXT", ("v=spf1 mx",), "SPF", Verdict.SPF_NEUTRAL),
        ("TXT", ("v=spf1 redirect=strict.example",), "SPF", Verdict.SPF_STRICT),
        ("TXT", ("v=spf1 redirect=open.example",), "SPF", Verdict.SPF_OPEN),
        ("TXT", ("v=spf1 redirect=none.example",), "SPF", Verdict.SPF_BROKEN),
        ("TXT", ("v=spf1 redirect=acme.example",), "SPF", Verdict.SPF_BROKEN),
        ("TXT", ("v=spf1 +all -all",), "SPF", Verdict.SPF_OPEN),
        ("TXT", ("v=spf1 ?all redirect=strict.example",), "SPF", Verdict.SPF_NEUTRAL),
        ("TXT", ("v=spf1" + " include:strict.example" * 10 + " -all",), "SPF", Verdict.SPF_STRICT),
        ("TXT", ("v=spf1" + " include:strict.example" * 11 + " -all",), "SPF", Verdict.SPF_LONG),
        ("TXT", ("v=spf1 ipv4:192.0.2.1 -all",), "SPF", Verdict.SPF_BROKEN),
        ("TXT", ("v=spf1 mx -all", "v=spf1 a -all"), "SPF", Verdict.SPF_TWO),
        ("TXT", ("v=spf10 mx -all",), "SPF", Verdict.SPF_NONE),
    ],
)
def test_mx_and_spf(kind, texts, topic, verdict):
    assert check({("acme.example", kind): texts})[topic].verdict is verdict


def test_below_a_domain_of_soft_aliases_mail_is_taken_too():
    found = check({}, is_soft=True)["MX"]
    assert (found.verdict, found.advised_name) == (Verdict.MX_NO_WILDCARD, "*.acme.example")
    below = {(f"{domains.SOME_LABEL}.acme.example", "MX"): ("mx1.acme.example",)}
    assert check(below, is_soft=True)["MX"].verdict is Verdict.MX_FOUND


def test_two_spf_records_are_put_together_in_the_advice():
    two = ("v=spf1 mx a -all", "v=spf1 a include:none.example redirect=strict.example")
    found = check({("acme.example", "TXT"): two})["SPF"]
    assert found.advised_value == "v=spf1 mx a include:strict.example ~all"


PROVIDERS = {
    (f"{name}.example", "TXT"): (f"v=spf1 ip4:192.0.2.{n} -all",) for n, name in enumerate("abcdefghijk")
}  # fmt: skip
MANY = " ".join(f"include:{name}.example" for name in "abcdefghijk")


@pytest.mark.parametrize(
    ("record", "verdict", "advised"),
    [
        ("include:none.example mx ptr -all", Verdict.SPF_BROKEN, "v=spf1 mx -all"),
        ("ipv4:192.0.2.1 include: a.example, ?all", Verdict.SPF_BROKEN, "v=spf1 ip4:192.0.2.1 include:a.example ~all"),
        ("include:twice.example a -all", Verdict.SPF_BROKEN, "v=spf1 a -all"),
        ("include:to-itself.example a -all", Verdict.SPF_BROKEN, "v=spf1 a -all"),
        ("a redirect=none.example", Verdict.SPF_BROKEN, "v=spf1 a ~all"),
        ("inclde:a.example redirect=a.example", Verdict.SPF_BROKEN, "v=spf1 redirect=a.example"),
        ("include:none.example -all", Verdict.SPF_BROKEN, "v=spf1 include:spf.your-provider.example -all"),
        (f"{MANY} -all", Verdict.SPF_LONG, f"v=spf1 ip4:192.0.2.0 {MANY.partition(' ')[2]} -all"),
    ],
)
def test_of_a_record_that_nobody_can_use_what_can_be_used_is_kept(record, verdict, advised):
    zone = {
        ("acme.example", "TXT"): (f"v=spf1 {record}",), **PROVIDERS,
        ("twice.example", "TXT"): ("v=spf1 a -all", "v=spf1 mx -all"),
        ("to-itself.example", "TXT"): ("v=spf1 " + "include:to-itself.example " * 50,),
    }  # fmt: skip
    found = check(zone)["SPF"]
    assert (found.verdict, found.advised_name, found.advised_value) == (verdict, "acme.example", advised)
    if "your-provider" not in advised:
        assert check({**zone, ("acme.example", "TXT"): (advised,)})["SPF"].state is State.GOOD


def test_what_asks_too_often_however_it_is_written_gets_a_domain_of_its_own():
    names = " ".join(f"a:{name}.example" for name in "abcdefghijk")
    found = check({("acme.example", "TXT"): (f"v=spf1 {names} -all",)})["SPF"]
    assert (found.verdict, found.advised_name) == (Verdict.SPF_TANGLED, "mail.acme.example")


@pytest.mark.parametrize(
    ("record", "advised"),
    [
        ("v=spf1 mx +all", "v=spf1 mx ~all"),
        ("v=spf1 mx +all redirect=strict.example", "v=spf1 mx ~all"),
        ("v=spf1 a redirect=wide.example", "v=spf1 a ip4:192.0.2.0/24 ~all"),
    ],
)
def test_of_an_open_record_what_it_names_is_kept(record, advised):
    zone = {("acme.example", "TXT"): (record,), ("wide.example", "TXT"): ("v=spf1 ip4:192.0.2.0/24 +all",)}
    assert check(zone)["SPF"].advised_value == advised


def test_a_key_is_found_under_a_usual_name_or_the_one_that_is_told():
    bare = {("selector1._domainkey.acme.example", "TXT"): ()}
    own = {**bare, ("shop._domainkey.acme.example", "TXT"): ("k=rsa; p=AAAA",)}
    assert check(bare)["DKIM"].verdict is Verdict.DKIM_NONE
    assert check(own)["DKIM"].verdict is Verdict.DKIM_NONE
    assert check(own, selector="shop")["DKIM"].verdict is Verdict.DKIM_FOUND


def test_an_empty_key_was_withdrawn():
    found = check({("selector1._domainkey.acme.example", "TXT"): ("v=DKIM1; p=",)})["DKIM"]
    assert (found.verdict, found.advised_name) == (Verdict.DKIM_REVOKED, "selector1._domainkey.acme.example")


@pytest.mark.parametrize(
    ("texts", "verdict"),
    [
        ((), Verdict.DMARC_NONE),
        (("v=DMARC1; p=none",), Verdict.DMARC_WATCHING),
        (("v=DMARC1; p=quarantine",), Verdict.DMARC_ENFORCED),
        (("v=DMARC1; p=none", "v=DMARC1; p=reject"), Verdict.DMARC_TWO),
    ],
)
def test_dmarc(texts, verdict):
    assert check({("_dmarc.acme.example", "TXT"): texts})["DMARC"].verdict is verdict


def test_a_subdomain_is_under_the_policy_of_its_organization():
    assert check({}, domain="ct.acme.example")["DMARC"].verdict is Verdict.DMARC_ENFORCED
    weak = {("_dmarc.acme.example", "TXT"): ("v=DMARC1; p=reject; sp=none; adkim=s",)}
    found = check(weak, domain="ct.acme.example")["DMARC"]
    assert found.verdict is Verdict.DMARC_WATCHING
    assert found.advised_name == "_dmarc.ct.acme.example"
    assert found.advised_value == "v=DMARC1; p=quarantine; rua=mailto:dmarc@acme.example; adkim=s"


def test_what_is_not_answered_is_unknown_and_the_rest_is_told():
    found = check({("acme.example", "MX"): None})
    assert (found["MX"].state, found["SPF"].state) == (State.UNKNOWN, State.GOOD)


def test_it_is_asked_of_the_name_servers_that_are_set(settings):
    with zones.served(GOOD) as address:
        settings.DNS_SERVERS = [address]
        found = resolving.check("acme.example")
    assert [one.state for one in found] == [State.GOOD] * 4
