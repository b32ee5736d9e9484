"""What word processors write for the letters of an address hides none."""

from __future__ import annotations

import io
import zipfile

import pytest

from conversation_tracker.mailflow import leakgate
from orders.known import Known
from tests.conversation_tracker.mailflow.passing import HARD, REAL, incoming, masked, outgoing


@pytest.mark.parametrize(
    "written",
    [
        r"\ansi anna.real\u65312\'40people.example",  # LibreOffice, of a full-width @
        r"\ansi\uc0 anna.real\u-224 people.example",
        r"\ansi\ansicpg932 anna.real\'81\'97people.example",  # WordPad in Japan
        r"\ansi\u-10179\'3f\u-8704\'3f an{\b na.real@people}.example",  # behind a smiling face
    ],
)
def test_letters_of_rich_text_are_octets_of_its_code_page_or_utf_16(written: str) -> None:
    assert REAL not in written
    found = masked(incoming(f"{{\\rtf1{written}}}".encode(), kind="application/rtf", name="a.rtf"))
    assert leakgate.leaks(outgoing(found), (HARD,)) == ["file"]


def test_a_hyphen_of_word_at_which_no_line_ends_is_a_hyphen() -> None:
    known = Known("kim-lee@carrier-post.com", HARD.alias)
    hyphen = "</w:t><w:noBreakHyphen/><w:t>"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("word/document.xml", f"<w:r><w:t>kim{hyphen}lee@carrier{hyphen}post.com</w:t></w:r>")
    raw = incoming(packed.getvalue(), kind="application/octet-stream", name="a.docx")
    assert leakgate.leaks(outgoing(masked(raw, known)), (known,)) == ["file"]
