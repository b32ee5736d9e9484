"""An address in a link that a guard against fraud has rewritten, or that a calendar folds, is masked or held."""

from __future__ import annotations

import base64
import re

import pytest

from orders import spellings
from orders.spellings import Known
from tests.conversation_tracker.mailflow.passing import HARD, incoming, masked, shown

PLAIN, TAGGED = "anna.real@people.example", "anna.real+shop@people.example"
APOSTROPHE, ELSEWHERE = "shane.o'brien@people.example", "anna.real@xn--mnchen-3ya.example"
V2, V3 = (
    "https://urldefense.proofpoint.com/v2/url?u=https-3A__erp.example_{}&d=DwMF",
    "https://urldefense.com/v3/__{}__;JSU!!a$",
)
PACKED = b"https://erp.example/c?email=shane.o%27brien%2Bshop%40people.example&n=1"


@pytest.mark.parametrize(
    ("real", "text"),
    [
        (PLAIN, V3.format("https://x.example/?url=https*3A*2F*2Fshop&data=05*7C02*7Canna.real*40people.example*7C9c1")),
        (
            PLAIN,
            V3.format("https://x.example/url?q=https*3A*2F*2Fshop*2F*3Femail*3Danna.real*40people.example*26n*3D1"),
        ),
        (PLAIN, "https://x.example/?url=https%3A%2F%2Fu.example%2F*3Femail%2A3Danna.real%2A40people.example"),
        (PLAIN, V2.format("-3Fu-3D-25253Danna.real-252540people.example")),
        (PLAIN, V2.format("-3Femail-3Danna-252Ereal-2540people-252Eexample")),
        (TAGGED, V2.format("-3Femail-3Danna.real-252Bshop-2540people.example")),
        (TAGGED, V3.format("https://x.example/?email=anna.real*2Bshop*40people.example")),
        (TAGGED, V3.format("https://x.example/?email=anna.real*shop@people.example")),
        (APOSTROPHE, V2.format("-3Femail-3Dshane.o-27brien-40people.example")),
        (APOSTROPHE, V2.format("-3Femail-3Dshane.o-2527brien-2540people.example")),
        (APOSTROPHE, f"https://p.example?d=erp.example&u={base64.b64encode(PACKED).decode()}&i=NWY=&t=Z"),
        (ELSEWHERE, V2.format("-3Femail-3Danna.real-40m-25C3-25BCnchen.example")),
        (ELSEWHERE, V3.format("https://x.example/?email=anna.real@m*C3*BCnchen.example")),
    ],
)
def test_a_rewritten_link_shows_no_address(real: str, text: str) -> None:
    known = [Known(real, HARD.alias)]
    assert spellings.find(text, known) == known
    hidden, count = spellings.hide(text, known)
    assert count
    assert spellings.find(hidden, known) == []


@pytest.mark.parametrize(
    "text",
    [
        V2.format("-3Femail-3Dsuzanna.real-40people.example"),
        V3.format("https://x.example/?email=suzanna.real*40people.example"),
    ],
)
def test_a_rewritten_link_that_shows_somebody_else_stays(text: str) -> None:
    assert spellings.hide(text, [HARD]) == (text, 0)


def calendar(line: str) -> bytes:
    """It, folded as RFC 5545 §3.1 says."""
    folded = "\r\n ".join(re.findall(".{1,74}", line))
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\n{folded}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n".encode()


@pytest.mark.parametrize("before", range(0, 76, 3))
def test_a_link_in_a_calendar_packs_no_address_wherever_it_is_folded(before: int) -> None:
    token = base64.urlsafe_b64encode(f"20#{HARD.real}9f6e58d98c162f2b0123".encode()).decode().rstrip("=")
    line = f"DESCRIPTION:{'x' * before} https://c.example/event?action=VIEW&eid=NHJ2cTBr&tok={token}&hl=en"
    found = masked(incoming(calendar(line), name="invite.ics", kind="text/calendar"))
    assert shown(found) == []
    read = found.files[0].content.replace(b"\r\n ", b"").decode()
    assert f"&tok={token}&" not in read
    assert f"DESCRIPTION:{'x' * before} https://c.example/event?action=VIEW&eid=NHJ2cTBr&tok=•••&hl=en" in read


def test_a_picture_in_a_contact_stays_when_a_link_beside_it_packs_an_address() -> None:
    picture = base64.b64encode(bytes(range(256))).decode()
    token = base64.b64encode(HARD.real.encode()).decode()
    card = (
        f"BEGIN:VCARD\r\nVERSION:3.0\r\nPHOTO;ENCODING=b:{picture}\r\nURL:https://x.example/?t={token}&a=1\r\nEND:VCARD\r\n"
    )
    found = masked(incoming(card.encode(), name="a.vcf", kind="text/vcard"))
    assert shown(found) == []
    read = found.files[0].content.replace(b"\r\n ", b"").decode()
    assert f"PHOTO;ENCODING=b:{picture}\r\n" in read
    assert "URL:https://x.example/?t=•••&a=1\r\n" in read
