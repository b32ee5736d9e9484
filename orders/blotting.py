"""Find real addresses that a text packs in base64 and the like, and put dots for the words that do. Pure."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import product

from orders import octets, packed, stretches
from orders import spelling_patterns as patterns
from orders.known import Known, alias_domains, bare_in

# What JSON and XML write for the end of a line, or the next one begins with: white space, quote marks, a table's edge.
_LINE = r"(?:[ \t]{0,3}\||=)?\r{0,3}\n[ \t>|]{1,40}|=\r{0,3}\n"
# Proofpoint's second version writes - and _ so in the words of a link.
_REWRITTEN = re.compile(
    r"(?=[\\&=|\s])(?<=[\w+/-]{20})"
    rf"(?:\\{{1,4}}[rnt]|&\#(?:13|10|9|x[da9]);|{_LINE}){{1,4}}(?:\r{{0,3}}\n)?[ \t]{{0,40}}(?=[\w+/-])"
    r"|-(?P<sign>2d|5f)",
    re.IGNORECASE,
)

_UTF_16 = ("utf-16-le", "utf-16-be")
_SHARED = re.compile(rb"[!-~]{6,}")
_Domains = dict[bytes, dict[bytes, dict[str, None]]]


def blot(text: str, known: Sequence[Known]) -> tuple[str, int]:
    """The text with dots for each word in base64 or hexadecimal that says a known address, and how many there were."""
    return stretches.put("•••", text, stretches.apart(_packed_spans(text, known)))


def blot_rewritten(text: str, known: Sequence[Known]) -> tuple[str, int]:
    """The same for words that are cut as JSON, XML and quotes do, or written as guards of links do; what else is so
    stays.
    """
    starts, before, apart = [], [], 0  # where the text goes on behind a change, and how much it had more before that
    for found in _REWRITTEN.finditer(text):
        apart += len(found[0]) - len(_meant(found))
        starts.append(found.end() - apart)
        before.append(apart)
    if not starts:
        return text, 0

    def place(index: int) -> int:
        number = bisect_right(starts, index)
        return index + (before[number - 1] if number else 0)

    found_spans = _packed_spans(written(text), known)
    return stretches.put("•••", text, stretches.apart((place(start), place(end - 1) + 1) for start, end in found_spans))


def written(text: str) -> str:
    """The text with such words as they were before."""
    return _REWRITTEN.sub(_meant, text)


def _meant(found: re.Match[str]) -> str:
    return {"2d": "-", "5f": "_"}.get((found["sign"] or "").lower(), "")


def _packed_spans(text: str, known: Sequence[Known]) -> set[tuple[int, int]]:
    data = text.encode("latin-1", "replace")
    tracking_domains = alias_domains(known)
    words: packed.Words | None = None
    found: set[tuple[int, int]] = set()
    for one, unpacked, places in _unpacked_with(data, known):
        words = words or packed.Words(text)
        said = unpacked.content.decode("utf-8", "surrogateescape")
        windows = patterns.windows(patterns.lowered(said), patterns.domains(one.real))
        matches = patterns.matches(patterns.bare(one.real, tracking_domains), said, windows)
        for start, end in (*_in_octets(said, (match.span() for match in matches)), *places):
            found.add(words.around(*unpacked.span(start, end)))
    return found


def _in_octets(said: str, spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Which octets these characters were decoded from; the spans are in order and apart."""
    place = octets_before = 0
    for start, end in spans:
        begin = octets_before + len(said[place:start].encode("utf-8", "surrogateescape"))
        place, octets_before = end, begin + len(said[start:end].encode("utf-8", "surrogateescape"))
        yield begin, octets_before


def _unpacked_with(
    data: bytes, known: Sequence[Known]
) -> Iterator[tuple[Known, packed.Unpacked, Sequence[tuple[int, int]]]]:
    """What the bytes pack with an address in it, next to anything, whose, and where its domain is if not in UTF-8."""
    if not known or not packed.may_pack(data, fewest := min(patterns.fewest_octets(one.real) for one in known)):
        return
    domains = _encoded_domains(known)
    for unpacked in packed.unpacked(data, fewest):
        yield from ((one, unpacked, places) for one, places in _said_in(unpacked.content, known, domains))


def _encoded_domains(known: Sequence[Known]) -> _Domains:
    """The domains as bytes, in small ASCII letters, and in which codecs they are that; by what many codecs share."""
    domains: _Domains = defaultdict(lambda: defaultdict(dict))
    for one in known:
        encoded = [("utf-8", domain.encode()) for domain in patterns.domains(one.real)]
        if not (read := patterns.unicode_form(one.real)).isascii():
            encoded += (*octets.in_pages(read), *_in_utf_16(read))
        for codec, domain in encoded:
            domains[max(_SHARED.findall(domain), default=domain, key=len)][domain][codec] = None
    return domains


def _in_utf_16(address: str) -> Iterator[tuple[str, bytes]]:
    domain = address.rpartition("@")[2]
    for codec, spelled in product(_UTF_16, (domain, domain.upper())):
        yield codec, spelled.encode(codec).lower()


def _said_in(
    content: bytes, known: Sequence[Known], domains: _Domains
) -> list[tuple[Known, Sequence[tuple[int, int]]]]:
    lowered = content.lower()
    places: dict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)
    for domain, codecs in (one for shared, those in domains.items() if shared in lowered for one in those.items()):
        for found in re.finditer(re.escape(domain), lowered) if domain in lowered else ():
            for codec in codecs:
                places[codec, found.start() % 2 if codec in _UTF_16 else 0].append(found.span())
    said: dict[Known, list[tuple[int, int]]] = defaultdict(list)
    for (codec, first), spans in places.items():
        for one in bare_in(content[first:].decode(codec, "replace"), known):
            said[one] += () if codec == "utf-8" else spans
    return list(said.items())


def packed_in(data: bytes, known: Sequence[Known]) -> set[Known]:
    """The known addresses that the bytes pack in base64, hexadecimal or uuencode."""
    found = {one for one, _, _ in _unpacked_with(data, known)}
    for content in packed.uudecoded(data):
        found.update(one for one, _ in _said_in(content, known, _encoded_domains(known)))
    return found
