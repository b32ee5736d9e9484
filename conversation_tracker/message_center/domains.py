"""What DNS says of a domain that mail is sent from: MX, SPF, DKIM, DMARC. Pure, given a way to ask DNS."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from conversation_tracker.authenticity import dmarc, spf
from conversation_tracker.authenticity.lookup import Lookup, Unanswered
from conversation_tracker.message_center import spf_advice

# Under these names mail providers keep their keys; any other has to be told.
SELECTORS = (
    "default", "google", "selector1", "selector2", "s1", "s2", "k1", "k2", "mail", "dkim", "pm", "mta", "mailjet",
    "resend", "krs",
)  # fmt: skip


SOME_LABEL = "wildcard-check"  # any that nobody has: only a wildcard answers for it
_ASKING = re.compile(r"[+~?-]?(include|a|mx|ptr|exists)(?=[:/]|\Z):?(.*)", re.IGNORECASE)


class State(StrEnum):
    """How good a finding is."""

    GOOD = "good"
    WEAK = "weak"
    BAD = "bad"
    UNKNOWN = "unknown"  # DNS did not answer


class Verdict(StrEnum):
    """What was found: the closed list, one for each thing one can say about a domain."""

    MX_FOUND = "mx_found"
    MX_NULL = "mx_null"
    MX_NONE = "mx_none"
    MX_NO_WILDCARD = "mx_no_wildcard"
    SPF_STRICT = "spf_strict"
    SPF_SOFT = "spf_soft"
    SPF_OPEN = "spf_open"
    SPF_NEUTRAL = "spf_neutral"
    SPF_BROKEN = "spf_broken"
    SPF_LONG = "spf_long"
    SPF_TANGLED = "spf_tangled"
    SPF_TWO = "spf_two"
    SPF_NONE = "spf_none"
    DKIM_FOUND = "dkim_found"
    DKIM_REVOKED = "dkim_revoked"
    DKIM_NONE = "dkim_none"
    DMARC_ENFORCED = "dmarc_enforced"
    DMARC_WATCHING = "dmarc_watching"
    DMARC_TWO = "dmarc_two"
    DMARC_NONE = "dmarc_none"
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True)
class Finding:
    """One of the four: what is there, and the record to set when it should be another."""

    topic: str  # MX, SPF, DKIM, DMARC
    state: State
    verdict: Verdict
    records: tuple[str, ...] = ()  # as they are
    advised_name: str = ""
    advised_type: str = "TXT"
    advised_value: str = ""


def check(domain: str, *, lookup: Lookup, selector: str = "", is_soft: bool = False) -> tuple[Finding, ...]:
    """MX, SPF, DKIM and DMARC of a domain, in this order. A ``selector`` is where to look for its DKIM key.

    ``is_soft``: it has Soft aliases, which live below it.
    """
    lookup = cache(lookup)  # who mends a record goes through it anew
    steps: tuple[tuple[str, Callable[[], Finding]], ...] = (
        ("MX", lambda: _mx(domain, lookup, is_soft=is_soft)),
        ("SPF", lambda: _spf(domain, lookup)),
        ("DMARC", lambda: _dmarc(domain, lookup)),
        ("DKIM", lambda: _dkim(domain, lookup, (selector,) if selector else SELECTORS)),
    )
    found = {topic: _answered(topic, step) for topic, step in steps}
    return found["MX"], found["SPF"], found["DKIM"], found["DMARC"]


def _answered(topic: str, step: Callable[[], Finding]) -> Finding:
    try:
        return step()
    except Unanswered:
        return Finding(topic, State.UNKNOWN, Verdict.UNANSWERED)


def _mx(domain: str, lookup: Lookup, *, is_soft: bool) -> Finding:
    hosts = lookup(domain, "MX")
    if any(hosts):
        if is_soft and not any(lookup(f"{SOME_LABEL}.{domain}", "MX")):
            return Finding("MX", State.BAD, Verdict.MX_NO_WILDCARD, hosts, f"*.{domain}", "MX", f"10 {hosts[0]}")
        return Finding("MX", State.GOOD, Verdict.MX_FOUND, hosts)
    verdict = Verdict.MX_NULL if hosts else Verdict.MX_NONE  # RFC 7505: "." says that it takes no mail
    return Finding("MX", State.BAD, verdict, (), domain, "MX", "10 mx.your-provider.example")


def _spf(domain: str, lookup: Lookup) -> Finding:
    records = spf_advice.records(domain, lookup)
    if not records:
        wanted = f"{spf.VERSION} {spf_advice.PROVIDER} -all"
        return Finding("SPF", State.BAD, Verdict.SPF_NONE, (), domain, "TXT", wanted)
    if len(records) > 1:
        all_terms = (spf_advice.REDIRECT.sub(r"include:\1", term) for one in records for term in one.split()[1:])
        allowed = dict.fromkeys(term for term in all_terms if not spf_advice.ALL.fullmatch(term))
        merged = " ".join((spf.VERSION, *allowed, "~all"))
        wanted = spf_advice.mended(merged, lookup) or merged
        return Finding("SPF", State.BAD, Verdict.SPF_TWO, records, domain, "TXT", wanted)
    try:
        end = _Spf(lookup).of(records[0])
    except _Broken as error:
        return _mended(domain, records, lookup, error.verdict)
    if end == "-":
        return Finding("SPF", State.GOOD, Verdict.SPF_STRICT, records)
    if end == "~":
        return Finding("SPF", State.GOOD, Verdict.SPF_SOFT, records)
    is_open = end == "+"
    said = _inlined(records[0], lookup) if is_open else records[0].split()
    terms = [term for term in said if not spf_advice.ALL.fullmatch(term)]
    goes_on = len(terms) == len(said)  # beside an "all" nobody follows a redirect
    kept = " ".join(filter(None, (spf_advice.REDIRECT.sub(r"include:\1" if goes_on else "", term) for term in terms)))
    verdict, state = (Verdict.SPF_OPEN, State.BAD) if is_open else (Verdict.SPF_NEUTRAL, State.WEAK)
    return Finding("SPF", state, verdict, records, domain, "TXT", f"{kept} ~all")


def _mended(domain: str, records: tuple[str, ...], lookup: Lookup, verdict: Verdict) -> Finding:
    if wanted := spf_advice.mended(records[0], lookup):
        return Finding("SPF", State.BAD, verdict, records, domain, "TXT", wanted)
    # A domain below has a record of its own, which has to name the servers of its mails alone.
    wanted = f"{spf.VERSION} {spf_advice.PROVIDER} -all"
    return Finding("SPF", State.BAD, Verdict.SPF_TANGLED, records, f"mail.{domain}", "TXT", wanted)


def _inlined(record: str, lookup: Lookup) -> list[str]:
    """The terms of a record; in the place of a redirect those of where it leads, which can be followed."""
    terms = record.split()
    target = next((found[1] for term in terms if (found := spf_advice.REDIRECT.match(term))), "")
    if not target or any(map(spf_advice.ALL.fullmatch, terms)):
        return terms
    [leads_to] = spf_advice.records(target, lookup)
    return [term for term in terms if not spf_advice.REDIRECT.match(term)] + _inlined(leads_to, lookup)[1:]


class _Broken(Exception):
    """Receivers make nothing of the record: it has a fault, leads to none, or asks too often (RFC 7208 §4.6.4)."""

    def __init__(self, verdict: Verdict = Verdict.SPF_BROKEN) -> None:
        self.verdict = verdict
        super().__init__(verdict.value)


class _Spf:
    """What a record says of all servers that it does not name, and how often receivers have to ask DNS for it."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._asked = 0
        self._within: list[str] = []

    def of(self, record: str) -> str:
        """The sign of its first *all*, else that of where it is redirected; ``?`` without either. Raises _Broken."""
        if not spf.is_readable(record):
            raise _Broken
        target = ""
        for term in record.split()[1:]:
            if found := spf_advice.ALL.fullmatch(term):
                return found[1] or "+"
            if found := spf_advice.REDIRECT.match(term):
                target = found[1]
            elif found := _ASKING.match(term):
                self._count()
                if found[1].lower() == "include":
                    self._follow(found[2])
        if not target:
            return "?"
        self._count()
        return self._follow(target)

    def _count(self) -> None:
        self._asked += 1
        if self._asked > spf.MOST_LOOKUPS:
            raise _Broken(Verdict.SPF_LONG)

    def _follow(self, domain: str) -> str:
        if "%" in domain:  # made anew for each mail
            return "?"
        records = spf_advice.records(domain, self._lookup)
        if len(records) != 1 or domain.lower() in self._within:
            raise _Broken
        self._within.append(domain.lower())
        end = self.of(records[0])
        self._within.pop()
        return end


def _dkim(domain: str, lookup: Lookup, selectors: Sequence[str]) -> Finding:
    revoked: list[str] = []
    for selector in selectors:
        name = f"{selector}._domainkey.{domain}"
        for text in lookup(name, "TXT"):
            tags = dict(part.strip().partition("=")[::2] for part in text.split(";"))
            key = tags.get("p")
            if key is None:
                continue
            if key.strip():
                return Finding("DKIM", State.GOOD, Verdict.DKIM_FOUND, (name,))
            revoked.append(name)
    wanted = "v=DKIM1; k=rsa; p=…"
    name = f"{selectors[0] if len(selectors) == 1 else 'selector'}._domainkey.{domain}"
    if revoked:
        return Finding("DKIM", State.BAD, Verdict.DKIM_REVOKED, tuple(revoked), revoked[0], "TXT", wanted)
    return Finding("DKIM", State.WEAK, Verdict.DKIM_NONE, (), name, "TXT", wanted)


def _dmarc(domain: str, lookup: Lookup) -> Finding:
    for asked in dict.fromkeys((domain, dmarc.organization(domain))):
        records = tuple(text for text in lookup(f"_dmarc.{asked}", "TXT") if text.lower().startswith("v=dmarc1"))
        if len(records) > 1:
            return Finding("DMARC", State.BAD, Verdict.DMARC_TWO, records, f"_dmarc.{asked}", "TXT", records[0])
        if records:
            return _judged(records[0], domain, is_own=asked == domain)
    wanted = f"v=DMARC1; p=none; rua=mailto:dmarc@{dmarc.organization(domain)}"
    return Finding("DMARC", State.BAD, Verdict.DMARC_NONE, (), f"_dmarc.{domain}", "TXT", wanted)


def _judged(record: str, domain: str, *, is_own: bool) -> Finding:
    pairs = (part.strip().partition("=")[::2] for part in record.split(";"))
    tags = {name.strip().lower(): value.strip().lower() for name, value in pairs}
    policy = tags.get("p", "none") if is_own else tags.get("sp", tags.get("p", "none"))
    if policy in {"quarantine", "reject"}:
        return Finding("DMARC", State.GOOD, Verdict.DMARC_ENFORCED, (record,))
    said = {"rua": f"mailto:dmarc@{dmarc.organization(domain)}", **tags, "v": "DMARC1", "p": "quarantine"}
    kept = [f"{name}={said[name]}" for name in ("v", "p", *said) if name and (is_own or name != "sp")]
    wanted = "; ".join(dict.fromkeys(kept))
    return Finding("DMARC", State.WEAK, Verdict.DMARC_WATCHING, (record,), f"_dmarc.{domain}", "TXT", wanted)
