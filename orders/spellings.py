"""Find and replace real addresses in text, in whatever spelling they stand. Pure."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from orders import addresses

GMAIL = ("gmail.com", "googlemail.com")  # dots in the local part do not matter there

_AT = r"(?:\s{0,8}@\s{0,8}|%40|%2540|=40|&\#0*64;|&\#x0*40;|&commat;|\\u0040|＠|﹫)"
_PLUS = r"(?:\+|%2b|&\#0*43;)"
_QUOTE = r"(?:\\?\"|&quot;)?"  # "john"@example.com is john@example.com (RFC 5321 §4.1.2)
# Not the end of somebody else's longer address: a letter or digit before, or one before a joining . _ + -.
# What stands for a delimiter may end in a letter: %3D, \n, \u003c.
_BEFORE = r"(?:(?<![a-z0-9])(?<![a-z0-9][._+\-])|(?<=%[0-9a-f]{2})|(?<=\\[nrt])|(?<=\\u[0-9a-f]{4}))"
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff9-\ufffb\U000e0000-\U000e01ef]"
)
_SOFT_GLUE = re.compile(r"-[0-9]{1,12}b\.")
# Python orders a run of combining marks in quadratic time, so a text is normalised in pieces. A piece begins with what
# never joins the piece before it, but where more marks follow each other than any script has.
_PIECE = re.compile(r"[\x00-\x7f]*[^\x00-\x7f]{0,200}")
# Python refuses to read a number of thousands of digits.
_LEADING_ZEROS = re.compile(r"&\#0+(?=[0-9])")
_NO_CHARACTER = re.compile(r"&\#[0-9]{8,};?")


@dataclass(frozen=True, slots=True)
class Known:
    """A real address and what stands for it."""

    real: str
    alias: str


@lru_cache(maxsize=4096)
def _pattern(real: str, tracking_domains: tuple[str, ...]) -> re.Pattern[str]:
    """Finds one address: any case, with or without a +tag, percent- or entity-encoded, A-labels or Unicode; but not the
    readable half of a Soft alias under these tracking domains, of this order or another: that is what Soft means.
    """
    local, _, domain = real.rpartition("@")
    base, own_tag = _untagged(local)
    if domain in GMAIL:
        spelled = r"\.?".join(re.escape(char) for char in base.replace(".", ""))
        domains = "|".join(re.escape(one) for one in GMAIL)
    else:
        spelled = re.escape(base).replace(r"\+", _PLUS)
        if len(base) > 1 and base.startswith('"') and base.endswith('"'):
            spelled = _QUOTE + spelled[1:-1]
        domains = "|".join(dict.fromkeys(re.escape(one) for one in (domain, addresses.unicode_domain(domain))))
    tag = rf"(?:{_PLUS}(?:{re.escape(own_tag)}|[^\s@<>\"&%,;()]{{0,64}}))?"
    ends = "|".join(re.escape(one) for one in tracking_domains)
    after = rf"(?![a-z0-9])(?!-[0-9]{{1,12}}b\.(?:{ends})(?![a-z0-9-]))"
    return re.compile(rf"{_BEFORE}{spelled}{tag}{_QUOTE}{_AT}(?:{domains}){after}", re.IGNORECASE)


def _untagged(local: str) -> tuple[str, str]:
    """``john+shop`` → ``john`` and ``shop``; what begins with the plus sign is no tag."""
    base, _, tag = local.partition("+")
    return (base, tag) if base else (local, "")


def _domains(real: str) -> tuple[str, ...]:
    domain = real.rpartition("@")[2]
    return GMAIL if domain in GMAIL else (domain, addresses.unicode_domain(domain))


def replace(text: str, known: Sequence[Known]) -> tuple[str, int]:
    """The text with each known address replaced by its alias, and how many were."""
    lowered = text.lower()
    tracking_domains = _tracking_domains(known)
    count = 0
    for one in known:
        # Compiling a pattern costs more than all the rest; most mails name few of the parties.
        if any(domain in lowered for domain in _domains(one.real)):
            text, times = _pattern(one.real, tracking_domains).subn(_constant(one.alias), text)
            count += times
    return text, count


def hide(text: str, known: Sequence[Known]) -> tuple[str, int]:
    """The text with nothing of the known addresses left that ``find`` would see, and how many were replaced.

    A spelling that cannot be replaced where it stands (with invisible characters in it, letters that only look alike,
    encoded letter by letter) is replaced in the decoded text; a line that shows an address even then becomes dots.
    """
    text, count = replace(text, known)
    if not find(text, known):
        return text, count
    for form in _decoded_forms(text):
        decoded, more = replace(form, known)
        if more and not find(decoded, known):
            return decoded, count + more
    lines = ["•••" if find(line, known) else line for line in text.split("\n")]
    hidden = "\n".join(lines)
    return ("•••" if find(hidden, known) else hidden), count + lines.count("•••")


def _constant(alias: str) -> Callable[[re.Match[str]], str]:
    return lambda _: alias


def find(text: str, known: Sequence[Known]) -> list[Known]:
    """The known addresses that the text still shows, in any of the spellings a reader or program would decode."""
    tracking_domains = _tracking_domains(known)
    forms = [(form, form.lower()) for form in _decoded_forms(text)] if known else []
    return [
        one
        for one in known
        if any(
            any(domain in lowered for domain in _domains(one.real))
            and _pattern(one.real, tracking_domains).search(form)
            for form, lowered in forms
        )
    ]


def _tracking_domains(known: Sequence[Known]) -> tuple[str, ...]:
    return tuple(sorted({_tracking_domain(one) for one in known}))


def _tracking_domain(one: Known) -> str:
    """Where the alias lives. Either domain may itself look like a glue, so what is known of it is cut off first."""
    alias, real = one.alias.lower(), one.real.lower()
    if alias.startswith(real) and (glue := _SOFT_GLUE.match(alias, len(real))):
        return alias[glue.end() :]
    return alias.rpartition("@")[2]


def _decoded_forms(text: str) -> list[str]:
    plain = text if text.isascii() else _plain(text)
    forms = [text, plain]
    if "%" in plain:
        forms.append(unquote(unquote(plain)))
    if "&" in plain:
        forms.append(html.unescape(_NO_CHARACTER.sub("\ufffd", _LEADING_ZEROS.sub("&#", plain))))
    if "@" in plain:
        forms.append("@".join(part.strip() for part in plain.split("@")))
    return list(dict.fromkeys(forms))


def _plain(text: str) -> str:
    """Compatibility forms made ordinary (NFKC), what nobody sees taken out, and the full stop that IDNA also takes."""
    normal = _PIECE.sub(lambda piece: unicodedata.normalize("NFKC", piece[0]), text)
    return _INVISIBLE.sub("", normal).replace("\u3002", ".")
