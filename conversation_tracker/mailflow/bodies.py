"""Clean HTML bodies for recording and relaying, and make text of them. Pure."""

from __future__ import annotations

import html
import re
from binascii import a2b_base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import nh3

from conversation_tracker.mailflow import headers
from orders import grounds, markup

_TAGS = nh3.ALLOWED_TAGS | {"center", "font", "big", "u", "s", "section", "main", "address", "tfoot", "label"}
_LAYOUT = {"style", "align", "valign", "width", "height", "bgcolor", "dir", "lang", "title", "role", "aria-label"}
_ATTRIBUTES: dict[str, set[str]] = {
    "*": _LAYOUT,
    "a": {"href"},
    "img": {"src", "alt", "border", "usemap"},
    "map": {"name"},
    "area": {"href", "alt", "shape", "coords"},
    "font": {"color", "face", "size"},
    "table": {"border", "cellpadding", "cellspacing", "summary"},
    "td": {"colspan", "rowspan", "nowrap"},
    "th": {"colspan", "rowspan", "scope", "nowrap"},
    "ol": {"start", "type"},
    "li": {"value"},
    "blockquote": {"type"},
}
_SCHEMES = {"http", "https", "mailto", "tel", "cid"}
_DROPPED_WHOLE = {"script", "style", "title", "template", "svg", "math"}
# Nothing here can fetch or cover the page; values that hide text from the reader are taken out below, and all of a
# background but its colour.
_STYLES = {
    "background", "background-color", "border", "border-bottom", "border-collapse", "border-color", "border-left",
    "border-radius", "border-right", "border-spacing", "border-style", "border-top", "border-width", "color",
    "direction", "display", "font-family", "font-size", "font-style", "font-weight", "height", "letter-spacing",
    "line-height", "list-style-type", "margin", "margin-bottom", "margin-left", "margin-right", "margin-top",
    "max-width", "min-width", "padding", "padding-bottom", "padding-left", "padding-right", "padding-top",
    "text-align", "text-decoration", "text-transform", "vertical-align", "white-space", "width", "word-break",
}  # fmt: skip
_CLEANER = nh3.Cleaner(
    tags=_TAGS - _DROPPED_WHOLE,
    clean_content_tags=_DROPPED_WHOLE,
    attributes=_ATTRIBUTES,
    url_schemes=_SCHEMES,
    link_rel=None,
    strip_comments=True,
    filter_style_properties=_STYLES | {name.upper() for name in _STYLES},  # as old programs write them
)
_STRIPPER = nh3.Cleaner(tags=set(), clean_content_tags=_DROPPED_WHOLE, attributes={}, link_rel=None)

# What the cleaner takes away though a page shows its text apart from what stands before and behind it.
_APART = re.compile(
    r"(?<=\S)<(?=/?(?:body|button|dialog|dir|fieldset|form|html|iframe|input|legend|listing|marquee|menu|noframes|optgroup|option"
    r"|search|select|textarea|xmp)\b)",
    re.IGNORECASE,
)
# Mail programs run nothing, so they show what stands in it; the cleaner takes that for text that is no HTML.
_NO_SCRIPT = re.compile(r"</?noscript\b[^<>]{0,200}>", re.IGNORECASE)
_PICTURE = re.compile(
    r"""(?<=\s)src\s{0,9}=\s{0,9}(["'])data:image/(png|jpe?g|gif|webp|bmp);base64,((?>[A-Za-z0-9+/=\s]*))\1""",
    re.IGNORECASE,
)
_STYLE = re.compile(r' style="([^"<>]*)"')
_HIDING = re.compile(
    r"display:none|color:(?:transparent|(?:rgba|hsla)\([^()]*[,/] ?0(?:\.0+)?%?\)|#[0-9a-f]{3}0|#[0-9a-f]{6}00)"
    r"|letter-spacing:-.*|margin[a-z-]*:.*-[0-9]{3}.*"
)
_FONT_SIZE = re.compile(r"font-size:([0-9]*\.?[0-9]+)([a-z%]*)")
_SMALLEST = {"px": 4.0, "pt": 3.0, "%": 30.0}  # of a font that can be read; 0.3 of every other unit
_TAG, _ATTRIBUTE = re.compile(r'<[a-z](?:"[^"]*+"|[^">])*+>'), re.compile(r' [a-z-]+="([^"]*)"')
_IMAGE = re.compile(r"<img\b[^<>]*>")
_ALT = re.compile(r' alt="([^"]*)"')

_BREAK = re.compile(
    r"<(?:br|hr)\b[^<>]*>|</(?:p|div|tr|h[1-6]|li|d[dt]|blockquote|table|caption|figcaption|pre|address|center|section|article|aside|main|nav|header|footer|summary)>",
    re.IGNORECASE,
)
_CELL = re.compile(r"</t[dh]>", re.IGNORECASE)
_BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*)+\n")
_FEW_LETTERS = 20
_NO_LETTER = re.compile(r"[\W_]+")
_TRAILING = re.compile(r"(?<![ \t\xa0])[ \t\xa0]+\n")  # tried once for each run, not at each of its characters


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture out of the HTML, and its id there."""

    name: str
    content_id: str
    content_type: str
    content: bytes


def clean(source: str) -> str:
    """The HTML without anything that runs, submits, frames or hides, in one canonical spelling.

    Entities come out decoded but for ``& < > " nbsp``, so that what follows can search the result as text. Of what
    would keep the cleaner busy for long only the text is left.
    """
    source = _APART.sub(" <", grounds.on_body(_NO_SCRIPT.sub(" ", headers.clean(source))))
    if markup.is_absurd(source):
        return markup.from_text(to_text(source))
    cleaned = _shown(headers.clean(_CLEANER.clean(source)))
    end = cleaned[len(cleaned.rstrip("\n")) :]
    return cleaned.removesuffix(end).strip(" ") + end


def without_attributes(cleaned: str, is_bad: Callable[[str], bool], *, most: int) -> tuple[str, int]:
    """Cleaned HTML without the attributes whose value is bad, such as where a link leads, and how many they were. No
    more than ``most`` are looked at.
    """
    looked = gone = 0

    def kept(attribute: re.Match[str]) -> str:
        nonlocal looked, gone
        looked += 1
        if looked > most or not is_bad(html.unescape(attribute[1])):
            return attribute[0]
        gone += 1
        return ""

    return _TAG.sub(lambda tag: _ATTRIBUTE.sub(kept, tag[0]), cleaned), gone


def _shown(cleaned: str) -> str:
    """Without the styles that hide text, as the cleaner writes them: one spelling, no escapes."""
    return _STYLE.sub(_without_hiding, cleaned)


def _without_hiding(found: re.Match[str]) -> str:
    style = found[1]
    if "background:" in style.lower():
        coloured = grounds.coloured(html.unescape(style))
        style = html.escape(coloured, quote=False).replace('"', "&quot;")
    kept = ";".join(one for one in style.split(";") if not _hides(one.partition("!")[0].strip().lower()))
    return f' style="{kept}"'


def _hides(declaration: str) -> bool:
    if size := _FONT_SIZE.fullmatch(declaration):
        return float(size[1]) < _SMALLEST.get(size[2], 0.3)
    return _HIDING.fullmatch(declaration) is not None


def without_pictures(source: str, *, first: int, most: int) -> tuple[str, list[Picture]]:
    """The HTML with an id, counted from ``first``, for each picture that stands in it as a ``data:`` URI, and these.

    Many mail programs show none of them there, and the cleaner takes them away. One that stands there often is one.
    """
    pictures: dict[bytes, Picture] = {}

    def named(found: re.Match[str]) -> str:
        try:
            content = a2b_base64(found[3])
        except ValueError:
            return found[0]
        if not content or (content not in pictures and len(pictures) >= most):
            return found[0]
        name, kind = f"picture-{first + len(pictures)}.{found[2].lower()}", found[2].lower().replace("jpg", "jpeg")
        picture = pictures.setdefault(content, Picture(name, f"{name}@inline", f"image/{kind}", content))
        return f'src="cid:{picture.content_id}"'

    return _PICTURE.sub(named, source), list(pictures.values())


def to_text(source: str) -> str:
    """The HTML's text with a line end after each block."""
    marked = _CELL.sub("\t", _BREAK.sub(r"\g<0>\n", source))
    return tidy(bare(marked))


def shows(cleaned: str) -> bool:
    """Whether one would see anything of this HTML, which is clean."""
    return "<img" in cleaned or bool(bare(cleaned).strip())


def bare(source: str) -> str:
    """The HTML's text with every tag simply taken out, as two halves of a word around a tag are read as one."""
    stripped = markup.untagged(source) if markup.is_absurd(source) else _STRIPPER.clean(source)
    return headers.clean(html.unescape(stripped))


def read_aloud(source: str) -> str:
    """The bare text with what stands for the pictures in it."""
    return bare(_IMAGE.sub(_alternative, source))


def _alternative(image: re.Match[str]) -> str:
    alt = _ALT.search(image[0])
    return alt[1] if alt else ""


def unflow(text: str, *, delsp: bool) -> str:
    """The paragraphs of a ``format=flowed`` text on one line each, with their quote marks (RFC 3676 §4)."""
    lines: list[str] = []
    open_depth: int | None = None  # of the paragraph that goes on
    pieces: list[str] = []
    for written in text.split("\n"):
        rest = written.lstrip(">")
        depth = len(written) - len(rest)
        line = rest.removeprefix(" ")
        if pieces and depth != open_depth:  # §4.5: a paragraph that its writer left open
            lines.append("".join(pieces))
            pieces = []
        is_signature = line == "-- "
        if pieces and is_signature:  # §4.3
            lines.append("".join(pieces))
            pieces = []
        if not pieces:
            pieces.append(">" * depth + " " if depth else "")
        if line.endswith(" ") and not is_signature:
            pieces.append(line[:-1] if delsp else line)
            open_depth = depth
        else:
            pieces.append(line)
            lines.append("".join(pieces))
            pieces = []
    return "\n".join([*lines, "".join(pieces)] if pieces else lines)


def together(pieces: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """One clean text and one clean HTML that each say all that a mail's pieces say one after the other.

    Each piece is text and HTML, clean, one of them empty where it came in one form only. Mail programs show one of the
    two, so such a piece is put into the other as well; but not where that says it already, since some mailers call
    alternatives a sequence.
    """
    pieces = [(text, source) for text, source in pieces if text.strip() or shows(source)]
    texts, sources = [text for text, _ in pieces if text], [source for _, source in pieces if source]
    if texts and sources and len(pieces) > 1:
        said, shown = _Said("\n".join(texts)), _Said(bare("\n".join(sources)))
        texts = [text or _unless(said, to_text(source)) for text, source in pieces]
        sources = [source or _unless(shown, text, clean(markup.from_text(text))) for text, source in pieces]
    return tidy("\n\n".join(filter(None, texts))), "\n".join(filter(None, sources))


def _unless(said: _Said, text: str, form: str | None = None) -> str:
    """The text, in another form where one is given; empty where it is said already."""
    return "" if text in said else text if form is None else form


class _Said:
    """A text that says others, whatever signs and spaces stand between their letters; of a few letters, where they do
    not stand within a word by chance.
    """

    def __init__(self, text: str) -> None:
        self._text, self._letters, self._words = text, _letters(text), _words(text)

    def __contains__(self, text: str) -> bool:
        letters = _letters(text)
        if len(letters) > _FEW_LETTERS:
            return letters in self._letters
        if not letters:
            return text.strip() in self._text
        return _words(text) in self._words


def _words(text: str) -> str:
    """Its words, each between spaces."""
    return f" {_NO_LETTER.sub(' ', text).strip()} "


def _letters(text: str) -> str:
    return _NO_LETTER.sub("", text)


def tidy(text: str) -> str:
    """No trailing space, never more than one blank line."""
    return _BLANK_LINES.sub("\n\n", _TRAILING.sub("\n", text)).strip()
