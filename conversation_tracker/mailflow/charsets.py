"""Decode bytes as mail programs do, who read a charset's name as that of the larger one that is written under it. Pure.

Source: WHATWG Encoding Standard, §4.2 (names), §12 (Japanese).
"""

from __future__ import annotations

import codecs
import re
from itertools import chain, islice

# What is written under the name of a smaller charset, as Python calls both.
_LARGER = {
    "iso8859-1": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874", "tis-620": "cp874",
    "gb2312": "gb18030", "gbk": "gb18030", "big5": "big5hkscs", "euc_kr": "cp949", "shift_jis": "cp932",
    "iso2022_jp": "iso2022_jp_ext",
}  # fmt: skip
_IN_MAIL = {"cp932": "ms932", "cp1252": "windows-1252", "cp1254": "windows-1254", "iso2022_jp_ext": "iso-2022-jp"}
# Names that Python does not know.
_NAMES = {
    "windows-31j": "cp932", "sjis": "cp932", "eucjp": "euc_jp", "eucjp-ms": "euc_jp", "cp51932": "euc_jp",
    "eucjp-win": "euc_jp", "gb_2312-80": "gb2312", "gb-2312": "gb2312", "x-big5": "big5", "big-5": "big5",
    "koi8": "koi8_r", "koi": "koi8_r", "win-1251": "cp1251", "win1251": "cp1251", "win-1252": "cp1252",
    "cp50220": "iso2022_jp", "cp50221": "iso2022_jp", "cp50222": "iso2022_jp", "iso-2022-jp-ms": "iso2022_jp",
}  # fmt: skip
_LATIN = {"cp1252", "cp1254", "iso8859-15"}
_RARE_PAIRS, _MANY_SIGNS = range(0x180, 0x800), 5  # of two octets in UTF-8, but for the letters of Latin-1 and Europe
_WINDOWS = re.compile(r"^(?:windows|cp)-?([0-9]{3,5})$")
_VISUAL = re.compile(r"-[ie]$")  # of iso-8859-6 and -8: how the text is ordered
_JAPANESE = b"\x1b$B"
_KANA = re.compile(rb"\x82[\x9f-\xf1]|\x83[\x40-\x7e\x80-\x96]")  # in Shift_JIS
_META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]{2,40})", re.IGNORECASE)
NAME = re.compile(r"[A-Za-z0-9._:-]{1,40}")  # as it can stand in a header; Python knows it by more, with line ends say
_HEAD = 4_096  # octets of a page in which it says its charset


def text_codec(name: str) -> str | None:
    """The codec's name when it is a known text encoding, else None (also for ``hex``, ``zip`` and the like)."""
    name = name.strip().strip("'\"").lower()
    bare = name.removeprefix("x-").removeprefix("x-")
    plain = _WINDOWS.sub(r"cp\1", bare)
    for candidate in (name, _NAMES.get(bare, plain), _VISUAL.sub("", plain)):
        try:
            info = codecs.lookup(candidate)
        except (LookupError, ValueError, UnicodeError):
            continue
        is_text = getattr(info, "_is_text_encoding", True) and info.name not in {"idna", "punycode"}
        return info.name if is_text else None
    return None


def larger(name: str) -> str:
    """What is written under the name of a known charset, by a name of it that mail programs know; else empty."""
    codec = text_codec(name)
    found = _LARGER.get(codec, codec) if codec else ""
    return _IN_MAIL.get(found, found)


def said_within(page: bytes) -> str | None:
    """The charset that the head of a page names itself."""
    found = _META.search(page, 0, _HEAD)
    return found[1].decode("ascii") if found else None


def decode_bytes(data: bytes, charset: str | None) -> str:
    """Decode in the charset that is claimed, else UTF-8, else Windows-1252 with what does not exist there replaced.

    A claim that holds for most of what is not ASCII is kept: of a character that was cut only that one is lost. Some
    mail from Japan does not say that it is in ISO-2022-JP, or in Shift_JIS; and many a script's is in UTF-8 and says
    Latin-1, as PHPMailer does by itself.
    """
    claimed = text_codec(charset) if charset else None
    if _JAPANESE in data and claimed in {None, "ascii", "utf-8"}:
        claimed = "iso2022_jp"
    claimed = _LARGER.get(claimed, claimed) if claimed else None
    is_shifted = claimed is not None and data.isascii()  # as in ISO-2022-JP; as UTF-8 it can be read always
    candidates = list(dict.fromkeys(one for one in (claimed, None if is_shifted else "utf-8") if one))
    if claimed in _LATIN and _is_utf_8(data):
        candidates.reverse()
    likely = ["cp932"] if len(list(islice(_KANA.finditer(data), 2))) > 1 else []
    read = chain(
        (_wholly(data, codec) for codec in candidates),
        (_mostly(data, codec) for codec in candidates if codec == "utf-8"),  # little else looks like it
        (_wholly(data, codec) for codec in likely),
        (_mostly(data, codec) for codec in candidates),
    )
    return next((text for text in read if text is not None), None) or data.decode("cp1252", "replace")


def _is_utf_8(data: bytes) -> bool:
    """Whether what says Latin-1 is UTF-8 beyond doubt: a few pairs of signs may be a letter there ("ß…", "É®"), but not
    one of Latin-1, nor many of them.
    """
    signs = [sign for sign in _wholly(data, "utf-8") or "" if not sign.isascii()]
    return len(signs) >= _MANY_SIGNS or all(ord(sign) not in _RARE_PAIRS for sign in signs)


def _wholly(data: bytes, codec: str) -> str | None:
    try:
        return data.decode(codec, _VENDORS if codec in _JIS else "strict")
    except (UnicodeError, ValueError):
        return None


def _mostly(data: bytes, codec: str) -> str | None:
    """The text with what is no character in this codec replaced; None where that is more than what is one."""
    try:
        text = data.decode(codec, _MOSTLY_VENDORS if codec in _JIS else "replace")
    except (UnicodeError, ValueError):
        return None
    lost = text.count("\ufffd")
    good = len(text) - len(text.encode("ascii", "ignore")) - lost
    return text if good and good >= lost else None


_JIS = {"iso2022_jp_ext", "iso2022_jp_1", "iso2022_jp_2", "euc_jp"}
_VENDORS, _MOSTLY_VENDORS = f"{__name__}.vendors", f"{__name__}.mostly_vendors"
_FIRST, _LAST = 0x21, 0x7E  # of the two octets of a character of JIS X 0208


def _of_vendors(error: UnicodeError) -> tuple[str, int]:
    """A character that NEC and IBM put where JIS X 0208 has none (㈱ ① 髙), as everybody reads it.

    Python knows these in Shift_JIS alone, where the two octets are others (JIS X 0208:1997, annex 1).
    """
    if (found := _vendors_sign(error)) is None:
        raise error.with_traceback(None)  # the codec raises the same one again and again, and its traceback would grow
    return found, error.start + 2  # type: ignore[attr-defined]  # a UnicodeDecodeError, or nothing was found


def _vendors_sign(error: UnicodeError) -> str | None:
    if not isinstance(error, UnicodeDecodeError) or (pair := _pair(error)) is None:
        return None
    row, cell = pair
    first = (row - _FIRST) // 2 + (0x81 if row < 0x5F else 0xC1)  # noqa: PLR2004  where Shift_JIS leaves room
    second = cell + 0x7E if row % 2 == 0 else cell + (0x1F if cell < 0x60 else 0x20)  # noqa: PLR2004  the same
    try:
        return bytes((first, second)).decode("cp932")
    except UnicodeDecodeError:
        return None


def _mostly_of_vendors(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    if (found := _vendors_sign(error)) is not None:
        return found, error.start + 2
    return "\ufffd", error.start + 2 if _pair(error) else error.end


def _pair(error: UnicodeDecodeError) -> bytes | None:
    """The two octets of the character that Python does not know; None where they are none of JIS X 0208."""
    high = 0x80 if error.encoding == "euc_jp" else 0
    pair = bytes(octet ^ high for octet in error.object[error.start : error.start + 2])
    return pair if len(pair) == 2 and all(_FIRST <= octet <= _LAST for octet in pair) else None  # noqa: PLR2004


codecs.register_error(_VENDORS, _of_vendors)
codecs.register_error(_MOSTLY_VENDORS, _mostly_of_vendors)
