"""The parts of an order's value add up to it, whatever its document says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders import totals

SHIPPED = {"shippingData": {"logisticsInfo": [{"price": 500}]}}


def parts(found: list[dict[str, Any]]) -> dict[str, int]:
    return {one["id"]: one["value"] for one in found if one["value"]}


@pytest.mark.parametrize(
    ("value", "document", "expected"),
    [
        (10_500, SHIPPED, {"Items": 10_000, "Shipping": 500}),
        (9_000, {}, {"Items": 10_000, "Discounts": -1_000}),
        (10_700, {}, {"Items": 10_000, "Change": 700}),
        (
            11_400,
            SHIPPED | {"totals": [{"id": "Shipping", "value": 900}, {"id": "Tax", "value": 500}]},
            {"Items": 10_000, "Shipping": 900, "Tax": 500},
        ),
        (10_300, {"totals": [{"id": "Gift wrap", "value": 300}]}, {"Items": 10_000, "Gift wrap": 300}),
        (10_002, {"totals": [{"id": "Items", "value": 10_002}]}, {"Items": 10_002}),
        (8_000, {"totals": [{"id": "Discounts", "value": -500}]}, {"Items": 10_000, "Discounts": -2_000}),
        (10_000, {"totals": [None, {"id": 7}, {"id": "Tax", "value": 10**400}]}, {"Items": 10_000}),
    ],
)
def test_the_parts_follow_the_document_and_the_value(value, document, expected):
    assert parts(totals.of(value, document, goods=10_000, pieces=3)) == expected


@given(
    value=st.integers(0, 10**9), goods=st.integers(0, 10**9), pieces=st.integers(1, 9), tax=st.integers(0, 10**6),
    then=st.integers(0, 10**9),
)  # fmt: skip
def test_the_parts_add_up_before_and_after_a_change(value, goods, pieces, tax, then):
    made = totals.made_of(value, goods=goods, pieces=pieces, shipping=7, tax=tax)
    assert sum(one["value"] for one in made) == value
    assert parts(totals.of(value, {"totals": made}, goods=goods, pieces=pieces)) == parts(made)
    later = totals.of(then, {"totals": made}, goods=goods, pieces=pieces)
    assert sum(one["value"] for one in later) == then
