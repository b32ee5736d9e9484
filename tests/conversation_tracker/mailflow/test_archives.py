"""Files in a tar or a winmail.dat are read like any other, and what is behind large ones is said not to be."""

from __future__ import annotations

import base64
import gzip
import io
import os
import struct
import tarfile
import zipfile
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain

import pytest

from conversation_tracker.mailflow import mask, outlook, readings, tars
from conversation_tracker.mailflow.shapes import File, Mail, MaskedFile
from tests import stopwatch
from tests.conversation_tracker.mailflow import papers
from tests.conversation_tracker.mailflow.passing import HARD, MAIL, incoming, masked, shown

FOLDED = (
    b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nATTENDEE;CN=Anna;RSVP=TRUE:mailto:anna.real@peo\r\n\tple.example\r\n"
    b"END:VEVENT\r\nEND:VCALENDAR\r\n"
)
CUT = MAIL.partition(b"\r\nContent-Transfer-Encoding")[0] + (
    b"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nAsk anna.real@people=\r\n.example, yes\r\n"
)
TAGS = b"<html><body>Ask anna.real<b>@people.example</b></body></html>"
FILES = {"a.ics": FOLDED, "a.eml": CUT, "a.html": TAGS, "a.txt.gz": gzip.compress(TAGS)}


def attribute(level: int, kind: int, value: bytes) -> bytes:
    return struct.pack("<BII", level, kind, len(value)) + value + struct.pack("<H", sum(value) & 0xFFFF)


def tnef(files: dict[str, bytes]) -> bytes:
    """[MS-OXTNEF] §2.1.3: what Outlook sends as winmail.dat."""
    out = b"\x78\x9f\x3e\x22\x01\x00" + attribute(1, 0x00089006, b"\0\0\1\0")
    for name, content in files.items():
        out += attribute(2, 0x00069002, bytes(14)) + attribute(2, 0x00018010, name.encode() + b"\0")
        out += attribute(2, 0x0006800F, content)
    return out


def tar(files: dict[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        folder = tarfile.TarInfo("papers")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def zipped(files: dict[str, bytes], way: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", way) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


CONTAINERS = {
    "winmail.dat": tnef,
    "a.tar": tar,
    "a.tgz": lambda files: gzip.compress(tar(files)),
    "a.zip": zipped,
    "in a zip": lambda files: zipped({"winmail.dat": tnef(files)}),
    "in a mail": lambda files: tnef({"x": tnef(files)}),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("container", CONTAINERS)
def test_a_file_is_read_wherever_it_is_packed(container: str, name: str) -> None:
    content = CONTAINERS[container]({"fine.txt": b"fine", name: FILES[name], "last.txt": b"fine"})
    assert shown(masked(incoming(content, name=container, kind="application/octet-stream")))


@pytest.mark.parametrize("container", CONTAINERS)
def test_one_that_names_nobody_leaves_as_it_came(container: str) -> None:
    content = CONTAINERS[container](dict.fromkeys(FILES, b"fine, only \xe9 is odd"))
    found = masked(incoming(content, name=container, kind="application/octet-stream"))
    assert (found.files[0].content, shown(found)) == (content, [])


def test_a_mail_in_latin_1_within_a_zip_is_opened() -> None:
    content = zipped({"a.eml": CUT.replace(b"inner", b"Ol\xe1")})
    assert shown(masked(incoming(content, name="a.zip", kind="application/zip")))


def taken(content: bytes) -> dict[str, bytes]:
    return {name: content[start:end] for name, start, end in tars.files(content)}


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_a_tar_is_taken_apart(form: int) -> None:
    files = {"a.txt": b"", "d/b": b"b" * 512, "c": b"c" * 1_000}
    assert taken(tar(files, form)) == files
    assert list(taken(tar({f"long/{'n' * 98}/x": b"x"}, form)).values()) == [b"x"]


def test_of_a_tar_that_is_cut_or_odd_there_is_what_is_whole() -> None:
    whole = tar({"a": b"a" * 600, "b": b"b" * 600})
    assert list(taken(whole[: whole.index(b"b" * 600)])) == ["a", "b"]
    assert list(taken(whole[: whole.index(b"b" * 600) - 300])) == ["a"]
    for size in (b"\x80" + b"\xff" * 11, b"\xff" * 12, b"-0000000001\0", b"9" * 12, bytes(12)):
        odd = bytearray(whole)
        place = odd.index(b"a\0", 512)
        odd[place + 124 : place + 136] = size
        assert next(iter(taken(bytes(odd)))) == "a"


def hostile() -> Iterator[bytes]:
    block = bytearray(tar({"a": b""}, tarfile.USTAR_FORMAT)[512:1024])
    yield bytes(block) * 60_000
    block[156:157] = b"5"
    yield bytes(block) * 60_000
    yield tnef({}) * 1_000_000
    yield tnef({})[:6] + attribute(1, 1, b"") * 2_500_000
    yield tnef({})[:6] * 40 + attribute(1, 1, b"") * 2_500_000
    yield (b"\x78\x9f\x3e\x22\x01\x00" + struct.pack("<BII", 2, 0x0006800F, 29_000_000)) * 2_000_000


@pytest.mark.parametrize("content", list(hostile()), ids=range(6))
def test_none_takes_long(content: bytes) -> None:
    assert stopwatch.least(lambda: deque(chain(tars.files(content), outlook.files(content)), maxlen=0)) < 1


PHOTO = b"\xff\xd8\xff\xe0" + os.urandom(2_000_000)
PHOTOS = {f"{number}.jpg": PHOTO for number in range(11)}


def holding(*files: tuple[str, bytes]) -> Mail:
    return Mail(None, "", "", (), "", "", "", tuple(File(name, "application/octet-stream", raw) for name, raw in files))


def files_of(*files: tuple[str, bytes]) -> tuple[MaskedFile, ...]:
    return mask.mask(holding(*files), (HARD,)).files


def paper(text: bytes) -> bytes:
    return zipped({"word/document.xml": b"<w:t>%s</w:t>" % text})


@pytest.mark.parametrize(
    "large",
    [
        zipped(PHOTOS, zipfile.ZIP_STORED),
        zipped({f"{number}.png": b"\x89PNG\r\n\x1a\n\0" for number in range(readings.MOST_MEMBERS + 1)}),
        gzip.compress(b"<x>" * 7_000_000),
    ],
    ids=range(3),
)
def test_what_the_gate_cannot_read_behind_a_large_file_is_said_not_to_be_searched(large: bytes) -> None:
    paper_of_anna = paper(b"anna.real@people.example")
    found = files_of(("first.txt", b"fine"), ("large.zip", large), ("small.docx", paper_of_anna))
    assert [one.is_searchable for one in found] == [True, False, False]
    first = files_of(("small.docx", paper(b"fine")), ("large.zip", large))
    assert [one.is_searchable for one in first] == [True, False]


def attached(raw: bytes) -> bytes:
    return incoming(raw, name="a.eml", kind="application/octet-stream")


@pytest.mark.parametrize(
    "flagged",
    [
        zipped({"a.eml": incoming(zipped(PHOTOS, zipfile.ZIP_STORED), name="p.zip", kind="application/zip")}),
        b"%PDF-1.7" + zipped(PHOTOS, zipfile.ZIP_STORED),
    ],
    ids=["a mail in a zip", "a paper"],
)
def test_mails_in_files_take_nothing_from_the_files_behind_them(flagged: bytes) -> None:
    raw = incoming(flagged, name="large.bin", kind="application/octet-stream")
    anna = incoming(paper(b"anna.real@people.example"), name="small.docx", kind="application/octet-stream")
    start, _, end = raw.rpartition(b"\r\n--BB--")
    found = masked(start + b"\r\n--BB" + anna.split(b"\r\n--BB", 2)[2] + end)
    is_searchable = {one.name: one.is_searchable for one in found.files}
    assert not is_searchable["large.bin"]
    assert shown(found) == ["file"] or not is_searchable["small.docx"]


def test_in_a_mail_in_an_attached_mail_nothing_is_said_to_be_searched() -> None:
    large = zipped({"a.xml": b"<x>" + b" " * 15_000_000})
    inner = File(
        "b.eml", "message/rfc822", b"", nested=holding(("large.xlsx", large[:-1] + b"\0"), ("b.docx", paper(b"x")))
    )
    outer = File("a.eml", "message/rfc822", b"", nested=replace(holding(("a.xlsx", large)), files=(inner,)))
    found = mask.mask(replace(holding(), files=(outer,)), (HARD,))
    assert not found.files[0].is_searchable
    one = File("a.eml", "message/rfc822", b"", nested=holding(("a.docx", paper(b"x"))))
    assert mask.mask(replace(holding(), files=(one,)), (HARD,)).files[0].is_searchable


@pytest.mark.parametrize("container", [tar, tnef])
def test_a_zip_with_a_zip_in_it_is_read_to_its_end(container: Callable[[dict[str, bytes]], bytes]) -> None:
    inner = zipped({"fine.txt": b"fine"})
    outer = zipped({"a.docx": paper(b"anna.real@people.example"), "b.zip": inner, "c": b"c"}, zipfile.ZIP_STORED)
    for files in ({"a.zip": outer}, {"1.zip": inner, "2.zip": outer, "3.zip": inner}):
        assert shown(masked(incoming(container(files), name="a.bin", kind="application/octet-stream")))
    beside = container({"1.zip": inner}) + outer
    assert shown(masked(incoming(beside, name="a.bin", kind="application/octet-stream")))


PAGE = (
    b"From: <Saved by Blink>\r\nSnapshot-Content-Location: https://bank.example/\r\nSubject: Receipt\r\n"
    b'MIME-Version: 1.0\r\nContent-Type: multipart/related; type="text/html"; boundary="P"\r\n\r\n\r\n'
    b"--P\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n"
    b"Content-Location: https://bank.example/\r\n\r\n<h1>Paid by %s</h1>\r\n--P\r\nContent-Type: text/css\r\n"
    b"Content-Location: cid:css@mhtml.blink\r\n\r\nh1 { color: red }\r\n--P--\r\n"
)


@pytest.mark.parametrize("kind", ["message/rfc822", "application/octet-stream", "multipart/x-page", "text/html"])
@pytest.mark.parametrize("name", ["a.mhtml", "B.MHT"])
def test_a_page_that_a_browser_saved_stays_whole(name: str, kind: str) -> None:
    page = PAGE % b"Kim"
    encoding = "8bit" if kind.startswith(("message", "multipart")) else "base64"
    found = masked(incoming(page, name=name, kind=kind, encoding=encoding))
    assert found.files[0].content.split() == page.split()  # a mail's line ends are not the page's
    assert (shown(found), found.files[0].is_dangerous) == ([], True)


def test_one_that_shows_an_address_is_masked_or_held() -> None:
    plain = masked(incoming(PAGE % b"anna.real@people.example", name="a.mht", kind="application/octet-stream"))
    assert (shown(plain), HARD.alias.encode() in plain.files[0].content) == ([], True)
    tags = masked(incoming(PAGE % b"anna=2Ereal<b>@people.example</b>", name="a.mht", kind="application/octet-stream"))
    assert "attached mail, html body" in shown(tags)


@pytest.mark.parametrize(
    "pack",
    [
        lambda one: zipped({"a.tgz": gzip.compress(tar({"l.docx": one}))}),
        lambda one: gzip.compress(tar({"a.zip": zipped({"l.docx": one})})),
        lambda one: zipped({"a.dat": tnef({"a.zip": zipped({"l.docx": one})})}),
        lambda one: zipped({"a.zip": zipped({"a.tar": tar({"l.docx": one})})}),
    ],
    ids=range(4),
)
def test_a_tar_takes_no_level_from_the_zips_in_it(pack: Callable[[bytes], bytes]) -> None:
    content = pack(paper(b"anna.real@people.example"))
    assert shown(masked(incoming(content, name="a.bin", kind="application/octet-stream")))


def test_a_text_with_more_packed_files_than_are_read_is_said_not_to_be_searched() -> None:
    many = zipped({f"{number}.txt": b"fine" for number in range(readings.MOST_MEMBERS)})
    text = b'{"file": "%s"}' % base64.b64encode(paper(b"fine") + bytes(100))
    found = files_of(("first.json", text), ("a.zip", many), ("last.json", text))
    assert [one.is_searchable for one in found] == [True, False, False]


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n0 0 moveto showpage\n%%EOF\n"


@pytest.mark.parametrize("behind", [POSTSCRIPT, POSTSCRIPT + b" " * 100_000, b"startx", b"\n%%EOF"])
def test_a_paper_before_postscript_is_read(behind: bytes) -> None:
    content = tar({"a.pdf": papers.by_glyphs("anna.real@people.example"), "logo.eps": behind})
    assert shown(masked(incoming(content, name="a.tar", kind="application/x-tar")))


def test_a_zip_in_base64_in_a_workbook_in_a_zip_is_read() -> None:
    inner = zipped({"Formulas/Section1.m": b"anna.real@people.example"})
    query = base64.b64encode(bytes(4) + len(inner).to_bytes(4, "little") + inner).decode()
    item = f"<DataMashup>{query}</DataMashup>".encode("utf-16")
    content = zipped({"list.xlsx": zipped({"customXml/item1.xml": item})})
    assert shown(masked(incoming(content, name="a.zip", kind="application/zip")))


def test_what_is_packed_in_a_text_too_deep_to_be_read_is_said_not_to_be_searched() -> None:
    text = b'{"file": "%s"}' % base64.b64encode(paper(b"fine") + bytes(100))
    deep = zipped({"a.zip": zipped({"b.zip": zipped({"c.json": text})})})
    deepest = zipped({"a.zip": zipped({"b.zip": zipped({"c.json": b"{}"})})})
    found = files_of(("a.zip", deep), ("b.zip", deepest))
    assert [one.is_searchable for one in found] == [False, True]


def test_a_file_that_is_listed_often_is_read_once() -> None:
    names = zipped({str(number): b"" for number in range(3_000)}, zipfile.ZIP_STORED)
    chains = (tnef({})[:6] + struct.pack("<BII", 1, 1, 15 * (49 - number)) for number in range(50))
    content = b"".join(chains) + bytes(2) + attribute(2, 0x0006800F, names)
    found = list(readings.views(content, name="", claimed="", budget=readings.Budget()))
    assert len(found) < 10_000
