"""From the mail that comes in to the mail that leaves: what hides an address is rewritten, or the gate holds it."""

from __future__ import annotations

import base64
import binascii
import email
import gzip
import io
import json
import quopri
import zipfile
from collections.abc import Callable
from email import policy
from email.message import EmailMessage, Message
from email.mime.base import MIMEBase

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversation_tracker.mailflow import leakgate, mask, parse, readings
from conversation_tracker.mailflow.shapes import Envelope, File, Mail, Masked, Verdict
from orders import spellings
from orders.spellings import Known

REAL = "anna.real@people.example"
HARD = Known(REAL, "11111111111111111111111111111111@ct.example")
SOFT = Known(REAL, "anna.real@people.example-123456789012b.ct.example")
ENVELOPE = Envelope("kim@carrier.example", True, ("a@ct.example",), Verdict.NONE, is_spam=False)


def incoming(content: bytes, *, name: str = "", kind: str, charset: str = "", encoding: str = "base64") -> bytes:
    """A mail with one file."""
    head = f"Content-Type: {kind}" + (f"; charset={charset}" if charset else "")
    head += f"\r\nContent-Transfer-Encoding: {encoding}"
    head += f'\r\nContent-Disposition: attachment; filename="{name}"' if name else ""
    body = base64.encodebytes(content) if encoding == "base64" else content
    return (
        b"From: a@b.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=BB\r\n\r\n"
        b"--BB\r\nContent-Type: text/plain\r\n\r\nsee\r\n--BB\r\n"
        + head.encode()
        + b"\r\n\r\n"
        + body
        + b"\r\n--BB--\r\n"
    )


def masked(raw: bytes, known: Known = HARD) -> Masked:
    mail = parse.parse(email.message_from_bytes(raw), envelope=ENVELOPE, is_own_hop=lambda _: False)
    return mask.mask(mail, (known,))


def outgoing(found: Masked) -> bytes:
    """The relay as it is sent: each file in base64, an attached mail as any file."""
    message = EmailMessage()
    message["Subject"] = found.subject
    message.set_content(found.text)
    if found.html:
        message.add_alternative(found.html, subtype="html")
    message.make_mixed()
    for file in found.files:
        maintype, _, subtype = file.content_type.partition("/")
        if maintype in {"message", "multipart"}:
            maintype, subtype = "application", "octet-stream"
        part = MIMEBase(maintype, subtype, name=file.name)
        part["Content-Transfer-Encoding"] = "base64"
        part.set_payload(base64.encodebytes(file.content).decode())
        part.add_header("Content-Disposition", "attachment", filename=file.name)
        message.attach(part)  # type: ignore[arg-type]  # as Django does it
    return message.as_bytes()


def shown(found: Masked) -> list[str]:
    return leakgate.leaks(outgoing(found), (HARD,))


MAIL = (
    b"From: Anna <anna.real@people.example>\r\nTo: x@y.example\r\nSubject: inner\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + base64.encodebytes(b"I am anna.real@people.example, yes")
)
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
    ],
    ids=range(24),
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
    "anna.real%u0040people.example",
]


def said(text: str, *, kind: str = "plain", name: str = "Anna", subject: str = "S") -> bytes:
    """A mail that says it."""
    message = EmailMessage()
    message["From"] = f'"{name}" <a@b.example>'
    message["Subject"] = subject
    message.set_content(text, subtype=kind, cte="base64")
    return message.as_bytes()


@pytest.mark.parametrize("written", DISGUISED)
@pytest.mark.parametrize("known", [HARD, SOFT], ids=["hard", "soft"])
def test_a_disguised_address_is_masked_wherever_it_stands(written: str, known: Known) -> None:
    found = masked(said(f"see {written} there", subject=f"to {written}"), known)
    assert found.count == 2
    assert known.alias in found.text
    assert known.alias in found.subject
    assert leakgate.leaks(outgoing(found), (known,)) == []


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
        "anna.r\u0435al@pe\u043eple.example",
    ],
)
def test_an_address_with_signs_that_nobody_can_tell_apart_is_masked(written: str) -> None:
    found = masked(said(f"see {written} there"))
    assert (found.text, shown(found)) == (f"see {HARD.alias} there", [])


def test_a_picture_that_stands_for_a_sign_hides_no_address() -> None:
    found = masked(said('<p>anna.real<img alt="@" src="https://x.example/a.png">people.example</p>', kind="html"))
    assert (shown(found), "img" in found.html) == ([], False)


PACKED = [
    base64.b64encode(REAL.encode()).decode(),
    base64.b64encode(REAL.encode()).decode().rstrip("="),
    base64.urlsafe_b64encode(b"~~?" + REAL.encode() + b"?~~").decode(),
    base64.b64encode(json.dumps({"email": REAL, "id": 7}).encode()).decode(),
    base64.b64encode(b"x" + REAL.encode() + b"y").decode().rstrip("="),
    base64.b64encode(b"me: Anna.Real@People.Example").decode(),
    REAL.encode().hex(),
    REAL.encode().hex().upper(),
    b"x".hex() + REAL.encode().hex(),
]


@pytest.mark.parametrize("word", PACKED)
@pytest.mark.parametrize("before", ["https://x.example/u?e=", "https://x.example/", "u/a/", ""])
def test_a_packed_address_becomes_dots_wherever_it_stands(word: str, before: str) -> None:
    found = masked(said(f"see {before}{word}&x=1 there", subject=f"to {word}"))
    assert (found.subject, found.count) == ("to •••", 2)
    assert found.text.startswith("see ")
    assert found.text.endswith("•••&x=1 there")
    assert shown(found) == []
    linked = masked(said(f'<p>Hi</p><a href="https://x.example/u?e={word}">leave</a>', kind="html"))
    assert (linked.html.strip(), shown(linked)) == ('<p>Hi</p><a href="https://x.example/u?e=•••">leave</a>', [])


@pytest.mark.parametrize(
    "word", [*PACKED, "begin 644 a.txt\n" + binascii.b2a_uu(b"me: " + REAL.encode()).decode() + "`\nend"]
)
def test_a_file_that_packs_an_address_is_held(word: str) -> None:
    assert shown(masked(incoming(f"see\n{word}\n".encode(), kind="text/plain", name="a.txt"))) == ["file"]
    named = masked(incoming(b"x", kind="text/plain", name=f"{word.splitlines()[0]}.txt"))
    assert shown(named) == []


def test_lines_of_base64_and_bytes_around_hexadecimal_are_held() -> None:
    lines = base64.encodebytes(b"x" * 47 + REAL.encode() + b"y" * 60)
    assert shown(masked(incoming(lines, kind="text/plain", name="a.txt"))) == ["file"]
    pdf = b"%PDF-1.7 <" + REAL.encode().hex().encode() + b"> \xff\0"
    assert shown(masked(incoming(pdf, kind="application/pdf", name="a.pdf"))) == ["file"]
    found = masked(said(f"see\n{lines.decode()}\nthere"))
    assert (shown(found), found.text.startswith("see\n"), found.text.endswith("there")) == ([], True, True)


def test_a_packed_soft_alias_is_no_leak() -> None:
    text = f"https://x.example/?e={base64.b64encode(SOFT.alias.encode()).decode()} {SOFT.alias.encode().hex()}"
    found = masked(said(text), SOFT)
    assert found.text == text
    assert leakgate.leaks(outgoing(found), (SOFT,)) == []


@pytest.mark.parametrize(
    "text",
    [
        "bounce-1-anna.real=people.example-123456789012b.ct.example@list.example",
        "SRS0=ab=XY=people.example-123456789012b.ct.example=anna.real@fwd.example",
        "joanna.real=people.example",
        "anna.real=people.examples",
        "mary-anna.real at people.example",
        "anna.real was at people.example",
        "mail.people.example=anna.real",
    ],
)
def test_what_is_no_disguise_stays(text: str) -> None:
    assert masked(said(text), SOFT).text == text
    assert leakgate.leaks(outgoing(masked(said(text), SOFT)), (SOFT,)) == []


def test_a_shop_whose_address_is_a_common_word_is_no_disguise() -> None:
    known = Known("order@shop.example", HARD.alias)
    text = "Place your order at shop.example or ?order=shop.example"
    assert masked(said(text), known).text == text


def test_a_calendar_is_folded_again() -> None:
    (file,) = masked(incoming(CALENDAR, kind="text/calendar"), SOFT).files
    assert max(map(len, file.content.split(b"\r\n"))) <= 75
    unfolded = file.content.replace(b"\r\n ", b"").decode()
    assert f"CN=Anna:mailto:{SOFT.alias}\r\nEND:VEVENT\r\n" in unfolded
    assert "SUMMARY:Hören\r\n" in unfolded


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


def zipped(content: bytes, *, way: int = zipfile.ZIP_DEFLATED, name: str = "word/document.xml") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", way) as archive:
        archive.writestr(name, content)
    return packed.getvalue()


HELD = {
    "rtf in hexadecimal": incoming(
        b"{\\rtf1 " + "".join(f"\\'{ord(char):02x}" for char in REAL).encode() + b"}", kind="application/rtf", name="a"
    ),
    "rtf in groups": incoming(b"{\\rtf1 anna.real{\\b @}people.example}", kind="application/rtf", name="a.rtf"),
    "zip": incoming(zipped(f"text {REAL} ".encode() * 9), kind="application/zip", name="a.zip"),
    "stored zip": incoming(zipped(REAL.encode(), way=zipfile.ZIP_STORED, name="a.txt"), kind="application/zip"),
    "docx": incoming(zipped(b"<w:t>anna.real</w:t><w:t>@people.example</w:t>"), kind="application/x", name="a.docx"),
    "mail in zip": incoming(zipped(MAIL, name="a.eml"), kind="application/zip", name="a.zip"),
    "name in zip": incoming(zipped(b"x", name=f"{REAL}.txt"), kind="application/zip", name="a.zip"),
    "gzip": incoming(gzip.compress(b"abc " + REAL.encode()), kind="application/gzip", name="a.gz"),
    "letters around": incoming(b"\0\1x" + REAL.encode() + b"y\xff", kind="application/pkcs7-mime", name="a.p7m"),
    "utf-16 out of step": incoming(b"\0\1\2x" + REAL.upper().encode("utf-16-le"), kind="application/x", name="a.bin"),
    "picture in a card": incoming(
        b"BEGIN:VCARD\r\nPHOTO;ENCODING=b:" + base64.b64encode(b"\xff\xd8" + REAL.encode()) + b"\r\nEND:VCARD\r\n",
        kind="text/vcard",
        name="a.vcf",
    ),
}


@pytest.mark.parametrize("raw", HELD.values(), ids=HELD)
def test_what_cannot_be_rewritten_is_held(raw: bytes) -> None:
    assert any("file" in place for place in shown(masked(raw)))


def nested(times: int, raw: bytes = MAIL) -> bytes:
    for _ in range(times):
        raw = b"From: a@b.example\r\nContent-Type: message/rfc822\r\n\r\n" + raw
    return raw


def test_mails_nested_deeper_than_the_limit_are_held_when_they_show_it() -> None:
    assert shown(masked(nested(4))) == []
    assert shown(masked(nested(7)))
    assert shown(masked(nested(30)))


def test_an_attached_mail_that_is_absurd_is_held() -> None:
    absurd = b"From: a@b.example\r\nSubject: x\r\nX: " + b"y" * 20_000 + b"\r\n\r\nhi"
    assert shown(masked(incoming(absurd, kind="application/octet-stream", name="a.eml"))) == [
        "attached mail that cannot be searched"
    ]


@pytest.mark.parametrize("known", [HARD, SOFT], ids=["hard", "soft"])
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("I am anna.real@ \r\npeople.example,  \r\nyes", "I am {}, yes"),
        ("> I am anna.re \r\n> al@people.example\r\nyes", "> I am {}\nyes"),
        ("-- \r\nAnna", "--\nAnna"),
        ("> one \r\n>> two\r\n>three", "> one\n>> two\n> three"),
    ],
)
def test_flowed_text_is_unflowed(body: str, expected: str, known: Known) -> None:
    head = b"From: a@b.example\r\nContent-Type: text/plain; format=flowed; delsp=yes\r\n\r\n"
    found = masked(head + body.encode(), known)
    assert found.text == expected.format(known.alias)
    assert shown(found) == [] if known is HARD else leakgate.leaks(outgoing(found), (SOFT,)) == []


def test_an_address_wrapped_in_a_quote_is_masked() -> None:
    found = masked(b"From: a@b.example\r\n\r\nok\r\n> Anna <anna.real@\r\n> people.example> wrote:\r\n> x")
    assert found.text == f"ok\n> Anna <{HARD.alias}> wrote:\n> x"


@pytest.mark.parametrize("after", ["", ".", ",", ")", "-", "-x", ">", "/", "_", "'", ":25"])
def test_a_soft_alias_may_leave_whatever_follows_it(after: str) -> None:
    text = f"x {SOFT.alias}{after} y\n" * 3
    inner = b"From: a@b.example\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    for body in (text, text.replace("x", "é" + "long " * 30)):
        found = masked(incoming(inner + body.encode(), kind="application/octet-stream", name="a.eml"), SOFT)
        assert leakgate.leaks(outgoing(found), (SOFT,)) == []


def test_a_long_line_in_an_attached_mail_breaks_no_alias() -> None:
    inner = (
        b"From: a@b.example\r\nSubject: " + b"s" * 60 + REAL.encode() + b"\r\n\r\n" + b"a" * 1500 + b" " + REAL.encode()
    )
    (file,) = (found := masked(incoming(inner, kind="message/rfc822", encoding="8bit"), SOFT)).files
    assert email.message_from_bytes(file.content)["Content-Transfer-Encoding"] == "base64"
    assert leakgate.leaks(outgoing(found), (SOFT,)) == []


def test_a_name_is_cut_after_it_is_masked() -> None:
    (file,) = masked(incoming(b"x", kind="text/plain", name=f"{'x' * 110} {REAL}.txt")).files
    assert "anna" not in file.name
    assert len(file.name) <= 120


def test_a_name_whose_soft_alias_would_be_cut_is_given_up() -> None:
    (file,) = masked(incoming(b"x", kind="text/plain", name=f"{'x' * 60} {REAL}.txt"), SOFT).files
    assert file.name == "attachment.txt"


def test_a_zip_of_texts_is_searched_and_one_of_pictures_is_not() -> None:
    texts = masked(incoming(zipped(b"fine"), kind="application/zip", name="a.zip"))
    pictures = masked(incoming(zipped(b"\x89PNG\r\n\x1a\n\0"), kind="application/zip", name="a.zip"))
    assert (shown(texts), texts.files[0].is_searchable) == ([], True)
    assert (shown(pictures), pictures.files[0].is_searchable) == ([], False)


def many() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(readings.MOST_MEMBERS + 1):
            archive.writestr(str(number), b"x")
    return packed.getvalue()


def encrypted() -> bytes:
    content = bytearray(zipped(b"fine"))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


BOMB = zipped(b"\n" * (readings.LARGEST_UNPACKED + 1))


@pytest.mark.parametrize(
    "content",
    [
        BOMB,
        gzip.compress(b"\n" * (readings.LARGEST_UNPACKED + 1)),
        gzip.compress(b"x") * (readings.MOST_MEMBERS + 1),
        many(),
        encrypted(),
        zipped(b"fine", way=zipfile.ZIP_BZIP2),
        zipped(zipped(b"fine")),
        zipped(b"fine")[:-30],
        zipped(b"fine") + b"PK\x03\x04",
        gzip.compress(b"fine")[:-9],
        b"PK\x03\x04",
        b"%PDF-1.7",
    ],
    ids=range(12),
)
def test_what_is_not_read_to_its_end_is_not_searchable(content: bytes) -> None:
    found = masked(incoming(content, kind="application/octet-stream", name="a.bin"))
    assert not found.files[0].is_searchable
    assert shown(found) == []


def test_one_mail_unpacks_no_more_than_its_budget_however_many_files() -> None:
    budget = readings.Budget()
    for _ in range(20):
        assert not readings.is_searchable(BOMB, name="a.zip", claimed="application/zip", budget=budget)
    assert budget.size > -20 * 70_000


kinds = st.sampled_from(
    ["text/plain", "text/calendar", "text/vcard", "application/rtf", "application/json", "message/rfc822", "text/html",
     "application/zip", "application/octet-stream", "application/mbox", "multipart/mixed", "x", "a/b/c", ""]
)  # fmt: skip
starts = st.sampled_from(
    [b"", b"PK\x03\x04", zipped(b"fine"), b"\x1f\x8b\x08", gzip.compress(b"fine"), b"{\\rtf1 ", b"BEGIN:VCARD\r\n",
     b"EMAIL;ENCODING=b:", b"From: a@b\r\nSubject: =?\r\n", b"From x\r\nA: b\r\n\r\n", b"\xff\xfe", b"\xff\xfe\0\0",
     b"\xef\xbb\xbf", b"<html>", b"%PDF-", b"Content-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\n", b"\\u00"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    starts,
    st.binary(max_size=300),
    starts,
    st.text(max_size=40),
    kinds,
    st.sampled_from(["", "utf-7", "utf-32", "zip", "\0"]),
)
def test_no_bytes_make_mask_or_gate_raise(
    start: bytes, content: bytes, more: bytes, name: str, kind: str, charset: str
) -> None:
    file = File(name, kind, start + content + more, charset=charset)
    found = mask.mask(Mail(None, "", "", (), "", "", "", (file,)), (HARD, SOFT))
    assert len(found.files) == 1
    message: Message = MIMEBase("application", "octet-stream", policy=policy.compat32)
    message.set_payload(base64.encodebytes(file.content).decode())
    message["Content-Transfer-Encoding"] = "base64"
    leakgate.leaks(message.as_bytes(), (HARD, SOFT))
    leakgate.leaks(start + content + more, (HARD, SOFT))


@settings(max_examples=300, deadline=None)
@given(starts, st.binary(max_size=300), kinds, st.text(max_size=40))
def test_no_incoming_mail_makes_mask_or_gate_raise(start: bytes, content: bytes, kind: str, name: str) -> None:
    name = "".join(char for char in name if char.isalnum() or char in ". ")
    raw = incoming(start + content, kind=kind or "text/plain", name=name.encode("ascii", "ignore").decode())
    leakgate.leaks(outgoing(masked(raw)), (HARD,))


def folded(text: bytes) -> bytes:
    """A calendar with seven octets a line."""
    return b"BEGIN:VCALENDAR\r\nX:" + b"\r\n ".join(text[at : at + 7] for at in range(0, len(text), 7)) + b"\r\n"


def each(text: bytes, pattern: bytes) -> bytes:
    """The text with the pattern for each octet."""
    return b"".join(pattern % one for one in text)


MAIL_64 = b"From: a@b.example\nContent-Transfer-Encoding: base64\n\n"
WORD = b"From: a@b.example\nMIME-Version: 1\nSubject: =?utf-8?b?%b?=\n\nhi"
Encoder = Callable[[bytes], bytes]
FORMS: tuple[tuple[str, str, Encoder], ...] = (
    ("a.txt", "text/plain", bytes),
    ("a.bin", "application/octet-stream", lambda text: b"\0\xff" + text),
    ("a.bin", "application/octet-stream", lambda text: b"\0" + text.decode("latin-1").encode("utf-16-be")),
    ("a.ics", "text/calendar", folded),
    ("a.vcf", "text/vcard", lambda text: b"BEGIN:VCARD\nNOTE;ENCODING=BASE64:" + base64.b64encode(text) + b"\n"),
    ("a.vcf", "text/vcard", lambda text: b"BEGIN:VCARD\nNOTE;ENCODING=QUOTED-PRINTABLE:" + each(text, b"=%02X")),
    ("a.eml", "application/octet-stream", lambda text: MAIL_64 + base64.encodebytes(text)),
    ("a.txt", "text/plain", lambda text: WORD % base64.b64encode(text)),
    ("a.zip", "application/zip", zipped),
    ("a.gz", "application/gzip", gzip.compress),
    ("a.rtf", "application/rtf", lambda text: b"{\\rtf1 " + each(text, b"\\'%02x") + b"}"),
    ("a.json", "application/json", lambda text: b'"' + each(text, b"\\u%04x") + b'"'),
    ("a.html", "text/html", lambda text: b"<p>" + each(text, b"%c<b></b>") + b"</p>"),
)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(FORMS),
    st.sampled_from([HARD, SOFT]),
    st.sampled_from(["", " ", "x\n", "<", "é"]),
    st.sampled_from(["", " ", "\n", ">", ". "]),
)
def test_no_form_of_a_file_lets_an_address_out(
    form: tuple[str, str, Encoder], known: Known, before: str, after: str
) -> None:
    name, kind, encode = form
    content = encode(f"{before}{REAL}{after}".encode("latin-1"))
    found = masked(incoming(content, kind=kind, name=name), known)
    held = leakgate.leaks(outgoing(found), (known,))
    assert held or (found.count > 0 and spellings.find(found.files[0].content.decode("latin-1"), (known,)) == [])


MANY = 400_000
HOSTILE = {
    "base64 run": (b"A" * MANY, "text/plain"),
    "folds": (b"BEGIN:VCALENDAR" + b"\r\n " * (MANY // 3), "text/calendar"),
    "fold marks": (b"BEGIN:VCARD\n" + b"\n>|> " * (MANY // 5) + b"people.example@", "text/vcard"),
    "one line": (b"BEGIN:VCARD\r\nEMAIL;ENCODING=BASE64:" + b"A" * MANY, "text/vcard"),
    "semicolons": (b"BEGIN:VCARD\r\n" + b";ENCODING=B" * (MANY // 11), "text/vcard"),
    "soft breaks": (b"BEGIN:VCARD\r\nA;ENCODING=QUOTED-PRINTABLE:" + b"x=\r\n" * (MANY // 4), "text/vcard"),
    "rtf": (b"{\\rtf1 " + b"{\\b" * (MANY // 3), "application/rtf"),
    "tags": (b"<html>" + b"<" * MANY, "text/xml"),
    "words": (b"=?utf-8?q?a?= " * (MANY // 14), "text/plain"),
    "half words": (b"=?utf-8?q?" * (MANY // 10), "text/plain"),
    "mailbox": (b"From x\nA: b\n" + b"\n\nFrom x\nA: b\n" * (MANY // 14), "application/mbox"),
    "zip": (b"PK\x03\x04" + b"PK\x01\x02" * (MANY // 4), "application/zip"),
    "near misses": (b"anna.real@\n> people.exampl\n>" * (MANY // 28) + b"people.example@", "text/plain"),
    "nearer": (b"anna.real+" * (MANY // 10) + b"\npeople.example@", "text/plain"),
    "packed": (base64.b64encode(REAL.encode()) * (MANY // 32), "text/plain"),
    "packed lines": ((base64.b64encode(REAL.encode()) + b"\n") * (MANY // 33), "text/plain"),
    "octets": (b"\0" + b"anna.real+" * (MANY // 10) + b"@people.example", "application/x"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "kind"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_takes_no_longer_than_its_size(content: bytes, kind: str) -> None:
    assert len(masked(incoming(content, kind=kind, name="a.x"), SOFT).files) >= 1
    leakgate.leaks(incoming(content, kind=kind, name="a.x"), (SOFT,))
