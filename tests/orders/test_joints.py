"""Addresses that programs wrote on to other words, or cut to the width of a column."""

from __future__ import annotations

import pytest

from orders import joints, spellings
from orders.known import Known
from tests.orders.strategies import HARD

REAL = "anna.real@people.com.br"
ANNA = Known(REAL, HARD)


@pytest.mark.parametrize(
    "text",
    [
        f"Souza{REAL}",
        f"2041{REAL}",
        f"{REAL}telefone 11 5555",
        f"{REAL}telefone.",
        f"Souza{REAL}telefone",
        f"{REAL}www.people.com.br",
        f"{REAL}www.people.com.br(11) 4002-8922",
        f"{REAL}pinterest.com/people",
        f"{REAL}people.com.br",
        f"souza+{REAL}",
        f"nome;Souza{REAL}11;sim",
    ],
)
def test_an_address_written_on_to_words_is_replaced(text: str) -> None:
    replaced, count = spellings.replace(text, [ANNA])
    assert (replaced, count) == (text.replace(REAL, HARD), 1)
    assert spellings.find(text, [ANNA]) == [ANNA]
    assert spellings.find(replaced, [ANNA]) == []


@pytest.mark.parametrize(
    "text",
    [
        "anna.real@people.com.bradesco",  # another domain that can exist
        "anna.real@people.com.bradesco.",
        "bob@people.com.br",
    ],
)
def test_somebody_elses_address_stays(text: str) -> None:
    assert spellings.replace(text, [ANNA]) == (text, 0)


@pytest.mark.parametrize(
    "website",
    [
        "www.anna.example.org",
        "Instagram.com/anna",
        "wa.me/5511",
        "gmail.com",
        "x.com/a",
        "4002-8922www.anna.example.org",
        "loja.gmail.com",
    ],
)
def test_a_website_is_written_on_to_an_address(website: str) -> None:
    known = [Known("anna@gmail.com", HARD)]
    assert spellings.replace(f"anna@gmail.com{website}", known) == (f"{HARD}{website}", 1)


def test_a_plain_name_at_the_end_of_somebody_elses_stays() -> None:
    """Many a longer one ends in it, at a provider of mail above all."""
    known = [Known("silva@gmail.com", HARD)]
    assert spellings.replace("mariasilva@gmail.com", known) == ("mariasilva@gmail.com", 0)
    assert spellings.find("mariasilva@gmail.com", known) == []


@pytest.mark.parametrize("end", ["", " ", "\n", "…", "...", ";x", '"', "|", "?", "!", ": "])
@pytest.mark.parametrize("domain", ["pe", "people", "people.", "people.com.b"])
def test_an_address_cut_to_a_column_is_replaced(domain: str, end: str) -> None:
    domain = domain.rstrip(".") if end == "..." else domain
    text = f"ANNA.REAL@{domain}{end}".upper() if end != ";x" else f"anna.real@{domain}{end}"
    replaced, count = spellings.replace(text, [ANNA])
    assert (count, "REAL@" in replaced.upper()) == (1, False)
    assert spellings.find(text, [ANNA]) == [ANNA]
    assert spellings.find(replaced, [ANNA]) == []


@pytest.mark.parametrize(
    "text",
    [
        "anna.real@people.com",  # which may be somebody else
        "anna.real@people.org",
        "anna.real@peoples",
        "anna.real@p",
        "anna.real@",
        "joanna.re@people",
        "anna.real@people\\u002ecom",  # it goes on
    ],
)
def test_what_makes_another_domain_is_not_taken_for_the_beginning_of_one(text: str) -> None:
    assert list(joints.cut_short(text, text.lower(), local="anna.real", domain="people.com.br")) == []


def test_an_address_that_goes_on_in_the_next_line_is_replaced_whole() -> None:
    replaced, count = spellings.hide("anna.real@people.co\n> m.br writes", [ANNA])
    assert (replaced, count) == (f"{HARD} writes", 1)


@pytest.mark.parametrize(
    "before", ["", "1-", "2041_", "E-mail", "mailto:", "<", "=3D", "DE SOUZA", "LTDA-", "conosco."]
)
def test_a_departments_address_is_known_behind_a_word(before: str) -> None:
    known = [Known("vendas@people.com.br", HARD)]
    text = f"{before}vendas@people.com.br"
    assert spellings.replace(text, known) == (f"{before}{HARD}", 1)
    assert spellings.find(text, known) == known
    assert spellings.occurs(text.encode(), known)


@pytest.mark.parametrize("before", ["E-mail", "email"])
def test_one_of_few_letters_is_known_behind_its_label(before: str) -> None:
    known = [Known("sac@people.com.br", HARD)]
    assert spellings.replace(f"{before}sac@people.com.br", known) == (f"{before}{HARD}", 1)


def test_a_department_that_a_sentence_names_is_no_address() -> None:
    text = "Read about our warranty at people.com.br"
    assert spellings.replace(text, [Known("warranty@people.com.br", HARD)]) == (text, 0)
