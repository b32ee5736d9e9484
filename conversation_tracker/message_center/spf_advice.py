"""Write an SPF record that receivers can use, of one that they cannot. Pure, given a way to ask DNS."""

from __future__ import annotations

import ipaddress
import re

from conversation_tracker.authenticity import spf
from conversation_tracker.authenticity.lookup import Lookup

PROVIDER = "include:spf.your-provider.example"  # where a record names no server that is there
LONGEST = 1_500  # characters; answers of DNS that are longer get lost on their way

ALL = re.compile(r"([+~?-]?)all", re.IGNORECASE)
REDIRECT = re.compile(r"redirect=(.*)", re.IGNORECASE)
_INCLUDE = re.compile(r"\+?include:(.*)", re.IGNORECASE)
_ASKING = re.compile(r"[+~?-]?(?:a|mx|ptr|exists)(?:[:/].*)?", re.IGNORECASE)
_POINTER = re.compile(r"[+~?-]?ptr(?::.*)?", re.IGNORECASE)  # not to be used any more, RFC 7208 §5.5
_NETWORK = re.compile(r"\+?(ip[46]:.*)", re.IGNORECASE)
_ADDRESS = re.compile(r"([+~?-]?)(?:ip(?:v?[46])?[:=])?([0-9a-f:.]+(?:/[0-9]{1,3})?)", re.IGNORECASE)


def records(domain: str, lookup: Lookup) -> tuple[str, ...]:
    """The SPF records of a domain; receivers use it where it is one."""
    return tuple(text for text in lookup(domain, "TXT") if text.lower().split(" ", 1)[0] == spf.VERSION)


def mended(record: str, lookup: Lookup) -> str:
    """A record of what receivers understand of this one; empty where that asks DNS too often, however it is written.

    Without what leads nowhere; where it still asks too often, the addresses that an *include* names stand in its place.
    """
    reading = _Reading(lookup)
    kept: dict[str, int] = {}
    end = redirect = ""
    for term in _terms(record):
        if ALL.fullmatch(term):
            end = term if term[0] in "-~" else "~all"
            break
        if REDIRECT.match(term):
            redirect = term
        elif not _POINTER.fullmatch(term) and (asked := reading.questions(term)) is not None:
            kept[term] = asked
    if redirect and not end and (asked := reading.questions(redirect)) is not None:
        kept[redirect] = asked
    else:
        redirect, end = "", end or "~all"
    terms = _shortened(kept or {PROVIDER: 1}, reading)
    return " ".join(filter(None, (spf.VERSION, *terms, end))) if terms else ""


def _terms(record: str) -> list[str]:
    """The terms that can be understood, what is often written for them among them."""
    found = []
    for written in re.sub(r":\s+", ":", record).split()[1:]:
        term = written.strip(",;\"'")
        address = _ADDRESS.fullmatch(term)
        if spf.is_readable(f"{spf.VERSION} {term}"):
            found.append(term)
        elif address and (network := _network(address[2])):
            found.append(f"{address[1]}{network}")
    return found


def _network(said: str) -> str:
    try:
        return f"ip{ipaddress.ip_network(said, strict=False).version}:{said}"
    except ValueError:
        return ""


class _Reading:
    """What the records say to which terms lead, each looked at once; one that leads back to itself leads nowhere."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._questions: dict[str, int | None] = {}
        self._networks: dict[str, list[str]] = {}

    def questions(self, term: str) -> int | None:
        """How often receivers have to ask DNS for it; None where it leads nowhere."""
        if _ASKING.fullmatch(term):
            return 1
        found = _INCLUDE.fullmatch(term.lstrip("~?-")) or REDIRECT.fullmatch(term)
        if not found or "%" in found[1]:  # the latter is made anew for each mail
            return int(bool(found))
        inner = self._questions_of(found[1].lower())
        return None if inner is None else 1 + inner

    def _questions_of(self, domain: str) -> int | None:
        if domain not in self._questions:
            self._questions[domain] = None
            terms = self._terms_of(domain)
            counts = [self.questions(term) for term in terms or ()]
            if terms is not None and None not in counts:
                self._questions[domain] = sum(filter(None, counts))
        return self._questions[domain]

    def networks(self, term: str) -> list[str]:
        """All that an *include* allows; none where its record does not say that in networks alone."""
        found = _INCLUDE.fullmatch(term)
        return self._networks_of(found[1].lower()) if found and "%" not in found[1] else []

    def _networks_of(self, domain: str) -> list[str]:
        if domain not in self._networks:
            self._networks[domain] = []
            named: list[str] = []
            for term in self._terms_of(domain) or ():
                if network := _NETWORK.fullmatch(term):
                    named.append(network[1])
                elif more := self.networks(term):
                    named += more
                elif not ALL.fullmatch(term) or term[0] in "+aA":
                    return []
            self._networks[domain] = list(dict.fromkeys(named))
        return self._networks[domain]

    def _terms_of(self, domain: str) -> list[str] | None:
        """The terms of a domain's record, up to its *all*; None where receivers make nothing of it."""
        found = records(domain, self._lookup)
        if len(found) != 1 or not spf.is_readable(found[0]):
            return None
        terms = found[0].split()[1:]
        ends = [index for index, term in enumerate(terms) if ALL.fullmatch(term)]
        return terms[: ends[0] + 1] if ends else terms


def _shortened(kept: dict[str, int], reading: _Reading) -> list[str]:
    """The terms, those with the fewest addresses written out as such until few enough ask; none where too many do."""
    asked = sum(kept.values())
    named = {term: reading.networks(term) for term in kept} if asked > spf.MOST_LOOKUPS else {}
    written: dict[str, list[str]] = {}
    for term in sorted(filter(named.get, named), key=lambda one: len(named[one])):
        if asked > spf.MOST_LOOKUPS:
            written[term] = named[term]
            asked -= kept[term]
    terms = list(dict.fromkeys(one for term in kept for one in written.get(term, [term])))
    return terms if asked <= spf.MOST_LOOKUPS and len(" ".join(terms)) <= LONGEST else []
