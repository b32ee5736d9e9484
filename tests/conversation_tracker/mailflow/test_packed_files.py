"""A packed file that stands in base64 in a text, as in invoices and calendars, is unpacked whatever its length."""

from __future__ import annotations

import base64
import gzip
import io
import random
import tarfile
import zipfile
from collections.abc import Callable

import pytest

from tests.conversation_tracker.mailflow.passing import REAL, incoming, masked, shown

PLACES = {
    "a.xml": "<Invoice><EmbeddedDocumentBinaryObject>{}</EmbeddedDocumentBinaryObject></Invoice>",
    "b.xml": "<loteDistDFeInt><docZip>{0}</docZip><docZip>{0}</docZip></loteDistDFeInt>",
    "a.json": '{{"content": "{}", "name": "list.xlsx"}}',
    "a.ics": "BEGIN:VCALENDAR\r\nATTACH;ENCODING=BASE64;VALUE=BINARY:{}\r\nEND:VCALENDAR\r\n",
}


def zipped(padding: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", f"<sst><si><t>{REAL}</t></si></sst>")
        archive.writestr(f"xl/{padding}.xml", "<x/>")
    return out.getvalue()


def zipped_nobody(number: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for piece in range(20):
            archive.writestr(f"word/{number}-{piece}.xml", "<x/>")
    return out.getvalue()


def gzipped(padding: str) -> bytes:
    """So much that its address is beyond what is unpacked of any word."""
    noise = random.Random(7).randbytes(150_000).hex()
    return gzip.compress(f"{padding}{noise}<email>{REAL}</email>".encode(), mtime=0)


def test_so_is_one_in_a_mail_in_a_file_of_another_kind() -> None:
    mail = incoming(zipped("x"), name="list.xlsx", kind="application/octet-stream")
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        info = tarfile.TarInfo("mail.eml")
        info.size = len(mail)
        archive.addfile(info, io.BytesIO(mail))
    assert shown(masked(incoming(out.getvalue(), name="mails.tgz", kind="application/gzip"))) == [
        "file",
        "attached mail, file",
    ]


def test_so_is_one_that_begins_within_the_base64() -> None:
    """As Excel keeps a query: a version, the length of a zip, and the zip."""
    inner = zipped("x")
    query = base64.b64encode(b"\0" * 4 + len(inner).to_bytes(4, "little") + inner).decode()
    item = f"<DataMashup>{query}</DataMashup>".encode("utf-16")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("customXml/item1.xml", item)
    assert shown(masked(incoming(out.getvalue(), name="list.xlsx", kind="application/octet-stream"))) == ["file"]


def test_so_is_each_of_as_many_as_anybody_sends() -> None:
    """A Word file has some twenty pieces; and in a tar each stands behind the other."""
    files = [zipped("x" * number) if number == 19 else zipped_nobody(number) for number in range(20)]
    tar = b"\0" * 512 + (b"\0" * 512).join(files)
    assert shown(masked(incoming(tar, name="papers.tar", kind="application/x-tar"))) == ["file"]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number, file in enumerate(files):
            archive.writestr(f"{number}.docx", file)
    assert shown(masked(incoming(out.getvalue(), name="papers.zip", kind="application/zip"))) == ["file"]


@pytest.mark.parametrize("pack", [zipped, gzipped])
@pytest.mark.parametrize("name", PLACES)
def test_it_is_held_however_its_base64_ends(pack: Callable[[str], bytes], name: str) -> None:
    ends = {}
    for length in range(1, 12):
        signs = base64.b64encode(pack("x" * length)).decode()
        ends[signs.count("=")] = signs
    assert set(ends) == {0, 1, 2}
    for signs in ends.values():
        for written in (signs, signs.replace("=", "\\u003d"), signs.rstrip("=")):
            content = PLACES[name].format(written).encode()
            assert shown(masked(incoming(content, name=name, kind="application/octet-stream"))) == ["file"]
