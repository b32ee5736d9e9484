"""A file that a text holds uuencoded is a file like any other: named, masked, looked into, held."""

from __future__ import annotations

import os
import time
from binascii import b2a_uu

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation_tracker.mailflow import guards, uuencoded
from tests.conversation_tracker.mailflow.papers import by_glyphs
from tests.conversation_tracker.mailflow.passing import HARD, REAL, incoming, masked, read, said, shown


def encoded(content: bytes, *, name: str = "list.csv", end: bytes = b"\n") -> bytes:
    """As uuencode writes it."""
    lines = [b2a_uu(content[place : place + 45], backtick=True).strip() for place in range(0, len(content), 45)]
    return end.join([b"begin 644 " + name.encode(), *lines, b"`", b"end", b""])


@given(
    content=st.binary(min_size=1, max_size=200), end=st.sampled_from([b"\n", b"\r\n"]), has_lost_spaces=st.booleans()
)
def test_what_was_encoded_is_found_where_it_stands(content: bytes, end: bytes, *, has_lost_spaces: bool) -> None:
    written = encoded(content, end=end)
    if has_lost_spaces:  # other programs write a space for what is nothing, and some servers cut it off
        head, _, lines = written.partition(end)
        written = head + end + end.join(line.replace(b"`", b" ").rstrip(b" ") or b" " for line in lines.split(end))
    text = b"See below" + end + end + written + b"Kim"
    (found,) = uuencoded.find(text)
    assert (found.name, found.content) == ("list.csv", content)
    assert text[: found.start] + text[found.end :].lstrip() == b"See below" + end + end + b"Kim"


def test_it_is_a_file_of_the_mail_and_the_rest_its_text() -> None:
    first, second = encoded(b"a;b\n1;2\n"), encoded(b"%PDF-1.7 or so", name="C:\\papers\\nota fiscal.pdf")
    mail = read(said(f"Olá Anna,\n\n{first.decode()}\n{second.decode()}\nKim"))
    assert [(file.name, file.content_type, file.content) for file in mail.files] == [
        ("list.csv", "text/csv", b"a;b\n1;2\n"),
        ("nota fiscal.pdf", "application/pdf", b"%PDF-1.7 or so"),
    ]
    assert mail.text.split() == ["Olá", "Anna,", "Kim"]


def test_a_table_that_names_somebody_is_masked_and_the_words_stay() -> None:
    found = masked(said(f"Dear Anna, it comes on Monday.\n\n{encoded(f'driver;{REAL};11'.encode()).decode()}"))
    assert found.text.strip() == "Dear Anna, it comes on Monday."
    assert [file.content.decode() for file in found.files] == [f"driver;{HARD.alias};11"]
    assert shown(found) == []


def test_one_that_cannot_be_masked_is_held_wherever_it_stands() -> None:
    written = encoded(by_glyphs(f"Bill to: {REAL}"), name="invoice.pdf")
    inner = b"From: a@b.example\r\nMessage-ID: <1@b.example>\r\nSubject: x\r\n\r\nsee\r\n" + written
    assert shown(masked(said(f"see\n{written.decode()}"))) == ["file"]
    assert "attached mail, file" in shown(masked(incoming(inner, kind="message/rfc822", encoding="7bit")))
    assert shown(masked(incoming(written, kind="text/plain", name="invoice.uue"))) == ["file"]
    somebody = encoded(by_glyphs("Bill to: joe@people.example"), name="invoice.pdf")
    assert shown(masked(said(f"see\n{somebody.decode()}"))) == []


@pytest.mark.parametrize(
    "text",
    ["begin 644 x\nhello\nend\n", "begin 644 x\n`\n", "we begin 644 x\n#86)C\n`\nend\n", "begin 644\n#86)C\n`\nend\n"],
)
def test_what_only_looks_like_one_stays_in_the_text(text: str) -> None:
    mail = read(said(text))
    assert (mail.files, mail.text.strip()) == ((), text.strip())


def test_more_of_them_than_a_mail_may_have_parts_are_too_many() -> None:
    with pytest.raises(guards.OverLimit):
        read(said(encoded(b"abc").decode() * 100_000))


@pytest.mark.parametrize(
    "text",
    [b"begin 644 x\n" * 500_000, b"begin 644 x\n" + b"#86)C\n" * 1_000_000, encoded(os.urandom(5_000_000))],
    ids=["beginnings", "no end", "large"],
)
def test_however_much_it_is_each_line_is_looked_at_once(text: bytes) -> None:
    began = time.process_time()
    assert sum(1 for _ in uuencoded.find(text)) <= 1
    assert time.process_time() - began < 5
