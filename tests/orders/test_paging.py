"""Where a row stands, written in an address."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.paging import Place

BEGINNING = datetime(1970, 1, 1)  # noqa: DTZ001  hypothesis takes bounds without a zone


@given(st.datetimes(min_value=BEGINNING, timezones=st.just(UTC)), st.integers(0, 10**17))
def test_a_place_that_was_written_is_read_back(at, pk):
    assert Place.parse(str(Place(at, pk))) == Place(at, pk)


@pytest.mark.parametrize("text", ["", "x", "20251399T000000.000000-1", "20250101T000000.000000-", "1" * 9999])
def test_anything_else_is_no_place(text):
    assert Place.parse(text) is None
