"""Resend: a signed notice of each mail, which is fetched from its API.

Source: "Webhooks: email.received", "Retrieve received email" and "Verify webhook requests" in Resend's documentation.
"""

from __future__ import annotations

from anymail.signals import AnymailInboundEvent

from conversation_tracker.mailflow.shapes import Envelope
from conversation_tracker.providers import authentication, base

# Resend receives through Amazon SES (the MX record in its documentation), which writes these fields.
AUTHSERV_ID, RECEIVED_BY = "amazonses.com", ".amazonaws.com"
_SES_VERDICTS = {"x-ses-spam-verdict", "x-ses-virus-verdict"}


def envelope(event: AnymailInboundEvent) -> Envelope:
    """``received_for`` are the envelope's recipients; where it is empty, those of ``to``, ``cc`` and ``bcc``."""
    data = base.dig(event.esp_event, "data")
    fields = base.fields_of(event)
    sender = base.return_path(fields)
    told = base.items(base.dig(data, "received_for"))
    listed = told or [one for name in ("to", "cc", "bcc") for one in base.items(base.dig(data, name))]
    return Envelope(
        sender=sender or "",
        has_sender=sender is not None,
        recipients=base.addresses_in(listed),
        is_header=not told,
        verdict=authentication.verdict(fields, authserv_id=AUTHSERV_ID, received_by=RECEIVED_BY),
        is_spam=any(name.lower() in _SES_VERDICTS and value.strip().upper() == "FAIL" for name, value in fields),
        from_fallback=str(base.dig(data, "from") or ""),
    )


def original(event: AnymailInboundEvent) -> bytes | None:
    """The raw mail as it was fetched."""
    return base.kept_raw(event)


PROVIDER = base.Provider(
    name="resend",
    esp_name="Resend",
    inbound="conversation_tracker.providers.views.resend.Inbound",
    tracking="conversation_tracker.providers.views.resend.Tracking",
    secrets=("RESEND_INBOUND_SECRET",),
    tracking_secrets=("RESEND_SIGNING_SECRET",),
    needs=("RESEND_API_KEY",),
    envelope=envelope,
    original=original,
    fetches=True,
)
