"""Postal: one signed JSON document a mail, the raw mail inside as base64.

Source: "Receiving e-mail by HTTP" and "Webhooks" in Postal's documentation.
"""

from __future__ import annotations

from anymail.signals import AnymailInboundEvent

from conversation_tracker.mailflow.shapes import Envelope
from conversation_tracker.providers import authentication, base


def envelope(event: AnymailInboundEvent) -> Envelope:
    """Postal posts once for each recipient. X-Postal-Spam is written by its own inspection, where that is on."""
    payload, fields = event.esp_event, base.fields_of(event)
    sender = base.dig(payload, "mail_from")
    spam = {value.strip().lower() for name, value in fields if name.lower() == "x-postal-spam"}
    return Envelope(
        sender=sender if isinstance(sender, str) else "",
        has_sender=isinstance(sender, str),
        recipients=base.unique([base.dig(payload, "rcpt_to")]),
        verdict=authentication.verdict(fields, authserv_id=base.authserv_id("POSTAL")),
        is_spam="yes" in spam,
    )


def original(event: AnymailInboundEvent) -> bytes | None:
    """The raw mail."""
    return base.kept_raw(event)


PROVIDER = base.Provider(
    name="postal",
    esp_name="Postal",
    inbound="conversation_tracker.providers.views.postal.Inbound",
    tracking="conversation_tracker.providers.views.postal.Tracking",
    secrets=("POSTAL_WEBHOOK_KEY",),
    envelope=envelope,
    original=original,
)
