"""Whatever stands in a text is unpacked, and nothing raises."""

from __future__ import annotations

from base64 import b32encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders import packed


@given(st.binary(max_size=40), st.integers(min_value=1, max_value=8))
def test_any_bytes_can_be_unpacked(data: bytes, octets: int) -> None:
    for one in packed.unpacked(data, octets):
        assert isinstance(one.content, bytes)


@given(st.text("ABCDEFGHabcdefgh234", max_size=20), st.integers(min_value=1, max_value=8))
def test_few_signs_can_be_unpacked(text: str, octets: int) -> None:
    assert list(packed.unpacked(text.encode(), octets))


@pytest.mark.parametrize("before", ["", "A", "AA", "AAAAAAA"])
def test_the_shortest_address_is_found_in_base32(before: str) -> None:
    data = before.encode() + b32encode(b"a@b")
    assert any(b"a@b" in one.content for one in packed.unpacked(data, 3))
