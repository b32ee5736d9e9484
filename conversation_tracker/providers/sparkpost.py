"""SparkPost: raw mails in batches; basic auth in the webhook URL.

Source: "Relay webhooks" and "Event webhooks" in SparkPost's API reference.
"""

from __future__ import annotations

from collections.abc import Iterator

from anymail.signals import AnymailInboundEvent
from django.http import HttpRequest

from conversation_tracker.mailflow.shapes import Envelope
from conversation_tracker.providers import authentication, base, documents


def envelope(event: AnymailInboundEvent) -> Envelope:
    """Each recipient has a message of its own in the batch."""
    relayed = base.dig(event.esp_event, "msys", "relay_message")
    sender = base.dig(relayed, "msg_from")
    return Envelope(
        sender=sender if isinstance(sender, str) else "",
        has_sender=isinstance(sender, str),
        recipients=base.unique([base.dig(relayed, "rcpt_to")]),
        verdict=authentication.verdict(base.fields_of(event), authserv_id=base.authserv_id("SPARKPOST")),
        is_spam=False,  # SparkPost turns spam away at its own door
        from_fallback=str(base.dig(relayed, "friendly_from") or ""),
    )


def original(event: AnymailInboundEvent) -> bytes | None:
    """The raw mail."""
    return base.kept_raw(event)


def split(request: HttpRequest) -> Iterator[bytes]:
    """A document for each of the messages or events."""
    return documents.apart(base.take_text(request))


PROVIDER = base.Provider(
    name="sparkpost",
    esp_name="SparkPost",
    inbound="conversation_tracker.providers.views.sparkpost.Inbound",
    tracking="anymail.webhooks.sparkpost.SparkPostTrackingWebhookView",
    secrets=("WEBHOOK_SECRET",),
    envelope=envelope,
    original=original,
    split=split,
)
