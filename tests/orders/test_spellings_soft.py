"""A Soft alias holds the address that it stands for, and is no leak."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import assume, given

from orders import addresses, masks, spellings
from orders.known import Known
from tests.orders.strategies import HARD, SOFT, SOFT_JOHN, TRACKING, plain_address


@given(real=plain_address, other=plain_address)
def test_a_soft_alias_in_the_text_is_left_whole(real, other):
    alias = masks.soft(real, tracking_domain=TRACKING)
    assume(alias.form is masks.Form.SOFT)
    earlier = masks.soft(real, tracking_domain=TRACKING).address
    known = [Known(addresses.key(real), alias.address), Known(addresses.key(other), HARD)]
    assume(addresses.key(real) != addresses.key(other))
    text = f"<{alias.address}> and <{earlier}>"
    assert spellings.replace(text, known[:1]) == (text, 0)
    assert spellings.find(text, known[:1]) == []


@pytest.mark.parametrize(
    "alias",
    [
        SOFT,
        SOFT.upper(),
        SOFT.replace("@", "%40"),
        quote(quote(SOFT)),
        SOFT.replace("@", "&#64;"),
        SOFT.replace("@", "\u200b@"),
    ],
)
def test_a_soft_alias_in_any_spelling_is_no_leak(alias):
    assert spellings.find(f'<a href="mailto:{alias}">', [SOFT_JOHN]) == []


@pytest.mark.parametrize("after", ["", "-", "-x", ".", "_", ":", "/"])
def test_a_soft_alias_is_no_leak_whatever_sign_follows_it(after):
    assert spellings.find(SOFT + after, [SOFT_JOHN]) == []
    assert spellings.replace(SOFT + after, [SOFT_JOHN]) == (SOFT + after, 0)


@pytest.mark.parametrize("after", ["Telefone", "telefone", "11 5555", "mail"])
def test_a_soft_alias_is_no_leak_where_a_word_is_written_on_to_it(after):
    """HTML read without its tags looks so wherever an address ends a line or a cell."""
    assert spellings.find(SOFT + after, [SOFT_JOHN]) == []
    assert spellings.replace(SOFT + after, [SOFT_JOHN]) == (SOFT + after, 0)


@pytest.mark.parametrize("longer", ["john@example.com.br", "john@example.com.shop.test"])
def test_a_soft_alias_of_a_longer_domain_stays_whole(longer):
    alias = masks.soft(longer, tracking_domain=TRACKING).address
    known = [SOFT_JOHN, Known(longer, alias)]
    assert spellings.replace(f"{longer}, john@example.com", known) == (f"{alias}, {SOFT}", 2)
    assert spellings.find(alias, known) == []


@pytest.mark.parametrize("cut", ["\n", "\r\n> ", "\n\t"])
def test_a_soft_alias_cut_by_a_line_end_is_no_leak(cut):
    for place in range(1, len(SOFT)):
        text = f"<{SOFT[:place]}{cut}{SOFT[place:]}>"
        assert spellings.hide(text, [SOFT_JOHN]) == (text, 0)


@pytest.mark.parametrize("length", range(len("john@example.com-123456789012b"), len(SOFT)))
def test_a_soft_alias_that_is_cut_off_is_no_leak(length):
    """As invoices of Brazil have it, behind 60 characters."""
    alias = "john@example.com-123456789012b.ct.shop.example"[:length]
    text = f"<email>{alias}</email>"
    assert spellings.hide(text, [Known("john@example.com", "john@example.com-123456789012b.ct.shop.example")]) == (
        text,
        0,
    )
    assert spellings.find(text.replace("b", "c"), [SOFT_JOHN]) == [SOFT_JOHN]


def test_a_soft_alias_in_a_link_that_proofpoint_rewrote_stays_whole():
    text = f"https://urldefense.proofpoint.com/v2/url?u=mailto-3A{SOFT.replace('-', '-2D')}&d=x"
    assert spellings.hide(text, [SOFT_JOHN]) == (text, 0)


def test_a_soft_alias_of_another_order_is_no_leak():
    assert spellings.find("john@example.com-9814872b.ct.shop.example", [SOFT_JOHN]) == []


def test_what_only_looks_like_a_soft_alias_of_ours_is_replaced():
    text = "john@example.com-1b.elsewhere.example"
    assert spellings.find(text, [SOFT_JOHN]) == [SOFT_JOHN]
    assert spellings.replace(text, [SOFT_JOHN]) == (f"{SOFT}-1b.elsewhere.example", 1)
