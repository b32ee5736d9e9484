r"""Find a real address that is written without its plain @: for a bounce, a forwarder, a person, or escaped. Pure.

``anna=people.example`` (VERP), ``people.example=anna`` (SRS), ``anna_people.example#EXT#``, ``anna (at) people dot
example``, ``anna\@people\.example``, ``anna . real @ people . example``, ``anna-40people.example`` (safe
links).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from orders import joints
from orders import spelling_patterns as patterns

_SHORTEST_ANCHOR = 3
_AROUND = 400  # characters from an anchor to either end of a disguised address
_LONGEST_TAG = 64

# What links write before the octet of a sign, quoted-printable, and what rewrites links (Proofpoint: - and *); of what
# is encoded several times, the sign for it is encoded too.
_ESCAPE = r"[%=+*-](?:2[5ad]){0,4}"
_BRACKETED = r"\s{{0,3}}[(\[{{<（]\s?(?:{})\s?[)\]}}>）]\s{{0,3}}"
_WORDS_FOR_DOT = "dot|ponto|punto|point|punkt|ドット"
_DOT_WORDS = rf"{_WORDS_FOR_DOT}|\."
_WORD_FOR_DOT = rf"(?:{_BRACKETED.format(_WORDS_FOR_DOT)}|\s{{1,3}}(?:{_WORDS_FOR_DOT})\s{{1,3}}|[_-]dot[_-])"
_DOT = (
    rf"(?:\s{{0,3}}\\{{0,2}}\.\s{{0,3}}|{_ESCAPE}2e|{_BRACKETED.format(_DOT_WORDS)}|\s{{1,3}}(?:{_WORDS_FOR_DOT})\s{{1,3}}"
    r"|[_-]dot[_-])"
)
_WORDS_FOR_AT = rf"[(\[]a[)\]]|{_BRACKETED.format('at|arroba|arobase|ät|アット|@')}"
_PLAIN_AT = rf"(?:\s{{0,3}}\\{{0,2}}@\s{{0,3}}|(?!\+){_ESCAPE}40|\\100|%u0040)"
_NAMED_AT = r"(?:\s{1,3}(?:arroba|arobase)\s{1,3})"  # which is nothing but the sign
_BARE_AT = r"(?:\s{1,3}at\s{1,3}|[_-]at[_-])"
_LOW_LINE = "(?:_|%(?:25){0,4}5f|-5f)"
_PERSONAL = r"(?:(?<=personal/)|(?<=personal\\/)|(?<=personal%2f)|(?<=personal%252f)|(?<=personal-2f)|(?<=personal_))"
_JOINS = r"(?:\+40|=3d|==a==|[=_#%]|\*\*?)"  # Sympa and LISTSERV among them
# The local part of another address goes on, as behind what a program wrote: "…=shop.example@", "…__0abc@", "…#EXT#@".
_IN_LOCAL_PART = r"(?=[\w.+#-]{0,40}@)"
_BETWEEN = dict.fromkeys(map(ord, " \t\r\n.\\()（）[]{}<>%=+-_'!#$&*/?^`|~"))
_SIGNS = r"(?:2[1-9a-f]|3[b-f]|5[b-f]|60|7[b-e])"
_WRITTEN_OUT = re.compile(rf"(?<![a-z0-9])(?:{_WORDS_FOR_DOT})(?![a-z0-9])|{_ESCAPE}{_SIGNS}")
_LONGER, _LONGER_THAN_FEW = re.compile(r"[^\W_]\+"), re.compile(r"[^\W_]\+|[^\W\d_][._-]")
_GUARDED_AT = re.compile(r"-(?:2[5ad]){0,4}40", re.IGNORECASE)
_RUN = re.compile(r"[^\W_]+")
_PLAIN_RUN = re.compile(r"[a-z0-9]+", re.IGNORECASE)  # the octets of other letters are written out


def spans(
    text: str, lowered: str, *, local: str, domains: Sequence[str], is_dotless: bool, after: str
) -> Iterator[tuple[int, int]]:
    """Where the address stands in a disguise, in order. ``lowered`` has each character at its place in the text;
    ``is_dotless`` says that dots in the local part do not matter, ``after`` is a pattern of what must follow.
    """
    if not local.replace(".", ""):  # nothing by which it could be told
        return
    fixed = anchors(local, tuple(domains), is_dotless=is_dotless)
    if not _may_stand(lowered, local=local, domains=domains, anchors=fixed):
        return
    windows = _windows(lowered, fixed, _runs(tuple(domains)))
    pattern = _pattern(local, tuple(domains), is_dotless, after)
    for start, end in windows:
        for match in pattern.finditer(text, start, end):
            if match.lastgroup is not None or _is_whole(text, match, local):
                yield match.span()


def _is_whole(text: str, found: re.Match[str], local: str) -> bool:
    """Whether nobody's longer address ends here: see ``spelling_patterns``. Proofpoint writes _ for a slash."""
    start = found.start()
    if _GUARDED_AT.search(found[0]) and text[max(0, start - 1) : start] == "_":
        return True
    longer = _LONGER_THAN_FEW if patterns.is_short(local) else _LONGER
    return longer.fullmatch(text, max(0, start - 2), start) is None


@lru_cache(maxsize=4096)
def anchors(local: str, domains: tuple[str, ...], *, is_dotless: bool) -> list[str]:
    """What no disguise changes, and is found quickly."""
    longest = "" if is_dotless else max(_PLAIN_RUN.findall(local), key=len, default="")
    if len(longest) >= _SHORTEST_ANCHOR:
        return [longest]
    return list(dict.fromkeys(max(_RUN.findall(domain), key=len, default=domain) for domain in domains))


def _may_stand(lowered: str, *, local: str, domains: Sequence[str], anchors: Sequence[str]) -> bool:
    """A quick look. Compiling a pattern costs more than all the rest, and most texts spell the address plainly."""
    if not any(anchor in lowered for anchor in anchors):
        return False
    for domain in domains:
        lowered = lowered.replace(f"{local}@{domain}", "")
    if not any(anchor in lowered for anchor in anchors):
        return False
    lowered = "\n".join(lowered[start:end] for start, end in _windows(lowered, anchors, _runs(tuple(domains))))
    squeezed = f"{_squeezed(lowered)} {lowered.translate(_BETWEEN)}"  # ``=2e`` may be no dot but the letters of a name
    domain_names = (name for domain in domains for name in _names(domain))
    is_named = not local.isascii() or any(name in squeezed for name in _names(local))
    return is_named and any(name in squeezed for name in domain_names)


def _names(name: str) -> tuple[str, str]:
    """It squeezed, and with all its digits: "-24" of a name is no sign that is written out."""
    return _squeezed(name), name.translate(_BETWEEN)


def _squeezed(lowered: str) -> str:
    """Without the dots, however they are written, and other signs."""
    return _WRITTEN_OUT.sub("", lowered).translate(_BETWEEN)


def _windows(lowered: str, anchors: Sequence[str], beside: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where one of the anchors stands, with what is round it, and one of ``beside`` in that."""
    start, end = 0, -1
    for place in sorted({place for anchor in anchors for place in _places(lowered, anchor)}):
        if not any(lowered.find(run, max(0, place - _AROUND), place + _AROUND) >= 0 for run in beside):
            continue
        if place - _AROUND > end:
            if end >= 0:
                yield start, end
            start = max(0, place - _AROUND)
        end = place + _AROUND
    if end >= 0:
        yield start, end


@lru_cache(maxsize=4096)
def _runs(domains: tuple[str, ...]) -> tuple[str, ...]:
    """What no disguise of these domains changes."""
    found = (_PLAIN_RUN.findall(domain) or _RUN.findall(domain) for domain in domains)
    return tuple(dict.fromkeys(max(runs, key=len, default="") for runs in found))


def _places(lowered: str, anchor: str) -> Iterator[int]:
    place = lowered.find(anchor)
    while place >= 0:
        yield place
        place = lowered.find(anchor, place + len(anchor))


@lru_cache(maxsize=4096)
def _pattern(local: str, domains: tuple[str, ...], is_dotless: bool, after: str) -> re.Pattern[str]:
    between = f"{_DOT}?" if is_dotless else ""
    signs = [_sign(char) for char in (local.replace(".", "") if is_dotless else local)]
    named = between.join([_first(local), *signs[1:]])
    hosts = "|".join("".join(map(_sign, domain)) for domain in domains)
    turned = "|".join(f"{_first(domain, more='.-')}{''.join(map(_sign, domain[1:]))}" for domain in domains)
    in_tag = r"[^\s@<>\"&%,;()=]"
    # No more than it takes: behind an address may stand another one at the same domain.
    tag = (
        rf"(?:(?:\\{{0,2}}\+|(?!\+){_ESCAPE}2b){in_tag}{{0,{_LONGEST_TAG}}}?"
        rf"|\*(?=[a-z0-9])(?:(?![*|:/]){in_tag}){{0,{_LONGEST_TAG}}}?)??"
    )
    # "Place your order at shop.example" names a shop, not its address, and "?order=shop.example" does; only within
    # another address it is one.
    is_role = joints.is_role(local)
    at = f"{_PLAIN_AT}|{_WORDS_FOR_AT}|{_NAMED_AT}" + ("" if is_role else f"|{_BARE_AT}")
    said = rf"{named}{_BARE_AT}(?:{hosts.replace(_DOT, _WORD_FOR_DOT)})(?![a-z0-9])"
    sure = _IN_LOCAL_PART if is_role else ""
    end = rf"(?:{hosts})(?![a-z0-9]){after}"
    joined = rf"{named}{tag}(?P<joined>{_JOINS}){end}{sure}"
    srs = rf"(?:{turned})(?P<turned>[=!]){between.join(signs)}(?![a-z0-9]){sure}"
    within = _within("".join(signs) if not is_dotless else "[._-]?".join(signs), hosts, after)
    personal = _personal(local, domains)
    return re.compile(rf"{named}{tag}(?:{at}){end}|{said}|{joined}|{srs}|{within}|{personal}", re.IGNORECASE)


def _personal(local: str, domains: Sequence[str]) -> str:
    """``/personal/anna_real_people_example/``: a person's files at SharePoint, by the name that she signs in with."""
    named, *hosts = (
        "".join(re.escape(char) if char.isalnum() else _LOW_LINE for char in text) for text in (local, *domains)
    )
    return rf"(?P<personal>{_PERSONAL}{named}{_LOW_LINE}(?:{'|'.join(hosts)})(?![a-z0-9]))"


def _within(named: str, hosts: str, after: str) -> str:
    """``anna_real_at_people_example_7x2k@…``: what a service writes that hides its customer from the writer."""
    named, hosts = (one.replace(_DOT, "[._-]") for one in (named, hosts))
    tag = r"(?:\+[a-z0-9-]{1,40})?"
    return rf"(?P<within>(?<![a-z0-9]){named}{tag}[._-]at[._-](?:{hosts})(?![a-z0-9]){after}{_IN_LOCAL_PART})"


def _first(text: str, *, more: str = "") -> str:
    """The first sign, with no letter or digit before it but those of an encoded sign. What is looked for comes first:
    that is quick.
    """
    sign = re.escape(text[0])
    escaped = "|".join(rf"(?<={escape}[2-7][0-9a-f]{sign})" for escape in ("[%=*-]", "[*-]2[5ad]", "[*-](?:2[5ad]){2}"))
    return rf"{sign}(?:(?<![a-z0-9{re.escape(more)}]{sign})|{escaped})"


def _sign(char: str) -> str:
    if char == ".":
        return _DOT
    if not char.isascii():
        octets = "".join(f"{_ESCAPE}{octet:02x}" for octet in char.encode())
        return f"(?:{re.escape(char)}|{octets})"
    if char.isalnum():
        return char
    plain = "[%*-]" if char == "%" else re.escape(char)  # a domain's octets, which * and - may be before, too
    return rf"(?:\\{{0,2}}{plain}|{_ESCAPE}{ord(char):02x})"
