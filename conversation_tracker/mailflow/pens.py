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

# How far the pen goes on, goes back, or leaves its line where it is set down elsewhere: in sizes of the letters, of
# which a space is a quarter. Letters that are set closer go back by a tenth, each of them.
_ON, _BACK, _OFF = 0.1, 0.5, 0.5


class _Parting(TextExtraction):
    """The library's, with a space where a piece of text does not begin where the last one ended."""

    def __init__(self) -> None:
        super().__init__()
        self._stopped: tuple[float, float] | None = None

    def _handle_tj_operation(self, operands: list[Any]) -> float:
        if self._stopped is not None and self._is_elsewhere(*self._stopped):
            self.output += f"{self.text} "
            self.text = ""
        width = super()._handle_tj_operation(operands)
        self._stopped = self._pen()[:2]
        return width

    def _is_elsewhere(self, x: float, y: float) -> bool:
        if (self.text or self.output)[-1:].isspace():
            return False
        here_x, here_y, a, b = self._pen()
        scale = hypot(a, b) or 1.0
        on = ((here_x - x) * a + (here_y - y) * b) / scale
        off = ((here_y - y) * a - (here_x - x) * b) / scale
        size = self.font_size * scale
        return not -_BACK * size <= on <= max(self._space_width / 1_000, _ON) * size or abs(off) > _OFF * size

    def _pen(self) -> tuple[float, float, float, float]:
        """Where it is on the page, and where a unit of the text leads from there (ISO 32000-1, §9.4.4)."""
        a, b, _, _, x, y = mult(self.tm_matrix, self.cm_matrix)
        width = self.compute_str_widths(self._actual_str_size["str_widths"]) * self.char_scale
        return x + width * a, y + width * b, a, b


def part() -> None:
    """Have the library do so from now on."""
    _page.TextExtraction = _Parting  # type: ignore[attr-defined]
