"""What a PDF shows is read though signs of it are lost, or hyphens part it."""

from __future__ import annotations

import time

import pytest

from conversation_tracker.mailflow import glyphs, leakgate
from orders.known import Known
from tests.conversation_tracker.mailflow.papers import by_glyphs, pdf
from tests.conversation_tracker.mailflow.passing import SOFT, incoming, masked, outgoing, shown

ALIAS = "11111111111111111111111111111111@ct.example"


def shows(text: str, *real: str) -> bool:
    return glyphs.shows(text, [Known(one, ALIAS) for one in real])


@pytest.mark.parametrize(
    ("real", "said", "called"),
    [
        ("leticia.martins@people.example", "leticia.martins@people.example", {"ti": "\ufffd"}),  # cairo, with Lato
        ("otto@people.example", "otto@people.example", {"tt": "\ue03c"}),  # Chromium, with Linux Libertine
        ("leticia.martins@people.example", "leticia.martins@people.example", {"ti": "\u019f"}),  # Word, with Calibri
        ("financeiro@people.example", "financeiro@people.example", {"fi": "\u012e"}),  # Word, with Calibri
        ("jeff.silva@people.example", "jeff.silva@people.example", {"ff": "\u012b"}),  # as above
        ("back.office@people.example", "back.office@people.example", {"ffi": "\u0138"}),  # as above
        ("anna-maria@people.example", "ANNA-MARIA@PEOPLE.EXAMPLE", {"-": "\ufffd", "@": "\ufffd"}),  # with Inter
        ("griffin@people.example", "griffin@people.example.", {"ffi": "\x1e"}),  # TeX
        ("anna@my-shop.example", "anna@my-shop.example", {"-": "\u00ad"}),  # Typst
        ("anna@my-shop.example", "anna@my-shop.example", {"-": "\u2212"}),  # groff
        ("annabelle@international.example", "annabelle@inter\u2010\nnational.example", {}),  # hyphens: auto
        ("anna.lee-griffin@af-filiate.example", "anna.lee-\ngriffin@af-fil-\niate.example", {}),  # FOP
    ],
)
def test_a_pdf_that_shows_an_address_to_its_reader_is_held(real: str, said: str, called: dict[str, str]) -> None:
    content = by_glyphs(f"Cliente: {said}, Rua A", called=called)
    known = Known(real, ALIAS)
    found = masked(incoming(content, name="i.pdf", kind="application/pdf"), known)
    assert leakgate.leaks(outgoing(found), (known,)) == ["file"]


@pytest.mark.parametrize(
    "text",
    [
        "mari\ufffdana@people.example",  # another's
        "\ufffd\ufffd\ufffd@people.example",  # whoever that is
        "a\ufffd@people.example",
        "ação@people.example",
        "anna@peop",
        "well-known and so on-\nwards",
    ],
)
def test_what_may_be_anybody_is_nobody(text: str) -> None:
    assert not shows(text, "ana@people.example", "anna@people.example", "antonio@people.example")


@pytest.mark.parametrize("sign", ["\uf0b7", "\uf0ac", "\uf16d"])
def test_a_bullet_or_an_icon_is_no_letter(sign: str) -> None:
    content = by_glyphs(f"Obrigado!\n{sign} loja.com.br\n{sign} ana@loja.com.br\nContato {sign} loja.com.br")
    known = [Known(f"{name}@loja.com.br", ALIAS) for name in ("sac", "oi", "mariana")]
    for one in known:
        found = masked(incoming(content, name="i.pdf", kind="application/pdf"), one)
        assert leakgate.leaks(outgoing(found), (one,)) == []


@pytest.mark.parametrize("place", range(1, len(SOFT.alias)))
def test_a_soft_alias_is_none_wherever_a_narrow_column_cuts_it(place: int) -> None:
    text = f"E-mail: {SOFT.alias[:place]}\n{SOFT.alias[place:]}\nTel: 11 5555-1234"
    assert not glyphs.shows(text, [SOFT])


@pytest.mark.parametrize("place", [24, 25, 26, 30, 37, 40])
def test_one_that_goes_on_in_the_next_line_of_its_cell_holds_nothing(place: int) -> None:
    content = by_glyphs(f"E-mail {SOFT.alias[:place]} {SOFT.alias[place:]}")
    assert shown(masked(incoming(content, name="i.pdf", kind="application/pdf"), SOFT)) == []
    beside = by_glyphs(f"E-mail {SOFT.alias[:place]} {SOFT.alias[place:]}, {SOFT.real}")
    assert shown(masked(incoming(beside, name="i.pdf", kind="application/pdf"), SOFT)) == ["file"]


def test_one_beside_the_address_hides_nothing() -> None:
    assert glyphs.shows(f"{SOFT.alias} anna.real@peo-\nple.example", [SOFT])


@pytest.mark.parametrize(
    "text", [SOFT.alias, SOFT.alias.replace("-", "-\n"), f"E-mail:{SOFT.alias},Tel", SOFT.alias.upper()]
)
def test_a_soft_alias_is_no_address(text: str) -> None:
    assert not glyphs.shows(f"Bill-to {text}", [SOFT])
    content = pdf(f"BT /F1 12 Tf 50 800 Td (Bill-to {SOFT.alias}) Tj ET")
    assert shown(masked(incoming(content, name="i.pdf", kind="application/pdf"), SOFT)) == []


@pytest.mark.parametrize(
    "text",
    [
        "a\ufffd" * 100_000,
        "\ufffd" * 200_000,
        ("a\ufffd" * 6 + "a@a ") * 10_000,
        "x-" * 200_000,
    ],
    ids=["each other", "all", "words", "hyphens"],
)
def test_it_takes_no_long(text: str) -> None:
    began = time.process_time()
    assert not shows(text, "a" * 60 + "@aaaa.example", *(f"a{number}@people.example" for number in range(20)))
    assert time.process_time() - began < 2
