"""Read what RTF says, as a word processor shows it. Pure.

Source: Rich Text Format (RTF) Specification 1.9.1, "Character set", "Font table", "Unicode RTF".
"""

from __future__ import annotations

import re

from conversation_tracker.mailflow import charsets

_SIGNS = re.compile(
    r"(?P<octets>(?:\\'[0-9a-f]{2}){1,999})|\\u(?P<point>-?[0-9]{1,6}) ?\??"
    r"|(?P<apostrophe>\\[lr]quote\b ?)|\\\*"
    r"|\{\\\*\\(?:bkmk|atrf)(?:start|end)[^{}]{0,99}\}"
    r"|(?P<end>\\(?:par|(?:soft)?line|(?:nest)?cell|row|sect|page|column|tab|e[mn](?:dash|space))(?![a-z]) ?|\\~)"
    r"|(?P<hyphen>\\_)|\\f(?P<font>[0-9]{1,5}) ?|\\uc(?P<instead>[0-9]) ?"
    r"|(?P<plain>\\plain)(?![a-z0-9]) ?|(?P<literal>\\[{}\\])"
    r"|\\[a-z]{1,32}-?[0-9]{0,10} ?|\\[|:\-]|(?P<group>[{}])|\r?\n",
    re.IGNORECASE,
)
_HEAD = 200_000  # characters in which a document says its code page and its fonts
_PAGE = re.compile(r"\\ansicpg([0-9]{3,5})")
_DEFAULT_FONT = re.compile(r"\\deff([0-9]{1,5})")
_FONT = re.compile(r"\\f([0-9]{1,5})\b[^{};]{0,99}?\\fcharset([0-9]{1,3})")
# The code pages of fonts; the others have the document's.
_PAGES = {
    "0": "cp1252", "77": "mac-roman", "128": "cp932", "129": "cp949", "134": "cp936", "136": "cp950", "161": "cp1253",
    "162": "cp1254", "163": "cp1258", "177": "cp1255", "178": "cp1256", "186": "cp1257", "204": "cp1251",
    "222": "cp874", "238": "cp1250", "254": "cp437", "255": "cp850",
}  # fmt: skip
_DEEPEST = 1_000  # groups in groups, of which the outer ones are known again
_ALWAYS = {"apostrophe": "'", "end": "\n", "hyphen": "-"}


def said(document: str) -> str:
    """The text in all places of the document."""
    text = _SIGNS.sub(_Reader(document[:_HEAD]).meaning, document)
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class _Reader:
    """Knows the code page of the font that is set, and how many octets stand in for a letter of Unicode."""

    def __init__(self, head: str) -> None:
        named = _PAGE.search(head)
        self._documents = f"cp{named[1]}" if named else ""
        self._pages = {font: _PAGES.get(charset, self._documents) for font, charset in _FONT.findall(head)}
        default = _DEFAULT_FONT.search(head)
        self._page = self._plain = self._page_of(default[1] if default else "")
        self._instead = 1
        self._point_end = -1  # where the last letter of Unicode ended, if octets stand in for it
        self._outer: list[tuple[str, int]] = []

    def meaning(self, found: re.Match[str]) -> str:
        """What a sign says, most of them nothing."""
        kind = found.lastgroup
        if kind == "octets":
            octets = bytes.fromhex(found[0].replace("\\'", ""))
            octets = octets[self._instead :] if found.start() == self._point_end else octets
            return charsets.decode_bytes(octets, self._page) if octets else ""
        if kind == "point":
            self._point_end = -1 if found[0].endswith("?") else found.end()
            return chr(int(found["point"]) % 0x10000)
        if kind == "literal":
            return found[0][1]
        if kind == "font":
            self._page = self._page_of(found["font"])
        elif kind == "plain":
            self._page = self._plain
        elif kind == "instead":
            self._instead = int(found["instead"])
        elif kind == "group":
            self._enter() if found[0] == "{" else self._leave()
        return _ALWAYS.get(kind or "", "")

    def _page_of(self, font: str) -> str:
        return self._pages.get(font, self._documents)

    def _enter(self) -> None:
        if len(self._outer) < _DEEPEST:
            self._outer.append((self._page, self._instead))

    def _leave(self) -> None:
        if self._outer:
            self._page, self._instead = self._outer.pop()
