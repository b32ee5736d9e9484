"""A file's type is told by its content, and by its claim where the content tells no more than what contains it."""

from __future__ import annotations

import io
import zipfile

import pytest

from conversation_tracker.mailflow import files


def packed() -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("pass.json", "{}")
    return written.getvalue()


ZIP = packed()
OLE = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(2_000)
SIGNED = bytes.fromhex("308006092a864886f70d010702") + bytes(300)


@pytest.mark.parametrize(
    ("content", "name", "claimed", "told"),
    [
        (ZIP, "ticket.pkpass", "application/vnd.apple.pkpass", "application/vnd.apple.pkpass"),
        (ZIP, "map.kmz", "application/vnd.google-earth.kmz", "application/vnd.google-earth.kmz"),
        (ZIP, "files.zip", "application/zip", "application/zip"),
        (ZIP, "files.zip", "application/pdf", "application/zip"),
        (OLE, "table.xls", "application/vnd.ms-excel", "application/vnd.ms-excel"),
        (SIGNED, "invoice.pdf.p7m", "application/pkcs7-mime", "application/pkcs7-mime"),
        (b"%PDF-1.7\n\0", "invoice.pkpass", "application/vnd.apple.pkpass", "application/pdf"),
        (b"MZ\0", "table.xls", "application/vnd.ms-excel", "application/x-msdownload"),
        (b"\0\1\2", "x", "application/x-own", "application/x-own"),
        (b"\0\1\2", "x", "multipart/mixed", "application/octet-stream"),
    ],
)
def test_the_type_of_a_file(content: bytes, name: str, claimed: str, told: str) -> None:
    assert files.nature(content, name=name, claimed=claimed).content_type == told
