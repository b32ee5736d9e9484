"""Find addresses in what a PDF shows, where letters have lost their meaning or words their whole. Pure.

A program that draws two letters as one glyph, such as the "ti" of Calibri, often says of it that it is no character, or
another one; and a word that it breaks at the end of a line has a hyphen there, which may be written as the soft one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from orders import spelling_patterns as patterns
from orders import spellings
from orders.known import Known

# Signs that no address has: of no character, of private use, controls, and what stands for "ti", "tt", "ft" and "tf".
_LOST = "\ufffd\ue000-\uf8ff\U000f0000-\U0010ffff\x01-\x08\x0e-\x1f\u019f\u0275\u01a9\u0283\u014c\u014d\u019e"
_IS_LOST = re.compile(f"[{_LOST}]")
_LOST_RUN = re.compile(f"[{_LOST}]+")
_WORD = re.compile(rf"[\w.+@{_LOST}]{{6,120}}")
_HYPHENS = re.compile(r"[-\u00ad\u2010-\u2013\u2212][ \t]{0,9}(?:\r?\n[ \t]{0,9})?")
# A Soft alias, which may be there, without its hyphens (`orders.masks`).
_SOFT_ALIAS = re.compile(r"\S{1,64}@[\w.]{1,253}?\d{12}b\.[\w.]+")
_MOST_LOST = 6  # runs of lost signs in one word
_LARGEST_GLYPH = 4  # letters
_FEWEST_PLAIN, _FEWEST_PLAIN_LOCAL = 6, 2


def shows(text: str, known: Sequence[Known]) -> bool:
    """Whether one of the addresses can be read there though hyphens part it, or signs of it are lost."""
    plain = unicodedata.normalize("NFKC", text)
    whole = _SOFT_ALIAS.sub(" ", _HYPHENS.sub("", plain))
    wanted = [Known(one.real.replace("-", ""), one.alias) for one in known]
    if len(whole) != len(plain) and spellings.find(whole, wanted):
        return True
    return _IS_LOST.search(whole) is not None and _shows_in_part(whole, wanted)


def _shows_in_part(text: str, wanted: Sequence[Known]) -> bool:
    addresses = [written for one in wanted for written in _written(one.real)]
    for word in dict.fromkeys(found[0] for found in _WORD.finditer(text.lower())):
        pieces = _LOST_RUN.split(word.strip("."))
        if not 1 < len(pieces) <= _MOST_LOST + 1 or not _is_telling(pieces):
            continue
        pattern = f".{{0,{_LARGEST_GLYPH}}}".join(map(re.escape, pieces))
        for address in addresses:
            if all(piece in address for piece in pieces) and re.fullmatch(pattern, address):
                return True
    return False


def _written(real: str) -> Iterator[str]:
    local = real.rpartition("@")[0].lower()
    return (f"{local}@{domain.lower()}" for domain in patterns.domains(real))


def _is_telling(pieces: Sequence[str]) -> bool:
    """Whether enough of the word is left to tell whose address it is."""
    local, at, _ = "\0".join(pieces).partition("@")
    is_local_told = not at or len(local.replace("\0", "")) >= _FEWEST_PLAIN_LOCAL
    return is_local_told and sum(map(len, pieces)) >= _FEWEST_PLAIN
