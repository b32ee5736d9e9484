"""Find addresses in what a PDF shows, where letters have lost their meaning or words their whole. Pure.

A program that draws two letters as one glyph, such as the "ti" of Calibri, often says of it that it is no character, or
another one; and a word that it breaks at the end of a line has a hyphen there, which may be written as the soft one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from orders import spelling_patterns as patterns
from orders import spellings
from orders.known import Known, alias_domains

# Signs that stand for letters: of no character, controls, of private use; and what Calibri has for ti, tt, ft, tf, fb,
# ff, fi, ffi, fl and tti. Of private use are also bullets and icons, which stand before words: from U+F003 on, after fi
# and fl.
_UNKNOWN = "\ufffd\x01-\x08\x0e-\x1f"
_LOST = (
    f"{_UNKNOWN}\ue000-\uf8ff\U000f0000-\U0010ffff\u019f\u0275\u01a9\u0283\u014c\u014d\u019e\u0128\u0129\u012a\u012b"
    "\u012e\u012f\u0138\u021a\u021b\u0147\u0148\u01ab"
)
_BULLETS = re.compile("^[\uf003-\uf8ff]+|[\uf003-\uf8ff]+$")
_IS_LOST = re.compile(f"[{_LOST}]")
_RUN = re.compile(f"([{_LOST}]+)")
_ONLY_UNKNOWN = re.compile(f"[{_UNKNOWN}]+")
_WORD = re.compile(rf"[\w.+@{_LOST}]{{6,120}}")
_HYPHENS = re.compile(r"[-\u00ad\u2010-\u2013\u2212][ \t]{0,9}(?:\r?\n[ \t]{0,9})?")
_APART = r"[-\u00ad\u2010-\u2013\u2212\s]{0,4}"
_BETWEEN = re.compile(r"[-\u00ad\u2010-\u2013\u2212\s]+")
_GLUE = re.compile(r"[0-9]{12}b\.", re.IGNORECASE)  # of a Soft alias
_MOST_LOST = 6  # runs of lost signs in one word
_LARGEST_GLYPH = 3  # letters
_FEWEST_PLAIN, _FEWEST_PLAIN_LOCAL = 6, 2


def shows(text: str, known: Sequence[Known]) -> bool:
    """Whether one of the addresses can be read there though hyphens part it, or signs of it are lost."""
    plain = without_aliases(patterns.compatible(text), known)
    whole = _HYPHENS.sub("", plain)
    wanted = [Known(_joined(one.real), one.alias) for one in known]
    if len(whole) != len(plain) and spellings.find(whole, wanted):
        return True
    return _IS_LOST.search(whole) is not None and _shows_in_part(whole, wanted)


def without_aliases(text: str, known: Sequence[Known]) -> str:
    """The text without Soft aliases, wherever they are cut: without its hyphens one would be a real address."""
    if _GLUE.search(_BETWEEN.sub("", text)) is None:
        return text
    domains = alias_domains(known)
    for one in known:
        text = _soft(one.real, domains).sub(" ", text)
    return text


@lru_cache(maxsize=1024)
def _soft(real: str, domains: tuple[str, ...]) -> re.Pattern[str]:
    """A Soft alias of this address, or of one that goes on behind it; see ``orders.masks``."""
    ends = "|".join(map(_spread, domains))
    further = rf"(?:{_APART}[a-z0-9.]){{0,40}}?"
    return re.compile(rf"{_spread(real)}{further}(?:{_APART}[0-9]){{12}}{_APART}b{_APART}\.{_APART}(?:{ends})", re.I)


def _spread(written: str) -> str:
    return _APART.join(re.escape(sign) for sign in written.replace("-", ""))


def _joined(real: str) -> str:
    """The address without hyphens, but for those that say that its domain is an international one."""
    local, _, domain = real.rpartition("@")
    return f"{local.replace('-', '')}@{domain if 'xn--' in domain else domain.replace('-', '')}"


def _shows_in_part(text: str, wanted: Sequence[Known]) -> bool:
    addresses = [written for one in wanted for written in _written(one.real)]
    for word in dict.fromkeys(found[0] for found in _WORD.finditer(text.lower())):
        pieces = _RUN.split(_BULLETS.sub("", word.strip(".")))
        if not 1 < len(pieces) <= 2 * _MOST_LOST + 1 or not _is_telling(pieces[::2], pieces[1::2]):
            continue
        pattern = "".join(
            f".{{0,{_LARGEST_GLYPH * len(piece)}}}" if place % 2 else re.escape(piece)
            for place, piece in enumerate(pieces)
        )
        for address in addresses:
            if all(piece in address for piece in pieces[::2]) and re.fullmatch(pattern, address):
                return True
    return False


def _written(real: str) -> Iterator[str]:
    local = real.rpartition("@")[0].lower()
    return (f"{local}@{domain.lower()}" for domain in patterns.domains(real))


def _is_telling(plain: Sequence[str], lost: Sequence[str]) -> bool:
    """Whether enough of the word is left to tell whose address it is. The "@" itself may be lost within it."""
    local, at, _ = "\0".join(plain).partition("@")
    if at:
        is_address = len(local.replace("\0", "")) >= _FEWEST_PLAIN_LOCAL
    else:
        is_address = bool(plain[0] and plain[-1]) and all(map(_ONLY_UNKNOWN.fullmatch, lost))
    return is_address and sum(map(len, plain)) >= _FEWEST_PLAIN
