"""An alias address has exactly the documented form, is recognised again, and never breaks a rule of e-mail."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from orders import addresses, masks
from orders.masks import Fallback, Form
from tests.orders.strategies import TRACKING, plain_address, recased, tag

LONG_LABEL = "l" * 60


def test_hard_is_32_lower_case_hexadecimal_digits_at_the_tracking_domain():
    made = masks.hard(TRACKING)
    assert re.fullmatch(r"[0-9a-f]{32}@ct\.shop\.example", made.address)
    assert (made.form, made.fallback) == (Form.HARD, Fallback.NONE)


def test_soft_is_the_real_address_a_hyphen_twelve_digits_b_and_the_tracking_domain():
    made = masks.soft("johndoe@vtex.com.br", tracking_domain="ct.vtex.com.br")
    assert re.fullmatch(r"johndoe@vtex\.com\.br-[0-9]{12}b\.ct\.vtex\.com\.br", made.address)
    assert (made.form, made.fallback) == (Form.SOFT, Fallback.NONE)


def test_soft_keeps_a_tag_and_the_case_of_what_is_left_of_the_at():
    made = masks.soft("Mary.John+Shop@example.com", tracking_domain=TRACKING)
    assert re.fullmatch(r"Mary\.John\+Shop@example\.com-[0-9]{12}b\.ct\.shop\.example", made.address)


def test_two_masks_of_one_address_differ():
    made = {masks.make(form, "john@example.com", tracking_domain=TRACKING).address for form in Form for _ in range(100)}
    assert len(made) == 200


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        (Form.HARD, "ff2e6348a53a4d449af92be2a1011328@ct.vtex.com.br"),
        (Form.SOFT, "johndoe@vtex.com.br-207700027841b.ct.vtex.com.br"),
    ],
)
def test_example_is_the_documented_one(form, shown):
    assert masks.example(form, "johndoe@vtex.com.br", tracking_domain="ct.vtex.com.br") == shown


@pytest.mark.parametrize("form", Form)
@given(real=plain_address)
def test_an_address_made_is_an_address_recognised(form, real):
    made = masks.make(form, real, tracking_domain=TRACKING)
    assert masks.recognise(made.address, tracking_domain=TRACKING) is made.form


@given(real=plain_address)
def test_cutting_a_soft_alias_gives_the_real_address_back(real):
    made = masks.soft(real, tracking_domain=TRACKING)
    assume(made.form is Form.SOFT)
    assert masks.unsoften(made.address, tracking_domain=TRACKING) == addresses.key(real)


@pytest.mark.parametrize("form", Form)
@given(real=plain_address, extra=st.text("abcdefghij", max_size=60))
def test_no_alias_is_longer_than_mail_allows(form, real, extra):
    made = masks.make(form, extra + real, tracking_domain=TRACKING).address
    local, _, domain = made.rpartition("@")
    assert len(local) <= 64
    assert max(len(label) for label in domain.split(".")) <= 63
    assert len(domain) <= 253
    assert len(made) <= 254
    assert addresses.validated(made) == made


@given(real=plain_address, data=st.data())
def test_an_alias_is_found_in_any_case_and_with_a_trailing_dot(real, data):
    made = masks.soft(real, tracking_domain=TRACKING).address
    assert masks.lookup_key(data.draw(recased(made)) + data.draw(st.sampled_from(["", "."]))) == masks.lookup_key(made)


@given(extra=tag)
def test_a_tag_after_a_hard_token_is_ignored(extra):
    made = masks.hard(TRACKING).address
    assert masks.lookup_key(made.replace("@", f"+{extra}@")) == made


def test_quotes_that_need_not_be_are_ignored_and_others_are_not():
    made = masks.hard(TRACKING).address
    local, _, domain = made.partition("@")
    assert masks.lookup_key(f'"{local}"@{domain}') == masks.lookup_key(f'"{local}+tag"@{domain}') == made
    soft = masks.soft("johndoe@example.com", tracking_domain=TRACKING).address
    assert masks.lookup_key(soft.replace("johndoe", '"johndoe"')) == soft
    assert masks.lookup_key(f'"{local} x"@{domain}') == f'"{local} x"@{domain}'


@pytest.mark.parametrize("name", ["john", masks.EXAMPLE_HARD])
def test_a_tag_in_a_soft_alias_may_be_cut_off(name):
    tagged = f"{name}+shop@example.com-207700027841b.ct.shop.example"
    assert masks.lookup_key(tagged) == masks.lookup_key(tagged.replace("+shop", "")) == tagged.replace("+shop", "")
    assert masks.unsoften(tagged, tracking_domain=TRACKING) == f"{name}+shop@example.com"


def test_what_begins_with_a_plus_sign_is_no_tag():
    odd = "+shop@example.com-207700027841b.ct.shop.example"
    assert masks.lookup_key(odd) == odd


def test_an_international_tracking_domain_is_found_in_letters_and_in_ascii():
    ascii_form = "ff2e6348a53a4d449af92be2a1011328@ct.xn--bcher-kva.example"
    assert masks.lookup_key("ff2e6348a53a4d449af92be2a1011328@ct.Bücher.example") == masks.lookup_key(ascii_form)
    assert masks.recognise(ascii_form, tracking_domain="ct.bücher.example") is Form.HARD


@pytest.mark.parametrize(
    ("real", "why"),
    [
        ('"john smith"@example.com', Fallback.LOCAL_NOT_PLAIN),
        ("josé@example.com", Fallback.LOCAL_NOT_PLAIN),
        ("john@example.xn--p1ai", Fallback.IDN_TOP_LEVEL),
        ("john@пример.рф", Fallback.IDN_TOP_LEVEL),
        ("john@[192.0.2.1]", Fallback.LITERAL_DOMAIN),
        ("john@[IPv6:2001:db8::1]", Fallback.LITERAL_DOMAIN),
        ("john@intranet", Fallback.LITERAL_DOMAIN),
        ("l" * 65 + "@example.com", Fallback.TOO_LONG),
        (f"john@example.{LONG_LABEL}", Fallback.TOO_LONG),
        (f"john@{LONG_LABEL}.{LONG_LABEL}.{LONG_LABEL}.{'l' * 40}.example", Fallback.TOO_LONG),
        (f"{'l' * 64}@{LONG_LABEL}.{LONG_LABEL}.{'l' * 30}.example", Fallback.TOO_LONG),
    ],
)
def test_what_soft_cannot_carry_becomes_hard_with_the_reason(real, why):
    made = masks.soft(real, tracking_domain=TRACKING)
    assert (made.form, made.fallback) == (Form.HARD, why)
    assert re.fullmatch(r"[0-9a-f]{32}@ct\.shop\.example", made.address)


def test_every_reason_to_fall_back_is_reachable():
    reals = ['"a b"@example.com', "a@b.xn--p1ai", "a@localhost", "l" * 65 + "@example.com", "john@example.com"]
    assert {masks.soft_refuses(real, tracking_domain=TRACKING) for real in reals} == set(Fallback)


def test_an_international_domain_under_a_plain_top_level_stays_soft():
    made = masks.soft("john@bücher.example", tracking_domain=TRACKING)
    assert made.form is Form.SOFT
    assert made.address.startswith("john@xn--bcher-kva.example-")


@pytest.mark.parametrize("spare", [0, 1])
def test_the_longest_soft_label_is_63_octets(spare):
    real = f"john@example.{'l' * (63 - len('-000000000000b') + spare)}"
    assert masks.soft(real, tracking_domain=TRACKING).form is (Form.HARD if spare else Form.SOFT)


@pytest.mark.parametrize("spare", [0, 1])
def test_the_longest_soft_alias_is_254_octets(spare):
    rest = f"@{LONG_LABEL}.{LONG_LABEL}.example"
    left = 254 - len(f"{rest}-000000000000b.{TRACKING}.{'t' * 40}")
    made = masks.soft("l" * (left + spare) + rest, tracking_domain=f"{'t' * 40}.{TRACKING}")
    assert (made.form, len(made.address) if made.form is Form.SOFT else 0) == (
        (Form.HARD, 0) if spare else (Form.SOFT, 254)
    )


@pytest.mark.parametrize("digits", ["1", "9814872", "207700027841"])
def test_one_to_twelve_digits_are_recognised(digits):
    assert masks.recognise(f"a@b.com-{digits}b.{TRACKING}", tracking_domain=TRACKING) is Form.SOFT


@pytest.mark.parametrize(
    "address",
    [
        f"ff2e6348a53a4d449af92be2a101132@{TRACKING}",
        f"ff2e6348a53a4d449af92be2a10113288@{TRACKING}",
        f"gf2e6348a53a4d449af92be2a1011328@{TRACKING}",
        "ff2e6348a53a4d449af92be2a1011328@ct.other.example",
        f"ff2e6348a53a4d449af92be2a1011328@x{TRACKING}",
        f"john@example.com-b.{TRACKING}",
        f"john@example.com-2077000278412b.{TRACKING}",
        f"john@example.com-12.{TRACKING}",
        f"john@example.com-١٢b.{TRACKING}",
        f"@example.com-12b.{TRACKING}",
        f"john@{TRACKING}",
        "john@example.com",
        "",
    ],
)
def test_what_is_not_an_alias_of_this_domain_is_not_recognised(address):
    assert masks.recognise(address, tracking_domain=TRACKING) is None
    assert masks.unsoften(address, tracking_domain=TRACKING) is None


@given(text=st.text(max_size=300))
def test_no_text_at_all_makes_looking_up_raise(text):
    key = masks.lookup_key(text)
    assert masks.lookup_key(key.strip("<> ")) in {key, masks.lookup_key(key.strip("<> "))}
    masks.recognise(text, tracking_domain=TRACKING)
    masks.unsoften(text, tracking_domain=TRACKING)
    masks.soft_refuses(text, tracking_domain=TRACKING)


@pytest.mark.parametrize("text", ["@" * 100_000, "a@" + "ä." * 50_000, "\ud800@\ud800", "+" * 100_000 + "@a", "\0@\0"])
def test_hostile_text_is_looked_up_in_passing(text):
    assert masks.lookup_key(text).count("@") >= 1
    assert masks.recognise(text, tracking_domain=TRACKING) is None


@pytest.mark.parametrize("before", ["after-", "pos.", "us_", "pós-"])
def test_what_stands_before_a_hard_token_does_not_matter(before: str) -> None:
    """It took the place of the end of somebody else's address."""
    made = masks.hard("ct.example").address
    assert masks.lookup_key(f"{before}{made}") == masks.lookup_key(f"{before.upper()}{made}") == made
    assert masks.home(f"{before}{made}") == "ct.example"
    assert masks.lookup_key(f"x+{made}") == f"x+{made}"
