"""Make a whole mail of filled-in HTML: nothing in it runs or loads, its styles stand in the elements. Pure."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import css_inline
import nh3

from conversation_tracker.mailflow import bodies
from orders import markup, rendering

_HERE = Path(__file__).parent / "defaults"
# What zero-width space keeps the words of the mail itself out of the line that a list of mails shows.
_PADDING = "&#847;&zwnj;&nbsp;" * 60

_EVERYWHERE = {
    "align", "aria-hidden", "aria-label", "bgcolor", "class", "dir", "height", "id", "lang", "role", "style", "title",
    "valign", "width",
}  # fmt: skip
_ATTRIBUTES = {
    "*": _EVERYWHERE,
    "a": {"href", "target"},
    "col": {"span"},
    "font": {"color", "face", "size"},
    "img": {"alt", "border", "src"},
    "ol": {"start", "type"},
    "table": {"border", "cellpadding", "cellspacing"},
    "td": {"colspan", "nowrap", "rowspan"},
    "th": {"colspan", "nowrap", "rowspan", "scope"},
    "time": {"datetime"},
}
_SCHEMES = {"http", "https", "mailto", "tel"}
# Written so that each sign is looked at once, also in what nothing ends.
STYLE = r"<style\b[^<>]*>((?:(?!<style\b).)*?)</style\s{0,9}>"
_STYLE = re.compile(STYLE, re.IGNORECASE | re.DOTALL)
_STYLED = re.compile(r"\bstyle\s{0,9}=\s{0,9}(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+))", re.IGNORECASE)
LARGEST = 2_000_000  # characters of the finished mail
# Styles are matched with every element and written into it: characters of all styles, and rules, times elements.
MOST_STYLED = 30_000_000
MOST_MATCHED = 5_000_000
LONGEST_ELEMENT = 5_000  # characters of an opening tag: each of its attributes is looked for among the others
# A style that loads, runs or leaves its element; the backslash could spell any of them.
STYLE_TRICKS = re.compile(
    r"@import|@font-face|@charset|url\s*\(|expression|behavior|binding|javascript|[\\<]", re.IGNORECASE
)

_CLEANER = nh3.Cleaner(
    tags=set(rendering.TAGS),
    clean_content_tags=set(rendering.DROPPED_WHOLE),
    attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
    attribute_filter=lambda _tag, name, value: None if name == "style" and STYLE_TRICKS.search(value) else value,
    url_schemes=_SCHEMES,
    link_rel=None,
    strip_comments=True,
)
# The inliner puts what it keeps first in the head, and a reader wants to know the charset early.
_AT_RULES = re.compile(r"(<head>)(<style>.*?</style>)(.*?)(</head>)", re.DOTALL)
_INLINER = css_inline.CSSInliner(
    keep_style_tags=False, keep_at_rules=True, keep_link_tags=False, load_remote_stylesheets=False
)

_SHELL = """\
<!doctype html>
<html lang="{lang}" xmlns:o="urn:schemas-microsoft-com:office:office">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="x-apple-disable-message-reformatting">
<meta name="format-detection" content="telephone=no, date=no, address=no, email=no">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; supported-color-schemes: light dark; }}
body {{ margin: 0; padding: 0; width: 100%; background-color: #f5f4f0; -webkit-text-size-adjust: 100%; }}
.ground {{ width: 100%; background-color: #f5f4f0; }}
.column {{ max-width: 600px; margin: 0 auto; text-align: left; }}
.preheader {{ display: none; max-height: 0; overflow: hidden; font-size: 1px; line-height: 1px; color: #f5f4f0; mso-hide: all; }}
{style}
</style>
</head>
<body bgcolor="#f5f4f0">
{before}<div class="preheader">{preheader}{padding}</div>
<table class="ground" role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" bgcolor="#f5f4f0">
<tr><td align="center">
<!--[if mso]><table role="presentation" width="600" align="center" cellpadding="0" cellspacing="0" border="0"><tr><td><![endif]-->
<div class="column">
{body}
</div>
<!--[if mso]></td></tr></table><![endif]-->
</td></tr>
</table>
</body>
</html>
"""  # noqa: E501


class TooLarge(ValueError):
    """The finished mail is larger than a mail may be."""


class BadStyle(ValueError):
    """The style of an element cannot be read, so that no others can be put beside it; which one, and from where on."""

    def __init__(self, style: str, index: int) -> None:
        self.style, self.index = style, index
        super().__init__(style)


class ShowsNothing(ValueError):
    """Nobody would see anything of the finished mail."""


@dataclass(frozen=True, slots=True)
class Excess:
    """Why HTML is not composed, and from which place on."""

    why: str
    index: int


def excess(filled: str) -> Excess | None:
    """What of this HTML would take too long or too much memory to compose; None when nothing does."""
    if (index := markup.absurd_at(filled)) is not None:
        return Excess("elements too deep in each other", index)
    index = filled.find("<")
    for element in filled.split("<")[1:]:
        if len(element.partition(">")[0]) > LONGEST_ELEMENT:
            return Excess("an element with too many attributes", index)
        index += len(element) + 1
    styles, elements = "".join(_STYLE.findall(filled)), filled.count("<")
    if len(styles) * elements > MOST_STYLED or styles.count("{") * elements > MOST_MATCHED:
        first = _STYLE.search(filled)
        return Excess("too many styles for so many elements", first.start() if first else 0)
    return None


def compose(filled: str, *, lang: str, title: str, preheader: str, before: str = "") -> str:
    """The finished HTML of a mail. ``title`` and ``preheader`` are text; ``before`` is HTML of ours, for a preview.

    Only of HTML without ``excess``. Raises TooLarge, BadStyle or ShowsNothing.
    """
    body = _CLEANER.clean(filled)
    if not bodies.shows(body):
        raise ShowsNothing
    own = "\n".join(found for found in _STYLE.findall(filled) if not STYLE_TRICKS.search(found))
    document = _SHELL.format(
        lang=html.escape(lang),
        title=html.escape(title),
        style=f"{_read('style.css')}\n{_read('head.css')}\n{own}",
        before=before,
        preheader=html.escape(preheader),
        padding=_PADDING if preheader else "",
        body=body,
    )
    try:
        inlined = _INLINER.inline(document)
    except css_inline.InlineError as error:
        raise BadStyle(*_bad_style(filled)) from error
    finished = _AT_RULES.sub(r"\1\3\2\4", inlined, count=1)
    if len(finished) > LARGEST:
        raise TooLarge(f"{len(finished):,} characters")
    return finished


def _bad_style(filled: str) -> tuple[str, int]:
    """The first style of an element that cannot be read, and where it stands; empty and 0 when it is not found."""
    for found in _STYLED.finditer(filled):
        said = html.unescape(next(one for one in found.groups() if one is not None))
        try:
            _INLINER.inline_fragment(f'<p style="{html.escape(said)}">a</p>', "p { margin: 0 }")
        except css_inline.InlineError:
            return said, found.start()
    return "", 0


@cache
def _read(name: str) -> str:
    return re.sub(r"/\*.*?\*/\s*", "", (_HERE / name).read_text("utf-8"), flags=re.DOTALL)
