"""Mailjet: one JSON document a mail, in parts; basic auth in the webhook URL. Events may come in groups.

Source: "Parse API: inbound emails" and "Event API" in Mailjet's developer guides.
"""

from __future__ import annotations

from collections.abc import Iterator

from anymail.signals import AnymailInboundEvent
from django.http import HttpRequest

from conversation_tracker.mailflow.shapes import Envelope
from conversation_tracker.providers import authentication, base, documents


def envelope(event: AnymailInboundEvent) -> Envelope:
    """Mailjet posts once for each recipient."""
    payload = event.esp_event
    sender = base.dig(payload, "Sender")
    return Envelope(
        sender=sender if isinstance(sender, str) else "",
        has_sender=isinstance(sender, str),
        recipients=base.unique([base.dig(payload, "Recipient")]),
        verdict=authentication.verdict(base.fields_of(event), authserv_id=base.authserv_id("MAILJET")),
        is_spam=base.number(base.dig(payload, "SpamAssassinScore")) >= base.SPAMASSASSIN_REQUIRED,
        from_fallback=str(base.dig(payload, "From") or ""),
    )


def original(event: AnymailInboundEvent) -> bytes | None:
    """Mailjet keeps the raw mail to itself."""
    return None


def split(request: HttpRequest) -> Iterator[bytes]:
    """A document for each of grouped events."""
    return documents.apart(base.take_text(request))


PROVIDER = base.Provider(
    name="mailjet",
    esp_name="Mailjet",
    inbound="conversation_tracker.providers.views.mailjet.Inbound",
    tracking="anymail.webhooks.mailjet.MailjetTrackingWebhookView",
    secrets=("WEBHOOK_SECRET",),
    envelope=envelope,
    original=original,
    split=split,
)
