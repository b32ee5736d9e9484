"""Mail handed over as bytes with its envelope: `manage.py ingest`, and any door that speaks plain MIME."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anymail.inbound import AnymailInboundMessage
from anymail.signals import AnymailInboundEvent, EventType

from conversation_tracker.mailflow.shapes import Envelope, Verdict

ESP_NAME = "MIME"


@dataclass(frozen=True, slots=True)
class Handed:
    """What such an event carries as its ``esp_event``."""

    raw: bytes
    sender: str
    recipients: tuple[str, ...]


def event(raw: bytes, *, sender: str, recipients: Sequence[str]) -> AnymailInboundEvent:
    """The anymail event for a mail given as bytes."""
    message = AnymailInboundMessage.parse_raw_mime_bytes(raw)
    message.envelope_sender = sender
    message.envelope_recipient = recipients[0] if recipients else None
    return AnymailInboundEvent(
        event_type=EventType.INBOUND, message=message, esp_event=Handed(raw, sender, tuple(recipients))
    )


def envelope(event: AnymailInboundEvent) -> Envelope:
    """The envelope as it was handed over; nobody has judged the sender."""
    handed: Handed = event.esp_event
    return Envelope(
        sender=handed.sender,
        has_sender=bool(handed.sender),
        recipients=handed.recipients,
        verdict=Verdict.NONE,
        is_spam=False,
    )
