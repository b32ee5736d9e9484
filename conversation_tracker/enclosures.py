"""Fetch a file that leaves with a mail, and make it a part of it, as whoever sends the mail takes it."""

from __future__ import annotations

import codecs
import mimetypes
import re
from collections.abc import Collection
from email.mime.base import MIMEBase

from django.conf import settings

from conversation_tracker import limits
from conversation_tracker.mailflow import charsets, frugal
from conversation_tracker.mailflow.shapes import StoredFile
from orders import rendering, vault

# Anymail refuses the whole mail where the provider takes no picture that stands in the text: there it is a file.
WITHOUT_INLINE = {"anymail.backends.brevo.EmailBackend", "anymail.backends.postal.EmailBackend"}
# … and where the provider drops a mail with a file whose type is another one than its name says.
TYPE_BY_NAME = {"anymail.backends.resend.EmailBackend"}
# … and where a text would be written anew in UTF-8: only what is called no text keeps its bytes.
IN_UTF_8 = {f"anymail.backends.{name}.EmailBackend" for name in ("brevo", "mailersend", "mailjet")}

PATIENCE = 20.0  # seconds
_IN_ASCII = re.compile(r"iso-2022|hz|utf-7", re.IGNORECASE)  # in whose bytes they write other letters
_MARKED = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def load(name: str) -> bytes:
    """As the vault does, but no longer than PATIENCE: mails without files wait behind one whose storage hangs. Raises
    limits.TooLong, and what ``vault.load`` raises.
    """
    with limits.clock_time(PATIENCE):
        return vault.load(name)


def part(file: StoredFile, *, shown: Collection[str]) -> MIMEBase:
    """The part. ``shown`` are the ids of the pictures that stand in the HTML; many programs give one to each file."""
    content = load(file.stored_as)
    maintype, _, subtype = _content_type(file, content).partition("/")
    found = MIMEBase(maintype, subtype or "octet-stream", name=file.name)
    if maintype == "text":
        found.set_param("charset", charset(content, declared=file.charset))
    found.set_payload(frugal.in_base64(content))
    found["Content-Transfer-Encoding"] = "base64"
    is_inline = _is_picture(file) and rendering.bare_id(file.content_id) in shown
    found.add_header("Content-Disposition", "inline" if is_inline else "attachment", filename=file.name)
    if is_inline:
        found.add_header("Content-ID", f"<{file.content_id}>")
    return found


def charset(content: bytes, *, declared: str = "") -> str:
    """One in which the text can be read, and written again as the same bytes: anymail does both, in UTF-8 where none is
    told. Many call a text in UTF-8 by another name; what they declare counts for others, and where letters are
    written in the bytes of ASCII, as in ISO-2022-JP.
    """
    known = charsets.larger(declared) if charsets.NAME.fullmatch(declared) else ""
    claimed = [declared, known] if known else []
    marked = [name for mark, name in _MARKED if content.startswith(mark)]
    first = claimed if b"\0" in content or _IN_ASCII.match(declared) else []
    return next((name for name in (*first, "utf-8", *marked, *claimed) if _keeps(content, name)), "iso-8859-1")


def _keeps(content: bytes, name: str) -> bool:
    try:
        return content.decode(name).encode(name) == content
    except (LookupError, ValueError):  # the latter is UnicodeError's too
        return False


def _content_type(file: StoredFile, content: bytes) -> str:
    if settings.EMAIL_BACKEND in TYPE_BY_NAME and (named := mimetypes.guess_type(file.name)[0]):
        return named
    if file.content_type.startswith(("message/", "multipart/")):  # sent as a file: opened, it is the same mail
        return "application/octet-stream"
    is_text = file.content_type.startswith("text/")
    if settings.EMAIL_BACKEND in IN_UTF_8 and is_text and charset(content, declared=file.charset) != "utf-8":
        return "application/octet-stream"
    return file.content_type


def _is_picture(file: StoredFile) -> bool:
    is_image = file.content_type.startswith("image/")
    return is_image and bool(file.content_id) and settings.EMAIL_BACKEND not in WITHOUT_INLINE
