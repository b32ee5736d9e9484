"""Check what somebody wrote in a template before it is kept: each fault with its line and column."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _
from liquid import BoundTemplate

from conversation_tracker.message_center import document, engine, names, shape, sources
from conversation_tracker.message_center.defaults import Source
from conversation_tracker.message_center.engine import Faulty, Problem

FIELDS = ("subject", "preheader", "html", "text")
LONGEST = {"subject": 1_000, "preheader": 1_000, "html": sources.LONGEST, "text": sources.LONGEST}
WORDS = {
    Problem.SYNTAX: _("This cannot be read"),
    Problem.VARIABLE: _("There is no such variable"),
    Problem.ITEM: _("Not every order has that many; go through the list with for"),
    Problem.FILTER: _("There is no such filter"),
    Problem.TAG: _("There is no such tag here"),
    Problem.VALUE: _("A filter cannot work on what it is given"),
    Problem.TOO_MUCH: _("It loops or grows too far"),
    Problem.TOO_LONG: _("It is too long from here on; this is the most there may be"),
    Problem.HTML: _("The finished HTML would be too much for a mail"),
    Problem.STYLE: _("This style cannot be read"),
    Problem.EMPTY: _("Nobody would see anything of this mail"),
    Problem.UNSAFE: _("This must not be in a mail"),
}
UNKNOWN = {
    names.Kind.VARIABLE: Problem.VARIABLE, names.Kind.FILTER: Problem.FILTER, names.Kind.CURRENCY: Problem.VALUE,
}  # fmt: skip
# What every order has; of all else a template has to ask whether it is there.
_BARE = {
    "locale": "en", "time_zone": "UTC", "currency": "BRL", "store": {"name": "Store"},
    "order": {
        "number": "1", "placed_at": "2026-11-23T01:40:00+00:00", "value": 1, "item_count": 1, "items": [{"id": "1"}],
    },
    "event": {"occurred_at": "2026-11-23T01:40:00+00:00"},
}  # fmt: skip
_UNSAFE = re.compile(
    r"<\s*(?:script|iframe|frame|object|embed|applet|form|svg|link|base)\b|[\s\"'/]on[a-z]+\s*=\s*[\"']|"
    r"\b(?:javascript|vbscript):",
    re.IGNORECASE,
)
_STYLES = re.compile(document.STYLE + r"|\bstyle\s{0,9}=\s{0,9}(\"[^\"]*\"|'[^']*')", re.IGNORECASE | re.DOTALL)
_LIQUID = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in one of the four texts. Line and column count from 1; 0 where the place is not known."""

    field: str
    problem: Problem
    detail: str
    line: int
    column: int

    @property
    def words(self) -> str:
        """What is wrong, for people."""
        said = str(WORDS[self.problem])
        return f"{said}: {self.detail}" if self.detail else said


def check(source: Source, sample: dict[str, Any]) -> list[Fault]:
    """Everything that keeps the template from being kept; empty when nothing does.

    It is filled with the sample and with an order of which hardly anything is known. All of it together has the time of
    one template; with a fault found when that is over, what is left is not looked at.
    """
    found: list[Fault] = []
    with engine.in_time():
        for field in FIELDS:
            found.extend(dict.fromkeys(_of_field(field, getattr(source, field), sample)))
            if found and engine.is_time_over():
                break
    if not source.subject.strip():
        found.insert(0, Fault("subject", Problem.VALUE, str(_("the subject is empty")), 1, 1))
    return found


def _of_field(field: str, written: str, sample: dict[str, Any]) -> list[Fault]:
    if len(written) > LONGEST[field]:
        place = engine.place(written, LONGEST[field])
        return [Fault(field, Problem.TOO_LONG, f"{LONGEST[field]:,}", *place)]
    is_html = field == "html"
    try:
        template = engine.parse(written, is_html=is_html)
    except Faulty as fault:
        return [_fault(field, fault)]
    unknown = names.unknown(template, shape.SHAPE)
    found = [Fault(field, UNKNOWN[one.kind], one.name, *engine.place(written, one.index)) for one in unknown]
    if is_html:
        found.extend(_unsafe(field, written))
    return found if unknown else found + _unfit(field, written, template, sample)


def _unfit(field: str, written: str, template: BoundTemplate, sample: dict[str, Any]) -> list[Fault]:
    """What goes wrong when the template is filled; the first such thing ends it."""
    for context in (sample, shape.complete(_BARE)):
        try:
            filled = engine.render(template, written, context)
        except Faulty as fault:
            return [_fault(field, fault)]
        if field == "html" and (wrong := _unfit_html(filled, may_be_empty=context is not sample)):
            problem, detail, index = wrong
            is_empty = problem is Problem.EMPTY
            place = (1, 1) if is_empty else engine.written_at(template, written, context, index)
            return [Fault(field, problem, detail, *place)]
    return []


def _unfit_html(filled: str, *, may_be_empty: bool) -> tuple[Problem, str, int] | None:
    """What keeps HTML from becoming a mail, and where in it that begins."""
    if wrong := document.excess(filled):
        return Problem.HTML, wrong.why, wrong.index
    try:
        document.compose(filled, lang="en", title="", preheader="")
    except document.TooLarge as error:
        return Problem.HTML, str(error), 0
    except document.BadStyle as error:
        return Problem.STYLE, error.style, error.index
    except document.ShowsNothing:
        return None if may_be_empty else (Problem.EMPTY, "", 0)
    return None


def _fault(field: str, fault: Faulty) -> Fault:
    return Fault(field, fault.problem, fault.detail, fault.line, fault.column)


def _unsafe(field: str, written: str) -> Iterator[Fault]:
    for found in _UNSAFE.finditer(written):
        yield Fault(field, Problem.UNSAFE, found[0].strip(" \"'/=<"), *engine.place(written, found.start()))
    for styles in _STYLES.finditer(written):
        said = styles[1] if styles[1] is not None else styles[2]
        start = styles.start(1) if styles[1] is not None else styles.start(2)
        for found in document.STYLE_TRICKS.finditer(_LIQUID.sub(lambda code: " " * len(code[0]), said)):
            yield Fault(field, Problem.UNSAFE, found[0], *engine.place(written, start + found.start()))
