"""Make the HTML of a mail safe to look at: nothing in it runs, loads or phones home.

Three walls, each enough by itself: the cleaning here, the policy of ``POLICY`` on the page that carries the result, and
the sandboxed frame that shows it. A sandboxed frame sends no cookies, so pictures of the mail itself come as ``data:``.
"""
# ruff: noqa: SIM905  the long lists of names read better as words than as lists

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import unescape
from urllib.parse import unquote

import nh3

from orders import grounds, markup

POLICY = "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'"
MAX_HTML = 2_000_000  # characters; what is longer is cut, since no person reads it and no browser should
MAX_PICTURES = 8_000_000  # bytes of all pictures put into one page

TAGS = frozenset(
    "a abbr address article aside b bdi bdo blockquote br caption center cite code col colgroup dd del details dfn div "
    "dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark nav ol p pre q s "
    "samp section small span strike strong sub summary sup table tbody td tfoot th thead time tr tt u ul var "
    "wbr".split()
)
DROPPED_WHOLE = frozenset(
    "applet audio base canvas embed frame frameset iframe input link math meta noembed noframes noscript object "
    "option script select style svg template textarea title video xmp".split()
)
_LOOKS = {"align", "bgcolor", "dir", "height", "lang", "style", "title", "valign", "width"}
_ATTRIBUTES = {
    "*": _LOOKS,
    "a": {"href", "target"},
    "col": {"span"},
    "font": {"color", "face", "size"},
    "img": {"alt", "src"},
    "ol": {"start", "type"},
    "table": {"border", "cellpadding", "cellspacing"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "time": {"datetime"},
}
_STYLE_PROPERTIES = frozenset(
    "background-color border border-bottom border-collapse border-color border-left border-radius border-right "
    "border-spacing border-style border-top border-width color direction display font font-family font-size font-style "
    "font-variant font-weight height letter-spacing line-height list-style-type margin margin-bottom margin-left "
    "margin-right margin-top max-width min-width padding padding-bottom padding-left padding-right padding-top "
    "text-align text-decoration text-indent text-transform vertical-align white-space width word-break".split()
)
_LINK = re.compile(r"(?:https?|mailto|tel):", re.IGNORECASE)
_REMOTE = re.compile(r"https?:|[/\\]{2}", re.IGNORECASE)
_CID = re.compile(r"cid:", re.IGNORECASE)
_CONTENT_ID = re.compile(r"cid:([^\s\"'<>)]+)", re.IGNORECASE)
_OWN_PICTURE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]+", re.IGNORECASE)
_STYLE_TRICKS = re.compile(r"[\\<]|url|expression|image|@", re.IGNORECASE)
_RASTER = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


@dataclass(frozen=True, slots=True)
class Shown:
    """HTML that is safe to show, how many pictures from elsewhere were left out, and whether the end was cut off."""

    html: str
    blocked: int
    is_cut: bool = False


def content_ids(html: str) -> list[str]:
    """The pictures that the HTML wants from its own mail, each once, in their order."""
    return list(dict.fromkeys(bare_id(found) for found in _CONTENT_ID.findall(html)))


def bare_id(content_id: str) -> str:
    """A Content-ID as both ends of a reference are compared: no angle brackets, no percent-encoding, lower case."""
    return unquote(content_id.strip().strip("<>")).lower()


def raster_type(content: bytes) -> str | None:
    """The type of a picture made of pixels, by its first bytes; None for everything else, SVG too."""
    for magic, name in _RASTER:
        if content.startswith(magic):
            return name
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return None


def safe_html(html: str, pictures: Mapping[str, bytes] | None = None) -> Shown:
    """Clean the HTML of a mail; ``pictures`` are its own, by ``bare_id``, and only those of pixels are put in.

    Of what would keep the page waiting only the text is left.
    """
    own = _embeddable(pictures or {})
    left_out: list[str] = []
    cut = html[:MAX_HTML]
    if markup.is_absurd(cut):
        return Shown(markup.from_text(unescape(markup.untagged(cut))), 0, is_cut=len(cut) < len(html))
    cleaned = nh3.clean(
        cut,
        tags=set(TAGS),
        clean_content_tags=set(DROPPED_WHOLE),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        attribute_filter=_filter(own, left_out),
        filter_style_properties=set(_STYLE_PROPERTIES) | {name.upper() for name in _STYLE_PROPERTIES},
        url_schemes={"http", "https", "mailto", "tel", "cid", "data"},
        set_tag_attribute_values={"a": {"target": "_blank"}},
        link_rel="noopener noreferrer",
        strip_comments=True,
    )
    return Shown(cleaned, len(left_out), is_cut=len(cut) < len(html))


def _embeddable(pictures: Mapping[str, bytes]) -> dict[str, str]:
    """The pictures as data URIs, as long as they fit together."""
    room = MAX_PICTURES
    found = {}
    for name, content in pictures.items():
        kind = raster_type(content)
        if kind is None or len(content) > room:
            continue
        room -= len(content)
        found[name] = f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
    return found


def _filter(own: Mapping[str, str], left_out: list[str]) -> Callable[[str, str, str], str | None]:
    """Decide each attribute: the value to keep, or None to drop it."""

    def keep(_tag: str, name: str, value: str) -> str | None:
        if name == "href":
            return value if _LINK.match(value.strip()) else None
        if name == "src":
            return source(value.strip())
        if name == "style":
            parts = grounds.coloured(value).split(";")
            return ";".join(part for part in parts if not _STYLE_TRICKS.search(part)) or None
        return value

    def source(value: str) -> str | None:
        if _CID.match(value):
            return own.get(bare_id(value[4:]))
        if _OWN_PICTURE.fullmatch(value):
            return value
        if _REMOTE.match(value):
            left_out.append(value)
        return None

    return keep
