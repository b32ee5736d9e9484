"""A filter's expression names the statuses that meet it, or is refused with what is wrong with it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders import expressions

KNOWN = ["created", "paid", "invoiced", "canceled"]


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ('status = "paid"', ["paid"]),
        ("status='paid'", ["paid"]),
        ('"paid" = status', ["paid"]),
        ('status != "paid"', ["created", "invoiced", "canceled"]),
        ('"paid" != status', ["created", "invoiced", "canceled"]),
        ('status in ["paid", "invoiced"]', ["paid", "invoiced"]),
        ('status = "paid" or status = "created"', ["created", "paid"]),
        ('status != "paid" and status != "created"', ["invoiced", "canceled"]),
        ('status = "paid" or status != "paid" and status = "created"', ["created", "paid"]),
        ('(status = "paid" or status = "created") and status != "paid"', ["created"]),
        ('$not(status in ["paid"]) and $not(status = "created")', ["invoiced", "canceled"]),
        (' \n( (status="paid") ) ', ["paid"]),
    ],
)
def test_the_statuses_that_meet_it_are_named(text, met):
    assert expressions.statuses(text, KNOWN) == met


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "status is expected at character 1"),
        ("value > 100", "character 7 is not understood"),
        ("value = 100", "character 9 is not understood"),
        ('hostname = "acme"', "only status can be asked for"),
        ('status = "shipped"', "there is no status 'shipped'"),
        ("status", "= or != or in is expected at character 7"),
        ('status = "paid" status', "nothing more is expected at character 17"),
        ('status = "paid" and status = "created"', "no status meets it"),
        ('(status = "paid"', ") is expected at character 17"),
        ("status in []", "a text in quotation marks is expected at character 12"),
        ("$eval(status)", "only status can be asked for"),
        ("items[price > 1]", "character 13 is not understood"),
        ("(" * 21 + 'status = "paid"' + ")" * 21, "deeper than 20"),
        ("(" * 500, "deeper than 20"),
        (" " * 1_001, "longer than 1000"),
        ("status =~ /(a+)+$/", "character 9 is not understood"),
    ],
)
def test_anything_else_is_refused_with_its_place(text, problem):
    with pytest.raises(expressions.Unreadable) as refused:
        expressions.statuses(text, KNOWN)
    assert problem in str(refused.value)


@given(
    st.lists(st.sampled_from(["status", "=", "!=", "in", "[", "]", ",", '"paid"', "(", ")", "$not", "and", "or", "x"]))
)
def test_nothing_makes_it_fail_otherwise(tokens):
    try:
        met = expressions.statuses(" ".join(tokens), KNOWN)
    except expressions.Unreadable:
        return
    assert met == [status for status in KNOWN if status in met] != []
