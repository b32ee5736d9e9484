"""What a provider's module says: its webhook views, the secrets they need, and how to read an event's envelope."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from email import policy
from email.utils import parseaddr
from functools import partial
from http import HTTPStatus
from typing import Any

from anymail.inbound import AnymailInboundMessage
from anymail.signals import AnymailInboundEvent
from anymail.webhooks.base import AnymailCoreWebhookView
from billiard.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.http import HttpRequest
from django.utils.module_loading import import_string

from conversation_tracker.mailflow import frugal, guards, headers
from conversation_tracker.mailflow.shapes import Envelope, Unread, Verdict
from conversation_tracker.providers import documents
from orders import addresses, faults

_NO_BASE64 = re.compile(r"[^A-Za-z0-9+/]")
_STAMPS = re.compile(
    rb"(?:(?:received|return-path|delivered-to|authentication-results|received-spf|dkim-signature|(?:arc|x)-[!-9;-~]+)"
    rb"[ \t]*:[^\n]*+\n(?:[ \t][^\n]*+\n)*+)*+",
    re.IGNORECASE,
)
SPAMASSASSIN_REQUIRED = 5.0  # required_score's default in Mail::SpamAssassin::Conf


class Refused(Exception):
    """The call is not the provider's, or not meant for us."""


class Undecided(Exception):
    """Whether the call is the provider's cannot be told just now."""


@dataclass(frozen=True, slots=True)
class Provider:
    """One mail provider. The view classes are named, not imported, so that an unused provider costs nothing."""

    name: str  # as in its webhook URLs
    esp_name: str  # as anymail's signals call it
    inbound: str  # dotted path of our inbound view, which stands on anymail's
    tracking: str
    secrets: tuple[str, ...]  # names in settings.ANYMAIL without which anybody could post
    envelope: Callable[[AnymailInboundEvent], Envelope]
    original: Callable[[AnymailInboundEvent], bytes | None]  # the mail byte for byte, where the provider gives it
    tracking_secrets: tuple[str, ...] | None = None  # of the tracking URL, where it has others
    needs: tuple[str, ...] = ()  # further settings without which its mail cannot be read
    verify: Callable[[HttpRequest], None] | None = None  # what anymail does not check; raises Refused or Undecided
    once: Callable[[HttpRequest], str] | None = None  # what is good for one call only
    is_trial: Callable[[HttpRequest], bool] | None = None  # whether it only tries the URL, before we have its secret
    signs_in_form: bool = False  # its signature stands in the fields of a form
    longest: int = 0  # octets of a body; 0: as many as the settings allow
    longest_document: int = 0  # octets of a JSON document that has to be parsed for the signature in it; 0: none has
    split: Callable[[HttpRequest], Iterator[bytes]] | None = None  # the body of a request for each item of a batch
    fetches: bool = False  # its notices hold no mail; that is fetched from its API while they are replayed
    busy_status: int = HTTPStatus.SERVICE_UNAVAILABLE  # the answer after which it comes again

    def secrets_of(self, channel: str) -> tuple[str, ...]:
        """The settings that guard this channel's URL."""
        return self.secrets if channel == "inbound" or self.tracking_secrets is None else self.tracking_secrets

    def is_guarded(self, channel: str) -> bool:
        """Whether nobody else can post there."""
        return all((values := setting_values(name)) and all(values) for name in self.secrets_of(channel))

    def views(self, channel: str) -> list[AnymailCoreWebhookView]:
        """Fresh instances of anymail's view for this channel, one for each secret by which it may be called."""
        view_class: type[AnymailCoreWebhookView] = import_string(
            self.inbound if channel == "inbound" else self.tracking
        )
        name = self.secrets_of(channel)[0]
        if name == "WEBHOOK_SECRET" or not isinstance(settings.ANYMAIL.get(name), list):  # anymail takes a list there
            return [view_class()]
        argument = name.removeprefix(f"{self.esp_name.upper()}_").lower()
        return [view_class(**{argument: secret}) for secret in setting_values(name)]


def setting_values(name: str) -> list[str]:
    """The values of a setting of anymail's that may be one text or a list."""
    value = settings.ANYMAIL.get(name)
    return [value] if isinstance(value, str) and value else list(value or [])


def unique(candidates: Sequence[object]) -> tuple[str, ...]:
    """The texts among the candidates that look like addresses, first spelling of each, in order."""
    seen: dict[str, str] = {}
    for candidate in candidates:
        if isinstance(candidate, str) and "@" in candidate and len(candidate) <= addresses.MAX_ADDRESS * 2:
            seen.setdefault(addresses.key(candidate), candidate.strip())
    return tuple(seen.values())


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


def flat(found: object) -> tuple[tuple[str, str], ...]:
    """The header fields in a JSON object of name to value, or to a list of values."""
    fields = []
    for name, values in found.items() if isinstance(found, dict) else ():
        fields += [(str(name), str(value)) for value in (values if isinstance(values, list) else [values])]
    return tuple(fields)


def document(request: HttpRequest) -> Any:
    """The JSON document that the request carries."""
    return json.loads(request.body)


def take_document(request: HttpRequest) -> Any:
    """The same, for who asks last: the request lets go of its body."""
    return json.loads(take_text(request))


def take_text(request: HttpRequest) -> str:
    """The document as it is written; the request lets go of it."""
    return documents.text(take_body(request))


def take_body(request: HttpRequest) -> bytes:
    """The body, which the request holds no longer: with a large mail inside, each copy counts."""
    body, request._body = request.body, b""
    return body


def dig(found: Any, *path: str | int) -> Any:
    """What stands at the end of a path of keys and places; None where there is no such path."""
    for step in path:
        if isinstance(step, str):
            found = found.get(step) if isinstance(found, dict) else None
        else:
            found = found[step] if isinstance(found, list) and -len(found) <= step < len(found) else None
    return found


def items(found: Any) -> list[Any]:
    """The list itself; an empty one for anything else."""
    return found if isinstance(found, list) else []


def addresses_in(found: Sequence[object]) -> tuple[str, ...]:
    """The addresses in texts such as ``Name <a@b.example>``, each once."""
    return unique([box.address for one in found if isinstance(one, str) for box in headers.mailboxes(one)])


def authserv_id(name: str) -> str:
    """The authserv-id that an operator trusts at this provider, ``<NAME>_AUTHSERV_ID`` in settings.ANYMAIL."""
    return next(iter(setting_values(f"{name}_AUTHSERV_ID")), "")


def number(found: object) -> float:
    """A number, also one written as text; 0 for anything else."""
    try:
        return float(found) if isinstance(found, int | float | str) else 0.0
    except ValueError:
        return 0.0


def author(fields: Sequence[tuple[str, str]]) -> str:
    """The domain that a verdict is about: that of From; empty unless there is one such field with one address."""
    found = [value for name, value in fields if name.lower() == "from"]
    mailboxes = headers.mailboxes(found[0]) if len(found) == 1 else ()
    return addresses.split(mailboxes[0].address).domain if len(mailboxes) == 1 else ""


def fields_of(event: AnymailInboundEvent) -> list[tuple[str, str]]:
    """Every header field of the event's mail, in order."""
    found = event.message.raw_items() if event.message is not None else ()
    return [(str(name), str(value)) for name, value in found]


def is_signed_by(domain: str, fields: Sequence[tuple[str, str]]) -> bool:
    """Whether every DKIM-Signature (RFC 6376 §3.5, ``d=``) is of a domain aligned with this one, and there is one.

    A provider that says "DKIM passed" does not say whose signature it was; so all of them must be the author's.
    """
    signers = [
        part.partition("=")[2].strip()
        for name, value in fields
        if name.lower() == "dkim-signature"
        for part in value[:8000].split(";")
        if part.partition("=")[0].strip() == "d"
    ]
    return bool(signers) and all(aligned(signer, domain) for signer in signers)


def return_path(fields: Sequence[tuple[str, str]]) -> str | None:
    """The envelope's sender where the mail begins with it, as final delivery writes it (RFC 5321 §4.4); else None."""
    if fields and fields[0][0].lower() == "return-path":
        return fields[0][1].strip().strip("<>").strip()
    return None


def message(raw: bytes, *, like: AnymailInboundMessage | None = None) -> AnymailInboundMessage:
    """A mail from bytes, after the guards; the bytes are kept with it. ``like`` lends what is not in it.

    One that the guards turn away, or that cannot be parsed, is empty and says why: see ``unread``.
    """
    try:
        plain = frugal.with_one_line_end(raw)
        guards.check_raw(plain)
        parsed = read(plain)
    except Exception as error:  # noqa: BLE001  the standard library's failures on broken mail are of every kind
        parsed = unread(error, from_writer(raw))
    if like is not None:
        for name in ("envelope_sender", "envelope_recipient", "spam_detected", "spam_score"):
            setattr(parsed, name, getattr(like, name))
    parsed.kept_raw = raw
    return parsed


def read(raw: bytes) -> AnymailInboundMessage:
    """The bytes parsed. What is in a field is looked at when somebody asks for it, as in any mail of anymail's."""
    return frugal.parse(raw, AnymailInboundMessage, policy=policy.default, watch=guards.Watch())


def from_writer(raw: bytes) -> memoryview:
    """A mail without the fields that servers put before it on its way, which are others by another way."""
    stamps = _STAMPS.match(raw, 0, guards.LARGEST_HEADER_BLOCK * 2)
    return memoryview(raw)[stamps.end() if stamps else 0 :]


def unread(error: Exception, *pieces: bytes | memoryview) -> AnymailInboundMessage:
    """An empty mail in the place of one that is of these bytes and could not be read, with an ``Unread`` as ``unread``.

    Raises the error again where it says nothing of the mail: memory or time of this process ran out.
    """
    if isinstance(error, MemoryError | SoftTimeLimitExceeded):
        raise error
    whole = hashlib.sha256()
    for piece in pieces:
        whole.update(b"%d:" % len(piece))
        whole.update(piece)
    is_over = isinstance(error, guards.OverLimit)
    found = AnymailInboundMessage()
    found.unread = Unread(is_over, str(error) if is_over else faults.describe(error), whole.hexdigest())
    return found


def why_unread(event: AnymailInboundEvent) -> Unread | None:
    """Why nothing in the event's mail was looked at; None for a mail that was read."""
    found: Unread | None = getattr(event.message, "unread", None)
    return found


def kept_raw(event: AnymailInboundEvent) -> bytes | None:
    """The bytes that ``message`` kept."""
    raw: bytes | None = getattr(event.message, "kept_raw", None)
    return raw


def from_base64(text: object) -> bytes:
    """The bytes of base64 text; binascii.Error and TypeError for what is none."""
    return base64.b64decode(text if isinstance(text, str) else b"", validate=False)


def raw_from_base64(text: object) -> bytes:
    """The bytes of base64 text, as many as can be had of a broken one. Raises TypeError for what is no text."""
    if not isinstance(text, str):
        raise TypeError("no text")
    try:
        return binascii.a2b_base64(text)
    except ValueError:
        written = _NO_BASE64.sub("", text)
        written = written[: len(written) - (len(written) % 4 == 1)]
        return binascii.a2b_base64(written + "=" * (-len(written) % 4))


def raw_from_text(text: object) -> bytes:
    """The bytes of a raw mail that a JSON document holds as text. Raises TypeError for what is no text.

    A lone surrogate stands for the byte that could not be decoded where it is one of those, else for itself.
    """
    if not isinstance(text, str):
        raise TypeError("no text")
    return documents.octets(partial(documents.pieces, text))


def status(block: Any, name: str) -> str:
    """The upper-case ``status`` of one verdict block of a JSON payload; empty when absent."""
    found = block.get(name) if isinstance(block, dict) else None
    value = found.get("status") if isinstance(found, dict) else None
    return value.upper() if isinstance(value, str) else ""
