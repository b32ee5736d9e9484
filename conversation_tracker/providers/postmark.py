"""Postmark: one JSON document a mail; basic auth in the webhook URL."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from anymail.signals import AnymailInboundEvent

from conversation_tracker.mailflow.shapes import Envelope, Verdict
from conversation_tracker.providers import base

_ENVELOPE_FROM = re.compile(r"envelope-from=[\"<]?([^\s\">;]+)", re.IGNORECASE)


def envelope(event: AnymailInboundEvent) -> Envelope:
    """OriginalRecipient is the envelope's; mails to several aliases name the others in To, Cc and Bcc."""
    payload: dict[str, Any] = event.esp_event if isinstance(event.esp_event, dict) else {}
    listed = [
        item.get("Email")
        for field in ("ToFull", "CcFull", "BccFull")
        for item in payload.get(field) or []
        if isinstance(item, dict)
    ]
    headers = own(base.pairs(payload.get("Headers")))
    return Envelope(
        sender=event.message.envelope_sender if event.message.envelope_sender is not None else "",
        has_sender=event.message.envelope_sender is not None,
        recipients=base.unique([payload.get("OriginalRecipient"), *listed]),
        is_header=not payload.get("OriginalRecipient"),
        verdict=_verdict(headers, author=base.author(base.fields_of(event))),
        is_spam=bool(event.message.spam_detected),
        from_fallback=payload["From"] if isinstance(payload.get("From"), str) else "",
    )


def own(fields: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The first value of each header that Postmark wrote, names in lower case: it puts them on top, its Received-SPF
    last. What stands below, or below where the mail came in from, its sender may have written.
    """
    found: dict[str, str] = {}
    for name, value in fields:
        if name.lower() == "received" and value.lstrip().lower().startswith("from "):
            break
        found.setdefault(name.lower(), value)
        if name.lower() == "received-spf":
            break
    return found


def _verdict(headers: dict[str, str], *, author: str) -> Verdict:
    """Postmark tells through SpamAssassin's test names and its Received-SPF header."""
    tests = {test.strip().upper() for test in headers.get("x-spam-tests", "").split(",")}
    spf = headers.get("received-spf", "")
    if "DKIM_VALID_AU" in tests and author:
        return Verdict.PASS
    if not spf and not (tests & {"DKIM_SIGNED", "DKIM_INVALID"}):
        return Verdict.NONE
    claimed = _ENVELOPE_FROM.search(spf[:2000])
    envelope_domain = claimed[1].rpartition("@")[2] if claimed else ""
    return base.verdict(spf.strip().lower().startswith("pass") and base.aligned(envelope_domain, author))


def original(event: AnymailInboundEvent) -> bytes | None:
    """The raw mail where the server is set to include it."""
    return base.kept_raw(event)


PROVIDER = base.Provider(
    name="postmark",
    esp_name="Postmark",
    inbound="conversation_tracker.providers.views.postmark.Inbound",
    tracking="conversation_tracker.providers.views.postmark.Tracking",
    secrets=("WEBHOOK_SECRET",),
    envelope=envelope,
    original=original,
)
