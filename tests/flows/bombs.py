"""Mails made to stop whoever reads them, and broken ones, each as bytes by its name."""

from __future__ import annotations

import gzip
import io
import zipfile
from base64 import encodebytes

FROM, TO, SUBJECT = b"From: kim@carrier.example\r\n", b"To: shop@acme.example\r\n", b"Subject: Your parcel\r\n"
HEAD = FROM + TO + SUBJECT + b"MIME-Version: 1.0\r\n"
TEXT = b"\r\nIt is at your door.\r\n"
PIECE = 200_000


def _with_from(value: bytes) -> bytes:
    return b"From: " + value + b"\r\n" + TO + SUBJECT + TEXT


def _with_subject(value: bytes) -> bytes:
    return FROM + TO + b"Subject: " + value + b"\r\n" + TEXT


def _with_to(value: bytes) -> bytes:
    return FROM + b"To: " + value + b"\r\n" + SUBJECT + TEXT


def _typed(content_type: bytes, body: bytes, *more: bytes) -> bytes:
    lines = b"".join(line + b"\r\n" for line in more)
    return HEAD + b"Content-Type: " + content_type + b"\r\n" + lines + b"\r\n" + body


def _multiparts(depth: int) -> bytes:
    levels = (b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(depth))
    return HEAD + b"".join(levels) + TEXT


def _mails(depth: int) -> bytes:
    return HEAD + b"Content-Type: message/rfc822\r\n\r\n" * depth + HEAD + TEXT


def _parts(count: int) -> bytes:
    return _typed(b"multipart/mixed; boundary=x", b"--x\r\n\r\n\r\n" * count + b"--x--\r\n")


def _file(name: bytes, content_type: bytes, content: bytes) -> bytes:
    head = b"--x\r\nContent-Type: %s\r\nContent-Disposition: attachment; filename=%s\r\n" % (content_type, name)
    encoded = b"Content-Transfer-Encoding: base64\r\n\r\n" + encodebytes(content)
    return _typed(b"multipart/mixed; boundary=x", b"--x\r\n" + TEXT + head + encoded + b"--x--\r\n")


def _zip(count: int, size: int) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(count):
            archive.writestr(f"{number}.txt", b"0" * size)
    return held.getvalue()


# Over the guards.
ABSURD: dict[str, bytes] = {
    "98 kB of quotes in From": _with_from(b'"' * 98_000 + b" <kim@carrier.example>"),
    "1 kB of brackets in From": _with_from(b"(" * 1_000 + b"kim@carrier.example"),
    "multiparts 1,000 deep": _multiparts(1_000),
    "attached mails 1,000 deep": _mails(1_000),
    "Subject of 20,000 encoded words": _with_subject(b"=?utf-8?b?4pyTYWJj?= " * 20_000),
    "50,000 addresses in To": _with_to(b", ".join(b"a%d@b.example" % n for n in range(50_000))),
    "5,000 parameters": _typed(b"text/plain; " + b"; ".join(b"a*%d=b" % n for n in range(5_000)), TEXT),
    "100,000 empty parts": _parts(100_000),
    "Subject of 100 kB": _with_subject(b"x" * 100_000),
    "10,000 recipients": _with_to(b", ".join(b"a%d@b.example" % n for n in range(10_000))),
    "2,000 header fields": b"X-Pad: y\r\n" * 2_000 + HEAD + TEXT,
    "200 hops": b"Received: from a by b; Mon, 23 Nov 2026 10:00:00 +0000\r\n" * 200 + HEAD + TEXT,
    "all bytes there are": bytes(range(256)) * 1_000,
}
# As much as the guards let through.
JUST_BELOW: dict[str, bytes] = {
    "quotes below the limit": _with_from(b'"' * 15_900 + b" <kim@carrier.example>"),
    "backslashes and quotes below the limit": _with_from(b'\\"' * 7_900 + b" <kim@carrier.example>"),
    "brackets below the limit": _with_from(b"(" * 199 + b"kim@carrier.example"),
    "encoded words below the limit": _with_subject(b"=?utf-8?q?a?= " * 499),
    "addresses below the limit": _with_to(b", ".join(b"a%d@b.example" % n for n in range(900))),
    "parameters below the limit": _typed(b"text/plain; " + b"; ".join(b"a*%d=b" % n for n in range(99)), TEXT),
    "parts below the limit": _parts(490),
    "multiparts 49 deep": _multiparts(49),
    "attached mails 49 deep": _mails(49),
}
# Small to send and long to read.
HEAVY: dict[str, bytes] = {
    "HTML 100,000 deep": _typed(b"text/html", b"<div>" * 100_000),
    "a lot of < in HTML": _typed(b"text/html", b"<" * PIECE),
    "a lot of & in HTML": _typed(b"text/html", b"&#" * (PIECE // 2)),
    "a lot of @": _typed(b"text/plain", b"a@" * PIECE),
    "a lot of quote marks": _typed(b"text/plain", b">" * PIECE + b"\r\n> " * (PIECE // 4)),
    "a lot of soft line ends": _typed(
        b"text/plain", b"=\r\n" * (PIECE // 2), b"Content-Transfer-Encoding: quoted-printable"
    ),
    "combining marks": _typed(b"text/plain; charset=utf-8", "\u0301\u0316".encode() * (PIECE // 4)),
    "a zip that grows a thousand times": _file(b"a.zip", b"application/zip", _zip(20, 30 * PIECE)),
    "a gzip that grows a thousand times": _file(b"a.gz", b"application/gzip", gzip.compress(b"0" * 300 * PIECE)),
    "a lot of text about nobody": _file(b"a.csv", b"text/csv", b"kim@elsewhere.example;1;2;3\n" * 40_000),
}
# Broken, or meant to deceive.
BROKEN: dict[str, bytes] = {
    "nothing at all": b"",
    "no header": b"\r\n\r\nIt is at your door.",
    "no body": HEAD + b"\r\n",
    "NULs": FROM + TO + b"Subject: Your\0parcel\r\n\r\nIt is\0at your door.\r\n",
    "lone surrogates": _typed(b"text/plain; charset=utf-8", b"\xed\xa0\x80 at your door \xed\xbf\xbf"),
    "lone surrogates in UTF-16": _typed(b"text/plain; charset=utf-16-le", b"\x00\xd8a\x00"),
    "lone surrogates in Subject": _with_subject(b"=?utf-8?b?7aCA?= =?utf-16?b?ANg=?= \xed\xa0\x80"),
    "a header line in an encoded word": _with_subject(b"=?UTF-8?Q?Hello=0D=0ABcc:=20eve@evil.example?="),
    "two addresses read as one": _with_from(b"alice@example.org)bob@evil.example"),
    "8-bit everywhere": b"From: J\xf6rg \xff <kim@carrier.example>\r\nTo: \xe9\r\nX-\xe9: \xe9\r\nSubject: Caf\xe9\r\n"
    b"Content-Type: text/plain; charset=\xe9; name=\xe9\r\n\r\nCaf\xe9 \xff\xfe",
    "a charset that does not exist": _typed(b"text/plain; charset=klingon", b"Caf\xe9"),
    "a charset that is none": _typed(b"text/plain; charset=zip", b"Caf\xe9"),
    "a transfer encoding that does not exist": _typed(b"text/plain", b"Caf\xe9", b"Content-Transfer-Encoding: x"),
    "base64 that is none": _typed(b"text/plain", b"A" * 10_001 + b"\xff=", b"Content-Transfer-Encoding: base64"),
    "a boundary that never comes": _typed(b"multipart/mixed; boundary=x", b"It is at your door."),
    "a multipart without a boundary": _typed(b"multipart/mixed", b"It is at your door."),
    "dates of nowhere": b"Date: Fri, 99 Foo 99999 99:99:99 +9999\r\n" + HEAD + TEXT,
}
