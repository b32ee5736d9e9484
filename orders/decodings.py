"""What a text says once it is decoded: that of links, pages, scripts, logs, and of mail that nobody decoded. Pure."""

from __future__ import annotations

import html
import re
from base64 import urlsafe_b64decode
from binascii import Error
from collections.abc import Callable
from string import ascii_letters, digits

from orders import spelling_patterns as patterns

# What JSON and scripts write for the signs of an address, and for letters beyond ASCII, as domains have them; with more
# backslashes where it is within a string of JSON again.
_ESCAPED = re.compile(
    r"\\\\{0,3}(?:(?:u00|x)(2[67bde]|3[0-9]|4[0-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9a])"
    r"|u(00[c-f][0-9a-f]|0[1-9a-f][0-9a-f]{2}|[13-9a-c][0-9a-f]{3}))",
    re.IGNORECASE,
)
_CHARACTER = re.compile(  # of ECMAScript, any
    r"[%\\](?:(?<=%)|\\{0,3})u(?:([0-9a-f]{4})|\{([0-9a-f]{2,5})\})", re.IGNORECASE
)
# Octets: of links, of quoted-printable with its line ends, and of logs: \xC3\xBC of nginx, Apache and Python, \303\274
# of Git and C's programs. Each begins with a sign that is quickly found.
_LINKED = re.compile(r"%[0-9a-f]{2}(?:%[0-9a-f]{2})*+", re.IGNORECASE)
_PRINTABLE = re.compile(r"=(?:[0-9a-f]{2}|[ \t]{0,9}\r?\n)(?:=(?:[0-9a-f]{2}|[ \t]{0,9}\r?\n))*+", re.IGNORECASE)
_PRINTABLE_TELLS = re.compile(r"=(?:[89a-f][0-9a-f]|[ \t]{0,9}\r?\n)", re.IGNORECASE)
_LOGGED = re.compile(
    r"\\\\{0,3}(?:x[0-9a-f]{2}|[0-3][0-7]{2})(?:\\{1,4}(?:x[0-9a-f]{2}|[0-3][0-7]{2}))*+", re.IGNORECASE
)
_LOGGED_OCTET = re.compile(r"x(..)|([0-7]{3})", re.IGNORECASE)
# The links of Proofpoint, a guard: the second version writes - and _ for % and /, the third an asterisk for
# each sign that it takes out, two and a letter for several, and the signs behind the link.
_GUARDED = re.compile(
    r"(?<=/v2/url\?u=)[^\s&\"'<>]{1,4000}"
    r"|(?<=/v3/__)(?P<left>(?:(?!/v3/__)[^\s\"'<>]){1,4000}?)__;(?P<taken>[\w-]{1,2000})={0,2}!",
    re.ASCII,
)
_TAKEN_OUT = re.compile(r"\*(?:\*([\w-]))?", re.ASCII)
_RUNS = {sign: number for number, sign in enumerate(ascii_letters[26:] + ascii_letters[:26] + digits + "-_", start=2)}
# Cyrillic and Greek letters that look like Latin ones, and small capitals.
_LOOKALIKES = str.maketrans(
    patterns.APOSTROPHES + "аеорсухіјѕԁɡһкԛԝνοαιАВЕКМНОРСТУХІЈЅΑΒΕΖΗΙΚΜΝΟΡΤΥΧρυκτχӏᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡʏᴢ",
    "'" * len(patterns.APOSTROPHES)
    + "aeopcyxijsdghkqwvoaiABEKMHOPCTYXIJSABEZHIKMNOPTYXpuktxlabcdefghijklmnopqrstuvwyz",
)
# UTF-8 that was read as Windows-1252, perhaps more than once: "mÃ¼ller".
_READ_TWICE, _NOT_ASCII = re.compile(r"[\u00c2-\u00f4][^\x00-\x7f]"), re.compile(r"[^\x00-\x7f]+")
_CP1252 = {ord(char): octet for octet in range(0x80, 0xA0) if (char := bytes([octet]).decode("cp1252", "ignore"))}
_MOST_READINGS = 3
# Python refuses to read a number of thousands of digits.
_LEADING_ZEROS = re.compile(r"&\#0+(?=[0-9])")
_NO_CHARACTER = re.compile(r"&\#[0-9]{8,};?")


def forms(text: str) -> list[str]:
    """The text as it stands, in compatibility forms, and then in each other form in which it says something else."""
    plain = patterns.plain(text)
    found = [text, plain]
    for sign, decoded in _WAYS:
        if sign in plain:
            said = decoded(plain)
            found += [] if said == plain else [patterns.plain(said), *_before_it_was_read(said)]
    if "@" in plain:
        if not plain.isascii():
            found += [plain.translate(_LOOKALIKES), *_before_it_was_read(text)]
        found.append("@".join(part.strip() for part in plain.split("@")))
    return list(dict.fromkeys(found))


def unescaped(text: str, *, but: str = "") -> str:
    """What JSON and scripts say. ``but`` are signs that stay so: in a file an apostrophe may end a string, and an
    ampersand begin an entity.
    """

    def meaning(found: re.Match[str]) -> str:
        sign = chr(int(found[1] or found[2], 16))
        return found[0] if sign in but else sign

    return _ESCAPED.sub(meaning, text)


def _before_it_was_read(text: str) -> list[str]:
    """What it said before somebody read UTF-8 as Windows-1252, if that is something else; in compatibility forms."""
    read, last = text, ""
    for _ in range(_MOST_READINGS):
        if read != last and _READ_TWICE.search(read):
            read, last = _NOT_ASCII.sub(_of_utf_8, read), read
    return [] if read == text else [patterns.plain(read)]


def _of_utf_8(found: re.Match[str]) -> str:
    try:
        return found[0].translate(_CP1252).encode("latin-1").decode()
    except UnicodeError:
        return found[0]


def _said(octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("cp1252", "replace")


def _linked(text: str) -> str:
    """Twice, since many a link is part of another."""
    for _ in range(2):
        text = _LINKED.sub(lambda found: _said(bytes.fromhex(found[0].replace("%", ""))), _characters(text))
    return text


def _characters(text: str) -> str:
    """With what stands for any character, but for half of one."""

    def meaning(found: re.Match[str]) -> str:
        sign = chr(int(found[1] or found[2], 16))
        return found[0] if "\ud800" <= sign <= "\udfff" else sign

    return _CHARACTER.sub(meaning, text)


def _of_html(text: str) -> str:
    """With the entities decoded, and again where a program escaped what was escaped."""
    for _ in range(3):
        if "&" in text:
            text = html.unescape(_NO_CHARACTER.sub("\ufffd", _LEADING_ZEROS.sub("&#", text)))
    return text


def _logged(text: str) -> str:
    """With any character, octets beyond ASCII and octal ones: the same as ``unescaped`` in nearly every log."""

    def meaning(found: re.Match[str]) -> str:
        written = _LOGGED_OCTET.findall(found[0])
        octets = bytes(int(sixteen, 16) if sixteen else int(eight, 8) for sixteen, eight in written)
        is_plain = octets.isascii() and not any(eight for _, eight in written)
        return found[0] if is_plain else _said(octets)

    return unescaped(_characters(_LOGGED.sub(meaning, text)))


def _printable(text: str) -> str:
    """With what is beyond ASCII, and what a line end cuts; where nothing is, all is seen as it stands."""
    if not _PRINTABLE_TELLS.search(text):
        return text

    def meaning(found: re.Match[str]) -> str:
        said = _said(bytes.fromhex("".join(found[0].split()).replace("=", "")))
        return said if "\n" in found[0] or not said.isascii() else found[0]

    return _PRINTABLE.sub(meaning, text)


def _guarded(text: str) -> str:
    """With the links that say more than ASCII; in others an address is seen as it stands."""

    def meaning(found: re.Match[str]) -> str:
        link = _linked(_put_back(found) if found["taken"] else found[0].replace("-", "%").replace("_", "/"))
        return found[0] if link.isascii() else link

    return _GUARDED.sub(meaning, text)


def _put_back(found: re.Match[str]) -> str:
    try:
        signs = urlsafe_b64decode(found["taken"] + "=" * (-len(found["taken"]) % 4)).decode()
    except (Error, UnicodeDecodeError):
        return found[0]
    place = 0

    def taken(one: re.Match[str]) -> str:
        nonlocal place
        start, place = place, place + (_RUNS[one[1]] if one[1] else 1)
        return signs[start:place]

    return _TAKEN_OUT.sub(taken, found["left"])


_WAYS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("%", _linked), ("&", _of_html), ("\\", unescaped), ("\\", _logged), ("=", _printable), ("urldefense", _guarded),
)  # fmt: skip
