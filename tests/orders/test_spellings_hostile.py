"""Any text at all may be searched for addresses, and none of it takes long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders import addresses, spellings
from orders.known import Known
from tests import stopwatch
from tests.orders.strategies import HARD, SOFT_JOHN, TRACKING, plain_address

MANY = 200_000  # characters: with quadratic work a test on so many would not end


@given(text=st.text(max_size=400), real=plain_address)
def test_no_text_at_all_makes_it_raise(text, real):
    known = [Known(addresses.key(real), HARD)]
    replaced, count = spellings.replace(text, known)
    assert (replaced == text) is (count == 0)
    spellings.find(text, known)


@pytest.mark.parametrize(
    "text",
    [
        "@" * MANY,
        " " * MANY + "x@",
        "@" + " " * MANY + "@",
        "a%40" * (MANY // 4),
        "john+" * (MANY // 5),
        "john@" * (MANY // 5),
        ("john+" + "a" * 63) * (MANY // 68),
        "john" + " " * MANY,
        "john&#" + "0" * MANY,
        "john&#" + "9" * MANY + ";example.com",
        "&" * MANY,
        "%" * MANY,
        "a@" + "-1b." * (MANY // 4) + TRACKING,
        ("a" * 64 + "@" + "1-" * 110) * (MANY // 285) + TRACKING,
        "a" + "\u0345\u0300" * (MANY // 2) + "@example.com",
        "\u1100" * MANY + "@example.com",
        "." * MANY,
        "\\u0040" * (MANY // 6),
        "j." * (MANY // 2) + "@gmail.com",
        "\n" * MANY + "@",
        "\n> " * (MANY // 3) + "@",
        "john\n> +" * (MANY // 8),
        "joh\n" * (MANY // 4) + "@exa\nmple.com",
        "john@exam\n>p" * (MANY // 12) + "@exa\nmple.com",
        ("j\n" * 30) * (MANY // 60) + "@gmai\nl.con",
        "\\u006" * (MANY // 5),
        "john at " * (MANY // 8),
        "john \\ . " * (MANY // 9),
        "john=example=" * (MANY // 13),
        "example=" * (MANY // 8) + "john",
        "j . " * (MANY // 4) + "at gmail dot con",
        "](" * (MANY // 2),
        "_a" * (MANY // 2) + "_ " + "a_" * (MANY // 2),
        "+ABA" * (MANY // 4),
    ],
    ids=range(34),
)
def test_hostile_text_takes_no_longer_than_its_length(text):
    gmail = Known("j" * 30 + "@gmail.com", HARD)
    assert spellings.find(text + " and example.com, gmail.com", [SOFT_JOHN, gmail]) == []
    assert spellings.replace(text + " and example.com, gmail.com", [SOFT_JOHN, gmail])[1] == 0


@pytest.mark.parametrize(
    "unit",
    [
        "/v3/__", "/v3/__a__;a", "**_", "/v2/url?u=-", "=\r\n", "=C3=BC", "=C3", "\\xC3\\xBC", "\\303", "\\\\",
        "%u00fc", "\\u{fc}", "%c3%bc", "\u00c3\u0083\u00c2\u00bc", "&amp;", "\\r\\n", "=\\n",
    ],
)  # fmt: skip
def test_hostile_encodings_take_no_longer_than_their_length(unit: str) -> None:
    international = Known(addresses.key("kim@bücher.example"), HARD)
    text = "urldefense@%&\\ " + unit * (MANY // len(unit))
    assert stopwatch.least(lambda: spellings.find(text, [international])) < 1.5
