"""An alias lives two calendar months, to the second."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders import validity


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]  # year, month, day, hour, minute, second


@pytest.mark.parametrize(
    ("issued", "expires"),
    [
        (at(2026, 1, 15, 10, 30, 5), at(2026, 3, 15, 10, 30, 5)),
        (at(2026, 12, 31, 23, 59, 59), at(2027, 2, 28, 23, 59, 59)),
        (at(2027, 12, 31), at(2028, 2, 29)),
        (at(2026, 12, 28), at(2027, 2, 28)),
        (at(2027, 12, 29), at(2028, 2, 29)),
        (at(2026, 7, 31), at(2026, 9, 30)),
        (at(2026, 8, 31), at(2026, 10, 31)),
        (at(2028, 2, 29), at(2028, 4, 29)),
        (at(2026, 11, 30), at(2027, 1, 30)),
    ],
)
def test_two_months_later_is_the_same_day_or_the_last_of_the_month(issued, expires):
    assert validity.expires_at(issued) == expires


@given(issued=st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001  the zone is given beside
def test_it_lives_59_to_62_days_and_keeps_its_time_of_day(issued):
    expires = validity.expires_at(issued)
    assert timedelta(days=59) <= expires - issued <= timedelta(days=62)
    assert expires.timetz() == issued.timetz()


@pytest.mark.parametrize(
    ("seconds", "is_valid"), [(-1, True), (-0.000001, True), (0, False), (0.000001, False), (1, False)]
)
def test_it_ends_at_the_very_moment(seconds, is_valid):
    expires = at(2026, 3, 15, 10, 30, 5)
    assert validity.is_valid(expires_at=expires, now=expires + timedelta(seconds=seconds)) is is_valid
