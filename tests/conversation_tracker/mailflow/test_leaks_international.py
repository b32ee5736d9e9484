"""No address beyond ASCII leaves in any kind of file, however links, scripts, pages, mails and logs write it."""

from __future__ import annotations

import base64
import gzip
import html
import json
import unicodedata
import zlib
from collections.abc import Callable
from html.entities import codepoint2name
from urllib.parse import quote

import pytest

from conversation_tracker.mailflow import leakgate
from orders import addresses
from orders.known import Known
from tests.conversation_tracker.mailflow.passing import incoming, masked, outgoing, said
from tests.conversation_tracker.mailflow.test_leaks_in_files import pdf, png, zipped

ALIAS = f"{'1' * 32}@ct.example"
REALS = (
    "kim@bücher.example",
    "josé@people.example",
    "ana-lúcia@pão-quente.com.br",
    "νίκος@αθήνα.gr",
    "info@магазин.рф",
    "zażółć@łódź-sklep.pl",
    "佐藤@商店.example",
)

Way = Callable[[str], str]


def each(written: Callable[[str], str]) -> Way:
    """What is beyond ASCII, written so letter by letter."""
    return lambda text: "".join(char if char.isascii() else written(char) for char in text)


def octets(form: str) -> Way:
    return each(lambda char: "".join(form.format(octet) for octet in char.encode()))


def read_twice(text: str) -> str:
    """UTF-8 that somebody reads as Windows-1252."""
    return "".join(bytes([octet]).decode("cp1252", "ignore") or chr(octet) for octet in text.encode())


def of_proofpoint(text: str) -> str:
    link = quote(text, safe="").replace("%", "*")
    taken = base64.urlsafe_b64encode(b"%" * link.count("*")).decode()
    return f"https://urldefense.com/v3/__https://x.example/?m={link}__;{taken}!!a$"


IN_TEXT: dict[str, Way] = {
    "as it is": str,
    "capital": str.upper,
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
    "A-labels": lambda text: text.rpartition("@")[0] + "@" + text.rpartition("@")[2].encode("idna").decode(),
    "link": lambda text: quote(text, safe="@"),
    "link in a link": lambda text: quote(quote(text, safe=""), safe=""),
    "capital link": lambda text: quote(text.upper(), safe=""),
    "read twice, in a link": lambda text: quote(read_twice(text), safe="@"),
    "escape of JavaScript": each(lambda char: f"%u{ord(char):04X}"),
    "guarded link, 2": lambda text: (
        f"urldefense.proofpoint.com/v2/url?u={quote(text, safe='').replace('%', '-25')}&d=x"
    ),
    "guarded link, 3": of_proofpoint,
    "entities": each(lambda char: f"&#{ord(char)};"),
    "read twice, in entities": lambda text: html.escape(read_twice(text)).encode("ascii", "xmlcharrefreplace").decode(),
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON of decomposed letters": lambda text: json.dumps(unicodedata.normalize("NFD", text))[1:-1],
    "JSON in JSON": lambda text: json.dumps(json.dumps(text)[1:-1])[1:-1],
    "ECMAScript": each(lambda char: f"\\u{{{ord(char):x}}}"),
    "log of nginx": octets("\\x{:02X}"),
    "path of Git": octets("\\{:03o}"),
    "quoted-printable": octets("={:02X}"),
    "quoted-printable over two lines": lambda text: (
        octets("={:02X}")(text)[:-3] + "=\r\n" + octets("={:02X}")(text)[-3:]
    ),
    "word of a header": lambda text: f"=?utf-8?Q?{octets('={:02X}')(text)}?=",
    "read twice": read_twice,
    "read twice, capital": lambda text: read_twice(text.upper()),
    "from its end": lambda text: text[::-1],
    "base64": lambda text: base64.b64encode(f'{{"mail":"{text}"}}'.encode()).decode(),
    "base64 of UTF-16": lambda text: base64.b64encode(f"to {text} or".encode("utf-16-le")).decode(),
    "hexadecimal of UTF-16": lambda text: f"to {text} or".encode("utf-16-be").hex(),
    "base64 of gzip": lambda text: base64.b64encode(gzip.compress(f"mail={text}&x=1".encode())).decode(),
    "cut by a line end": lambda text: text[:-5] + "\r\n> " + text[-5:],
    "a word for the sign": lambda text: text.replace("@", " (at) "),
}
IN_LATIN_1: dict[str, Way] = {
    "read three times": lambda text: read_twice(read_twice(text)),
    "link": lambda text: quote(text, safe="@", encoding="cp1252"),
    "escaped name": each(lambda char: f"&amp;{codepoint2name[ord(char)]};"),
    "script": each(lambda char: f"\\x{ord(char):02x}"),
    "quoted-printable": each(lambda char: f"={ord(char):02X}"),
    "word of a header": lambda text: f"=?iso-8859-1?Q?{text.replace('é', '=E9').replace('ü', '=FC')}?=",
    "base64": lambda text: base64.b64encode(f"mail={text}&x=1".encode("cp1252")).decode(),
    "hexadecimal": lambda text: f"to {text} or".encode("cp1252").hex(),
}
FILES: dict[str, Callable[[str], bytes]] = {
    "text": lambda text: said(f"Olá: {text} 10⁵"),
    "HTML": lambda text: said(f"<p>Olá: {html.escape(text)} 10⁵</p>", kind="html"),
    "text file": lambda text: incoming(text.encode(), kind="text/plain", name="a.txt", charset="utf-8"),
    "CSV in UTF-16": lambda text: incoming(f"1;{text};2".encode("utf-16"), kind="text/csv", name="a.csv"),
    "JSON": lambda text: incoming(
        json.dumps({"m": text}, ensure_ascii=False).encode(), kind="application/json", name="a"
    ),
    "XML": lambda text: incoming(f"<a>{html.escape(text)}</a>".encode(), kind="application/xml", name="a.xml"),
    "docx": lambda text: incoming(zipped(f"<w:t>{html.escape(text)}</w:t>".encode()), kind="application/x", name="a"),
    "log in gzip": lambda text: incoming(gzip.compress(text.encode()), kind="application/gzip", name="a.gz"),
    "mail": lambda text: incoming(said(f"see {text} there"), kind="message/rfc822", encoding="8bit"),
}  # fmt: skip
# There a program reads what is written, and no more than that.
BYTES: dict[str, Callable[[str], bytes]] = {
    "UTF-8": lambda text: text.encode(),
    "UTF-16": lambda text: text.encode("utf-16-le"),
    "UTF-16, out of step": lambda text: b"\1" + text.encode("utf-16-le"),
    "UTF-16, the other way round": lambda text: text.encode("utf-16-be"),
    "UTF-16, the other way round and out of step": lambda text: b"\1" + text.encode("utf-16-be"),
}


def leaves(raw: bytes, real: str) -> bool:
    """Whether it leaves, and shows the address still."""
    known = Known(addresses.key(real), ALIAS)
    found = masked(raw, known)
    if leakgate.leaks(outgoing(found), (known,)):
        return False
    shown = [found.subject, found.text, found.html]
    for file in found.files:
        shown += [file.content.decode(codec, "replace") for codec in ("utf-8", "utf-16")]
    return not any(ALIAS in one or "•••" in one for one in shown)


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("real", REALS)
def test_no_file_leaves_with_an_address_beyond_ascii(real: str, kind: str) -> None:
    assert [way for way, written in IN_TEXT.items() if leaves(FILES[kind](written(real)), real)] == []


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("real", ["kim@bücher.example", "josé@people.example", "ana-lúcia@pão-quente.com.br"])
def test_no_file_leaves_with_one_in_latin_1(real: str, kind: str) -> None:
    assert [way for way, written in IN_LATIN_1.items() if leaves(FILES[kind](written(real)), real)] == []


@pytest.mark.parametrize("codec", BYTES)
@pytest.mark.parametrize("real", REALS)
def test_no_bytes_leave_with_an_address_beyond_ascii(real: str, codec: str) -> None:
    written = BYTES[codec](real)
    files = {
        "bytes": incoming(b"\xff\xd8\0\1" + written + b"\0\xff", kind="application/octet-stream", name="a.bin"),
        "picture": incoming(png(b"iTXtAuthor\0\1\0en\0Author\0", written), kind="image/png", name="a.png"),
        "title of a PDF": incoming(pdf(zlib.compress(b"/Title(" + written + b")")), kind="application/pdf", name="a"),
    }
    assert [kind for kind, raw in files.items() if leaves(raw, real)] == []


@pytest.mark.parametrize("real", REALS)
def test_one_who_is_somebody_else_stays(real: str) -> None:
    other = real.replace("@", "x@")
    for way, written in IN_TEXT.items():
        if way not in {"from its end", "cut by a line end", "a word for the sign"}:
            found = masked(FILES["text"](written(other)), Known(addresses.key(real), ALIAS))
            assert (way, found.count) == (way, 0)
