"""Mailtrap: signed notices in batches; each mail is fetched from its API.

Source: "Webhooks" and "Inbound: messages" in Mailtrap's developer documentation.
"""

from __future__ import annotations

from collections.abc import Iterator

from anymail.signals import AnymailInboundEvent
from django.http import HttpRequest

from conversation_tracker.mailflow.shapes import Envelope
from conversation_tracker.providers import authentication, base, documents


def envelope(event: AnymailInboundEvent) -> Envelope:
    """Mailtrap does not tell the envelope: the recipients are those of To, Cc and Bcc in its API's answer."""
    data = event.esp_event
    fields = base.fields_of(event)
    sender = base.return_path(fields)
    listed = [one for name in ("to", "cc", "bcc") for one in base.items(base.dig(data, name))]
    return Envelope(
        sender=sender or "",
        has_sender=sender is not None,
        recipients=base.addresses_in(listed),
        is_header=True,
        verdict=authentication.verdict(fields, authserv_id=base.authserv_id("MAILTRAP")),
        is_spam=False,  # Mailtrap does not judge
        from_fallback=str(base.dig(data, "from") or ""),
    )


def original(event: AnymailInboundEvent) -> bytes | None:
    """The raw mail as it was fetched."""
    return base.kept_raw(event)


def split(request: HttpRequest) -> Iterator[bytes]:
    """A document for each of the notices."""
    return documents.apart(base.take_text(request), name="events")


PROVIDER = base.Provider(
    name="mailtrap",
    esp_name="Mailtrap",
    inbound="conversation_tracker.providers.views.mailtrap.Inbound",
    tracking="anymail.webhooks.mailtrap.MailtrapTrackingWebhookView",
    secrets=("MAILTRAP_INBOUND_SECRET",),
    tracking_secrets=("MAILTRAP_TRACKING_SECRET",),
    needs=("MAILTRAP_API_TOKEN",),
    envelope=envelope,
    original=original,
    split=split,
    fetches=True,
)
