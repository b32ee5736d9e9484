"""Read and compare e-mail addresses: validated when a person gives one, normalised when one is looked up."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

import idna
from email_validator import EmailNotValidError, EmailSyntaxError, validate_email
from publicsuffixlist import PublicSuffixList

MAX_ADDRESS = 254  # octets, RFC 5321 §4.5.3.1.3 less the two angle brackets
MAX_LOCAL = 64  # octets, RFC 5321 §4.5.3.1.1
MAX_LABEL = 63  # octets, RFC 1035 §2.3.4


GMAIL = ("gmail.com", "googlemail.com")  # dots in the local part do not matter there
_SHORTEST = 6  # characters: a@b.de
# A letter or digit before the @, and a domain that begins and ends with one, or an address of a network.
_MAILBOX = re.compile(r"[^@]*\w[^@]*@(?:\w(?:[\w.-]*\w)?|\[[0-9a-f.:]+\])", re.IGNORECASE)


class NotAnAddress(ValueError):
    """The text cannot be an e-mail address; the message says why, without repeating the text."""


@dataclass(frozen=True, slots=True)
class Parts:
    """An address cut at its last ``@``; ``domain`` is lower-case A-labels without a trailing dot."""

    local: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"


def validated(text: str) -> str:
    """Return the address as it will be kept: surrounding space gone, domain in A-labels and lower case.

    Quoted and non-ASCII local parts (RFC 6531) are accepted; no DNS is asked. Raises NotAnAddress.
    """
    if len(text) > MAX_ADDRESS * 2:
        raise NotAnAddress("it is too long")
    try:
        found = validate_email(
            text.strip(),
            check_deliverability=False,
            allow_quoted_local=True,
            allow_domain_literal=True,
            globally_deliverable=False,
            test_environment=True,  # .test (RFC 2606) is where the demonstration and people's own trials live
        )
    except EmailSyntaxError as error:
        raise NotAnAddress(str(error)) from error
    except EmailNotValidError as error:  # pragma: no cover - the library's only other family is about DNS
        raise NotAnAddress(str(error)) from error
    # The library leaves some of these open, since not every server keeps to them.
    address = Parts(found.local_part, found.ascii_domain.lower())
    if len(address.local.encode()) > MAX_LOCAL:
        raise NotAnAddress("the part before the @-sign is longer than 64 octets")
    if any(len(label) > MAX_LABEL for label in address.domain.split(".")):
        raise NotAnAddress("a part of its domain is longer than 63 octets")
    if len(str(address).encode()) > MAX_ADDRESS:
        raise NotAnAddress("it is longer than 254 octets")
    return str(address)


def may_be_answered(text: str) -> bool:
    """Whether it has the shape of an address, and no fewer signs than one of the web: those stand by chance in any
    large file, which would then be held.

    Much that ``validated`` refuses where a person types it is a mailbox all the same: old ones at Japanese telephone
    companies, programs' in a company's own network.
    """
    return len(text) >= _SHORTEST and _MAILBOX.fullmatch(text) is not None


def split(text: str) -> Parts:
    """Cut any text at its last ``@`` and normalise the domain; never raises, an odd domain is kept lower-cased."""
    local, _, domain = text.strip().strip("<>").strip().rpartition("@")
    return Parts(local, normal_domain(domain))


def with_parents(domain: str) -> list[str]:
    """The domain and all above it: ``a.b.c``, ``b.c``, ``c``."""
    labels = domain.split(".")
    return [".".join(labels[place:]) for place in range(len(labels))]


def is_postmaster(text: str) -> bool:
    """Whether it is the postmaster's address, with a domain or, as RFC 5321 §4.1.1.3 allows, without."""
    return text.strip().strip("<>").partition("@")[0].strip().lower() == "postmaster"


def normal_domain(domain: str) -> str:
    """Lower-case A-labels without a trailing dot (RFC 5891); what IDNA refuses is only lower-cased."""
    domain = domain.strip().rstrip(".").lower()
    if domain.isascii():
        return domain
    try:
        return idna.encode(domain, uts46=True, transitional=False).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        plain = unicodedata.normalize("NFKC", domain).lower()
        return domain if "@" in plain else plain  # a sign that only looks like one cuts nothing


def unicode_domain(domain: str) -> str:
    """The domain as a person reads it; the same text when it has no A-label or a broken one."""
    if "xn--" not in domain:
        return domain
    try:
        return idna.decode(domain)
    except (idna.IDNAError, UnicodeError):
        return domain


def key(text: str) -> str:
    """The form in which two spellings of one address are equal: NFC, lower case, A-labels. Never raises."""
    parts = split(text)
    return f"{unicodedata.normalize('NFC', parts.local).lower()}@{parts.domain}"


def mailbox(text: str) -> str:
    """The form in which addresses are equal that lead to one mailbox: without the ``+tag``, at Gmail without the dots.

    So somebody is known who ordered as ``anna+shop@`` and writes from ``anna@``. Never raises.
    """
    local, _, domain = key(text).rpartition("@")
    local = local.partition("+")[0] or local
    if domain in GMAIL:
        local, domain = local.replace(".", "") or local, GMAIL[0]
    return f"{local}@{domain}"


@cache
def suffixes() -> PublicSuffixList:
    """The domains under which others register theirs (publicsuffix.org), as they were when the library was made."""
    return PublicSuffixList()


def has_known_suffix(domain: str) -> bool:
    """Whether such a domain can exist: it has a label, and below it a suffix that is on the list."""
    return suffixes().privatesuffix(domain, accept_unknown=False) is not None
