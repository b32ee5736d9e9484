"""Keep the colour that words stand on where only colours may stay of a background: white words need theirs. Pure."""

from __future__ import annotations

import html
import re

# A declaration, in which a string may hold the sign that ends it (CSS Syntax §4.3.5).
_DECLARATION = re.compile(r"""(?>(?:"(?:\\.?|[^"\\])*(?:"|\Z)|'(?:\\.?|[^'\\])*(?:'|\Z)|[^;"'])+)""", re.DOTALL)
_OTHER_SIGNS = re.compile(r"""url\([^)]*\)?|"[^"]*"?|'[^']*'?""", re.IGNORECASE)
# What the shorthand and gradients may say besides (CSS Backgrounds §3.10, CSS Images §3.1), which is no colour's name.
_NO_COLOUR = (
    "none|repeat|space|round|scroll|fixed|local|left|right|center|top|bottom|auto|cover|contain|url|var|from|circle"
    "|ellipse|initial|inherit|unset|revert|important"
)
_COLOUR = re.compile(
    r"#[0-9a-f]{3,8}\b|(?<![\w-])(?:rgb|hsl)a?\([\d.,%/ a-z-]{1,60}\)"
    rf"|(?<![\w.#-])(?!(?:{_NO_COLOUR})\b)[a-z]{{3,22}}(?![\w(-])",
    re.IGNORECASE,
)
_BODY = re.compile(r"""<body\b((?>(?:[^<>"']|"[^"<]{0,4000}"|'[^'<]{0,4000}'){1,4000}))>""", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([^\s"'>/=]{1,40})\s{0,9}=\s{0,9}(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")


def coloured(style: str) -> str:
    """The style with the colour of a ``background`` as ``background-color``; nothing else of it is kept."""
    if "background" not in style.lower():
        return style
    return ";".join(filter(None, map(_coloured, _DECLARATION.findall(style))))


def _coloured(declaration: str) -> str:
    name, _, value = declaration.partition(":")
    if name.strip().lower() != "background":
        return declaration
    found = _COLOUR.search(_OTHER_SIGNS.sub(" ", value))
    if found is None:
        return ""
    return f"background-color:{found[0]}" + (" !important" if "important" in value.lower() else "")


def on_body(source: str) -> str:
    """The HTML with an element of the body's colours round all that follows, since the body itself is not kept.

    Where its ground is a picture, which is not kept either, the words do without its colours.
    """
    return _BODY.sub(_as_element, source, count=1)


def _as_element(body: re.Match[str]) -> str:
    said = {name.lower(): html.unescape("".join(values)) for name, *values in _ATTRIBUTE.findall(body[1])}
    style = coloured(said.get("style", ""))
    if "bgcolor" not in said and "background-color" not in style.lower():
        return body[0]
    ground = f"background-color:{said['bgcolor']};" if "bgcolor" in said else ""
    letters = f"color:{said['text']};" if "text" in said else ""
    return f'<div style="{html.escape(ground + letters + style)}">'
