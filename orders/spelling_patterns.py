"""The pattern of one address in each of its spellings, and where in a text to look for it. Pure."""

from __future__ import annotations

import heapq
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from urllib.parse import quote

from orders import addresses, joints

_AT = r"(?:\s{0,8}@\s{0,8}|%(?:25){0,4}40|=40|&\#0*64;|&\#x0*40;|&commat;|\\{1,4}(?:u00|x)40|＠|﹫)"
APOSTROPHES = "’‘ʼ\x92\x91"  # what programs that write well make of one; and those of Windows, read as Latin-1
_PLUS = r"(?:\??\+|%(?:25){0,4}2b|&\#0*43;|\\{1,4}(?:u00|x)2b)"  # ?+ is EDIFACT's
_QUOTE = r"(?:\\?\"|&quot;)?"  # "john"@example.com is john@example.com (RFC 5321 §4.1.2)
# Not the end of somebody else's longer address: a letter or digit before, or one before a +. What stands for a
# delimiter may end in a letter: %3D, \n, \u003c. Before . _ - may be a number or a word that is no part of it, as in
# names of files; rather is somebody else's address spoilt than this one shown, but where few letters end many a one.
_DELIMITER = (
    r"(?<=%[0-9a-f]{2})|(?<=%25[0-9a-f]{2})|(?<=\\[nrt])"
    r"|(?<=[*-][2-7][0-9a-f])|(?<=[*-]2[5ad][2-7][0-9a-f])|(?<=[*-]2[5ad]2[5ad][2-7][0-9a-f])"
    r"|(?<=\\u[0-9a-f]{4})|(?<=\\x[0-9a-f]{2})|(?<=\x1b\([bj])"
    # What quoted-printable writes for a space, a quote, a bracket, an equals sign, where nobody decoded it.
    r"|(?<==0[9ad])|(?<==2[0-9a-f])|(?<==3[a-f])|(?<==[57][bd])"
    # The second byte of a letter in Shift_JIS, Big5 or GBK that was read as Latin-1: "：" becomes "\x81F" there.
    r"|(?<=[^\x00-\x7f][a-z0-9])"
    # Brazilian banks' files of payers, whose lines begin with what they are (CNAB 400, record 5; CNAB 240, segment Y).
    r"|(?<=[\r\n][25])|(?<=[0-9]Y [0-9]{4})"
    # A terminal's colours, whatever stands for the escape.
    r"|(?<=\[[0-9]m)|(?<=\[[0-9]{2}m)|(?<=\[[0-9];[0-9]{2}m)|(?<=\[[0-9]{2};[0-9]{2}m)"
    # EDIFACT's COM segment, and what follows a code in others; the key of a Pix payment, after its length.
    r"|(?<=com\+)(?<![a-z0-9]com\+)|(?<=\+[a-z0-9]{2}\+)|(?<=\+[a-z0-9]{3}\+)|(?<=pix01[0-9]{2})"
)
# What a program has lost the space behind: "E-Mailanna@example.com".
_LABEL = "|".join(f"(?<={word})" for word in ("mail", "mailto", "correo", "address", "adresse", "kontakt", "contato"))
# Columns of a fixed width, and fields of a form written on: "0000123456anna@example.com", "DE SOUZAanna@example.com".
_COLUMN = r"(?<=[0-9]{6})|(?-i:(?<=[0-9]{6}[A-Z]))|(?-i:(?<=[A-Z]{3})(?=[a-z]))"
_BEFORE = rf"(?:(?<![a-z0-9])(?<![a-z0-9]\+)|{_DELIMITER}|{_LABEL}|{_COLUMN})"
_BEFORE_FEW = rf"(?:(?<![a-z0-9])(?<![a-z0-9]\+)(?<![a-z][._\-])|{_DELIMITER}|(?<=e-mail)|(?<=email))"
# A line end, or what JSON writes for it, with the quote marks of the next line or the white space of its fold; = is
# quoted-printable's.
_WRITTEN_END = r"(?:n|r\\{1,4}n)"
_CUT = (
    rf"(?>[=\r\n\\](?:(?<=\n)|(?<=[=\r])\r{{0,3}}\n|(?<=\\)\\{{0,3}}{_WRITTEN_END}|(?<==)\\{{1,4}}{_WRITTEN_END})"
    r"[ \t>|]{0,24})"
)
LINE_END = re.compile(_CUT)
# The tags between two letters that a page shows next to each other.
_TAGS = r"(?>(?:<[^<>]{1,2000}>)+)"
TAGS = re.compile(_TAGS)
_INVISIBLE = re.compile(
    "[\u00ad\u0300-\u036f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff9-\ufffb\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e01ef]"
)
# Python orders a run of combining marks in quadratic time, so a text is normalised in pieces. A piece begins with what
# never joins the piece before it, but where more marks follow each other than any script has.
_PIECE = re.compile(r"[\x00-\x7f]*[^\x00-\x7f]{0,200}")
_OF_WINDOWS = {octet: bytes([octet]).decode("cp1252", "ignore") or chr(octet) for octet in range(0x80, 0xA0)}
_UNSEEN_ONCE_READ = re.compile("[\u007f-\u009f\u00ad]")
# What the signs for an @ end in, and how far from the domain the rest of an address and of an alias may be.
_ENDS_OF_AT = ("@", "\uff20", "\ufe6b", "0", ";")
# No letter or digit goes on with the domain, unless a capital one shows that another word begins ("…@example.comTel"),
# or these are digits to the end, as no top-level domain has, or what follows the key of a Pix payment.
_PIX_END = r"(?:02[0-9]{2}[^\r\n]{0,99}?)?5204[0-9]{4}5303"
_AFTER = rf"(?:(?![a-z0-9])|(?-i:(?<=[a-z])(?=[A-Z]))|(?=[0-9]{{1,20}}(?![a-z0-9-])(?!\.[a-z0-9]))|(?={_PIX_END}))"
# There a plus sign stands for a space.
_IN_QUERY = re.compile(r"[?&][^\s\"'<>=?&]{1,60}=[^\s\"'<>&#]*\Z")
# … or letters that make a domain of it that cannot exist: "…@example.comtelefone".
_AFTER_OR_ON = rf"(?:{_AFTER}|(?P<on>(?=[a-z0-9])))"
_LONGER_DOMAIN = r"(?:\.[a-z0-9-]{1,63}?){0,4}"
_SHORT = 3  # letters of a local part
_BEFORE_DOMAIN = 600
_AFTER_DOMAIN = 900


@lru_cache(maxsize=4096)
def ordinary(real: str, tracking_domains: tuple[str, ...]) -> re.Pattern[str]:
    """Finds one address: any case, with or without a +tag, percent- or entity-encoded, A-labels or Unicode; but not the
    readable half of a Soft alias under these tracking domains, of this order or another: that is what Soft means.
    """
    base, own_tag = untagged(real.rpartition("@")[0])
    at_domain = "|".join(map(re.escape, domains(real)))
    if is_dotless(real):
        spelled = r"\.?".join(re.escape(char) for char in base.replace(".", ""))
    else:
        is_quoted = len(base) > 1 and base.startswith('"') and base.endswith('"')
        spelled = "".join(map(_sign, base[1:-1] if is_quoted else base))
        spelled = _QUOTE + spelled if is_quoted else spelled
    tag = rf"(?:{_PLUS}(?:{re.escape(own_tag)}|[^\s@<>\"&%,;()]{{0,64}}))?"
    after = rf"{_AFTER_OR_ON}{no_glue(tracking_domains)}"
    before = rf"(?:{_before(base)}|(?P<spaced>(?<=[a-z0-9]\+)))"
    return re.compile(rf"{before}{spelled}{tag}{_QUOTE}{_AT}(?P<host>{at_domain}){after}", re.IGNORECASE)


@lru_cache(maxsize=4096)
def cut(real: str, tracking_domains: tuple[str, ...], by: re.Pattern[str] = LINE_END) -> re.Pattern[str]:
    """Finds the same address with line ends anywhere in it, quote marks after them; or with tags anywhere in it."""
    mark = by.pattern
    base, _ = untagged(real.rpartition("@")[0])
    is_gmail = is_dotless(real)
    between = rf"(?:{mark}?\.{mark}?|{mark})?" if is_gmail else f"{mark}?"
    spelled = between.join(re.escape(char) for char in (base.replace(".", "") if is_gmail else base))
    at_domain = "|".join(_cut(one, mark) for one in domains(real))
    tag = rf"(?:{mark}?\+[^\s@<>\"&%,;()]{{0,64}}(?:{mark}[^\s@<>\"&%,;()]{{0,64}})?)?"
    at = rf"\s{{0,8}}{mark}?@\s{{0,8}}{mark}?"
    after = rf"{_AFTER}{no_glue(tracking_domains)}"
    return re.compile(rf"{_before(base)}{spelled}{tag}{at}(?:{at_domain}){after}", re.IGNORECASE)


@lru_cache(maxsize=4096)
def bare(real: str, tracking_domains: tuple[str, ...], *, is_short_alone: bool = False) -> re.Pattern[str]:
    """Finds the address whatever stands before and after it, but for the rest of a Soft alias.

    ``is_short_alone`` spares the longer addresses that end in a local part of few letters: many do.
    """
    base, _ = untagged(real.rpartition("@")[0])
    spelled = r"\.?".join(map(re.escape, base.replace(".", ""))) if is_dotless(real) else "".join(map(_sign, base))
    before = _BEFORE_FEW if is_short_alone and is_short(base) else ""
    at_domain = "|".join(re.escape(one) for one in domains(real))
    tag = rf"(?:{_PLUS}[^\s@<>\"&%,;()]{{0,64}})?"
    written = _rewritten(rf"{before}{spelled}{tag}{_AT}(?:{at_domain})")
    return re.compile(f"{written}{no_glue(tracking_domains)}", re.IGNORECASE)


def _rewritten(pattern: str) -> str:
    """The pattern also for links that were rewritten, where a hyphen or an asterisk is written for a percent sign."""
    return pattern.replace("%(?:25){0,4}", "[%*-](?:2[5ad]){0,4}")


def _sign(char: str) -> str:
    """A character of a local part as it is, or as links, pages and JSON write it."""
    if char == "+":
        return _PLUS
    if char.isascii() and (char.isalnum() or char == "."):
        return re.escape(char)
    return "(?:" + "|".join(map(_written, f"'{APOSTROPHES}" if char == "'" else char)) + ")"


def _written(char: str) -> str:
    linked = _linked(char.encode())
    if not char.isascii():
        linked += "".join(f"|{re.escape(one)}" for one in _read_twice(char))
        if page := char.encode("cp1252", "ignore"):  # the links of a page in Latin-1
            linked = f"{linked}|{_linked(page)}"
    code = f"{ord(char):02x}"
    named = {"&": "|&amp;", "'": r"|&apos;|''|\\{1,4}'", '"': "|&quot;", "’": "|&rsquo;", "‘": "|&lsquo;"}.get(char, "")
    return rf"{re.escape(char)}|{linked}|\\{{1,4}}(?:u{code:0>4}|x{code})|&\#0*{ord(char)};|&\#x0*{code};{named}"


def _linked(octets: bytes) -> str:
    return "".join(f"%(?:25){{0,4}}{octet:02x}" for octet in octets)


def _read_twice(text: str) -> tuple[str, ...]:
    """The text in UTF-8 as it looks where that was read as Windows-1252 or Latin-1, also when what nobody sees was then
    taken out of it; nothing where it looks the same.
    """
    if text.isascii():
        return ()
    forms: list[str] = []
    for written in (text, text.upper()):
        read = written.encode().decode("latin-1")
        in_windows = read.translate(_OF_WINDOWS)
        forms += (in_windows, read, *(_UNSEEN_ONCE_READ.sub("", one) for one in (in_windows, read)))
    return tuple(dict.fromkeys([*forms, *(one.replace("\xa0", " ") for one in forms)]))


def _linked_in_latin_1(domain: str) -> str:
    """Empty where it has other letters."""
    try:
        return quote(domain, encoding="cp1252", errors="strict").lower()
    except UnicodeEncodeError:
        return ""


@lru_cache(maxsize=4096)
def no_glue(tracking_domains: tuple[str, ...]) -> str:
    """Not before the rest of a Soft alias, which may go on in the next line or behind a tag at its hyphen.

    Whatever stands behind the alias, where a program lost a space or HTML is read without its tags; and also where the
    alias is of a longer domain, as that of anna@example.com.br is for anna@example.com. Or a program cut it off, as
    those for Brazil's invoices do behind 60 characters; or guarded it, as Proofpoint does.
    """
    mark = rf"(?:{_CUT}|{_TAGS})"
    guarded = (one.replace("-", "-2d") for one in tracking_domains)
    ends = "|".join(_cut(one, _CUT) for one in dict.fromkeys([*tracking_domains, *guarded]))
    begun = "|".join(_begun(one) for one in tracking_domains)
    whole = rf"(?:[0-9]{_CUT}?){{1,12}}b{_CUT}?\.{_CUT}?(?:{ends})"
    cut_off = rf"[0-9]{{12}}b(?:\.(?:{begun})?)?(?![a-z0-9.-])"
    return rf"(?!{_LONGER_DOMAIN}{mark}?-(?:2d)?{mark}?(?:{whole}|{cut_off}))"


def _begun(text: str) -> str:
    """The text's beginnings, the longest first."""
    pattern = ""
    for char in reversed(text):
        pattern = f"{re.escape(char)}(?:{pattern})?" if pattern else re.escape(char)
    return pattern


def _cut(text: str, mark: str) -> str:
    """The text, with a line end or the like between any two of its characters."""
    return f"{mark}?".join(re.escape(char) for char in text)


def untagged(local: str) -> tuple[str, str]:
    """``john+shop`` → ``john`` and ``shop``; what begins with the plus sign is no tag."""
    base, _, tag = local.partition("+")
    return (base, tag) if base else (local, "")


def is_short(local: str) -> bool:
    """Whether a local part has so few letters that many a longer one ends in them."""
    return len(local.replace(".", "")) <= _SHORT


def _before(local: str) -> str:
    if joints.is_telling(local):
        return ""
    return _BEFORE_FEW if is_short(local) else _BEFORE


def is_dotless(real: str) -> bool:
    """Whether dots in the local part do not matter; where there is nothing but dots, they are all there is."""
    local, _, domain = real.rpartition("@")
    return domain in addresses.GMAIL and bool(untagged(local)[0].strip("."))


@lru_cache(maxsize=4096)
def domains(real: str) -> tuple[str, ...]:
    """The spellings of the address's domain, one of which stands in every spelling of the address: in links the octets
    of letters beyond ASCII are written in hexadecimal.
    """
    domain = real.rpartition("@")[2]
    if domain in addresses.GMAIL:
        return addresses.GMAIL
    read = addresses.unicode_domain(domain)
    escaped = json.dumps(read)[1:-1]
    guarded = domain.replace("-", "-2d")  # Proofpoint
    linked = quote(read).lower()
    in_latin_1 = _linked_in_latin_1(read) or linked  # as on a page that is
    printable, printable_1 = (one.replace("%", "=") for one in (linked, in_latin_1))  # that nobody decoded
    short = read.encode("ascii", "backslashreplace").decode()
    spelled = (
        domain, guarded, lowered(read), linked, printable, in_latin_1, printable_1,
        short, escaped, escaped.replace("\\", "\\\\"), *map(lowered, _read_twice(read)),
    )  # fmt: skip
    return tuple(dict.fromkeys(spelled))


def unicode_form(real: str) -> str:
    """The address with its domain in Unicode."""
    local, _, domain = real.rpartition("@")
    return f"{local}@{addresses.unicode_domain(domain)}"


@lru_cache(maxsize=4096)
def fewest_octets(real: str) -> int:
    """The address is no shorter than this, however it is spelled."""
    base = untagged(real.rpartition("@")[0])[0]
    return len(base.replace(".", "") if is_dotless(real) else base) + 1 + min(map(len, domains(real)))


@lru_cache(maxsize=4096)
def shortest(real: str) -> int:
    """No text of fewer characters shows the address, whole or cut short."""
    base = untagged(real.rpartition("@")[0])[0]
    return min(fewest_octets(real), len(base.replace(".", "") if is_dotless(real) else base) + 2)


def lowered(text: str) -> str:
    """In lower case, each character at its place: İ is the one that would become two. It and ı are an i, which programs
    that know Turkish write so.
    """
    return text.replace("\u0130", "i").replace("\u0131", "i").lower()


def windows(lowered: str, domains: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Where in a text an address at one of these domains may stand: round each of them that may follow an @.

    A pattern looks at each character; only few have to be looked at.
    """
    start = end = -1
    standing = [domain for domain in domains if domain in lowered]
    for place in heapq.merge(*(_places(lowered, domain) for domain in standing)) if standing else ():
        if place - _BEFORE_DOMAIN > end:
            if end >= 0:
                yield start, end
            start = max(0, place - _BEFORE_DOMAIN)
        end = place + _AFTER_DOMAIN
    if end >= 0:
        yield start, end


def _places(lowered: str, domain: str) -> Iterator[int]:
    place = lowered.find(domain)
    while place >= 0:
        if lowered[max(0, place - 9) : place].rstrip().endswith(_ENDS_OF_AT):
            yield place
        place = lowered.find(domain, place + 1)


def matches(pattern: re.Pattern[str], text: str, windows: Iterable[tuple[int, int]]) -> Iterator[re.Match[str]]:
    """What the pattern finds in these stretches of the text."""
    for start, end in windows:
        for found in pattern.finditer(text, start, end):
            if found.lastgroup is None or _stands(found, text):
                yield found


def _stands(found: re.Match[str], text: str) -> bool:
    """Whether what stands next to it leaves it this address and nobody else's."""
    said = found.groupdict()
    if said["spaced"] is not None and not _IN_QUERY.search(text, max(0, found.start() - _BEFORE_DOMAIN), found.start()):
        return False
    return said["on"] is None or not joints.is_host(text, found.start("host"), found.end("host"))


def compatible(text: str) -> str:
    """The text in compatibility forms (NFKC), in time that grows with its length."""
    return text if text.isascii() else _PIECE.sub(lambda piece: unicodedata.normalize("NFKC", piece[0]), text)


def plain(text: str) -> str:
    """Compatibility forms (NFKC), hyphens and full stops made ordinary, and what nobody sees taken out."""
    if text.isascii():
        return text
    return _INVISIBLE.sub("", compatible(text)).replace("\u3002", ".").replace("\u2010", "-")
