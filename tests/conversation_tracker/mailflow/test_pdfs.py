"""What a PDF shows is read: by the maps of its fonts, in pieces, behind pictures, within other files, within limits."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import time
import zipfile
import zlib
from unittest.mock import Mock
from urllib.parse import quote

import pypdf
import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf.annotations import AnnotationDictionary, FreeText, Link
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, NullObject, NumberObject, TextStringObject

from conversation_tracker.mailflow import leakgate, pdf_streams, pdfs, readings
from orders.known import Known
from tests.conversation_tracker.mailflow.papers import EVERY_NUMBER, by_glyphs, numbered, packed, pages_of, pdf
from tests.conversation_tracker.mailflow.passing import HARD, REAL, SOFT, incoming, masked, outgoing, shown

PICTURE = (
    b"<</Type/XObject/Subtype /Image/Width 1400/Height 1300/BitsPerComponent 8/ColorSpace/DeviceRGB/Filter/FlateDecode"
)
PACKED_PICTURE = zlib.compress(b"\xff\x00\x80" * 1400 * 1300)
SAMPLES = {
    "glyphs": by_glyphs(f"Bill to: {REAL}, Main Street 7"),
    "kerned hexadecimal": pdf(
        f"BT /F1 12 Tf 50 800 Td [<{REAL[:5].encode().hex()}> 10 <{REAL[5:].encode().hex()}> 0] TJ ET"
    ),
    "two pieces": pdf(f"BT /F1 12 Tf 50 800 Td ({REAL[:9]}) Tj 52 0 Td ({REAL[9:]}) Tj ET"),
    "octal": pdf("BT /F1 12 Tf 50 800 Td (" + "".join(f"\\{ord(one):03o}" for one in REAL) + ") Tj ET"),
    "written on to a word": pdf(f"BT /F1 12 Tf 50 800 Td (E-mailAdresse{REAL}Telefon) Tj ET"),
    "behind a picture": pdf(
        f"BT /F1 12 Tf 50 800 Td ({REAL}) Tj ET",
        extra=[PICTURE + b"/Length %d>>stream\n%s\nendstream" % (len(PACKED_PICTURE), PACKED_PICTURE)],
    ),
    "letters set apart": pdf(f"BT /F1 12 Tf 3 Tc 50 800 Td ({REAL}) Tj ET"),
    "each letter by itself": pdf("BT /F1 12 Tf 50 800 Td " + " ".join(f"({one}) Tj 9 0 Td" for one in REAL) + " ET"),
    "in a table with many lines": pdf(
        *["0 0 m 9 9 l S " * 40_000 + "BT (nothing) Tj ET"] * 7,
        "0 0 m 9 9 l S " * 40_000 + f"BT /F1 12 Tf 50 800 Td ({REAL}) Tj ET",
    ),
    "behind a drawing": pdf("0 0 m 9 9 l S " * 200_000, f"BT /F1 12 Tf 50 800 Td ({REAL}) Tj ET"),
    "beside words with signs of the language": pdf(
        "0 0 m 9 9 l S " * 10_000
        + "BT /F1 12 Tf (SIRET 732 829, NETTO (ET BT) \\( TTC) Tj ET q /F1 9 Tf Q 1 0 0 RG\n"
        + "BI /W 9 /H 1 ID xBTy ET z\nEI\n"
        + f"BT 50 800 Td ({REAL}) Tj ET"
    ),
    "before much that is none of it": by_glyphs(REAL) + b"\n%" * 200_000,
    "behind a broken page": pdf("BT /F1 12 Tf (x) Tj [ ET", f"BT /F1 12 Tf 50 800 Td ({REAL}) Tj ET"),
    "on the last page": pdf(*["BT (nothing) Tj ET"] * 60, f"BT /F1 12 Tf 50 800 Td ({REAL}) Tj ET"),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_pdf_that_shows_an_address_is_held(name: str) -> None:
    content = SAMPLES[name]
    assert REAL.encode() not in content
    assert shown(masked(incoming(content, kind="application/pdf", name="invoice.pdf"))) == ["file"]


@pytest.mark.parametrize("name", ["glyphs", "kerned hexadecimal", "behind a picture"])
def test_so_is_one_within_another_file(name: str) -> None:
    tnef = b"\x78\x9f\x3e\x22\x01\x00" + os.urandom(3_000) + SAMPLES[name] + os.urandom(90_000) + by_glyphs("Thanks")
    assert shown(masked(incoming(tnef, kind="application/ms-tnef", name="winmail.dat"))) == ["file"]


def test_an_address_that_ends_in_another_one_holds_nothing() -> None:
    content = by_glyphs("Write to suzanna@people.example")
    known = Known("anna@people.example", HARD.alias)
    found = masked(incoming(content, kind="application/pdf", name="invoice.pdf"), known)
    assert leakgate.leaks(outgoing(found), (known,)) == []


def test_a_map_that_names_every_number_there_is_costs_once_what_it_costs() -> None:
    shown_as = numbered(REAL)
    pages = [f"BT /F1 12 Tf 50 800 Td <{ord('x'):04x}> Tj ET"] * 59
    content = pdf(*pages, f"BT /F1 12 Tf 50 800 Td <{shown_as}> Tj ET", font=EVERY_NUMBER)
    began = time.process_time()
    assert REAL in "".join(page.printed for page in pages_of(content))
    assert time.process_time() - began < 2


@pytest.mark.parametrize("error", [MemoryError, SoftTimeLimitExceeded])
def test_what_says_nothing_of_the_file_is_not_taken_for_its_fault(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a page that is read as it stands, and of one that is drawn as well."""

    def fail(_page: object) -> str:
        raise error

    monkeypatch.setattr(pdfs, "_extracted", fail)
    for page in ("BT (x) Tj ET", "0 0 m 9 9 l S " * 10_000 + "BT (x) Tj ET"):
        with pytest.raises(error):
            pages_of(pdf(page))


def test_no_more_is_read_than_there_is_time_for() -> None:
    budget = pdfs.Budget(0.05)
    heavy = pdf(*["BT " + "(x) Tj " * 15_000 + "ET"] * 50)
    assert len(pages_of(heavy * 3, budget)) < 50
    assert budget.seconds < 0
    assert pages_of(by_glyphs(REAL), budget) == []


ESCAPED = [
    lambda signs: json.dumps({"f": signs}).replace("/", "\\/"),
    lambda signs: json.dumps({"f": signs}).replace("+", "\\u002B"),
    lambda signs: json.dumps({"f": "\n".join(re.findall(".{1,60}", signs))}),
    lambda signs: "<F>" + "&#13;\n".join(re.findall(".{1,76}", signs)) + "</F>",
    lambda signs: "<F>" + "&#xD;&#10;".join(re.findall(".{1,76}", signs)) + "</F>",
    lambda signs: "\n".join(f"> {line}" for line in re.findall(".{1,76}", signs)),
    lambda signs: json.dumps({"data": signs.replace("+", "-").replace("/", "_")}),
]


@pytest.mark.parametrize("number", range(len(ESCAPED)))
@pytest.mark.parametrize("codec", ["utf-8", "utf-16"])
def test_however_the_base64_is_written(number: int, codec: str) -> None:
    text = "see " + ESCAPED[number](base64.b64encode(SAMPLES["glyphs"]).decode())
    assert shown(masked(incoming(text.encode(codec), kind="text/plain", name="a.txt"))) == ["file"]


@pytest.mark.parametrize(
    ("name", "kind", "before", "between", "after"),
    [
        (
            "a.xml",
            "application/xml",
            "<Invoice><Embedded mimeCode='application/pdf'>\n",
            "\n",
            "\n</Embedded></Invoice>",
        ),
        ("a.json", "application/json", '{"file":"', "", '"}'),
        ("a.ics", "text/calendar", "BEGIN:VCALENDAR\r\nATTACH;ENCODING=BASE64:", "\r\n ", "\r\nEND:VCALENDAR\r\n"),
    ],
)
def test_and_one_that_a_text_holds_in_base64(name: str, kind: str, before: str, between: str, after: str) -> None:
    for sample, is_held in ((SAMPLES["glyphs"], True), (by_glyphs("Bill to: joe@people.example"), False)):
        signs = base64.b64encode(sample).decode()
        lines = between.join(signs[place : place + 76] for place in range(0, len(signs), 76))
        found = masked(incoming(f"{before}{lines}{after}".encode(), kind=kind, name=name))
        assert (shown(found), found.files[0].is_searchable) == (["file"] if is_held else [], False)


@pytest.mark.parametrize(
    "between",
    [
        ") Tj T* (",
        ") Tj ET\nBT 31.19 785.2 Td (",
        ") Tj ET Q\nq 1 0 0 rg BT 31.2 7 Td 1.7 Tw (",
        ")] TJ ET Q\nq BT 5 7 Td [(",
        ")0.164795]TJ\nT*[(",
    ],
    ids=["ReportLab", "fpdf2", "FPDF", "TCPDF", "Ghostscript"],
)
@pytest.mark.parametrize("is_packed", [True, False], ids=["packed", "as jsPDF"])
@pytest.mark.parametrize("place", [20, len(SOFT.real) + 1, len(SOFT.real) + 7])
def test_a_soft_alias_that_goes_on_in_the_next_line_holds_nothing(between: str, place: int, *, is_packed: bool) -> None:
    begin, end = ("[(", ")] TJ") if "]" in between else ("(", ") Tj")

    def holds(text: str) -> list[str]:
        lines = between.join([f"E-mail: {text[:place]}", text[place:]])
        content = pdf(f"BT /F1 12 Tf 50 800 Td {begin}{lines}{end} ET", is_packed=is_packed)
        return shown(masked(incoming(content, name="a.pdf", kind="application/pdf"), SOFT))

    assert holds(SOFT.alias) == []
    assert holds(f"Sold to Mr. John Doe, {SOFT.real}, Tel. 11 5555-0000 and more of that") == ["file"]


def test_it_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read = Mock(wraps=pdfs._read)
    monkeypatch.setattr(pdfs, "_read", read)
    assert shown(masked(incoming(by_glyphs("Nobody"), name="a.pdf", kind="application/pdf"))) == []
    assert read.call_count == 1


def test_no_end_is_looked_for_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library looks for it through the whole file, line by line."""
    read = Mock(wraps=pypdf.PdfReader)
    monkeypatch.setattr("conversation_tracker.mailflow.pdfs.PdfReader", read)
    content = by_glyphs("Nobody")
    pages_of(content[: content.rfind(b"startxref")])
    assert read.call_count == 0
    pages_of(content)
    assert read.call_count == 1


ATTACHED = b"/Type/EmbeddedFile"


def zipped(text: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", text)
    return out.getvalue()


@pytest.mark.parametrize(
    "inner", [by_glyphs(REAL), pdf("BT (no) Tj ET", extra=[packed(by_glyphs(REAL), kind=ATTACHED)]), zipped(REAL)],
    ids=["pdf", "pdf in pdf", "docx"],
)  # fmt: skip
@pytest.mark.parametrize("is_packed", [True, False])
def test_what_is_attached_to_one_is_read(inner: bytes, *, is_packed: bool) -> None:
    plain = b"<<%s/Length %d>>stream\n%s\nendstream" % (ATTACHED, len(inner), inner)
    content = pdf("BT (Terms) Tj ET", extra=[packed(inner, kind=ATTACHED) if is_packed else plain])
    assert shown(masked(incoming(content, name="a.pdf", kind="application/pdf"))) == ["file"]


def noted(note: AnnotationDictionary, locked_by: str) -> bytes:
    """A PDF with this on its page, which it may take an owner's password to change, and none to read."""
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(by_glyphs("Nobody")))
    writer.add_annotation(0, note)
    if locked_by:
        writer.encrypt("", "owner", algorithm=locked_by)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


AREA = (50, 50, 100, 100)
FILES_OF = "https://people-my.sharepoint.com/personal/{}/Documents/invoice.pdf"


FIELD = AnnotationDictionary()
FIELD.update({NameObject("/Rect"): ArrayObject(map(NumberObject, AREA)), NameObject("/Subtype"): NameObject("/Widget")})
FIELD[NameObject("/Parent")] = DictionaryObject({NameObject("/V"): TextStringObject(REAL)})  # shown in several places


@pytest.mark.parametrize(
    "note",
    [
        Link(rect=AREA, url=f"https://desk.example/?c={REAL}"),
        Link(rect=AREA, url=FILES_OF.format(re.sub(r"\W", "_", REAL))),
        FreeText(rect=AREA, text=f"Ask {REAL}"),
        FIELD,
    ],
    ids=["link", "somebody's files", "note", "field"],
)
@pytest.mark.parametrize("locked_by", ["", "RC4-128", "AES-256"])
def test_what_lies_on_a_page_is_read_also_of_one_that_is_locked(note: AnnotationDictionary, locked_by: str) -> None:
    content = noted(note, locked_by)
    assert shown(masked(incoming(content, name="a.pdf", kind="application/pdf"))) == ["file"]
    for other in (FILES_OF.format("joe_people_example"), f"https://desk.example/?c={quote(SOFT.alias)}"):
        content = noted(Link(rect=AREA, url=other), locked_by)
        assert shown(masked(incoming(content, name="a.pdf", kind="application/pdf"), SOFT)) == []


def test_as_many_streams_are_unpacked_as_is_said() -> None:
    content = pdf(
        "BT ET", extra=[packed(b"x")] * (pdf_streams.MOST_STREAMS - 2) + [packed(REAL.encode()), packed(b"x")]
    )
    assert [REAL.encode() in one for one in pdf_streams.streams(content)].count(True) == 1


def test_of_very_much_on_a_page_the_first_is_read() -> None:
    much = pypdf.PdfWriter(clone_from=io.BytesIO(noted(FreeText(rect=AREA, text=f"{REAL} {'a b ' * 500_000}"), "")))
    notes = much.pages[0].annotations
    assert notes is not None
    notes.extend(list(notes) * 20_000)
    out = io.BytesIO()
    much.write(out)
    began = time.process_time()
    (page,) = pages_of(out.getvalue())
    assert (page.on_top.startswith(REAL), len(page.on_top) <= 2 * pdfs.LONGEST_ON_TOP) == (True, True)
    assert time.process_time() - began < pdfs.SECONDS


@pytest.mark.parametrize("locked_by", ["", "AES-256"])
def test_what_is_attached_is_read_behind_however_much(locked_by: str) -> None:
    """The XML of an invoice, which holds papers in base64; behind whole fonts and the descriptions of many pages."""
    papers = base64.b64encode(by_glyphs(f"Bill to: {REAL}"))
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf("BT ET", extra=[packed(b"x" * pdf_streams.LARGEST_STREAMS)])))
    writer.add_attachment("beyond.csv", b"0;" * 5_000_000)  # than the library unpacks
    writer.add_attachment("factur-x.xml", b"<AttachmentBinaryObject>" + papers + b"</AttachmentBinaryObject>")
    if locked_by:
        writer.encrypt("", "owner", algorithm=locked_by)
    out = io.BytesIO()
    writer.write(out)
    assert shown(masked(incoming(out.getvalue(), name="a.pdf", kind="application/pdf"))) == ["file"]


def test_a_broken_note_hides_none_that_follow() -> None:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(noted(FreeText(rect=AREA, text=f"Ask {REAL}"), "")))
    notes = writer.pages[0].annotations
    assert notes is not None
    notes.insert(0, NullObject())
    out = io.BytesIO()
    writer.write(out)
    (page,) = pages_of(out.getvalue())
    assert REAL in page.on_top


def test_each_of_many_in_a_file_of_another_kind_is_read() -> None:
    tar = b"\0".join(by_glyphs(REAL if number == 29 else "Nobody") for number in range(40))
    assert shown(masked(incoming(b"\0" + tar, name="a.tar", kind="application/x-tar"))) == ["file"]


def test_one_that_names_somebody_else_leaves_and_says_that_not_all_of_it_could_be_searched() -> None:
    content = by_glyphs(f"Bill to: joe@people.example or {SOFT.alias}")
    found = masked(incoming(content, kind="application/pdf", name="invoice.pdf"))
    assert (shown(found), found.files[0].content, found.files[0].is_searchable) == ([], content, False)


def test_the_text_is_read_as_it_is_seen() -> None:
    (page,) = pages_of(by_glyphs("Über 10 € – 注文"))
    read, joined, *_ = page.readings()
    assert (read.split(), joined.strip()) == (["Über", "10", "€", "–", "注文"], "Über10€–注文")


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_is_broken_in_a_pdf_ends_in_nothing_but_texts(data: st.DataObject) -> None:
    content = bytearray(SAMPLES[data.draw(st.sampled_from(["glyphs", "two pieces", "octal"]))])
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=20))
    assert all(isinstance(page.printed, str) for page in pages_of(bytes(content)))


LONG = "BT /F1 12 Tf " + " ".join(f"(Line {number} of a manual) Tj 0 -12 Td" for number in range(60)) + " ET"
HUGE = {
    "a manual of a thousand pages": pdf(*[LONG] * 1_000),
    "a page of 30 MB": pdf(LONG * 10_000),
    "a bomb": pdf("q " * 50_000_000),
    "many beginnings": b"%PDF-1.7\n" * 100_000,
    "pages in a circle": pdf("BT ET").replace(b"/Type/Page/Parent 2 0 R", b"/Type/Pages/Kids[2 0 R]"),
    "one in another": pdf("BT ET")[:-7] * 500,
}


@pytest.mark.parametrize("name", HUGE)
def test_a_huge_one_is_read_in_part_and_in_time(name: str) -> None:
    began = time.process_time()
    views = list(readings.views(HUGE[name], name="a.pdf", claimed="application/pdf", budget=readings.Budget()))
    assert time.process_time() - began < 5
    assert readings.Closed() in views


@pytest.mark.parametrize(("known", "places"), [(SOFT, []), (HARD, ["file"])])
def test_letters_in_hexadecimal_are_joined_where_a_kern_is_between_them(known: Known, places: list[str]) -> None:
    """As Prawn writes a Soft alias, of which the address alone would be seen."""
    place = SOFT.alias.index("b.ct") - 3
    said = SOFT.alias if known is SOFT else REAL
    pieces = f"<{said[:place].encode().hex()}> 40 <{said[place:].encode().hex()}>"
    found = masked(
        incoming(pdf(f"BT /F1 12 Tf 50 800 Td [{pieces}] TJ ET"), kind="application/pdf", name="a.pdf"), known
    )
    assert shown(found) == places
