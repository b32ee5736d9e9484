"""Tell what a file is by its content: its type, whether it is text, whether opening it runs something. Pure."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

import puremagic

from conversation_tracker.mailflow import charsets, headers

_SNIFFED = 8_192  # bytes looked at
# What runs, or renders as a page, when it is opened.
_DANGEROUS_ENDINGS = frozenset(
    {
        "ade", "adp", "apk", "app", "appx", "bat", "chm", "cmd", "com", "cpl", "dll", "dmg", "docm", "dotm", "exe",
        "hta", "htm", "html", "img", "inf", "ins", "isp", "iso", "jar", "js", "jse", "lib", "lnk", "mde", "mht",
        "mhtml", "msc", "msi", "msix", "msp", "mst", "nsh", "pif", "potm", "ppam", "ppsm", "pptm", "ps1", "py", "reg",
        "scr", "sct", "sh", "shb", "svg", "svgz", "sys", "url", "vb", "vbe", "vbs", "vhd", "vhdx", "vxd", "wsc", "wsf",
        "wsh", "xht", "xhtml", "xlam", "xll", "xlsm", "xltm", "xsl",
    }
)  # fmt: skip
_DANGEROUS_TYPES = frozenset(
    {
        "text/html",
        "image/svg+xml",
        "application/xhtml+xml",
        "application/javascript",
        "text/javascript",
        "application/x-msdownload",
        "application/vnd.microsoft.portable-executable",
        "application/x-dosexec",
        "application/x-executable",
        "application/x-sharedlib",
        "application/java-archive",
        "application/x-msi",
    }
)
_TEXT_TYPES = ("text/", "message/", "application/json", "application/xml", "application/ics", "application/rtf")
# Many programs call them octet-stream, and Windows a table what Excel makes.
_TEXT_ENDINGS = frozenset(
    {"csv", "edi", "eml", "htm", "html", "ics", "json", "mbox", "rem", "ret", "tsv", "txt", "vcf", "xml"}
)
_MAGIC = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"MZ", "application/x-msdownload"),
    (b"\x7fELF", "application/x-executable"),
)


# Zips, Microsoft's containers and signed data, for all of which one of their kinds is guessed; and how one is named.
_CONTAINERS = (
    "application/zip", "application/vnd.openxmlformats-officedocument", "application/excel", "application/msword",
    "application/vnd.ms-", "application/x-pkcs",
)  # fmt: skip
_NAMED = ("application/vnd.", "application/pkcs7-", "application/x-pkcs7-", "application/epub+zip")


@dataclass(frozen=True, slots=True)
class Nature:
    """What a file is; ``codec`` is set when its content is text that can be edited and written back."""

    content_type: str
    codec: str | None
    is_dangerous: bool


def nature(content: bytes, *, name: str, claimed: str, charset: str = "") -> Nature:
    """Look at the content first, at the claim only where the content does not tell."""
    ending = name.rpartition(".")[2].lower()
    is_text = claimed.startswith(_TEXT_TYPES) or ending in _TEXT_ENDINGS
    codec = _text_codec(content, charset, is_text=is_text)
    if codec is not None:
        content_type = _text_type(content, claimed, ending)
    else:
        content_type = _specific(_sniff(content, name), _safe_claim(claimed))
    dangerous = ending in _DANGEROUS_ENDINGS or content_type in _DANGEROUS_TYPES or content.startswith(b"#!")
    return Nature(content_type, codec, dangerous)


_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def _text_codec(content: bytes, charset: str, *, is_text: bool) -> str | None:
    """The codec in which the content is text, or None for what is not."""
    for mark, codec in _MARKS:
        if content.startswith(mark) and _decodes(content, codec):
            return codec
    declared = _odd_codec(charset) if is_text else None
    if declared is not None and _decodes(content, declared):
        return declared
    if content.startswith(tuple(magic for magic, _ in _MAGIC)) or b"\0" in content[:_SNIFFED]:
        return None
    if _decodes(content, "utf-8"):
        return "utf-8"
    return "latin-1" if is_text else None


def _odd_codec(charset: str) -> str | None:
    """The declared charset where its ASCII is not written as ASCII: UTF-7, UTF-16, UTF-32, EBCDIC."""
    codec = charsets.text_codec(charset) if charset else None
    if codec is None:
        return None
    try:
        return codec if codec == "utf-7" or "A@".encode(codec) != b"A@" else None
    except (UnicodeError, ValueError, LookupError):
        return None


def _decodes(content: bytes, codec: str) -> bool:
    try:
        text = content.decode(codec)
        if codec == "utf-7":  # in which Python lets halves of characters pass
            text.encode()
    except (UnicodeError, ValueError):
        return False
    return True


def _text_type(content: bytes, claimed: str, ending: str) -> str:
    start = content[:1_000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<script", b"<body")) or ending in {"htm", "html"}:
        return "text/html"
    if b"<svg" in start or ending == "svg":
        return "image/svg+xml"
    return _safe_claim(claimed) if claimed.startswith(_TEXT_TYPES) else "text/plain"


def _sniff(content: bytes, name: str) -> str:
    for magic, content_type in _MAGIC:
        if content.startswith(magic):
            return content_type
    try:
        return puremagic.from_string(content[:_SNIFFED] + content[-_SNIFFED:], mime=True, filename=name)[:100]
    except (puremagic.PureError, ValueError, IndexError):
        return ""


def _specific(sniffed: str, claim: str) -> str:
    """What it is by its content, unless that tells its container only, and the claim what is in there."""
    if not sniffed:
        return claim
    return claim if sniffed.startswith(_CONTAINERS) and claim.startswith(_NAMED) else sniffed


def _safe_claim(claimed: str) -> str:
    cleaned = headers.one_line(claimed)[:100].lower()
    maintype, slash, subtype = cleaned.partition("/")
    allowed = set("abcdefghijklmnopqrstuvwxyz0123456789.+-")
    fine = slash and maintype and subtype and not (set(maintype) | set(subtype)) - allowed
    return cleaned if fine and maintype not in {"multipart", "message"} else "application/octet-stream"
