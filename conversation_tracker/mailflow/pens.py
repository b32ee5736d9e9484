"""Part what a PDF shows where the pen is set down elsewhere than it stopped, which the library does only further on.

A footer whose right half is drawn first, cells of a line that is read from right to left, a table that is turned: there
the library writes one word on to the other, and an address begins within a word.
"""

from __future__ import annotations

from math import hypot
from typing import Any

from pypdf import _page
from pypdf._text_extraction import mult
from pypdf._text_extraction._text_extractor import TextExtraction

MARK = "\ufdd0"  # no character
LONGEST = 500_000  # characters of one page, which has some thousands
# Of the size of the letters, of which a space is a quarter: where a piece begins, and where even behind a space, which
# the library also puts between letters that are set apart.
_GAP, _GAP_BEHIND_SPACE = 0.1, 0.8


class _Parting(TextExtraction):
    """The library's, with a mark where a piece of text does not begin where the last one ended. It is for readings to
    say whether a word ends there: letters may be set closer, raised, or have widths that nobody knows.
    """

    def __init__(self) -> None:
        super().__init__()
        self._stopped: tuple[float, float] | None = None

    def _handle_tj_operation(self, operands: list[Any]) -> float:
        if len(self.output) + len(self.text) > LONGEST:
            return 0.0
        if self._stopped is not None and self._is_elsewhere(*self._stopped):
            self.output += self.text + MARK
            self.text = ""
        width = super()._handle_tj_operation(operands)
        self.text = self.text[:LONGEST]
        self._stopped = self._pen()[:2]
        return width

    def _is_elsewhere(self, x: float, y: float) -> bool:
        last = (self.text or self.output)[-1:]
        if last == "\n":
            return False
        here_x, here_y, scale = self._pen()
        gap = _GAP_BEHIND_SPACE if last.isspace() else max(self._space_width / 1_000, _GAP)
        return hypot(here_x - x, here_y - y) > gap * self.font_size * scale

    def _pen(self) -> tuple[float, float, float]:
        """Where it is on the page, and how large a unit of the text is there (ISO 32000-1, §9.4.4)."""
        a, b, _, _, x, y = mult(self.tm_matrix, self.cm_matrix)
        width = self.compute_str_widths(self._actual_str_size["str_widths"]) * self.char_scale
        return x + width * a, y + width * b, hypot(a, b)


def part() -> None:
    """Have the library do so from now on."""
    _page.TextExtraction = _Parting  # type: ignore[attr-defined]
