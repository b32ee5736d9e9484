"""What word processors write for the letters of an address hides none."""

from __future__ import annotations

import io
import zipfile

import pytest

from conversation_tracker.mailflow import leakgate, rich_text
from orders import addresses
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


FONTS = r"{\fonttbl{\f0\fnil\fcharset0 Arial;}{\f1\fnil\fcharset%d{\*\fname Arial;}Arial X;}}"


@pytest.mark.parametrize(
    ("real", "written"),
    [
        # TextEdit, where nothing stands in for a letter of Unicode.
        ("kontakt@łódź-sklep.pl", r"\ansi\ansicpg1252 kontakt@\uc0\u322 \'f3d\u378 -sklep.pl"),
        # WordPad, in the code pages of its fonts.
        ("info@αθήνα.gr", rf"\ansi\ansicpg1252{FONTS % 161}\f0 info@{{\f1\'e1\'e8\'de\'ed\'e1}}.gr"),
        ("müller@people.example", rf"\ansi\ansicpg1252{FONTS % 161}{{\f1\'e1}} m\'fcller@people.example"),
        ("info@магазин.рф", rf"\ansi\ansicpg1252{FONTS % 204}info@\f1\'ec\'e0\'e3\'e0\'e7\'e8\'ed.\'f0\'f4\f0"),
        ("müller@people.example", rf"\ansi\ansicpg1251{FONTS % 204}{{\f1\'cf}} \f0 m\'fcller@people.example"),
        ("müller@people.example", rf"\ansi\ansicpg1252\deff0{FONTS % 204}\f1\'ec\plain  m\'fcller@people.example"),
        ("müller@people.example", rf"\ansi\ansicpg1252{FONTS % 204}\f1\'ec\f7  m\'fcller@people.example"),
        ("info@магазин.рф", rf"\ansi\ansicpg1252{FONTS % 204}\f1 :-\}} info@\'ec\'e0\'e3\'e0\'e7\'e8\'ed.\'f0\'f4"),
        ("müller@people.example", r"\ansi\ansicpg1252 \u8211-m\'fcller@people.example"),
        # Word in East Asia, where two octets stand in for one.
        ("info@日本語.jp", r"\ansi\uc2 info@\u26085\'93\'fa\u26412\'96\'7b\u-30050\'8c\'ea.jp"),
        ("info@日本語.jp", r"\ansi\ansicpg932 info@{\uc1\u26085?}{\uc2\u26412\'96\'7b}\u-30050?.jp"),
    ],
)
def test_letters_beyond_ascii_are_read_as_word_processors_do(real: str, written: str) -> None:
    known = Known(addresses.key(real), HARD.alias)
    found = masked(incoming(f"{{\\rtf1{written}}}".encode(), kind="application/rtf", name="a.rtf"), known)
    assert leakgate.leaks(outgoing(found), (known,)) == ["file"]


@pytest.mark.parametrize(
    "written", ["}" * 50 + "{" * 5_000, r"\uc9\u65'", r"\f99999\'e1", r"\u-999999\'", r"\fcharset999" * 50]
)
def test_broken_rich_text_is_read_all_the_same(written: str) -> None:
    assert REAL in rich_text.said(rf"{{\rtf1\ansi {written} {REAL}}}")


def test_a_hyphen_of_word_at_which_no_line_ends_is_a_hyphen() -> None:
    known = Known("kim-lee@carrier-post.com", HARD.alias)
    hyphen = "</w:t><w:noBreakHyphen/><w:t>"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("word/document.xml", f"<w:r><w:t>kim{hyphen}lee@carrier{hyphen}post.com</w:t></w:r>")
    raw = incoming(packed.getvalue(), kind="application/octet-stream", name="a.docx")
    assert leakgate.leaks(outgoing(masked(raw, known)), (known,)) == ["file"]
