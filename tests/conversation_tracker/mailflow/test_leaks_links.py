"""An address in a link that a guard against fraud has rewritten, or that a calendar folds, is masked or held."""

from __future__ import annotations

import base64
import json
import re
import zlib
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from conversation_tracker.mailflow import leakgate
from orders import spellings
from orders.known import Known
from tests.conversation_tracker.mailflow.passing import HARD, incoming, masked, outgoing, said, shown

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
        (APOSTROPHE, "shane.o’brien@people.example"),
        (APOSTROPHE, b"shane.o\x92brien@people.example".decode("latin-1")),
        (APOSTROPHE, "mailto:shane.o&#8217;brien@people.example"),
        (APOSTROPHE, "mailto:shane.o&rsquo;brien@people.example"),
        (APOSTROPHE, "mailto:shane.o%E2%80%99brien@people.example"),
        (APOSTROPHE, r'"shane.o\u2019brien@people.example"'),
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


@pytest.mark.parametrize("real", [PLAIN, "anna-maria@loja-3d.example", "sac@people.example", "vendas@people.example"])
@pytest.mark.parametrize(
    "path",
    [
        "https://people-my.sharepoint.com/:b:/g/personal/{}/EabcdXYZ",
        "https://people-my.sharepoint.com/personal/{}/_layouts/15/onedrive.aspx?id=%2Fpersonal%2F{}%2FDocuments",
        "https://x.safelinks.protection.outlook.com/?url=https%3A%2F%2Fpeople-my.sharepoint.com%2Fpersonal%2F{}%2FEab",
        "https://urldefense.proofpoint.com/v2/url?u=https-3A__people-2Dmy.sharepoint.com_personal_{}_Eab&d=DwMF",
        r'{"file": "https:\/\/people-my.sharepoint.com\/personal\/{}\/Documents"}',
    ],
)
def test_where_somebodys_files_are_shows_no_address(path: str, real: str) -> None:
    one = Known(real, HARD.alias)
    for sign in ("_", "%5F"):
        text = path.replace("{}", re.sub(r"\W", sign, real))
        hidden, count = spellings.hide(text, [one])
        assert (count > 0, spellings.find(text, [one]), spellings.find(hidden, [one])) == (True, [one], [])
        other = path.replace("{}", "x" + re.sub(r"\W", sign, real))
        assert spellings.hide(other, [one]) == (other, 0)


@pytest.mark.parametrize(
    ("real", "written"),
    [
        ("anna.real@loja-3d.example", "anna.real-40loja-2D3d.example"),
        ("anna.real@shop-24.example", "anna.real-40shop-2D24.example"),
        ("ana-21.real@people.example", "ana-2D21.real-40people.example"),
        ("ana-21.o'real@people.example", "ana-2D21.o-2527real-40people.example"),
        ("anna-24real@people.example", "anna-2D24real-40people.example"),
    ],
)
def test_digits_behind_a_hyphen_are_no_sign_that_is_written_out(real: str, written: str) -> None:
    one = Known(real, HARD.alias)
    assert spellings.hide(V2.format(f"-3Femail-3D{written}-26n"), [one]) == (
        V2.format(f"-3Femail-3D{HARD.alias}-26n"),
        1,
    )


def by_v2(link: str) -> str:
    """The link as Proofpoint's second version rewrites it."""
    signs = {"-": "-2D", "_": "-5F", "/": "_"}
    kept = "".join(signs.get(one, one if one.isalnum() or one == "." else f"-{ord(one):02X}") for one in link)
    return f"https://urldefense.proofpoint.com/v2/url?u={kept}&d=DwMF&c=x"


def by_v3(link: str) -> str:
    """The same for its third version."""
    return f"https://urldefense.com/v3/__{link.replace('%', '*').replace('+', '*')}__;JSU!!a$"


LINK = f"https://erp.example/p?n=1&email={PLAIN}"
ENCODED = LINK.replace("@", "%40")


def by_mailgun(number: int, real: str) -> str:
    """A link to be followed: what it leads to and who got it, deflated and packed."""
    said = urlencode(
        {"h": f"{number:04x}", "i": f"{number:018x}@mg.x.example", "l": "https://erp.example/t", "r": real}
    )
    token = base64.urlsafe_b64encode(zlib.compress(said.encode())).decode().rstrip("=")
    return f"https://email.mg.x.example/c/{token}"


@pytest.mark.parametrize("number", range(40))
def test_a_packed_word_in_a_rewritten_link_says_no_address(number: int) -> None:
    link = by_v2(by_mailgun(number * 7_919, PLAIN))
    text = f"Your invoice 2d-5F, see {link} please"
    assert spellings.find(text, [HARD]) == [HARD]
    hidden, count = spellings.hide(text, [HARD])
    assert (count, spellings.find(hidden, [HARD])) == (1, [])
    assert hidden.startswith("Your invoice 2d-5F, see https://urldefense.")
    assert hidden.endswith("&d=DwMF&c=x please")
    other = f"see {by_v2(by_mailgun(number, 'suzy@elsewhere.example'))} please"
    assert spellings.hide(other, [HARD]) == (other, 0)


JOSE = Known("josé@people.example", HARD.alias)
REWRITTEN = [
    by_v2(by_v2(LINK)), by_v2(by_v2(ENCODED)), by_v2(by_v2(by_v2(ENCODED))), by_v2(by_v3(ENCODED)),
    by_v3(by_v2(ENCODED)), by_v3(by_v3(ENCODED)), quote(by_v2(LINK), safe=""), quote(by_v3(ENCODED), safe=""),
]  # fmt: skip


@pytest.mark.parametrize("link", REWRITTEN)
def test_a_link_that_two_guards_rewrote_shows_no_address(link: str) -> None:
    hidden, count = spellings.hide(f"see {link}", [HARD])
    assert (count, "anna" in hidden) == (1, False)


@pytest.mark.parametrize("rewrite", [by_v2, by_v3, lambda link: by_v2(by_v2(link)), lambda link: by_v2(by_v3(link))])
@pytest.mark.parametrize("one", [JOSE, Known("ana@people.example", HARD.alias)])
def test_a_name_of_few_letters_or_other_ones_is_seen_in_a_rewritten_link(one: Known, rewrite: Any) -> None:
    link = rewrite(f"https://erp.example/p?n=1&email={quote(one.real)}")
    hidden, count = spellings.hide(f"see {link}", [one])
    assert (count, HARD.alias in hidden, "people" in hidden) == (1, True, False)
    assert spellings.occurs(b"%PDF-1.4\n<</S/URI/URI(" + link.encode() + b")>>\nendobj\n\xff\0", [one])


@pytest.mark.parametrize("link", [by_v2(LINK), by_v2(ENCODED), by_v3(ENCODED), ENCODED])
def test_a_rewritten_link_that_is_packed_or_in_a_pdf_shows_no_address(link: str) -> None:
    token = base64.urlsafe_b64encode(json.dumps({"p": json.dumps({"url": link})}).encode()).decode().rstrip("=")
    assert token not in spellings.hide(f"see https://mandrillapp.com/track/click/30/x?p={token}", [HARD])[0]
    assert spellings.occurs(b"%PDF-1.4\n<</S/URI/URI(" + link.encode() + b")>>\nendobj\n\xff\0", [HARD])


@pytest.mark.parametrize(
    ("real", "written"),
    [
        ("sac@loja.com.br", "sac-40loja.com.br"),
        ("sac@loja-x.com.br", "sac-40loja-2Dx.com.br"),
        ("ana-b@loja.com.br", "ana-2Db-40loja.com.br"),
        ("anna_real@loja.com.br", "anna-5Freal-40loja.com.br"),
    ],
)
def test_a_short_name_or_one_with_a_hyphen_is_seen_in_a_rewritten_link_too(real: str, written: str) -> None:
    one = Known(real, HARD.alias)
    link = V2.format(f"-3Femail-3D{written}-26n-3D1")
    assert spellings.occurs(b"%PDF-1.4\n<</S/URI/URI(" + link.encode() + b")>>\nendobj\n\xff\0", [one])
    token = base64.urlsafe_b64encode(json.dumps({"url": link}).encode()).decode().rstrip("=")
    assert token not in spellings.hide(f"see https://x.example/?p={token}", [one])[0]
    path = V2.format(f"_unsubscribe_{written}_now")
    assert spellings.hide(path, [one]) == (V2.format(f"_unsubscribe_{HARD.alias}_now"), 1)


@pytest.mark.parametrize("name", ["ana", "sac"])
@pytest.mark.parametrize("at", ["-40", "-2540", "-2D40"])
def test_a_short_name_is_seen_in_the_path_of_a_rewritten_link(name: str, at: str) -> None:
    one = Known(f"{name}@loja.com.br", HARD.alias)
    expected = V2.format(f"_unsubscribe_{HARD.alias}")
    assert spellings.hide(V2.format(f"_unsubscribe_{name}{at}loja.com.br"), [one]) == (expected, 1)


def test_what_else_is_wrapped_beside_a_wrapped_packed_word_stays() -> None:
    token = base64.b64encode(b"the customer is " + PLAIN.encode() + b", who waits for her parcel since Monday").decode()
    link = "https://carrier.example/parcels/track/BR1234567890\n  Arrives Monday"
    text = f"{link}\nX-Mailin-EID: {token[:50]}\n {token[50:]}\nThanks"
    assert spellings.hide(text, [HARD]) == (f"{link}\nX-Mailin-EID: •••\nThanks", 1)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("https*3A*2F*2Fx.example*2F*3Fcc*3D", "*26ref*3D77*26cc*3Djoe*40people.example"),
        ("De:*", "*Para:joe@people.example"),
        ("", "*joe@people.example"),
    ],
)
def test_what_looks_like_a_tag_takes_no_other_address_with_it(before: str, after: str) -> None:
    text = f"{before}anna.real*40people.example{after}"
    assert spellings.hide(text, [HARD]) == (f"{before}{HARD.alias}{after}", 1)


@pytest.mark.parametrize(
    "end", ["\\n", "\\r\\n", "&#13;\n", "&#xd;\n", "\n      ", "\n> ", "\n> > ", "\r\n>> ", "=\n", "=\n> ", " |\n| "]
)
def test_packed_words_may_be_wrapped_as_json_and_xml_do(end: str) -> None:
    token = base64.b64encode(b"the customer is " + PLAIN.encode() + b", who waits for her parcel since Monday").decode()
    for width in range(40, 60):
        wrapped = end.join(token[at : at + width] for at in range(0, len(token), width))
        text = f"Please look at this.\nI got <data>{wrapped}</data> from you.\n\nThanks"
        assert spellings.find(text, [HARD]) == [HARD]
        hidden, _ = spellings.hide(text, [HARD])
        assert spellings.find(hidden, [HARD]) == []
        assert hidden.startswith("Please look at this.\nI got <data>")
        assert hidden.endswith("</data> from you.\n\nThanks")


@pytest.mark.parametrize(
    "written", ["sales arroba shop.example", "sales at shop dot example", "sales (at) shop.example"]
)
def test_the_name_of_a_role_with_a_word_for_the_sign_is_an_address(written: str) -> None:
    sales = Known("sales@shop.example", HARD.alias)
    assert spellings.hide(f"Write to {written} now", [sales]) == (f"Write to {HARD.alias} now", 1)
    assert spellings.hide("See our sales at shop.example", [sales]) == ("See our sales at shop.example", 0)


@pytest.mark.parametrize(
    "text",
    [
        V2.format("-3Femail-3Dsuzanna.real-40people.example"),
        V3.format("https://x.example/?email=suzanna.real*40people.example"),
    ],
)
def test_a_rewritten_link_that_shows_somebody_else_stays(text: str) -> None:
    assert spellings.hide(text, [HARD]) == (text, 0)


O_NEIL = Known("anna.o'neil@people.example", HARD.alias)
TRACKED = json.dumps({"p": json.dumps({"url": "https://x.example/?e=anna.o%27neil%2Bshop%40people.example"})})


@pytest.mark.parametrize(
    "text",
    [
        V2.format("-3Fe-3Danna.o-27neil-40people.example"),
        V3.format("https://x.example/?e=anna.o*27neil*40people.example"),
        '{"email":"anna.o\\u0027neil@people.example"}',
        r"var email = 'anna.o\x27neil@people.example'",
        "https://x.example/?u=%253Fe%253Danna.o%252527neil%252540people.example",
        "https://x.example/?e=anna.o%27neil%2Bshop%40people.example",
        "<email>anna.o&#39;neil@people.example</email>",
        "<email>anna.o&apos;neil@people.example</email>",
        "INSERT INTO customer VALUES (7, 'anna.o''neil@people.example')",
        r"echo 'anna.o\'neil@people.example';",
        r'{"code": "mail(\'anna.o\\\'neil@people.example\')"}',
    ],
)
def test_a_sign_in_the_local_part_may_be_written_as_links_pages_and_json_do(text: str) -> None:
    assert spellings.find(text, [O_NEIL]) == [O_NEIL]
    written, count = spellings.rewrite(text, [O_NEIL])
    assert (count, spellings.find(written, [O_NEIL])) == (1, [])


@pytest.mark.parametrize(
    ("real", "written"),
    [
        ("anna.real@people.example", "anna.real%2Bshop%40people.example"),
        ("anna.o'neil@people.example", "anna.o%27neil%40people.example"),
        ("b&b@hotel.example", "b%26b%40hotel.example"),
        ("josé@people.example", "jos%C3%A9%40people.example"),
        ("josé@people.example", r"jos\u00e9@people.example"),
    ],
)
def test_what_is_packed_may_be_written_so_too(real: str, written: str) -> None:
    one = Known(real, HARD.alias)
    packed = base64.urlsafe_b64encode(json.dumps({"p": f"https://x.example/?e={written}"}).encode()).decode()
    text = f"see https://mandrillapp.com/track/click/30/x.example?p={packed} please"
    assert spellings.find(text, [one]) == [one]
    assert spellings.hide(text, [one]) == ("see https://mandrillapp.com/track/click/30/x.example?p=••• please", 1)
    pdf = b"%PDF-1.4\n1 0 obj\n<</S/URI/URI(https://pay.example/?email=" + written.encode() + b")>>\nendobj\n\xff\0"
    assert spellings.occurs(pdf, [one])


def test_a_link_with_an_apostrophe_leaves_the_page_as_it_is() -> None:
    page = (
        '<table><tr><td><a href="https://s.example/?e=anna.o%27neil%40people.example&amp;n=1">T</a></td></tr></table>'
    )
    found = masked(said(page, kind="html"), O_NEIL)
    assert f'<a href="https://s.example/?e={HARD.alias}&amp;n=1"' in found.html
    assert "<table" in found.html


def test_an_ampersand_leaves_the_page_as_it_is() -> None:
    found = masked(said("<p><b>b&amp;b@hotel.example</b></p>", kind="html"), Known("b&b@hotel.example", HARD.alias))
    assert f"<b>{HARD.alias}</b>" in found.html


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


@pytest.mark.parametrize("before", range(0, 75, 5))
def test_a_calendar_names_no_owner_of_an_event(before: int) -> None:
    owner = Known("anna.real99@gmail.com", HARD.alias)
    event = base64.b64encode(b"a1b2c3d4e5f6g7h8i9j0k1l2m3 anna.real99@m").decode().rstrip("=")
    line = f"DESCRIPTION:{'x' * before} https://calendar.google.com/calendar/event?action=VIEW&eid={event}&hl=pt"
    found = masked(incoming(calendar(line), name="invite.ics", kind="text/calendar"), owner)
    assert leakgate.leaks(outgoing(found), (owner,)) == []
    assert event not in found.files[0].content.replace(b"\r\n ", b"").decode()


def test_a_picture_in_a_contact_stays_when_a_link_beside_it_packs_an_address() -> None:
    picture = base64.b64encode(bytes(range(256))).decode()
    token = base64.b64encode(HARD.real.encode()).decode()
    card = f"BEGIN:VCARD\r\nVERSION:3.0\r\nPHOTO;ENCODING=b:{picture}\r\nURL:https://x.example/?t={token}&a=1\r\nEND:VCARD\r\n"
    found = masked(incoming(card.encode(), name="a.vcf", kind="text/vcard"))
    assert shown(found) == []
    read = found.files[0].content.replace(b"\r\n ", b"").decode()
    assert f"PHOTO;ENCODING=b:{picture}\r\n" in read
    assert "URL:https://x.example/?t=•••&a=1\r\n" in read
