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

_AT = r"(?:@|%40|%2540|&\#0*64;|&\#x0*40;|&commat;|\\u0040|＠|﹫)"
_PLUS = r"(?:\+|%2b|&\#0*43;)"
# Not the end of somebody else's longer address: a letter or digit before, or one before a joining . _ + -.
# What stands for a delimiter may end in a letter: %3D, \n, \u003c.
_BEFORE = r"(?:(?<![a-z0-9])(?<![a-z0-9][._+\-])|(?<=%[0-9a-f]{2})|(?<=\\[nrt])|(?<=\\u[0-9a-f]{4}))"
# Not the start of a longer domain label, and not the readable half of a Soft alias.
_AFTER = r"(?![a-z0-9])(?!-[0-9]{1,12}b\.)"
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f\ufeff]")
_SOFT_GLUE = re.compile(r"-[0-9]{1,12}b\.")
_SPACE_AROUND_AT = re.compile(r"\s*@\s*")


@dataclass(frozen=True, slots=True)
class Known:
    """A real address and what stands for it."""

    real: str
    alias: str


@lru_cache(maxsize=4096)
def _pattern(real: str, *, may_be_soft: bool = True) -> re.Pattern[str]:
    """Finds one address: any case, with or without a +tag, percent- or entity-encoded, A-labels or Unicode."""
    local, _, domain = real.rpartition("@")
    base, plus, _ = local.partition("+")
    base = base if plus and base else local
    if domain in GMAIL:
        spelled = r"\.?".join(re.escape(char) for char in base.replace(".", ""))
        domains = "|".join(re.escape(one) for one in GMAIL)
    else:
        spelled = re.escape(base).replace(r"\+", _PLUS)
        domains = "|".join(dict.fromkeys(re.escape(one) for one in (domain, addresses.unicode_domain(domain))))
    tag = rf"(?:{_PLUS}[^\s@<>\"'&%,;()]{{1,64}})?"
    after = _AFTER if may_be_soft else r"(?![a-z0-9])"
    return re.compile(rf"{_BEFORE}{spelled}{tag}{_AT}(?:{domains}){after}", re.IGNORECASE)


def _domains(real: str) -> tuple[str, ...]:
    domain = real.rpartition("@")[2]
    return GMAIL if domain in GMAIL else (domain, addresses.unicode_domain(domain))


def replace(text: str, known: Sequence[Known]) -> tuple[str, int]:
    """The text with each known address replaced by its alias, and how many were."""
    lowered = text.lower()
    count = 0
    for one in known:
        # Compiling a pattern costs more than all the rest; most mails name few of the parties.
        if any(domain in lowered for domain in _domains(one.real)):
            text, times = _pattern(one.real).subn(_constant(one.alias), text)
            count += times
    return text, count


def _constant(alias: str) -> Callable[[re.Match[str]], str]:
    return lambda _: alias


def find(text: str, known: Sequence[Known]) -> list[Known]:
    """The known addresses that the text still shows, in any of the spellings a reader or program would decode.

    Soft aliases are taken out first, of this order or another: they show the real address, and that is what Soft means.
    """
    hidden = _soft_pattern(_tracking_domains(known)).sub(" ", text) if known else text
    found = []
    forms = _decoded_forms(hidden)
    lowered = [form.lower() for form in forms]
    for one in known:
        domains = _domains(one.real)
        if any(
            any(domain in low for domain in domains) and _pattern(one.real, may_be_soft=False).search(form)
            for form, low in zip(forms, lowered, strict=True)
        ):
            found.append(one)
    return found


def _tracking_domains(known: Sequence[Known]) -> tuple[str, ...]:
    return tuple(sorted({_SOFT_GLUE.split(one.alias.rpartition("@")[2])[-1].lower() for one in known}))


@lru_cache(maxsize=256)
def _soft_pattern(tracking_domains: tuple[str, ...]) -> re.Pattern[str]:
    ends = "|".join(re.escape(domain) for domain in tracking_domains)
    return re.compile(
        rf"[^\s@<>\"',;()]{{1,64}}@[a-z0-9.-]{{1,230}}-[0-9]{{1,12}}b\.(?:{ends})(?![a-z0-9-])", re.IGNORECASE
    )


def _decoded_forms(text: str) -> list[str]:
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    forms = [text, plain]
    if "%" in plain:
        forms.append(unquote(unquote(plain)))
    if "&" in plain:
        forms.append(html.unescape(plain))
    if "@" in plain:
        forms.append(_SPACE_AROUND_AT.sub("@", plain))
    return list(dict.fromkeys(forms))
