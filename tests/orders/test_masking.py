"""Whatever is shown of an order is masked for everybody who belongs to it."""

from __future__ import annotations

import base64

from orders import masking
from orders.known import Known
from orders.secrecy import Secret
from tests.orders.strategies import HARD

ANNA = Known("anna.real@people.example", HARD)


def test_an_address_becomes_its_alias() -> None:
    assert masking.text("From anna.real@people.example", (ANNA,)) == f"From {HARD}"


def test_of_a_text_with_a_packed_address_the_rest_is_left() -> None:
    token = base64.b64encode(b'{"to": "anna.real@people.example"}').decode()
    html = f'<p>Your parcel is <a href="https://x.example/t/{token}">here</a>, says anna.real@people.example.</p>'
    shown = masking.text(html, (ANNA,))
    assert shown.startswith('<p>Your parcel is <a href="https://')
    assert shown.endswith(f'•••">here</a>, says {HARD}.</p>')
    assert token not in shown


def test_of_a_text_that_cuts_an_address_the_rest_is_left() -> None:
    html = "<p>Ask anna.<wbr>real@people.example, or <span>anna.real</span><span>@people.example</span>.</p>"
    shown = masking.text(html, (ANNA,))
    assert shown == f"<p>Ask {HARD}<wbr>, or <span>{HARD}</span><span></span>.</p>"
    assert masking.text("> anna.real@peo\n> ple.example\n> Kim", (ANNA,)) == f"> {HARD}\n> Kim"


def test_what_is_spelled_in_a_way_of_its_own_becomes_dots() -> None:
    assert masking.text("anna.r\u200beal@people.example", (ANNA,)) == Secret.DOTS
