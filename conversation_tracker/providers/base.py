"""What a provider's module says: its webhook views, the secrets they need, and how to read an event's envelope."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Any

from anymail.signals import AnymailInboundEvent
from anymail.webhooks.base import AnymailCoreWebhookView
from django.http import HttpRequest
from django.utils.module_loading import import_string

from conversation_tracker.mailflow.shapes import Envelope, Verdict
from orders import addresses


@dataclass(frozen=True, slots=True)
class Inside:
    """The mails in a request before they are parsed: whole ones as bytes, header fields of those given in parts."""

    raw: tuple[bytes, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Provider:
    """One mail provider. The view classes are named, not imported, so that an unused provider costs nothing."""

    name: str  # as in its webhook URLs
    esp_name: str  # as anymail's signals call it
    inbound: str  # dotted path of anymail's inbound view
    tracking: str
    secrets: tuple[str, ...]  # names in settings.ANYMAIL without which anybody could post
    envelope: Callable[[AnymailInboundEvent], Envelope]
    original: Callable[[AnymailInboundEvent], bytes | None]  # the mail byte for byte, where the provider gives it
    inside: Callable[[HttpRequest], Inside]  # what anymail is going to parse, for the guards that come before it

    def view(self, channel: str) -> AnymailCoreWebhookView:
        """A fresh instance of anymail's view for this channel."""
        view_class: type[AnymailCoreWebhookView] = import_string(
            self.inbound if channel == "inbound" else self.tracking
        )
        return view_class()


def unique(candidates: Sequence[object]) -> tuple[str, ...]:
    """The texts among the candidates that look like addresses, first spelling of each, in order."""
    seen: dict[str, str] = {}
    for candidate in candidates:
        if isinstance(candidate, str) and "@" in candidate and len(candidate) <= addresses.MAX_ADDRESS * 2:
            seen.setdefault(addresses.key(candidate), candidate.strip())
    return tuple(seen.values())


def headers_of(event: AnymailInboundEvent) -> dict[str, str]:
    """The first value of each header of the event's mail, names in lower case."""
    found: dict[str, str] = {}
    for name, value in event.message.raw_items() if event.message is not None else ():
        found.setdefault(str(name).lower(), str(value))
    return found


def aligned(domain: str, from_domain: str) -> bool:
    """Relaxed DMARC alignment (RFC 7489 §3.1) without a public suffix list: one is the other or below it."""
    domain, from_domain = addresses.normal_domain(domain), addresses.normal_domain(from_domain)
    return bool(domain) and (
        domain == from_domain or domain.endswith(f".{from_domain}") or from_domain.endswith(f".{domain}")
    )


def domain_of(header: str) -> str:
    """The domain of the address in a header value; empty when there is none."""
    return addresses.split(parseaddr(header[:1000])[1]).domain


def verdict(passed: bool | None) -> Verdict:
    """A verdict from a provider's yes, no or silence."""
    if passed is None:
        return Verdict.NONE
    return Verdict.PASS if passed else Verdict.FAIL


def pairs(found: object) -> tuple[tuple[str, str], ...]:
    """The header fields in a JSON list of [name, value] or of {"Name", "Value"} in any case; odd items are left out."""
    fields = []
    for item in found if isinstance(found, list) else ():
        if isinstance(item, dict):
            lowered = {str(key).lower(): value for key, value in item.items()}
            fields.append((str(lowered.get("name", "")), str(lowered.get("value", ""))))
        elif isinstance(item, list) and len(item) == 2:  # noqa: PLR2004  a pair
            fields.append((str(item[0]), str(item[1])))
    return tuple(fields)


def as_bytes(text: object) -> tuple[bytes, ...]:
    """A raw mail that a JSON document holds as text, as the one item of a tuple; empty when there is none."""
    return (text.encode("utf-8", "surrogatepass"),) if isinstance(text, str) and text else ()


def status(block: Any, name: str) -> str:
    """The upper-case ``status`` of one verdict block of a JSON payload; empty when absent."""
    found = block.get(name) if isinstance(block, dict) else None
    value = found.get("status") if isinstance(found, dict) else None
    return value.upper() if isinstance(value, str) else ""
