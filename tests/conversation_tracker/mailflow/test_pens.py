"""Where a PDF sets its pieces down tells its words: apart on paper, set closer, one by one, or turned round."""

from __future__ import annotations

import pytest

from conversation_tracker.mailflow import leakgate, pdfs, pens
from orders import addresses
from orders.known import Known
from tests.conversation_tracker.mailflow.papers import EVERY_NUMBER, MAP, by_glyphs, numbered, pages_of, pdf
from tests.conversation_tracker.mailflow.passing import HARD, incoming, masked, outgoing


@pytest.mark.parametrize(
    "drawn",
    {
        "the right half first": "1 0 0 1 400 800 Tm <{before}> Tj 1 0 0 1 50 800 Tm <{real}> Tj",
        "from right to left": "50 800 Td 400 0 Td <{before}> Tj -400 0 Td <{real}> Tj",
        "turned": "0 1 -1 0 50 100 Tm <{before}> Tj 0 1 -1 0 50 700 Tm <{real}> Tj",
        "upside down": "-1 0 0 -1 500 800 Tm <{before}> Tj -1 0 0 -1 200 800 Tm <{real}> Tj",
        "narrowed": "60 Tz 50 800 Td <{before}> Tj 62.4 0 Td <{real}> Tj",
        "in one string": "50 800 Td [<{before}> 9000 <{real}>] TJ",
    }.items(),
    ids=lambda found: found[0],
)
def test_pieces_that_stand_apart_on_paper_are_no_word(drawn: tuple[str, str]) -> None:
    known = Known("maria@people.example", HARD.alias)
    page = drawn[1].format(before=numbered("Pedido 1234"), real=numbered("maria@people.example"))
    content = pdf(f"BT /F1 12 Tf {page} ET", font=EVERY_NUMBER)
    found = masked(incoming(content, kind="application/pdf", name="invoice.pdf"), known)
    assert leakgate.leaks(outgoing(found), (known,)) == ["file"]


def test_a_word_whose_letters_are_set_one_by_one_stays_whole() -> None:
    known = Known("maria@people.example", HARD.alias)
    letters = " ".join(
        f"1 0 0 1 {50 + 6 * place} 800 Tm <{numbered(sign)}> Tj" for place, sign in enumerate(known.real)
    )
    content = pdf(f"BT /F1 12 Tf {letters} ET", font=EVERY_NUMBER)
    found = masked(incoming(content, kind="application/pdf", name="invoice.pdf"), known)
    assert leakgate.leaks(outgoing(found), (known,)) == ["file"]


def test_words_of_letters_that_are_set_apart_are_told_by_what_is_between_them() -> None:
    """As Chromium prints a table that is spaced: each letter by itself, and each cell with a place of its own."""
    known = Known("kim@people.example", HARD.alias)

    def cell(x: int, text: str) -> str:
        # A letter of this font is 5.67 wide.
        return f"1 0 0 1 {x} 800 Tm " + " ".join(f"<{numbered(sign)}> Tj 8.2 0 Td" for sign in text)

    content = pdf(f"BT /F1 12 Tf {cell(50, 'Silva')} {cell(130, known.real)} {cell(400, '1199')} ET", font=EVERY_NUMBER)
    assert "kim@" not in pages_of(content)[0].printed
    found = masked(incoming(content, kind="application/pdf", name="invoice.pdf"), known)
    assert leakgate.leaks(outgoing(found), (known,)) == ["file"]


@pytest.mark.parametrize("real", ["contato@people.example", "sac@people.example"])
def test_letters_that_are_set_apart_are_a_word_behind_one_whose_letters_are_not(real: str) -> None:
    """As LibreOffice, WeasyPrint and Typst set words of a line apart."""
    known = Known(real, HARD.alias)
    letters = " ".join(f"<{numbered(sign)}> Tj 9 0 Td" for sign in known.real)
    content = pdf(f"BT /F1 12 Tf 50 800 Td <{numbered('Atendimento ')}> Tj 70 0 Td {letters} ET", font=EVERY_NUMBER)
    assert known.real not in pages_of(content)[0].printed
    found = masked(incoming(content, kind="application/pdf", name="invoice.pdf"), known)
    assert leakgate.leaks(outgoing(found), (known,)) == ["file"]


@pytest.mark.parametrize(
    ("real", "printed"),
    [
        ("kontakt@müller-shop.de", "kontakt@m\u00a8uller-shop.de"),
        ("josé@people.example", "jos\u00b4e@people.example"),
        ("índio@people.example", "\u00b4\u0131ndio@people.example"),
        ("contato@açaí.example", "contato@a\u00b8ca\u00b4\u0131.example"),
    ],
)
def test_an_accent_goes_on_the_letter_behind_it(real: str, printed: str) -> None:
    """As pdfLaTeX prints with the fonts that it takes by itself."""
    known = Known(addresses.key(real), HARD.alias)
    content = pdf(f"BT /F1 12 Tf 50 800 Td <{numbered(f'Write to {printed} soon')}> Tj ET", font=EVERY_NUMBER)
    found = masked(incoming(content, kind="application/pdf", name="invoice.pdf"), known)
    assert leakgate.leaks(outgoing(found), (known,)) == ["file"]


def test_no_more_is_read_of_a_page_than_anybody_prints() -> None:
    glyph = "".join(f"{ord(sign):04x}" for sign in "a@b.example " * 20)
    font = MAP.format(count=1, pairs=f"<0003> <{glyph}>")
    content = pdf("BT /F1 12 Tf 50 800 Td <" + "0003" * 50_000 + "> Tj (x) Tj ET", font=font)
    assert len(pages_of(content)[0].pieces) <= 2 * pens.LONGEST


def test_a_word_whose_letters_are_set_closer_stays_whole() -> None:
    """As LibreOffice writes it: each letter a tenth of its size back, in the middle of a text."""
    known = Known("kim@people.example", HARD.alias)
    text = f"Maria Silva {known.real} Tel"
    closer = " 130 ".join(f"<{numbered(sign)}>" for sign in text)
    content = pdf(f"BT /F1 9 Tf 50 800 Td [{closer}] TJ ET", font=EVERY_NUMBER)
    assert known.real in "".join(page.printed for page in pages_of(content))
    found = masked(incoming(content, kind="application/pdf", name="invoice.pdf"), known)
    assert leakgate.leaks(outgoing(found), (known,)) == ["file"]


@pytest.mark.parametrize(
    ("real", "printed"),
    [
        ("maria@people.example", "example.people@maria :אימייל"),
        ("anna-maria.real@my-shop.example", "example.shop-my@real.maria-anna :البريد"),
        ("maria@people.example", "03-1234567 :טלפוןexample.people@maria :אימייל"),
        ("maria_o'neil@people.example", "example.people@neil'o_maria :אימייל"),
        ("maria.10.12@people.example", "example.people@10.12.maria :אימייל"),
    ],
)
def test_an_address_whose_words_were_turned_round_is_known(real: str, printed: str) -> None:
    known = Known(real, HARD.alias)
    found = masked(incoming(by_glyphs(printed), kind="application/pdf", name="invoice.pdf"), known)
    assert leakgate.leaks(outgoing(found), (known,)) == ["file"]


def test_no_more_is_read_of_all_pages_than_is_said() -> None:
    glyph = "".join(f"{ord(sign):04x}" for sign in "a@b.example " * 20)
    font = MAP.format(count=1, pairs=f"<0003> <{glyph}>")
    page = "BT /F1 12 Tf 50 800 Td <" + "0003" * 1_000 + "> Tj (x) Tj ET"
    budget = pdfs.Budget(seconds=60)
    found = pages_of(pdf(*[page] * pdfs.MOST_PAGES, font=font), budget)
    characters = sum(len(one.pieces) for one in found)
    assert pdfs.LONGEST_PAPERS <= characters < pdfs.LONGEST_PAPERS + 2 * pens.LONGEST
    assert pages_of(pdf(page, font=font), budget) == []
