"""Tell at a glance that a text shows no address, which searching it in every way would take much longer to say. Pure.

What is told here must be so: whoever asks searches no further.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from orders import disguises, marked, packed
from orders import spelling_patterns as patterns

# Without one of these no text says an address plainly, or in an encoding, but for packed ones.
_TELLING = re.compile(r"[@%&\\]|\+A[A-H]|begin ")


class Glance:
    """What of these real addresses can be seen at once."""

    def __init__(self, reals: Iterable[str]) -> None:
        reals = list(reals)
        self._anchors = tuple(dict.fromkeys(anchor for real in reals for anchor in _anchors(real)))
        self._fewest = min(map(patterns.fewest_octets, reals), default=None)
        self._shortest = min(map(patterns.shortest, reals), default=None)

    def may_show(self, text: str) -> bool:
        """Whether it is worth to search the text in every way: it is not plain, or may pack an address."""
        return not self.is_plain(text) or self.may_pack(text)

    def is_plain(self, text: str) -> bool:
        """Whether nothing can be found in the text but what it packs: it is too short for an address, as names of
        fields are, or has no sign of one or of an encoding, and nothing of one that no disguise changes.
        """
        if text.isascii():
            return self._shortest is None or len(text) < self._shortest or self._says_nothing(text)
        return not marked.may_be(text) and self._says_nothing(text) and self._says_nothing(patterns.plain(text))

    def may_pack(self, text: str) -> bool:
        """Whether the text has a word long enough to pack an address."""
        if self._fewest is None or len(text) < self._fewest:
            return False
        return packed.may_pack(text.encode("latin-1", "replace"), self._fewest)

    def _says_nothing(self, text: str) -> bool:
        if _TELLING.search(text):
            return False
        lowered = patterns.lowered(text)
        return not any(anchor in lowered for anchor in self._anchors)


@lru_cache(maxsize=4096)
def _anchors(real: str) -> tuple[str, ...]:
    """In every spelling without a sign of an address or an encoding stands one of these."""
    local = patterns.lowered(real.rpartition("@")[0])
    domains = patterns.domains(real)
    is_dotless = patterns.is_dotless(real)
    return (*domains, *disguises.anchors(patterns.untagged(local)[0], domains, is_dotless=is_dotless))
