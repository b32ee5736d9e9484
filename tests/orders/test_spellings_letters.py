"""Addresses in letters beyond ASCII, and in those that programs make of them."""

from __future__ import annotations

import re

import pytest

from orders import addresses, spellings
from orders.known import Known
from tests.orders.strategies import HARD


@pytest.mark.parametrize(
    ("real", "written"),
    [
        ("kim.ince@gmail.com", "kım.ınce@gmaıl.com"),
        ("kim.ince@gmail.com", "KİM.İNCE@GMAİL.COM"),
        ("info@firma.com.tr", "İNFO@FİRMA.COM.TR"),
        ("info@fırma.com.tr", "INFO@FIRMA.COM.TR"),
        ("ışık@people.example", "IŞIK@people.example"),
        ("ışık@people.example", "ışık at people dot example"),
    ],
)
def test_what_programs_that_know_turkish_make_of_an_i_hides_none(real: str, written: str) -> None:
    known = [Known(addresses.key(real), HARD)]
    assert spellings.hide(f"Müşteri: {written}, yes", known) == (f"Müşteri: {HARD}, yes", 1)


@pytest.mark.parametrize("real", ["kontakt@müller-shop.de", "josé@people.example", "kontakt@straße.example"])
@pytest.mark.parametrize("codec", ["cp1252", "latin-1"])
def test_utf_8_that_was_read_as_latin_1_hides_none(real: str, codec: str) -> None:
    known = [Known(addresses.key(real), HARD)]
    written = real.encode().decode(codec)
    assert spellings.find(f"Grüße {written} ½ €", known) == known
    assert spellings.hide(f"Grüße 5½ € ({written})", known) == (f"Grüße 5½ € ({HARD})", 1)
    assert spellings.find(f"Grüße {written.replace('@', '@x')} ½ €", known) == []


@pytest.mark.parametrize("real", ["maría@tienda.example", "hola@jardínverde.es", "info@voilà.fr", "kontakt@čaj.cz"])
@pytest.mark.parametrize("codec", ["cp1252", "latin-1"])
def test_what_nobody_sees_may_have_been_taken_out_of_it(real: str, codec: str) -> None:
    """As out of every text before it is masked; and a space that breaks no line may have become another one."""
    known = [Known(addresses.key(real), HARD)]
    for char in real:
        real = real.replace(char, char.encode().decode("latin-1") if codec == "latin-1" or char == "č" else char)
    written = re.sub("[\x7f-\x9f\xad]", "", real)
    for one in (written, written.replace("\xa0", " ")):
        assert spellings.hide(f"> {one}, yes", known) == (f"> {HARD}, yes", 1)


@pytest.mark.parametrize(
    ("real", "written"),
    [
        ("kontakt@müller-shop.de", "https://shop.example/?email=kontakt@m%FCller-shop.de&x=1"),
        ("kontakt@müller-shop.de", "https://shop.example/?email=kontakt%40m%25FCller-shop.de&x=1"),
        ("josé@people.example", "https://shop.example/?email=jos%E9%40people.example&x=1"),
        ("kontakt@müller-shop.de", "kontakt@m=FCller-shop.de"),
    ],
)
def test_links_of_a_page_in_latin_1_hide_none(real: str, written: str) -> None:
    known = [Known(addresses.key(real), HARD)]
    hidden, count = spellings.hide(f"See {written}", known)
    assert (HARD in hidden, count) == (True, 1)
    assert spellings.find(f"See {written}", known) == known
    assert spellings.find(f"See {hidden}", known) == []


def test_a_domain_that_latin_1_does_not_have_makes_no_address_of_others() -> None:
    known = [Known(addresses.key("info@магазин.рф"), HARD)]
    assert spellings.find("info@shop.example, info@.рф и info@магазин-два.рф", known) == []


@pytest.mark.parametrize(
    "written",
    [
        "anna%=\n40people.example", "anna%4=\r\n0people.example", "anna&#6=\n4;people.example",
        "anna=40peo=\nple.example", "anna\\u00=\n40people.example", "\\040anna@people.example\\040",
        "a\\012anna@people.example\\012b", "anna\\100people.example", "\\x22anna@people.example\\x22",
    ],
)  # fmt: skip
def test_escapes_that_a_line_end_cuts_and_octal_ones_hide_nothing(written: str) -> None:
    known = [Known("anna@people.example", HARD)]
    assert spellings.find(f"see {written} there", known) == known
    hidden, count = spellings.hide(f"see {written} there", known)
    assert (count > 0, spellings.find(hidden, known), "people" in hidden) == (True, [], False)
