"""Fill in an order mail: the store's own template, or the default one when that fails."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conversation_tracker.message_center import defaults, document, engine, locales, shape, versions
from conversation_tracker.message_center.defaults import Source
from conversation_tracker.models.template import TemplateKey
from orders.models import Store

LONGEST_SUBJECT = 250  # characters
LONGEST_PREHEADER = 300
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A mail, ready to send. ``html`` is a whole document; ``problem`` says why it is not the store's own template."""

    subject: str
    preheader: str
    html: str
    text: str
    problem: str = ""


def render(store: Store, key: TemplateKey, *, locale: str, context: Mapping[str, Any]) -> Rendered:
    """The mail in the language of ``locale`` or the next best. A fault of the store's template is no error.

    It is in ``problem`` then, and the mail is that of the default template.
    """
    written_in = locales.of_template(locale, store.locale)
    spoken = locales.of_formats(locale, written_in)
    version = versions.newest(store, key, written_in)
    problem = ""
    if version is not None and not version.is_default:
        try:
            return fill(versions.source(version, key, written_in), locale=spoken, context=context)
        except engine.Faulty as fault:
            problem = f"version {version.number} ({written_in}): {fault}"[:200]
            log.warning("template failed store=%s template=%s %s", store.pk, key.value, fault.problem.value)
    source = defaults.source(key, written_in)
    return fill(source, locale=spoken, context=context, problem=problem, is_lenient=True)


def fill(
    source: Source,
    *,
    locale: str,
    context: Mapping[str, Any],
    problem: str = "",
    is_lenient: bool = False,
    before: str = "",
) -> Rendered:
    """Fill these texts; dates and money as ``locale`` writes them. Raises engine.Faulty."""
    names = {**shape.complete(dict(context)), "locale": locale}

    def filled(template: str, *, is_html: bool = False) -> str:
        return engine.fill(template, names, is_html=is_html, is_lenient=is_lenient)

    with engine.in_time():
        subject = one_line(filled(source.subject))[:LONGEST_SUBJECT]
        if not subject and not is_lenient:
            raise engine.Faulty(engine.Problem.VALUE, "the subject is empty")
        preheader = one_line(filled(source.preheader))[:LONGEST_PREHEADER]
        body, text = filled(source.html, is_html=True), _tidy(filled(source.text))

    def fault(problem: engine.Problem, why: str, index: int) -> engine.Faulty:
        template = engine.parse(source.html, is_html=True, is_lenient=is_lenient)
        line, column = engine.written_at(template, source.html, names, index)
        return engine.Faulty(problem, why, line=line, column=column)

    if wrong := document.excess(body):
        raise fault(engine.Problem.HTML, wrong.why, wrong.index)
    try:
        html = document.compose(body, lang=locale.replace("_", "-"), title=subject, preheader=preheader, before=before)
    except document.TooLarge as error:
        raise engine.Faulty(engine.Problem.HTML, str(error)) from error
    except document.BadStyle as error:
        raise fault(engine.Problem.STYLE, error.style, error.index) from error
    except document.ShowsNothing as error:
        raise engine.Faulty(engine.Problem.EMPTY) from error
    return Rendered(subject, preheader, html, text, problem)


def one_line(text: str) -> str:
    """The text on one line and without control characters, so that no header can be put in with it."""
    return " ".join(_CONTROLS.sub(" ", text).split())


def _tidy(text: str) -> str:
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    said = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    return said and f"{said}\n"
