"""Tell what a mail says from the older mails it quotes, so that a page can fold the quotes. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

# The line before a quote: "On … wrote:", "Em … escreveu:", "El … escribió:". Looked for in short lines only.
_ATTRIBUTION = re.compile(
    r"(?:on|em|no dia|el|le|am|il)\b.{0,300}(?:wrote|escreveu|escribió|écrit|schrieb|scritto)\s?:"
)
_ATTRIBUTION_LINE = 300
# What Outlook and its like put above the mail that is answered.
_DIVIDER = re.compile(
    r"-{2,}\s*(?:original message|forwarded message|mensagem original|mensagem encaminhada|mensaje original"
    r"|mensaje reenviado)\s*-{2,}"
)
_HEADER_START = re.compile(r"\*?(?:from|de):\*?\s")
_HEADER_NEXT = re.compile(r"\*?(?:sent|date|to|enviad[ao](?: em| el)?|data|fecha|para|subject|assunto|asunto):\*?\s")


@dataclass(frozen=True, slots=True)
class Folded:
    """A text in two: what is said, and the quoted history after it, which may be empty."""

    said: str
    quoted: str


def fold(text: str) -> Folded:
    """Cut a mail's text where its quoted history starts; a mail that is nothing but quotes stays whole.

    Answers between quoted lines stay with them, in sight: only a quote that reaches the end is history.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    start = _marker(lines)
    if start is None:
        start = _trailing_quote(lines)
    said = "\n".join(lines[:start]).strip("\n")
    quoted = "\n".join(lines[start:]).strip("\n")
    if not said.strip():
        return Folded(quoted or said, "")
    return Folded(said, quoted)


def _marker(lines: list[str]) -> int | None:
    """The first line from which on everything is an older mail, by what mail programs write there."""
    for number, line in enumerate(lines):
        bare = line.strip().lower()
        if not bare or len(bare) > _ATTRIBUTION_LINE:
            continue
        if _DIVIDER.fullmatch(bare):
            return number
        if _HEADER_START.match(bare) and any(
            _HEADER_NEXT.match(after.strip().lower()) for after in lines[number + 1 : number + 3]
        ):
            above = number - 1
            return above if above >= 0 and re.fullmatch(r"_{8,}", lines[above].strip()) else number
    return None


def _trailing_quote(lines: list[str]) -> int:
    """Where the ``>`` lines at the end start, with the line that introduces them; the end when there are none."""
    end = len(lines)
    start = end
    for number in range(end - 1, -1, -1):
        bare = lines[number].lstrip()
        if bare.startswith(">"):
            start = number
        elif bare:
            break
    if start == end:
        return end
    return _with_attribution(lines, start)


def _with_attribution(lines: list[str], start: int) -> int:
    """Mail programs break a long attribution, so up to three lines above the quote are read as one."""
    above = start - 1
    while above >= 0 and not lines[above].strip():
        above -= 1
    for first in range(above, max(above - 3, -1), -1):
        joined = " ".join(line.strip() for line in lines[first : above + 1]).lower()
        if len(joined) <= _ATTRIBUTION_LINE and _ATTRIBUTION.fullmatch(joined):
            return first
    return start
