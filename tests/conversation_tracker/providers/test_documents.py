"""Providers' JSON documents are read as the standard library reads them, in less memory."""

from __future__ import annotations

import json
import tracemalloc
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation_tracker.providers import documents

EMOJI = "\U0001f60a"
ESCAPES = ["\\ud83d\\ude0a", "\\udce9", "\\ud83d", "\\n", '\\"raw\\":\\"', "\\\\", "x" * 30]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.lists(VALUES, min_size=2), st.booleans(), st.sampled_from([None, 1]))
def test_the_items_of_any_list_are_found(values: list[object], is_ascii: bool, indent: int | None) -> None:
    text = json.dumps(values, ensure_ascii=is_ascii, indent=indent)
    assert [json.loads(item) for item in documents.items(text)] == values
    text = json.dumps({"a": {"items": values}, "items": values, "b": []}, ensure_ascii=is_ascii, indent=indent)
    assert [json.loads(item) for item in documents.items(text, name="items")] == values


def test_an_item_is_given_as_it_is_written() -> None:
    assert list(documents.items(' [ {"a":  1.50} ,"\\u00e9", [] ] ')) == ['{"a":  1.50}', '"\\u00e9"', "[]"]


@pytest.mark.parametrize("text", ["[]", "[ ]", "[1]", "{}", '{"items": [1, 2]}', "3", '"[1, 2]"', ""])
def test_there_are_none_where_there_are_no_several(text: str) -> None:
    assert list(documents.items(text)) == []


@pytest.mark.parametrize("text", ["{}", '{"items": [1]}', '{"items": 3}', '{"item": [1, 2]}', "[1, 2]", ""])
def test_there_are_none_where_the_name_has_no_several(text: str) -> None:
    assert list(documents.items(text, name="items")) == []


@pytest.mark.parametrize("text", ["[1, 2", "[1, 2,]", "[1 2]", "[1, 2] 3", "[1, nonsense]", "[1, 2}", "["])
def test_what_is_broken_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        list(documents.items(text))


@given(st.text(), st.integers(0, 40))
def test_a_large_document_is_read_as_any_other(said: str, more: int) -> None:
    octets = json.dumps({said: "x" * more, "y": said}, ensure_ascii=False).encode("utf-8", "surrogatepass")
    with patch.object(documents, "LARGE", 0):
        assert json.loads(documents.text(octets)) == json.loads(octets)


@pytest.mark.parametrize("octets", [b'"\xff"', b'"\xe2\x82"', b'"' + b"x" * 20 + b'\xf0\x9f"'])
def test_what_is_no_utf8_is_refused_as_ever(octets: bytes) -> None:
    for large in (0, documents.LARGE):
        with patch.object(documents, "LARGE", large), pytest.raises(UnicodeDecodeError):
            documents.text(octets)


def test_one_emoji_does_not_widen_a_large_document() -> None:
    octets = json.dumps([EMOJI, "x" * 2_000_000], ensure_ascii=False).encode()
    tracemalloc.start()
    found = documents.text(octets)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert json.loads(found) == [EMOJI, "x" * 2_000_000]
    assert peak < len(octets) * 3


@given(st.text(), st.sampled_from(ESCAPES), st.integers(0, 30))
def test_a_raw_mail_is_lifted_out_of_the_rest(said: str, more: str, times: int) -> None:
    text = f'[{{"a": 1, "raw" : {json.dumps(said)[:-1]}{more * times}", "b": {json.dumps(said + "!")}}}]'
    (whole,) = json.loads(text)
    with patch.object(documents, "LARGE", 0), patch.object(documents, "PIECE", 7):
        rest, raw = documents.lifted(text, "raw")
        assert raw == documents.octets(lambda: iter([whole["raw"]]))
    assert json.loads(rest) == [{**whole, "raw": ""}]


@pytest.mark.parametrize("text", ['{"raw": 3}', '{"a": "raw"}', '{"raw": "x", "b": {"raw": "y"}}', '{"raw": "x', "{}"])
def test_what_is_not_there_once_is_not_lifted(text: str) -> None:
    with patch.object(documents, "LARGE", 0):
        assert documents.lifted(text, "raw") == (text, None)


def test_a_raw_mail_with_an_emoji_takes_a_few_times_its_size() -> None:
    text = json.dumps({"raw": EMOJI + "a line of it\r\n" * 200_000})
    tracemalloc.start()
    with patch.object(documents, "PIECE", 10_000):
        _, raw = documents.lifted(text, "raw")
        _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert raw == (EMOJI + "a line of it\r\n" * 200_000).encode()
    assert peak < len(text) * 2
