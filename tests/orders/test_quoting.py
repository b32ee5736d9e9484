"""Telling what a mail says from what it quotes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders import quoting
from orders.quoting import Folded

CASES = {
    "gmail": ("Hi\n\nOn Mon, 3 Feb 2025, John Doe\n<a@b.example> wrote:\n> old\n> older\n", "Hi"),
    "gmail pt": ("Oi\n\nEm seg., 3 de fev. de 2025 às 10:00, Maria <a@b.example> escreveu:\n\n> velho\n", "Oi"),
    "gmail es": ("Hola\n\nEl lun, 3 feb 2025 a las 10:00, Maria escribió:\n> viejo", "Hola"),
    "bare quote": ("Yes.\n> Is it?\n> Sure?", "Yes."),
    "outlook": ("Hi\n\n________________________________\nFrom: A\nSent: Monday\nTo: B\nSubject: C\n\nold", "Hi"),
    "outlook pt": ("Oi\n\nDe: A\nEnviada em: segunda\nPara: B\nAssunto: C\n\nvelho", "Oi"),
    "divider": ("Hi\n\n-----Original Message-----\nold", "Hi"),
    "divider pt": ("Oi\n-------- Mensagem original --------\nvelho", "Oi"),
}


@pytest.mark.parametrize(("text", "said"), CASES.values(), ids=CASES.keys())
def test_history_is_told_from_what_is_said(text, said):
    folded = quoting.fold(text)
    assert folded.said == said
    assert folded.quoted


@pytest.mark.parametrize(
    "text",
    ["Hello", "", "> only\n> quoted", "> asked\nanswered below", "De: a short line\nand no header after it"],
)
def test_what_is_not_history_stays_in_sight(text):
    assert quoting.fold(text) == Folded(text, "")


def test_answers_between_quotes_stay_in_sight():
    folded = quoting.fold("> one?\nYes.\n> two?\nNo.\n> three?")
    assert folded.said == "> one?\nYes.\n> two?\nNo."


@given(st.text(alphabet=" >\n\rabc:-_OnwroteFromDe", max_size=300))
def test_no_word_is_lost(text):
    folded = quoting.fold(text)
    assert "".join((folded.said + folded.quoted).split()) == "".join(text.split())
