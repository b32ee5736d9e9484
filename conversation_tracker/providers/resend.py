"""Resend: a signed notice of each mail, which is fetched from its API.

Source: "Webhooks: email.received", "Retrieve received email" and "Verify webhook requests" in Resend's documentation.
"""

from __future__ import annotations

from collections.abc import Sequence

from anymail.signals import AnymailInboundEvent

from conversation_tracker.mailflow.shapes import Envelope
from conversation_tracker.providers import authentication, base

# Resend receives through Amazon SES (the MX record in its documentation), which writes these fields.
AUTHSERV_ID, RECEIVED_BY = "amazonses.com", ".amazonaws.com"
LONGEST_NOTICE = 1_000_000  # octets; to check its signature the whole of it is decoded
_SES_VERDICTS = {"x-ses-spam-verdict", "x-ses-virus-verdict"}


def envelope(event: AnymailInboundEvent) -> Envelope:
    """The addresses of ``to``, ``cc`` and ``bcc``, and ``received_for``: what servers on the way wrote into Received
    (RFC 5321 §4.4), of several recipients at most one.
    """
    data = base.dig(event.esp_event, "data")
    fields = base.fields_of(event)
    sender = base.return_path(fields)
    listed = [one for name in ("received_for", "to", "cc", "bcc") for one in base.items(base.dig(data, name))]
    return Envelope(
        sender=sender or "",
        has_sender=sender is not None,
        recipients=base.addresses_in(listed),
        is_header=True,
        verdict=authentication.verdict(fields, authserv_id=AUTHSERV_ID, received_by=RECEIVED_BY),
        is_spam="FAIL" in _verdicts(fields),
        from_fallback=str(base.dig(data, "from") or ""),
    )


def _verdicts(fields: Sequence[tuple[str, str]]) -> set[str]:
    """What Amazon says of the mail: the first of each, above what it said where the mail was before."""
    found = {name.lower(): value.strip().upper() for name, value in reversed(fields)}
    return {found.get(name, "") for name in _SES_VERDICTS}


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
    longest=LONGEST_NOTICE,
)
