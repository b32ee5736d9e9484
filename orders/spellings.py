"""Find and replace real addresses in text, in whatever spelling they stand. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from urllib.parse import unquote

from orders import blotting, decodings, disguises, glances, joints, marked, octets, stretches
from orders import spelling_patterns as patterns
from orders.known import Known, alias_domains, bare_in

_MOST_WORDS = 5_000  # that are looked into of one text
_WORD, _WORD_OF_HTML = re.compile(r"\S+"), re.compile(r"[^\s<>\"'&]+")
_TAG_OR_WORD = re.compile(rf'<(?:"[^"]*+"|[^">])*+>|{_WORD_OF_HTML.pattern}')

# So many signs that nothing packed before them goes on behind them.
_APART = " " * 16


def glance(known: Sequence[Known]) -> glances.Glance:
    """What of these addresses can be seen at once."""
    return glances.Glance(one.real for one in known)


def replace(text: str, known: Sequence[Known]) -> tuple[str, int]:
    """The text with each known address replaced by its alias, and how many were."""
    tracking_domains = alias_domains(known)
    count = 0
    lowered = patterns.lowered(text)
    for one in sorted(known, key=lambda one: -patterns.fewest_octets(one.real)):  # one may be the end of another
        # Compiling a pattern costs more than all the rest; most mails name few of the parties.
        windows = list(patterns.windows(lowered, patterns.domains(one.real)))
        if windows:
            found = patterns.matches(patterns.ordinary(one.real, tracking_domains), text, windows)
            text, times = stretches.put(one.alias, text, (match.span() for match in found))
            count += times
            lowered = patterns.lowered(text) if times else lowered
        text, times = stretches.put(one.alias, text, _disguised(text, lowered, one, tracking_domains))
        count += times
        lowered = patterns.lowered(text) if times else lowered
    return text, count


def _disguised(text: str, lowered: str, one: Known, tracking_domains: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    local = patterns.lowered(one.real.rpartition("@")[0])
    found = disguises.spans(
        text,
        lowered,
        local=patterns.untagged(local)[0],
        domains=patterns.domains(one.real),
        is_dotless=patterns.is_dotless(one.real),
        after=patterns.no_glue(tracking_domains),
    )
    further = [*_backwards(lowered, one.real), *_cut_short(text, lowered, one.real)]
    return stretches.apart([*found, *further]) if further else found


def _cut_short(text: str, lowered: str, real: str) -> Iterator[tuple[int, int]]:
    local = patterns.untagged(patterns.lowered(real.rpartition("@")[0]))[0]
    for domain in patterns.domains(real):
        if "-2d" in domain and "-2d" not in real:  # Proofpoint's, of which "my-" would be a beginning
            continue
        yield from joints.cut_short(text, lowered, local=local, domain=domain)


def _backwards(lowered: str, real: str) -> Iterator[tuple[int, int]]:
    """Where an address is written from its end, which a page can turn round (``<bdo dir=rtl>``)."""
    for form in dict.fromkeys((real, patterns.unicode_form(real))):
        written = patterns.lowered(form)[::-1]
        place = lowered.find(written)
        while place >= 0:
            yield place, place + len(written)
            place = lowered.find(written, place + 1)


def harmless(texts: Iterable[str], known: Sequence[Known]) -> set[str]:
    """Those of the texts in which ``replace`` and ``find`` find nothing, as far as a glance tells. What they pack is
    unpacked in all of them at once, which takes much less time than in one after the other.
    """
    look = glance(known)
    plain = {text for text in texts if look.is_plain(text)}
    packing = {text for text in plain if look.may_pack(text)}
    if not blotting.packed_in(_APART.join(packing).encode("latin-1", "replace"), known):
        return plain
    return plain - packing


def hide(text: str, known: Sequence[Known]) -> tuple[str, int]:
    """The text with nothing of the known addresses left that ``find`` would see, and how many were replaced.

    A spelling that cannot be replaced where it stands (with invisible characters in it, letters that only look alike,
    encoded letter by letter) is replaced in the decoded word, or else in the decoded text; a line that shows an address
    even then becomes dots.
    """
    if not glance(known).may_show(text):
        return text, 0
    text, count = replace(text, known)
    text, blotted = blotting.blot(text, known)
    count += blotted
    if not find(text, known):
        return text, count
    for step in (_replace_marked, blotting.blot_rewritten, replace_words):
        text, times = step(text, known)
        count += times
        if times and not find(text, known):
            return text, count
    for decoded, more in _replaced_forms(text, known):
        return decoded, count + more
    text, joined = _replace_cut(text, known)
    count += joined
    lines = ["•••" if find(line, known) else line for line in text.split("\n")]
    hidden = "\n".join(lines)
    return ("•••" if find(hidden, known) else hidden), count + lines.count("•••")


def replace_words(text: str, known: Sequence[Known], *, is_html: bool = False) -> tuple[str, int]:
    """The text with those words decoded that show a known address then, and its alias in them; how many were replaced.

    Of HTML only what stands between its tags, and of that no word that would have spaces in it or signs of HTML.
    """
    look = glance(known)
    domains = {domain for one in known for domain in patterns.domains(one.real)}
    count = tried = 0

    def decoded(word: re.Match[str]) -> str:
        nonlocal count, tried
        written = word[0]
        if (is_html and written.startswith("<")) or look.is_plain(written) or tried >= _MOST_WORDS:
            return written
        tried += 1
        if not any(domain in patterns.lowered(form) for form in decodings.forms(written) for domain in domains):
            return written
        for form, times in _replaced_forms(written, known):
            if not is_html or (_WORD_OF_HTML.fullmatch(form) and form.isprintable()):
                count += times
                return form
        return written

    return (_TAG_OR_WORD if is_html else _WORD).sub(decoded, text), count


def _replaced_forms(text: str, known: Sequence[Known]) -> Iterator[tuple[str, int]]:
    """The decoded forms of the text in which nothing of the addresses is left once they are replaced."""
    for form in decodings.forms(text):
        decoded, more = replace(form, known)
        decoded, joined = _replace_cut(decoded, known)
        if more + joined and not find(decoded, known):
            yield decoded, more + joined


def rewrite(text: str, known: Sequence[Known]) -> tuple[str, int]:
    """The text with each known address replaced where that can be done exactly, and how many were.

    For files, which a program reads: nothing but an address is changed, though ``find`` may see one that is left.
    """
    text, count = replace(text, known)
    text, more = _replace_cut(text, known)
    text, across = replace_across_tags(text, known)
    count += more + across
    if "\\" in text:
        unescaped, escaped = replace(decodings.unescaped(text, but="&'"), known)
        if escaped:
            return unescaped, count + escaped
    return text, count


def rewrite_joined(text: str, known: Sequence[Known], *, beside: str | None = None) -> tuple[str, int]:
    """The text with each known address replaced whatever stands before and after it, and how many were.

    For the names that programs give to things, where an address is often written on to a number or a word, and nothing
    is lost where it was another one. And for the text of HTML, ``beside``: what stands in that with the same letters
    before is another one.
    """
    tracking_domains = alias_domains(known)
    others = joints.locals_in(beside or "")
    count = 0
    found = bare_in(text, known)
    for one in sorted(found, key=lambda one: -patterns.fewest_octets(one.real)):  # one may be the end of another
        pattern = patterns.bare(one.real, tracking_domains)
        spans = [match.span() for match in pattern.finditer(text)]
        text, times = stretches.put(
            one.alias, text, (at for at in spans if not joints.is_longer(text, *at, others=others))
        )
        count += times
    return text, count


def touching(text: str, known: Sequence[Known]) -> list[Known]:
    """The known addresses that stand in the text, some of them perhaps written on to a word."""
    return bare_in(text, known) if "@" in text else []


def _replace_cut(text: str, known: Sequence[Known]) -> tuple[str, int]:
    """The text with each known address replaced that a line end cuts in two."""
    tracking_domains = alias_domains(known)
    count = 0
    for one in _cut_in(text, known, by=patterns.LINE_END):
        found = patterns.cut(one.real, tracking_domains).finditer(text)
        text, times = stretches.put(one.alias, text, (match.span() for match in found))
        count += times
    return text, count


def replace_across_tags(source: str, known: Sequence[Known]) -> tuple[str, int]:
    """The HTML with each known address replaced that tags cut, these kept behind it, and how many were."""
    tracking_domains = alias_domains(known)
    count = 0
    for one in _cut_in(source, known, by=patterns.TAGS):
        pieces, last = [], 0
        for found in patterns.cut(one.real, tracking_domains, patterns.TAGS).finditer(source):
            pieces += [source[last : found.start()], one.alias, *patterns.TAGS.findall(found[0])]
            last = found.end()
            count += 1
        source = "".join([*pieces, source[last:]])
    return source, count


def _replace_marked(text: str, known: Sequence[Known]) -> tuple[str, int]:
    """The text with each known address replaced that has marks inside it."""
    tracking_domains = alias_domains(known)
    count = 0
    for one in known:
        for reading in _readings(text, [one]):
            lowered = patterns.lowered(reading.text)
            spans = list(reading.spans(_standing(reading.text, lowered, one, tracking_domains)))
            text, times = stretches.put(one.alias, text, stretches.apart(spans))
            count += times
            if times:
                break
    return text, count


def _readings(text: str, known: Sequence[Known]) -> Iterator[marked.Reading]:
    """What the text reads without marks, where that may say an address."""
    for reading in marked.readings(text):
        lowered = patterns.lowered(reading.text)
        if any(domain in lowered for one in known for domain in patterns.domains(one.real)):
            yield reading


def _standing(text: str, lowered: str, one: Known, tracking_domains: tuple[str, ...]) -> list[tuple[int, int]]:
    """Where an address stands in the text, plainly or in a disguise."""
    windows = list(patterns.windows(lowered, patterns.domains(one.real)))
    pattern = patterns.ordinary(one.real, tracking_domains) if windows else None
    plain = [match.span() for match in patterns.matches(pattern, text, windows)] if pattern else []
    return [*plain, *_disguised(text, lowered, one, tracking_domains)]


def _cut_in(text: str, known: Sequence[Known], *, by: re.Pattern[str]) -> list[Known]:
    """The known addresses of which some may be cut by the line ends, or the tags, of this text."""
    if not known or "@" not in text or (joined := by.sub("", text)) == text:
        return []
    return bare_in(joined, known)


def find(text: str, known: Sequence[Known]) -> list[Known]:
    """The known addresses that the text still shows, in any of the spellings a reader or program would decode, or cut
    in two by line ends or by tags.
    """
    if not glance(known).may_show(text):
        return []
    tracking_domains = alias_domains(known)
    forms = decodings.forms(text) if known else []
    found: set[Known] = set()
    for form in [*forms, *(reading.text for reading in _readings(text, known))]:
        lowered = patterns.lowered(form)
        found |= {one for one in known if one not in found and _standing(form, lowered, one, tracking_domains)}
    for form, by in product(forms[:2], (patterns.LINE_END, patterns.TAGS)):
        for one in _cut_in(form, [one for one in known if one not in found], by=by):
            if patterns.cut(one.real, tracking_domains, by).search(form):
                found.add(one)
    for form in dict.fromkeys([text, unquote(text), blotting.written(text)]):  # %2B is a sign of base64
        left = [one for one in known if one not in found]
        found |= blotting.packed_in(form.encode("latin-1", "replace"), left)
    return [one for one in known if one in found]


def occurs(content: bytes, known: Sequence[Known]) -> bool:
    """Whether bytes that are no text show a known address: in ASCII, UTF-8, UTF-16, UTF-32 or EBCDIC, one beyond ASCII
    in any code page, at any place and next to anything, packed or not.
    """
    if known and blotting.packed_in(content, known):
        return True
    domains = {domain for one in known for domain in patterns.domains(one.real)}
    foreign = [read for one in known if not (read := patterns.unicode_form(one.real)).isascii()]
    found = octets.pieces(content, domains, foreign=foreign)
    return any(bare_in(piece.text, known, is_short_alone=True, counts=piece.is_whole) for piece in found)
