"""The last look before a mail leaves finds an address wherever it hides."""

from __future__ import annotations

import base64
import quopri
from email.message import EmailMessage

import pytest

from conversation_tracker.mailflow import leakgate, readings
from orders.known import Known

ANNA = Known("anna@people.example", "11111111111111111111111111111111@ct.example")
SOFT = Known("bob@people.example", "bob@people.example-123456789012b.ct.example")
ADDRESS = b"anna@people.example"


def leaks(raw: bytes) -> list[str]:
    return leakgate.leaks(raw, (ANNA, SOFT))


def part(encoding: bytes, body: bytes, kind: bytes = b"text/plain") -> bytes:
    return b"Content-Type: " + kind + b"; charset=utf-8\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n" + body


@pytest.mark.parametrize(
    ("raw", "places"),
    [
        (b"Subject: hi\r\n\r\nnothing here", []),
        (b"To: anna@people.example\r\n\r\nhi", []),
        (b"Cc: anna@people.example\r\n\r\nhi", ["header Cc"]),
        (b"Subject: =?utf-8?b?" + base64.b64encode(ADDRESS) + b"?=\r\n\r\nhi", ["header Subject"]),
        (b"From: \"anna@people.example\" <1@ct.example>\r\n\r\nhi", ["header From"]),
        (b"Message-ID: <anna@people.example>\r\n\r\nhi", ["header Message-ID"]),
        (b"\r\nANNA@People.EXAMPLE", ["plain body"]),
        (part(b"base64", base64.encodebytes(ADDRESS)), ["plain body"]),
        (part(b"quoted-printable", quopri.encodestring(b"anna=people " + ADDRESS)), ["plain body"]),
        (part(b"8bit", b"<p>anna&#64;people.example</p>", b"text/html"), ["html body"]),
        (part(b"8bit", b"<p>an<b>na</b>@people.example</p>", b"text/html"), ["html body"]),
        (part(b"8bit", b"<p>Anna</p><p><b>anna</b>@people.<wbr>example</p>", b"text/html"), ["html body"]),
        (part(b"8bit", b'<a href="https://x.example/?m=anna%2540people.example">x</a>', b"text/html"), ["html body"]),
        (part(b"8bit", "an\u200bna@people.example".encode()), ["plain body"]),
        (part(b"8bit", b"anna @ people.example"), ["plain body"]),
        (part(b"8bit", b"bob@people.example"), ["plain body"]),
        (part(b"8bit", b"bob@people.example-123456789012b.ct.example"), []),
        (part(b"8bit", b"bob@people.example-1b.elsewhere.example"), ["plain body"]),
    ],
)  # fmt: skip
def test_an_address_is_found_wherever_it_hides(raw: bytes, places: list[str]) -> None:
    assert leaks(raw) == places


def test_files_and_their_names_are_searched() -> None:
    message = EmailMessage()
    message.set_content("hi")
    message.add_attachment(b"%PDF-1.4 anna@people.example", maintype="application", subtype="pdf", filename="a.pdf")
    message.add_attachment(
        b"\x00\x01" + "anna@people.example".encode("utf-16-le"), maintype="application", subtype="x", filename="b"
    )
    message.add_attachment(b"fine", maintype="application", subtype="x", filename="anna@people.example.txt")
    assert leaks(message.as_bytes()) == ["file", "file name"]


def test_photos_in_attached_mails_are_looked_into_once_and_not_read_as_words() -> None:
    """That took seconds for each megabyte."""
    inner = EmailMessage()
    inner["Subject"] = "Broken"
    inner.set_content("see")
    inner.add_attachment(bytes(range(256)) * 100, maintype="image", subtype="jpeg", filename="a.jpg")
    raw = inner.as_bytes()
    seen = readings.views(raw, name="a.eml", claimed="message/rfc822", budget=readings.Budget())
    texts = [view.text for view in seen if isinstance(view, readings.Text)]
    assert "Subject: Broken" in texts[0]
    assert len(texts[0]) < 2_000 < len(raw)


@pytest.mark.parametrize("encoding", ["base64", "8bit"])
def test_base64_in_attached_mails_is_read_all_the_same(encoding: str) -> None:
    """Of a file, and of one that stands in the text."""
    packed = base64.encodebytes(b"x" * 500 + ADDRESS + b"x" * 500)
    inner = EmailMessage()
    inner["From"] = inner["To"] = "1@ct.example"
    inner.set_content(packed.decode() if encoding == "8bit" else "see", cte="8bit" if encoding == "8bit" else "7bit")
    if encoding == "base64":
        inner.add_attachment(b"\0" + ADDRESS, maintype="image", subtype="jpeg", filename="a.jpg")
    outer = EmailMessage()
    outer.set_content("see")
    outer.add_attachment(inner)
    assert leaks(outer.as_bytes()) == [f"attached mail, {'plain body' if encoding == '8bit' else 'file'}"]


def test_attached_mails_are_searched_to_their_headers() -> None:
    inner = EmailMessage()
    inner["To"] = "anna@people.example"
    inner.set_content("hi")
    outer = EmailMessage()
    outer.set_content("see")
    outer.add_attachment(inner)
    assert leaks(outer.as_bytes()) == ["attached mail, header To"]
