"""Check SPF (RFC 7208): may this address send mail for this domain? Pure, given a way to ask DNS."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote

from conversation_tracker.authenticity.lookup import Lookup, Unanswered

MOST_LOOKUPS = 10  # terms that ask DNS, §4.6.4
MOST_VOID = 2  # of their questions that have no answer, §4.6.4
MOST_NAMES = 10  # MX or PTR records, §4.6.4
LONGEST_DOMAIN = 253
LONGEST_LABEL = 63
FEWEST_LABELS = 2
VERSION = "v=spf1"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Result(StrEnum):
    """What a check ends with, §2.6."""

    NONE = "none"
    NEUTRAL = "neutral"
    PASS = "pass"  # noqa: S105  a result, no password
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


class _CannotUnderstand(Exception):
    """A record is broken, or asks for more than it may: *permerror*."""


@dataclass(frozen=True, slots=True)
class _Mechanism:
    name: str
    result: Result  # when it matches
    domain: str = ""  # as written, macros and all; empty for the domain that is being checked
    network: Network | None = None  # of ip4 and ip6
    bits: dict[int, int] = field(default_factory=dict)  # how many must be equal, by IP version; all where not said


@dataclass(frozen=True, slots=True)
class _Record:
    mechanisms: tuple[_Mechanism, ...]
    redirect: str  # as written; empty when there is none


_QUALIFIERS = {"": Result.PASS, "+": Result.PASS, "-": Result.FAIL, "~": Result.SOFTFAIL, "?": Result.NEUTRAL}
_MECHANISM = re.compile(r"([+~?-]?)(all|include|a|mx|ptr|ip4|ip6|exists)((?:[:/].*)?)", re.IGNORECASE)
_MODIFIER = re.compile(r"([a-z][a-z0-9_.-]*)=(.*)", re.IGNORECASE)
_CIDR = re.compile(r"(.*?)(?:/(0|[1-9][0-9]?))?(?://(0|[1-9][0-9]{0,2}))?")
_MACRO = re.compile(r"%(?:([%_-])|\{([slodiphv])([0-9]*)(r?)([.+,/_=-]*)\})", re.IGNORECASE)
_MACRO_STRING = re.compile(r"(?:%[%_-]|%\{[slodiphv](?!0+[^0-9])[0-9]*r?[.+,/_=-]*\}|[!-$&-~])*", re.IGNORECASE)
_TOP_LABEL = re.compile(r"(?=[0-9]*[a-z-])[0-9a-z](?:[0-9a-z-]*[0-9a-z])?", re.IGNORECASE)
_LITERALS = {"%": "%", "_": " ", "-": "%20"}


def check(client: str, *, sender: str, helo: str, lookup: Lookup) -> Result:
    """The result for a client's address and the sender it named; for an empty sender that of its HELO name, §2.4."""
    address = ipaddress.ip_address(client)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    local, _, domain = (sender or f"postmaster@{helo}").rpartition("@")
    running = _Check(address, local=local or "postmaster", domain=domain, helo=helo, lookup=lookup)
    try:
        return running.host(domain)
    except _CannotUnderstand:
        return Result.PERMERROR
    except Unanswered:
        return Result.TEMPERROR


class _Check:
    """One check with all its includes and redirects, and the limits they share."""

    def __init__(self, address: Address, *, local: str, domain: str, helo: str, lookup: Lookup) -> None:
        self._address = address
        self._kind = "A" if address.version == 4 else "AAAA"  # noqa: PLR2004  IP versions
        dotted = str(address) if self._kind == "A" else ".".join(address.exploded.replace(":", ""))
        version = "in-addr" if self._kind == "A" else "ip6"
        self._values = {"s": f"{local}@{domain}", "l": local, "o": domain, "i": dotted, "v": version, "h": helo}
        self._lookup = lookup
        self._terms = self._void = 0

    def host(self, domain: str) -> Result:
        """The function check_host() of §4."""
        if not _can_exist(domain) or domain.rstrip(".").count(".") + 1 < FEWEST_LABELS:
            return Result.NONE
        texts = [text for text in self._lookup(domain, "TXT") if f"{text} ".lower().startswith(f"{VERSION} ")]
        if not texts:
            return Result.NONE
        if len(texts) > 1:
            raise _CannotUnderstand
        record = _parse(texts[0])
        for mechanism in record.mechanisms:
            if self._matches(mechanism, domain):
                return mechanism.result
        if not record.redirect:
            return Result.NEUTRAL
        self._count_term()
        result = self.host(self._target(record.redirect, domain))
        if result is Result.NONE:
            raise _CannotUnderstand
        return result

    def _matches(self, mechanism: _Mechanism, domain: str) -> bool:  # noqa: PLR0911  a mechanism a line
        match mechanism.name:
            case "all":
                return True
            case "ip4" | "ip6":
                return mechanism.network is not None and self._address in mechanism.network
        self._count_term()
        target = self._target(mechanism.domain, domain)
        match mechanism.name:
            case "include":
                return self._includes(target)
            case "exists":
                return bool(self._ask(target, "A"))
            case "a":
                return self._is_among(self._ask(target, self._kind), mechanism)
            case "mx":
                exchanges = self._ask(target, "MX")
                if len(exchanges) > MOST_NAMES:
                    raise _CannotUnderstand
                return any(self._is_among(self._ask(name, self._kind), mechanism) for name in exchanges)
            case _:  # ptr
                return any(f".{name}".endswith(f".{target.lower()}") for name in self._own_names())

    def _includes(self, target: str) -> bool:
        result = self.host(target)
        if result is Result.NONE:
            raise _CannotUnderstand
        return result is Result.PASS

    def _is_among(self, addresses: tuple[str, ...], mechanism: _Mechanism) -> bool:
        bits = mechanism.bits.get(self._address.version, self._address.max_prefixlen)
        return any(self._address in ipaddress.ip_network(f"{address}/{bits}", strict=False) for address in addresses)

    def _count_term(self) -> None:
        self._terms += 1
        if self._terms > MOST_LOOKUPS:
            raise _CannotUnderstand

    def _ask(self, name: str, kind: str) -> tuple[str, ...]:
        if not _can_exist(name):
            return ()
        found = self._lookup(name, kind)
        if not found:
            self._void += 1
            if self._void > MOST_VOID:
                raise _CannotUnderstand
        return found

    def _own_names(self) -> Iterator[str]:
        """The names of the client's address that lead back to it, §5.5; those that DNS does not tell are left out."""
        try:
            names = self._ask(self._address.reverse_pointer, "PTR")
        except Unanswered:
            return
        for name in names[:MOST_NAMES]:
            try:
                addresses = self._ask(name, self._kind)
            except Unanswered:
                continue
            if any(ipaddress.ip_address(address) == self._address for address in addresses):
                yield name.lower()

    def _target(self, written: str, domain: str) -> str:
        """The domain a term means, §7.3: macros replaced, and what is too long cut at the left."""
        target = _MACRO.sub(lambda found: self._expand(found, domain), written).rstrip(".") if written else domain
        if len(target) > LONGEST_DOMAIN:
            target = target[-LONGEST_DOMAIN - 1 :].partition(".")[2]
        return target

    def _expand(self, found: re.Match[str], domain: str) -> str:
        literal, letter, digits, is_reversed, cuts = found.groups()
        if literal:
            return _LITERALS[literal]
        match letter.lower():
            case "d":
                value = domain
            case "p":
                value = self._own_name(domain)
            case other:
                value = self._values[other]
        pieces = re.split(f"[{re.escape(cuts or '.')}]", value)
        if is_reversed:
            pieces.reverse()
        value = ".".join(pieces[-int(digits) :] if digits else pieces)
        return quote(value, safe="") if letter.isupper() else value

    def _own_name(self, domain: str) -> str:
        names = list(self._own_names())
        below = [name for name in names if f".{name}".endswith(f".{domain.lower()}")]
        return domain if domain.lower() in names else next(iter(below + names), "unknown")


def _can_exist(domain: str) -> bool:
    """Whether DNS can have such a name at all, §4.3."""
    return len(domain) <= LONGEST_DOMAIN + 1 and all(
        0 < len(label) <= LONGEST_LABEL for label in domain.removesuffix(".").split(".")
    )


def is_readable(text: str) -> bool:
    """Whether receivers understand the record: one fault in it, and they take none of it."""
    try:
        _parse(text)
    except _CannotUnderstand:
        return False
    return True


def _parse(text: str) -> _Record:
    """A record's terms. Anything wrong anywhere makes the whole record wrong, §4.6."""
    mechanisms: list[_Mechanism] = []
    modifiers: dict[str, str] = {}
    for term in text[len(VERSION) :].split(" "):
        if not term:
            continue
        if found := _MODIFIER.fullmatch(term):
            name, value = found[1].lower(), found[2]
            is_ours = name in {"redirect", "exp"}
            if name in modifiers or not _MACRO_STRING.fullmatch(value) or (is_ours and not _is_domain_spec(value)):
                raise _CannotUnderstand
            if is_ours:
                modifiers[name] = value
        else:
            mechanisms.append(_mechanism(term))
    return _Record(tuple(mechanisms), modifiers.get("redirect", ""))


def _mechanism(term: str) -> _Mechanism:
    found = _MECHANISM.fullmatch(term)
    if found is None:
        raise _CannotUnderstand
    result, name, rest = _QUALIFIERS[found[1]], found[2].lower(), found[3]
    match name:
        case "all" if not rest:
            return _Mechanism(name, result)
        case "ip4" | "ip6":
            return _Mechanism(name, result, network=_network(name, rest))
        case "include" | "exists" if _is_domain_spec(rest[1:]) and rest[0] == ":":
            return _Mechanism(name, result, rest[1:])
        case "ptr" if not rest or (rest[0] == ":" and _is_domain_spec(rest[1:])):
            return _Mechanism(name, result, rest[1:])
        case "a" | "mx":
            return _with_cidr(name, result, rest)
    raise _CannotUnderstand


def _with_cidr(name: str, result: Result, rest: str) -> _Mechanism:
    found = _CIDR.fullmatch(rest)
    domain, four, six = found.groups() if found else ("/", None, None)
    bits = {version: int(length) for version, length in ((4, four), (6, six)) if length is not None}
    if bits.get(4, 0) > ipaddress.IPV4LENGTH or bits.get(6, 0) > ipaddress.IPV6LENGTH:
        raise _CannotUnderstand
    if domain and not (domain[0] == ":" and _is_domain_spec(domain[1:])):
        raise _CannotUnderstand
    return _Mechanism(name, result, domain[1:], bits=bits)


def _network(name: str, rest: str) -> Network:
    address, slash, length = rest[1:].partition("/")
    is_length = length == "0" or (length.isdecimal() and length.isascii() and length[0] != "0")
    if rest[:1] != ":" or "%" in address or (slash and not is_length):
        raise _CannotUnderstand
    network: type[Network] = ipaddress.IPv4Network if name == "ip4" else ipaddress.IPv6Network
    try:
        return network(rest[1:], strict=False)
    except ValueError as error:
        raise _CannotUnderstand from error


def _is_domain_spec(text: str) -> bool:
    """Whether a text may stand for a domain, §7.1: macros and printable ASCII that end in a macro or a top label."""
    if not text or not _MACRO_STRING.fullmatch(text):
        return False
    if text.endswith(("}", "%%", "%_", "%-")):
        return True
    _, dot, top = text.removesuffix(".").rpartition(".")
    return bool(dot) and _TOP_LABEL.fullmatch(top) is not None
