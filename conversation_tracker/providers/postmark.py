"""Postmark: one JSON document a mail; basic auth in the webhook URL."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from anymail.signals import AnymailInboundEvent
from django.http import HttpRequest

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
    # Postmark's own findings are first in this list; a raw mail may hold its sender's only.
    headers = _first(base.pairs(payload.get("Headers")))
    return Envelope(
        sender=event.message.envelope_sender if event.message.envelope_sender is not None else "",
        has_sender=event.message.envelope_sender is not None,
        recipients=base.unique([payload.get("OriginalRecipient"), *listed]),
        verdict=_verdict(headers, author=base.author(base.fields_of(event))),
        is_spam=bool(event.message.spam_detected),
        from_fallback=payload["From"] if isinstance(payload.get("From"), str) else "",
    )


def _first(fields: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The first value of each header, names in lower case."""
    found: dict[str, str] = {}
    for name, value in fields:
        found.setdefault(name.lower(), value)
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
    payload = event.esp_event
    raw = payload.get("RawEmail") if isinstance(payload, dict) else None
    return raw.encode("utf-8", "surrogateescape") if isinstance(raw, str) and raw else None


def inside(request: HttpRequest) -> base.Inside:
    """The raw mail where it is included, attached mails, and the header fields of the document."""
    payload = json.loads(request.body)
    if not isinstance(payload, dict):
        return base.Inside()
    listed = [(field, str(payload.get(field, ""))) for field in ("FromFull", "Subject", "Date", "ReplyTo")]
    addressed = [(field, str(payload.get(field, ""))) for field in ("ToFull", "CcFull", "BccFull")]
    attached = [
        base.from_base64(base.dig(one, "Content"))
        for one in base.items(payload.get("Attachments"))
        if base.is_mail(base.dig(one, "ContentType"))
    ]
    return base.Inside(
        raw=(*base.as_bytes(payload.get("RawEmail")), *attached),
        fields=(*listed, *addressed, *base.pairs(payload.get("Headers"))),
    )


PROVIDER = base.Provider(
    name="postmark",
    esp_name="Postmark",
    inbound="anymail.webhooks.postmark.PostmarkInboundWebhookView",
    tracking="anymail.webhooks.postmark.PostmarkTrackingWebhookView",
    secrets=("WEBHOOK_SECRET",),
    envelope=envelope,
    original=original,
    inside=inside,
)
