"""From the mail that comes in to the mail that leaves: what hides an address is rewritten, or the gate holds it."""

from __future__ import annotations

import base64
import json
import quopri

import pytest

from conversation_tracker.mailflow import leakgate
from orders.known import Known
from tests.conversation_tracker.mailflow.passing import HARD, MAIL, REAL, SOFT, incoming, masked, outgoing, said, shown

OTHER = Known("kim@carrier.example", HARD.alias)
SOFT_BROKEN = (
    b"From: Kim <kim@carrier.example>\r\nSubject: inner\r\nContent-Type: text/plain\r\n"
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\nI am anna.re=\r\nal@people.example, yes\r\n"
)
CALENDAR = (
    b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nSUMMARY:H\xc3\xb6ren\r\n"
    b"ATTENDEE;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;CN=Anna:mailto:anna.re\r\n al@people\r\n\t.example\r\n"
    b"END:VEVENT\r\nEND:VCALENDAR\r\n"
)
CARD = b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Anna\r\nEMAIL;TYPE=INTERNET:anna.real@peo\r\n ple.example\r\nEND:VCARD\r\n"
CARD_OF_WINDOWS = CARD.replace(b"\r\n", b"\r\r\n")  # as Python writes it there
CARD_64 = (
    b"BEGIN:VCARD\r\nVERSION:2.1\r\nEMAIL;ENCODING=BASE64:" + base64.b64encode(REAL.encode()) + b"\r\n\r\nEND:VCARD\r\n"
)
CARD_QP = (
    b"BEGIN:VCARD\r\nVERSION:2.1\r\nEMAIL;INTERNET;ENCODING=QUOTED-PRINTABLE:=61nna.re=\r\nal@people.example\r\n"
    b"END:VCARD\r\n"
)
JSON = json.dumps({"to": REAL, "quote": 'a"b'}).replace("a", "\\u0061").replace("@", "\\u0040").encode()


@pytest.mark.parametrize("known", [HARD, SOFT], ids=["hard", "soft"])
@pytest.mark.parametrize(
    "raw",
    [
        incoming(CALENDAR, kind="text/calendar", charset="utf-8"),
        incoming(CALENDAR, kind="application/octet-stream", name="invite.ics"),
        incoming(CARD, kind="text/vcard", name="a.vcf"),
        incoming(CARD.replace(b"\r\n", b"\r\r\n"), kind="text/vcard", name="a.vcf"),  # of Python on Windows
        incoming(CARD_64, kind="text/x-vcard", name="a.vcf"),
        incoming(CARD_QP, kind="text/x-vcard", name="a.vcf"),
        incoming(JSON, kind="application/json", name="a.json"),
        incoming(MAIL, kind="message/rfc822", encoding="7bit"),
        incoming(MAIL, kind="message/rfc822", name="a.eml"),
        incoming(quopri.encodestring(MAIL), kind="message/rfc822", encoding="quoted-printable"),
        incoming(MAIL, kind="message/global", encoding="8bit"),
        incoming(MAIL, kind="message/news", encoding="7bit"),
        incoming(MAIL, kind="message/partial; id=1; number=1; total=1", encoding="7bit"),
        incoming(MAIL, kind="application/octet-stream", name="a.eml"),
        incoming(SOFT_BROKEN, kind="application/octet-stream", name="a.eml"),
        incoming(MAIL, kind="text/plain", name="letter.txt"),
        incoming(b"From kim Mon\r\n" + MAIL + b"\r\n\r\nFrom kim Mon\r\n" + SOFT_BROKEN, kind="application/mbox"),
        incoming(
            b"Return-Path: <anna.real@people.example>\r\nSubject: =?utf-8?b?" + base64.b64encode(REAL.encode()) + b"?=",
            kind="text/rfc822-headers",
        ),
        incoming(f"I am {REAL}".encode("utf-16"), kind="text/plain", name="a.txt", charset="utf-16"),
        incoming(f"I am {REAL}".encode("utf-16-be"), kind="text/plain", name="a.txt", charset="utf-16-be"),
        incoming(f"I am {REAL}".encode("utf-32"), kind="text/plain", name="a.txt", charset="utf-32"),
        incoming(REAL.replace("@", "+AEA-").encode(), kind="text/plain", name="a.txt", charset="utf-7"),
        incoming(f"I am {REAL}".encode("cp500"), kind="text/plain", name="a.txt", charset="cp500"),
        incoming(f"I am {REAL}".encode(), kind="text/plain", name=f"{'x' * 90} {REAL}.txt"),
        incoming(b"x", kind="text/plain", name=f"{REAL}.txt"),
        incoming(f"ação;{REAL}".encode("latin-1"), kind="application/vnd.ms-excel", name="a.csv"),
        incoming(b"<p>Real</p><p><b>anna</b>.real@people.example</p>", kind="text/html", name="a.html"),
    ],
    ids=range(27),
)
def test_what_hides_an_address_is_rewritten_and_leaves(raw: bytes, known: Known) -> None:
    found = masked(raw, known)
    assert found.count > 0
    assert leakgate.leaks(outgoing(found), (known,)) == []


DISGUISED = [
    "bounce-123-anna.real=people.example@list.example",
    "SRS0=abc=XY=people.example=anna.real@fwd.example",
    "SRS1=abc=fwd.example==def=XY=people.example=ANNA.REAL@other.example",
    "anna.real_people.example#EXT#@tenant.example",
    "IMCEASMTP-anna+2Ereal+40people+2Eexample@tenant.example",
    "anna.real+shop=people.example",
    "anna.real%people.example@relay.example",
    "anna.real at people.example",
    "Anna.Real AT people.example",
    "anna.real (at) people dot example",
    "anna [dot] real [at] people [dot] example",
    "anna . real @ people . example",
    "anna.real\\@people.example",
    "anna\\.real@people\\.example",
    "anna\\.real\\@people\\.example",
    "anna.real\\100people.example",
    "https-3A__x.example_-3Fe-3Danna.real-40people.example-26x-3D1",
    "https-3A__x.example_-3Fu-3Dhttps-253A-252F-252Fy.example-253Fe-253Danna.real-252540people.example",
    "https://urldefense.com/v3/__https://x.example/?e=anna.real*40people.example__;JQ!!abc$",
    "https-3A__x.example_-3Fe-3DAnna-2Ereal-2Bshop-40people-2Eexample",
    "do Anna.Real arroba people.example",
    "anna.real (arobase) people (point) example",
    "anna.real (ät) people Punkt example",
    "anna.real（アット）people（ドット）example",
    "anna.real_at_people_dot_example",
    "anna.real-at-people.example",
    "id_anna.real (at) people.example",
    "anna.real%u0040people.example",
    "anna.real(a)people.example",
    "anna_real_at_people_example_7x2k@relay.example",
    "anna.real+shop_at_people_example_7x2k@relay.example",
    "owner-shop-l*anna.real**people.example@listserv.example",
    "owner-shop-l*anna.real*people.example@listserv.example",
    "news-owner+anna.real==a==people.example@sympa.example",
]


@pytest.mark.parametrize("written", DISGUISED)
@pytest.mark.parametrize("known", [HARD, SOFT], ids=["hard", "soft"])
def test_a_disguised_address_is_masked_wherever_it_stands(written: str, known: Known) -> None:
    found = masked(said(f"see {written} there", subject=f"to {written}"), known)
    assert found.count == 2
    assert known.alias in found.text
    assert known.alias in found.subject
    assert leakgate.leaks(outgoing(found), (known,)) == []


@pytest.mark.parametrize("between", [b"\xa0", b"\x1f"])
@pytest.mark.parametrize("kind", ["plain", "html"])
def test_a_byte_that_cannot_be_decoded_joins_no_words(between: bytes, kind: str) -> None:
    body = "é está aí, por".encode() + between + REAL.encode() + between + b"ou"
    head = f"From: a@b.example\r\nContent-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    found = masked(head.encode() + body)
    assert (found.text.count(HARD.alias), "real" in found.text + found.html, shown(found)) == (1, False, [])


@pytest.mark.parametrize("written", [REAL[::-1], REAL[::-1].upper()])
def test_an_address_written_from_its_end_is_masked(written: str) -> None:
    raw = said(f"<p>write to <bdo dir=rtl>{written}</bdo> or {REAL}, {written}</p>", kind="html")
    found = masked(raw)
    assert found.html.count(HARD.alias) == found.text.count(HARD.alias) == 3
    assert (found.count, shown(found)) == (3, [])  # the text is made of the masked HTML
    assert written not in found.html


@pytest.mark.parametrize("written", DISGUISED)
def test_a_disguised_address_is_masked_in_html_names_and_files(written: str) -> None:
    escaped = written.replace("\\", "&#92;")
    linked = masked(
        said(f'<p title="{escaped}"><a href="https://x.example/?e={escaped}">{escaped}</a></p>', kind="html")
    )
    assert linked.count > 0
    assert shown(linked) == []
    assert "real" not in linked.html.lower()
    file = masked(incoming(f"see {written}".encode(), kind="text/plain", name="a.txt"))
    assert HARD.alias.encode() in file.files[0].content
    assert shown(file) == []


def test_an_address_before_a_fold_and_an_encoded_word_is_masked() -> None:
    raw = b"From: a@b.example\r\nSubject: Re: anna.real@people.example\r\n =?utf-8?q?est=C3=A1?=\r\n\r\nx"
    found = masked(raw)
    assert (found.subject, shown(found)) == (f"Re: {HARD.alias} está", [])


@pytest.mark.parametrize(
    "name", ["anna.real at people.example", "anna.real=people.example", "anna.real (at) people.example"]
)
def test_a_display_name_or_file_name_shows_no_disguised_address(name: str) -> None:
    assert masked(said("x", name=name)).sender_name == HARD.alias
    (file,) = (found := masked(incoming(b"x", kind="text/plain", name=f"{name}.txt"))).files
    assert file.name == f"{HARD.alias}.txt"
    assert shown(found) == []


@pytest.mark.parametrize(
    "written",
    [
        "anna.real\u2800@\u2800people.example",
        "anna.real\u0305@people.example",
        "\u0430nna.real@people.example",
        "\u0410NN\u0410.REAL@people.example",
        "\u1d00\u0274\u0274\u1d00.\u0280\u1d07\u1d00\u029f@people.example",
        "anna.real%e2%80%8b@people.example",
        "anna&#8203;.real&#64;people.example",
        "anna.r\u0435al@pe\u043eple.example",
    ],
)
def test_an_address_with_signs_that_nobody_can_tell_apart_is_masked(written: str) -> None:
    found = masked(said(f"see {written} there"))
    assert (found.text, shown(found)) == (f"see {HARD.alias} there", [])


def test_a_picture_that_stands_for_a_sign_hides_no_address() -> None:
    found = masked(said('<p>anna.real<img alt="@" src="https://x.example/a.png">people.example</p>', kind="html"))
    assert (shown(found), "img" in found.html) == ([], False)


@pytest.mark.parametrize(
    "text",
    [
        "bounce-1-anna.real=people.example-123456789012b.ct.example@list.example",
        "SRS0=ab=XY=people.example-123456789012b.ct.example=anna.real@fwd.example",
        "joanna.real=people.example",
        "anna.real=people.examples",
        "mary+anna.real at people.example",
        "anna.real was at people.example",
        "mail.people.example=anna.real",
    ],
)
def test_what_is_no_disguise_stays(text: str) -> None:
    assert masked(said(text), SOFT).text == text
    assert leakgate.leaks(outgoing(masked(said(text), SOFT)), (SOFT,)) == []


def test_a_shop_whose_address_is_a_common_word_is_no_disguise() -> None:
    known = Known("order@shop.example", HARD.alias)
    text = "Place your order at shop.example or ?order=shop.example, order_shop.example, shop.example=order"
    assert masked(said(text), known).text == text


@pytest.mark.parametrize(
    "written",
    [
        "bounces+12-ab-order=shop.example@em9.sender.example",
        "order=shop.example__0a1b@x.bnc.sender.example",
        "me+caf_=order=shop.example@gmail.com",
        "SRS0=ab=XY=shop.example=order@fwd.example",
        "order_shop.example#EXT#@tenant.example",
        "IMCEASMTP-order+40shop+2Eexample@tenant.example",
        "bounces+12-order=3Dshop.example@em9.sender.example",
        "order_at_shop_example_7x2k@relay.example",
        "order.at.shop.example@relay.example",
    ],
)
def test_a_common_word_within_another_address_is_one(written: str) -> None:
    known = Known("order@shop.example", HARD.alias)
    found = masked(said(f"From: {written} on behalf of Kim"), known)
    assert (found.text.count(HARD.alias), leakgate.leaks(outgoing(found), (known,))) == (1, [])
    assert "shop" not in found.text


def test_a_calendar_is_folded_again() -> None:
    (file,) = masked(incoming(CALENDAR, kind="text/calendar"), SOFT).files
    assert max(map(len, file.content.split(b"\r\n"))) <= 75
    unfolded = file.content.replace(b"\r\n ", b"").decode()
    assert f"CN=Anna:mailto:{SOFT.alias}\r\nEND:VEVENT\r\n" in unfolded
    assert "SUMMARY:Hören\r\n" in unfolded


@pytest.mark.parametrize("before", ["", "x", "7", "20261123T100000Z", "20261123-", "ID"])
@pytest.mark.parametrize("name", ["UID:", "RELATED-TO;RELTYPE=PARENT:", "X-CALENDARSERVER-UID:"])
def test_what_a_calendar_calls_its_entries_shows_no_address(name: str, before: str) -> None:
    content = CALENDAR.replace(b"SUMMARY:", f"{name}{before}anna.real@\r\n people.example/7\r\nSUMMARY:".encode())
    found = masked(incoming(content, kind="text/calendar"))
    assert f"{name}{before}{HARD.alias}/7\r\n".encode() in found.files[0].content.replace(b"\r\n ", b"")
    assert shown(found) == []
    assert leakgate.leaks(outgoing(masked(incoming(content, kind="text/calendar"), OTHER)), (HARD,)) == ["file"]


def test_a_calendar_that_holds_only_a_folded_soft_alias_stays_as_it_is() -> None:
    content = CALENDAR.replace(b"people\r\n\t.example", b"people\r\n\t.example-1234567\r\n 89012b.ct.exa\r\n mple")
    found = masked(incoming(content, kind="text/calendar", name="a.ics"), SOFT)
    assert found.files[0].content == content
    assert leakgate.leaks(outgoing(found), (SOFT,)) == []


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (CARD_64, b"EMAIL;ENCODING=BASE64:" + base64.b64encode(HARD.alias.encode()) + b"\r\n"),
        (CARD_QP, b"EMAIL;INTERNET;ENCODING=QUOTED-PRINTABLE:" + HARD.alias.encode() + b"\r\n"),
    ],
)
def test_an_encoded_value_of_a_contact_is_encoded_again(content: bytes, expected: bytes) -> None:
    (file,) = masked(incoming(content, kind="text/vcard", name="a.vcf")).files
    assert expected in file.content


def test_json_means_the_same_but_for_the_address() -> None:
    (file,) = masked(incoming(JSON, kind="application/json", name="a.json")).files
    assert json.loads(file.content) == {"to": HARD.alias, "quote": 'a"b'}


def test_each_mail_of_a_mailbox_file_becomes_a_file() -> None:
    content = b"From kim Mon\n" + MAIL + b"\n\nFrom kim Mon\n" + SOFT_BROKEN
    files = masked(incoming(content, kind="application/mbox", name="all.mbox")).files
    assert [file.name for file in files] == ["message-1.eml", "message-2.eml"]
    assert all(HARD.alias.encode() in file.content for file in files)


def test_a_note_that_begins_with_a_date_is_no_mail() -> None:
    content = b"Date: Monday\r\nTotal: 55 EUR\r\n\r\nThanks"
    (file,) = masked(incoming(content, kind="text/plain", name="a.txt")).files
    assert (file.content_type, file.content) == ("text/plain", content)


def test_a_file_is_not_decoded_to_get_at_an_odd_spelling_but_held() -> None:
    content = b"100%25;a &amp; b;%61nna.real@people.example\n"
    found = masked(incoming(content, kind="text/csv", name="a.csv"))
    assert (found.files[0].content, shown(found)) == (content, ["file"])
