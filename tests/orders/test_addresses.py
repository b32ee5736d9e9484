"""What is an address, and which spellings are one address."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orders import addresses
from tests.orders.strategies import plain_address, recased


@pytest.mark.parametrize(
    ("given_text", "kept"),
    [
        ("john@example.com", "john@example.com"),
        ("  John.Doe+Shop@EXAMPLE.com\n", "John.Doe+Shop@example.com"),
        ("john@Bücher.example", "john@xn--bcher-kva.example"),
        ("john@xn--bcher-kva.example", "john@xn--bcher-kva.example"),
        ("josé@example.com", "josé@example.com"),
        ('"john smith"@example.com', '"john smith"@example.com'),
        ('"john"@example.com', "john@example.com"),
        ('"a@b"@example.com', '"a@b"@example.com'),
        ("o'neil@example.com", "o'neil@example.com"),
        ("john@[192.0.2.1]", "john@[192.0.2.1]"),
        ("john@relay.firefox.example", "john@relay.firefox.example"),
        ("john@people.test", "john@people.test"),
        ("l" * 64 + "@example.com", "l" * 64 + "@example.com"),
    ],
)
def test_an_address_is_kept_without_space_and_with_its_domain_in_lower_case_ascii(given_text, kept):
    assert addresses.validated(given_text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "john",
        "john@",
        "@example.com",
        "john@@example.com",
        "john@exa mple.com",
        "john smith@example.com",
        "john@example..com",
        ".john@example.com",
        "john.@example.com",
        "john..doe@example.com",
        "john@-example.com",
        "john@example.com.",
        "Mary <mary@example.com>",
        "john@example.com, mary@example.com",
        "john@example.com\nBcc: mary@example.com",
        "jo\0hn@example.com",
        "jo\ud800hn@example.com",
        "\u202ejohn@example.com",
        "john@\u200bexample.com",
        "john@[999.1.1.1]",
        "l" * 65 + "@example.com",
        "j@" + "l" * 64 + ".example",
        "j@" + ".".join(["l" * 62] * 4) + ".example",
        "j" * 5_000 + "@example.com",
    ],
)
def test_what_cannot_be_an_address_is_refused(text):
    with pytest.raises(addresses.NotAnAddress):
        addresses.validated(text)


@given(text=st.text(max_size=600))
def test_any_text_is_an_address_or_refused_by_name(text):
    try:
        kept = addresses.validated(text)
    except addresses.NotAnAddress:
        return
    assert addresses.validated(kept) == kept


@given(text=st.text(max_size=300))
@example(text="\N{FULLWIDTH COMMERCIAL AT}")
@example(text="\N{SMALL COMMERCIAL AT}")
def test_cutting_and_comparing_never_raise(text):
    assert addresses.key(text).rpartition("@")[2] == addresses.split(text).domain


@given(real=plain_address, data=st.data())
def test_case_space_brackets_and_a_trailing_dot_make_no_other_address(real, data):
    spelled = data.draw(st.sampled_from(["{}", " {} ", "<{}>", "{}."])).format(data.draw(recased(real)))
    assert addresses.key(spelled) == addresses.key(real)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("john@bücher.example", "john@xn--bcher-kva.example"),
        ("john@BÜCHER.example", "john@xn--bcher-kva.example"),
        ("john@bu\u0308cher.example", "john@bücher.example"),
        ("jose\u0301@example.com", "josé@example.com"),
        ("JOSÉ@example.com", "josé@example.com"),
        ("john@example\u3002com", "john@example.com"),
    ],
)
def test_two_unicode_spellings_are_one_address(one, other):
    assert addresses.key(one) == addresses.key(other)


@pytest.mark.parametrize(
    "other", ["john+shop@example.com", "j.ohn@example.com", "john@example.co", "john@a.example.com"]
)
def test_another_persons_address_is_another_address(other):
    assert addresses.key(other) != addresses.key("john@example.com")


@pytest.mark.parametrize(
    ("domain", "read"),
    [
        ("xn--bcher-kva.example", "bücher.example"),
        ("example.com", "example.com"),
        ("xn--\x00.example", "xn--\x00.example"),
        ("xn--" + "a" * 70, "xn--" + "a" * 70),
    ],
)
def test_a_domain_is_read_in_letters_and_kept_where_it_is_broken(domain, read):
    assert addresses.unicode_domain(domain) == read


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Anna+Shop@people.example", "anna@people.example"),
        ("an.na+a@gmail.com", "anna@googlemail.com"),
        ("anna+a+b@people.example", "anna+c@PEOPLE.example."),
    ],
)
def test_addresses_that_lead_to_one_mailbox(one, other):
    assert addresses.mailbox(one) == addresses.mailbox(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("an.na@people.example", "anna@people.example"),
        ("+anna@people.example", "+bert@people.example"),
        ("..@gmail.com", "@gmail.com"),
        ("anna@people.example", "anna@people.example.org"),
    ],
)
def test_addresses_that_lead_to_two(one, other):
    assert addresses.mailbox(one) != addresses.mailbox(other)
