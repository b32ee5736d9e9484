"""Judge whether a mail comes from the domain in its From: DMARC (RFC 7489). Pure, given a way to ask DNS."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from conversation_tracker.authenticity import dkim, spf
from conversation_tracker.authenticity.lookup import Lookup, Unanswered
from conversation_tracker.mailflow import headers
from conversation_tracker.mailflow.shapes import Verdict
from orders import addresses

_FIELD_NAME = re.compile(rb"[!-9;-~]+[ \t]*:")
# What one reader takes for the end of a line and another does not.
_AMBIGUOUS = re.compile(rb"\r(?!\n)|(?<!\r)\n|[\0\x0b\x0c\x1c-\x1e]")


@dataclass(frozen=True, slots=True)
class Handover:
    """Who handed the mail in: the client's address (empty where it is not known), its HELO name, the MAIL FROM."""

    client: str
    helo: str
    sender: str


@dataclass(frozen=True, slots=True)
class _Policy:
    """What a domain asks for: whether only the very same domain is aligned with it."""

    is_strict_dkim: bool
    is_strict_spf: bool


def judge(raw: bytes, handover: Handover, *, lookup: Lookup, now: datetime) -> Verdict:
    """PASS when SPF or a DKIM signature passes for a domain aligned with From; FAIL when neither does although the
    domain has a policy; NONE when there is nothing to judge by, or when it could not be had just now.

    Without the client's address SPF cannot be checked, so nothing is a proof against the sender.
    """
    mail = cut(raw)
    domain = author_domain(mail) if mail is not None else ""
    if mail is None or not domain or not (handover.client or any(one.name == dkim.FIELD for one in mail.fields)):
        return Verdict.NONE
    try:
        policy = _policy(domain, lookup)
    except Unanswered:
        return Verdict.NONE
    signed = dkim.check(mail, lookup=lookup, now=now)
    if any(aligned(one, domain, strict=policy is not None and policy.is_strict_dkim) for one in signed.domains):
        return Verdict.PASS
    sent = _spf(handover, lookup)
    if sent is spf.Result.PASS and aligned(
        _envelope_domain(handover), domain, strict=policy is not None and policy.is_strict_spf
    ):
        return Verdict.PASS
    if policy is None or not handover.client or not signed.is_complete or sent is spf.Result.TEMPERROR:
        return Verdict.NONE
    return Verdict.FAIL


def cut(raw: bytes) -> dkim.Mail | None:
    """The mail's header fields and body; None where two readers could disagree about what is in the header."""
    header, blank, body = raw.partition(b"\r\n\r\n")
    if not blank:
        header = header.removesuffix(b"\r\n")
    if _AMBIGUOUS.search(header):
        return None
    fields: list[list[bytes]] = []
    for line in header.split(b"\r\n"):
        if line[:1] in (b" ", b"\t") and fields:
            fields[-1].append(line)
        elif _FIELD_NAME.match(line):
            fields.append([line])
        else:
            return None
    joined = (b"\r\n".join(lines) for lines in fields)
    return dkim.Mail(
        tuple(dkim.Field(one.partition(b":")[0].strip().lower().decode("latin-1"), one) for one in joined), body
    )


def author_domain(mail: dkim.Mail) -> str:
    """The domain of the one address in the one From field; empty when there are more or none."""
    authors = [one for one in mail.fields if one.name == "from"]
    if len(authors) != 1:
        return ""
    found = headers.mailboxes(authors[0].value.decode("utf-8", "surrogateescape"))
    return addresses.split(found[0].address).domain if len(found) == 1 else ""


def aligned(domain: str, author: str, *, strict: bool = False) -> bool:
    """Whether a domain that vouches for the mail belongs to the author's, §3.1."""
    domain, author = addresses.normal_domain(domain), addresses.normal_domain(author)
    return bool(domain) and (domain == author or (not strict and organization(domain) == organization(author)))


def organization(domain: str) -> str:
    """The domain that was registered, §3.2; the same one where there is nothing below a public suffix."""
    return addresses.suffixes().privatesuffix(domain) or domain


def _policy(domain: str, lookup: Lookup) -> _Policy | None:
    """The policy of the author's domain, else of the one it was registered under, §6.6.3."""
    for candidate in dict.fromkeys((domain, organization(domain))):
        records = [
            found for text in lookup(f"_dmarc.{candidate}", "TXT") if (found := _tags(text)).get("v") == "DMARC1"
        ]
        if len(records) == 1:
            return _Policy(
                is_strict_dkim=records[0].get("adkim", "r").lower() == "s",
                is_strict_spf=records[0].get("aspf", "r").lower() == "s",
            )
    return None


def _tags(text: str) -> dict[str, str]:
    return dict(_pairs(text))


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for spec in text.split(";"):
        name, _, value = spec.partition("=")
        yield name.strip().lower(), value.strip()


def _spf(handover: Handover, lookup: Lookup) -> spf.Result:
    try:
        ipaddress.ip_address(handover.client)
    except ValueError:  # not known, or handed over by way of a file on this machine
        return spf.Result.NONE
    if not handover.sender and "." not in handover.helo:
        return spf.Result.NONE
    return spf.check(handover.client, sender=handover.sender, helo=handover.helo, lookup=lookup)


def _envelope_domain(handover: Handover) -> str:
    return addresses.split(handover.sender).domain if handover.sender else handover.helo
