"""The default order mails: put together from words, parts and a layout into templates that stand by themselves."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
_WORD = re.compile(r"\[\[([a-z_]+)\]\]")
_BUTTON = re.compile(r"\[\[button:([a-z_.]+):([a-z_]+)\]\]")
_MANY_BLANK_LINES = re.compile(r"\n{3,}")


@dataclass(frozen=True, slots=True)
class Source:
    """A template before it is filled: four texts in Liquid."""

    subject: str
    preheader: str
    html: str
    text: str


@cache
def source(key: str, locale: str) -> Source:
    """The default template of this key, in one of the locales that templates are written in."""
    words = _toml(f"words.{locale}.toml")
    own, parts = words[key], _toml("templates.toml")[key]
    shared = {name: said for name, said in words["shared"].items() if isinstance(said, str)}
    said = {**shared, "title": own["title"]}
    html = _fill(
        _read("layout.html"),
        {
            **said,
            "steps": _steps(words["shared"]["steps"], parts["step"]),
            "body": "\n      ".join(f"<p>{paragraph}</p>" for paragraph in own["body"]),
            "parts": "\n".join(_part(f"{name}.html", said) for name in parts["parts"]),
        },
    )
    text = _fill(
        _read("layout.txt"),
        {
            **said,
            "body": "\n\n".join(own["body"]),
            "parts": "\n".join(_part(f"{name}.txt", said) for name in parts["parts"]),
        },
    )
    return Source(own["subject"], own["preheader"], _tidy(html), _tidy(text))


def _steps(names: list[str], now: int) -> str:
    """The line of five steps; which of them are done is said by a mark too, and not by colour alone."""
    if not now:
        return ""
    done = now if now == len(names) else now - 1
    cells = []
    for turn, name in enumerate(names, 1):
        look = "done" if turn <= done else "now" if turn == now else "todo"
        mark = "✓ " if turn <= done else ""
        cells.append(f'<td class="{look}" width="20%">{mark}{name}</td>')
    return _fill(_read("parts/steps.html"), {"cells": "\n    ".join(cells)})


def _part(name: str, words: dict[str, str]) -> str:
    def button(found: re.Match[str]) -> str:
        return _fill(_read("parts/button.html"), {"url": f"{{{{ {found[1]} }}}}", "label": words[found[2]]})

    return _fill(_BUTTON.sub(button, _read(f"parts/{name}")), words)


def _fill(template: str, words: dict[str, str]) -> str:
    return _WORD.sub(lambda found: words[found[1]], template)


def _tidy(written: str) -> str:
    return _MANY_BLANK_LINES.sub("\n\n", written).strip() + "\n"


@cache
def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads(_read(name))


@cache
def _read(name: str) -> str:
    return (_HERE / name).read_text("utf-8")
