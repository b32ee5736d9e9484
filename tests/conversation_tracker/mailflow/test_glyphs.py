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


@pytest.mark.parametrize("text", [SOFT.alias, SOFT.alias.replace("-", "-\n"), f"E-mail:{SOFT.alias},Tel"])
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
