"""Files that hide an address: what cannot be rewritten is held, and nothing hostile takes long."""

from __future__ import annotations

import base64
import email
import gzip
import io
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from email import policy
from email.message import Message
from email.mime.base import MIMEBase

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversation_tracker.mailflow import leakgate, mask, readings
from conversation_tracker.mailflow.shapes import File, Mail
from orders import spellings
from orders.known import Known
from tests.conversation_tracker.mailflow.passing import HARD, MAIL, REAL, SOFT, incoming, masked, outgoing, shown


def zipped(content: bytes, *, way: int = zipfile.ZIP_DEFLATED, name: str = "word/document.xml") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", way) as archive:
        archive.writestr(name, content)
    return packed.getvalue()


def png(words: bytes, content: bytes) -> bytes:
    """A picture that has nothing but these words."""
    return b"\x89PNG\r\n\x1a\n" + bytes(25) + words + zlib.compress(content) + bytes(16)


def pdf(stream: bytes) -> bytes:
    """A document that has nothing but this stream."""
    return b"%PDF-1.7\n1 0 obj<</Length 9>>stream\r\n" + stream + b"\nendstream endobj"


def of_outlook(rich: bytes = b"") -> bytes:
    """A winmail.dat whose text says this; or the domain, the rest of an address, and by a reference back the domain
    again.
    """
    said = rich.ljust(-(-len(rich) // 8) * 8) or b"      people.example; anna.real@"
    eights = b"".join(b"\0" + said[at : at + 8] for at in range(0, len(said), 8))
    if rich:
        return b"\x78\x9f\x3e\x22" + bytes(8) + b"LZFu" + bytes(4) + eights
    reference = (207 + 6) << 4 | len("people.example") - 2
    return b"\x78\x9f\x3e\x22" + bytes(8) + b"LZFu" + bytes(4) + eights + b"\1" + reference.to_bytes(2, "big")


HELD = {
    "rtf in hexadecimal": incoming(
        b"{\\rtf1 " + "".join(f"\\'{ord(char):02x}" for char in REAL).encode() + b"}", kind="application/rtf", name="a"
    ),
    "rtf of Word with a bookmark": incoming(
        b"{\\rtf1 Order\\~anna.re{\\*\\bkmkstart _GoBack}{\\*\\bkmkend _GoBack}al@people.example}",
        kind="application/rtf",
        name="a.rtf",
    ),
    "a log in JSON of a terminal": incoming(
        rb'{"log":"Found \u001b[38;5;10manna.re\u001b[mal@people.example"}', kind="application/json", name="a.json"
    ),
    "a log of a terminal": incoming(
        b"Found \x1b[1;38;5;113man\x1b[22mna.real@people.example\x1b[m\x1b[K", kind="text/plain", name="a.log"
    ),
    "rtf of Word behind a paragraph": incoming(
        b"{\\rtf1 Order 1042\\par\\pard {\\rtlch\\fcs1 \\insrsid1 anna.re}{\\insrsid2 al@people.example}\\par}",
        kind="application/rtf",
        name="a.rtf",
    ),
    "rtf in groups": incoming(b"{\\rtf1 anna.real{\\b @}people.example}", kind="application/rtf", name="a.rtf"),
    "zip": incoming(zipped(f"text {REAL} ".encode() * 9), kind="application/zip", name="a.zip"),
    "stored zip": incoming(zipped(REAL.encode(), way=zipfile.ZIP_STORED, name="a.txt"), kind="application/zip"),
    "docx": incoming(zipped(b"<w:t>anna.real</w:t><w:t>@people.example</w:t>"), kind="application/x", name="a.docx"),
    "mail in zip": incoming(zipped(MAIL, name="a.eml"), kind="application/zip", name="a.zip"),
    "name in zip": incoming(zipped(b"x", name=f"{REAL}.txt"), kind="application/zip", name="a.zip"),
    "gzip": incoming(gzip.compress(b"abc " + REAL.encode()), kind="application/gzip", name="a.gz"),
    "zip in zip": incoming(zipped(zipped(REAL.encode()), name="b.zip"), kind="application/zip", name="a.zip"),
    "gzip in zip": incoming(zipped(gzip.compress(REAL.encode()), name="b.gz"), kind="application/zip", name="a.zip"),
    "zip that unpacks itself": incoming(
        b"MZ\0" * 99 + zipped(f"text {REAL} ".encode() * 9), kind="application/x", name="a.exe"
    ),
    "link in a pdf": incoming(
        pdf(zlib.compress(b"/URI(mailto:" + REAL.encode() + b")")), kind="application/pdf", name="a.pdf"
    ),
    "text in a pdf of ReportLab": incoming(
        pdf(base64.a85encode(zlib.compress(b"(" + REAL.encode() + b") Tj")) + b"~>"), kind="application/pdf", name="a"
    ),
    "text in a pdf of TeX": incoming(
        pdf(zlib.compress(b"[(anna.)-3.5(real@p) 28 (eople.example)]TJ")), kind="application/pdf", name="a.pdf"
    ),
    "title of a pdf of Ghostscript": incoming(
        pdf(b"") + b"/Title(\\376\\377" + b"".join(b"\\000%c" % one for one in REAL.encode()) + b")",
        kind="application/pdf",
        name="a.pdf",
    ),
    "title of a pdf of Ghostscript, packed": incoming(
        pdf(zlib.compress(b"/Title(\\376\\377" + b"".join(b"\\000%c" % one for one in REAL.encode()) + b")")),
        kind="application/pdf",
        name="a.pdf",
    ),
    "rich text of Outlook": incoming(
        of_outlook(b"{\\rtf1 anna.re{\\b al}@people.example}"), kind="application/ms-tnef", name="winmail.dat"
    ),
    "text of Outlook": incoming(of_outlook(), kind="application/ms-tnef", name="winmail.dat"),
    "words in a picture": incoming(png(b"zTXtComment\0\0", REAL.encode()), kind="image/png", name="a.png"),
    "words of the world in a picture": incoming(
        png(b"iTXtAuthor\0\1\0en\0Author\0", REAL.encode()), kind="image/png", name="a.png"
    ),
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


@pytest.mark.parametrize("codec", ["cp932", "big5", "gb18030", "euc-kr"])
@pytest.mark.parametrize("charset", ["", "declared"])
def test_a_text_from_asia_is_masked_as_it_stands(codec: str, charset: str) -> None:
    text = "Mail：{}、ソ{}"
    charset = codec if charset else ""
    file = incoming(text.format(REAL, REAL).encode(codec, "ignore"), kind="text/csv", name="a.csv", charset=charset)
    found = masked(file)
    assert found.files[0].content == text.format(HARD.alias, HARD.alias).encode(codec, "ignore")
    assert shown(found) == []


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
        zipped(zipped(zipped(zipped(b"fine")))),
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
def test_of_any_incoming_mail_no_address_leaves_in_the_open(start: bytes, content: bytes, kind: str, name: str) -> None:
    name = "".join(char for char in name if char.isalnum() or char in ". ")
    content = start + content + b" " + REAL.encode() + b" "
    raw = incoming(content, kind=kind or "text/plain", name=name.encode("ascii", "ignore").decode())
    leaving = outgoing(masked(raw))
    if not leakgate.leaks(leaving, (HARD,)):
        parts = email.message_from_bytes(leaving).walk()
        assert not any(REAL.encode() in (part.get_payload(decode=True) or b"") for part in parts)


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
    "streams": (b"%PDF-1.7\n" + b"stream\n" * MANY, "application/pdf"),
    "streams that grow": (
        b"%PDF-1.7\n" + (b"stream\n" + zlib.compress(b"a@" * MANY) + b"endstream") * 99, "application/pdf",
    ),
    "words in pictures": (b"\x89PNG\r\n\x1a\n" + b"zTXtC\0\0x" * MANY, "image/png"),
    "base64 run": (b"A" * MANY, "text/plain"),
    "folds": (b"BEGIN:VCALENDAR" + b"\r\n " * (MANY // 3), "text/calendar"),
    "fold marks": (b"BEGIN:VCARD\n" + b"\n>|> " * (MANY // 5) + b"people.example@", "text/vcard"),
    "one line": (b"BEGIN:VCARD\r\nEMAIL;ENCODING=BASE64:" + b"A" * MANY, "text/vcard"),
    "semicolons": (b"BEGIN:VCARD\r\n" + b";ENCODING=B" * (MANY // 11), "text/vcard"),
    "short names": (b"BEGIN:VCARD\r\n" + (b"A" + b";B" * 900 + b"\r\n") * (MANY // 1_803), "text/vcard"),
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


@pytest.mark.parametrize(
    "written", [rb"o\rquote brien", rb"o\rquote\b brien", rb"o\'92brien", rb"o\u8217?brien", rb"o\u8217\'92brien"]
)
def test_a_curly_apostrophe_of_rich_text_is_read(written: bytes) -> None:
    content = b"{\\rtf1 shane." + written + b"@people.example}"
    known = [Known("shane.o'brien@people.example", HARD.alias)]
    found = readings.views(content, name="a.rtf", claimed="application/rtf", budget=readings.Budget())
    assert any(spellings.find(view.text, known) for view in found if isinstance(view, readings.Text))


@pytest.mark.parametrize(("content", "kind"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_takes_no_longer_than_its_size(content: bytes, kind: str) -> None:
    assert len(masked(incoming(content, kind=kind, name="a.x"), SOFT).files) >= 1
    leakgate.leaks(incoming(content, kind=kind, name="a.x"), (SOFT,))


@pytest.mark.parametrize("signs", [b"z" * 1_000_000, base64.a85encode(zlib.compress(bytes(range(255)) * 9, 0) * 300)])
def test_a_large_pdf_in_printable_signs_is_read_in_little_memory(signs: bytes) -> None:
    content = pdf(signs + b"~>")
    tracemalloc.start()
    try:
        assert not readings.is_searchable(content, name="a.pdf", claimed="application/pdf", budget=readings.Budget())
        assert tracemalloc.get_traced_memory()[1] < len(content) * 20
    finally:
        tracemalloc.stop()
