"""Tell HTML that would keep a cleaner or a browser busy, before it is cleaned. Pure, linear."""

from __future__ import annotations

import html
import re
from collections import Counter, defaultdict
from itertools import islice

# Where the cleaner takes quadratic time: in elements deep in each other, for each sign that it writes as an entity in a
# long text between two tags, for attributes of one element, which it compares with each other, and for formatting that
# is left open: HTML opens it again in each block that follows.
DEEPEST = 500
MOST_TAGS = 600_000  # each becomes a node in the memory of the cleaner, which ends its process where it finds none
MOST_WORK = 5_000_000  # the depth of each tag, summed
MOST_REOPENED = 5_000_000  # characters of tags that are opened again
MOST_COMPARED = 5_000_000_000  # pairs of attributes of one element
MOST_ENTITIES = 20_000_000_000  # of a text, times its length; a megabyte with a sign every fifty letters

# _CLOSING are those that close their like when they open, and so do not get deep.
_CLOSING = frozenset(
    {
        "a", "area", "base", "basefont", "bgsound", "body", "br", "button", "col", "colgroup", "dd", "dt", "embed",
        "frame", "frameset", "head", "hr", "html", "img", "input", "li", "link", "meta", "nobr", "option", "p", "param",
        "select", "source", "tbody", "td", "tfoot", "th", "thead", "tr", "track", "wbr",
    }
)  # fmt: skip
_ITEMS = {"li": "ul", "dd": "dl", "dt": "dl"}
_LISTS = frozenset({"dir", "dl", "menu", "ol", "ul"})
_FORMATTING = frozenset({"b", "big", "code", "em", "font", "i", "s", "small", "strike", "strong", "tt", "u"})
_MOST_ALIKE = 3  # that are opened again, says HTML of elements with the same attributes
_OF_AN_ELEMENT = 20  # characters that an element costs whatever its attributes
_LONG = 1_000  # characters of an element's attributes; those of a shorter one are quickly compared
_PAIRS_OF_HTML = 150  # comparing attributes of two <html> takes as long as comparing so many of one element
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_ELEMENT = re.compile(r"<(/?)([a-z][^\s/>]{0,40})([^<>]*)")
# What the cleaner writes as an entity, and what begins with the same octet as the space that it writes so.
_SLOW = re.compile("[&\x80-\xbf]")
_COMMENT_END = re.compile("--!?>")
_ANY_TAG = re.compile(r"<[a-z/!?][^<>]*>", re.IGNORECASE)


def is_absurd(source: str) -> bool:
    """Whether the cleaner would take long: a guess, made in one scan. Who is not caught by it is by the limits."""
    return absurd_at(source) is not None


def absurd_at(source: str) -> int | None:
    """Where HTML begins to be absurd; None when it is not."""
    if source.count("<") > MOST_TAGS:
        return 0
    depth = work = 0
    opened, formatting, items, compared = Counter[str](), _Formatting(), _Items(), _Attributes()
    plain = _uncommented(source.replace("\u0130", "i").lower())  # as long as it was, so that places are the same
    for place, (slash, name, attributes) in enumerate(_ELEMENT.findall(plain)):
        work += depth
        if name in _FORMATTING:
            formatting.see(name, attributes, is_end=bool(slash))
        else:
            formatting.reopen()
        if name not in _CLOSING:
            if not slash:
                opened[name] += 1
                depth += 1
            elif opened[name]:
                opened[name] -= 1
                depth -= 1
        depth += items.is_deeper(name, is_end=bool(slash))
        compared.see(name, attributes)
        is_long = formatting.reopened > MOST_REOPENED or compared.pairs > MOST_COMPARED
        if depth > DEEPEST or work > MOST_WORK or is_long:
            return next(islice(_ELEMENT.finditer(plain), place, None)).start()
    begin = 0
    for run in source.split("<"):
        if len(_SLOW.findall(run)) * len(run) > MOST_ENTITIES:
            return begin
        begin += len(run) + 1
    return None


def untagged(source: str) -> str:
    """The text with every tag simply taken out, its entities left as they are."""
    return _ANY_TAG.sub("", source)


def from_text(text: str) -> str:
    """The text as plain HTML."""
    return f'<div style="white-space: pre-wrap">{html.escape(text)}</div>'


class _Items:
    """The items that are open: without a list round it, one of an ``ul`` stands in one of a ``dl``, and the reverse."""

    def __init__(self) -> None:
        self._kind = ""  # of the list that the last one would be of

    def is_deeper(self, name: str, *, is_end: bool) -> bool:
        """Whether this begins an item in the one before it."""
        if name in _LISTS:
            self._kind = ""
        if is_end or name not in _ITEMS:
            return False
        before, self._kind = self._kind, _ITEMS[name]
        return before not in {"", self._kind}


class _Attributes:
    """How often attributes are compared with each other."""

    def __init__(self) -> None:
        self.pairs = self._of_html = 0

    def see(self, name: str, attributes: str) -> None:
        if len(attributes) < _LONG and name != "html":
            return
        count = len(_QUOTED.sub(" ", attributes).replace("/", " ").split())
        self.pairs += count * count
        if name == "html":  # all of a page become one
            self.pairs += self._of_html * _PAIRS_OF_HTML
            self._of_html += count


class _Formatting:
    """The formatting that is open, and how much of it has been opened again."""

    def __init__(self) -> None:
        self._open: defaultdict[str, list[str]] = defaultdict(list)
        self._alike = Counter[str]()
        self._size = 0
        self.reopened = 0

    def see(self, name: str, attributes: str, *, is_end: bool) -> None:
        if is_end:
            if self._open[name]:
                self._count(self._open[name].pop(), by=-1)
        else:
            self._open[name].append(name + attributes)
            self._count(name + attributes, by=1)

    def reopen(self) -> None:
        """A block begins or ends."""
        self.reopened += self._size

    def _count(self, tag: str, *, by: int) -> None:
        highest = self._alike[tag] + max(by, 0)
        self._alike[tag] += by
        if highest <= _MOST_ALIKE:
            self._size += by * (len(tag) + _OF_AN_ELEMENT)


def _uncommented(source: str) -> str:
    """The source with a space for each sign of a comment."""
    first, *rest = source.split("<!--")
    return "".join([first, *map(_after_comment, rest)])


def _after_comment(piece: str) -> str:
    """What follows the comment that was opened before it; all of it where that is not sure."""
    end = None if piece.startswith((">", "->")) else _COMMENT_END.search(piece)
    hidden = 0 if end is None else end.end()
    return " " * (len("<!--") + hidden) + piece[hidden:]
