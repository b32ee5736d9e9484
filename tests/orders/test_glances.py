"""A glance lets through what shows no address, and nothing else."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders import spellings
from orders.known import Known
from tests.orders.strategies import HARD, JOHN, common_address

REAL = JOHN.real
PLAIN = [
    "",
    "shippingData",
    "Luminária de mesa da grande série, 40 cm, à prova d’água",
    "https://img.example/arquivos/ids/155392-55-55/luminaria-de-mesa.jpg",
    "e2b6c1f0a7d94c3b8a5566778899aabbccddeeff",
    "日本語の説明、それだけ",
]
SHOWN = [
    REAL,
    "john=example.com",
    "john (at) example.com",
    "example.com=john",
    "ｊｏｈｎ＠ｅｘａｍｐｌｅ．ｃｏｍ",
    "jo\u200bhn at exam\u00adple.com",
    "**john** (at) exam**ple**.com à",
    "john at example\u3002com",
    "𝐣𝐨𝐡𝐧 at example dot com",
    "john+AEA-example.com",
    "moc.elpmaxe@nhoj",
]


@pytest.mark.parametrize("around", ["{}", "Ação {}", "{} ção", "x\n{}\ny"])
@pytest.mark.parametrize("shown", SHOWN)
def test_what_shows_an_address_is_never_let_through(shown: str, around: str) -> None:
    text = around.format(shown)
    assert spellings.harmless([text, *PLAIN], [JOHN]) == set(PLAIN)
    assert spellings.glance([JOHN]).may_show(text)


@pytest.mark.parametrize("before", ["", "x", "xy", "xyz"])
@pytest.mark.parametrize(
    "pack",
    [
        base64.b64encode,
        base64.b32encode,
        bytes.hex,
        lambda data: base64.b64encode(base64.b64encode(data)),
    ],
)
def test_what_packs_an_address_is_never_let_through_among_others_that_pack_none(pack, before: str) -> None:
    said = pack(REAL.encode())
    text = before + (said if isinstance(said, str) else said.decode())
    assert text not in spellings.harmless([*PLAIN, text, "-1b.ct.shop.example"], [JOHN])
    assert spellings.find(text, [JOHN]) == [JOHN]


@given(texts=st.lists(st.text(max_size=60), max_size=5), real=common_address)
def test_nothing_is_replaced_in_what_is_let_through(texts: list[str], real: str) -> None:
    known = [Known(real, HARD)]
    for text in spellings.harmless([*texts, *(f"{text}{real}" for text in texts)], known):
        assert spellings.replace(text, known) == (text, 0)
        assert real not in text
