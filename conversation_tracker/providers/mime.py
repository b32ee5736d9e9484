"""Mail handed over as bytes with its envelope: `manage.py ingest` and `manage.py smtpd`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anymail.signals import AnymailInboundEvent, EventType

from conversation_tracker.mailflow.shapes import Envelope, Verdict
from conversation_tracker.providers import base, smtp_verdict
from conversation_tracker.providers.smtp_verdict import Handover

ESP_NAME = "MIME"


@dataclass(frozen=True, slots=True)
class Handed:
    """A mail with its envelope: what such an event carries as its ``esp_event``.

    ``handover`` says which client handed it in over SMTP, whose empty sender is the null sender ``<>``; None: it was a
    file, and an empty sender is none that is known.
    """

    raw: bytes
    sender: str
    recipients: tuple[str, ...]
    handover: Handover | None = None

    def pairs(self) -> list[tuple[str, str]]:
        """All but the mail itself, as a receipt keeps it beside the bytes."""
        found = [("sender", self.sender), *(("recipient", recipient) for recipient in self.recipients)]
        if self.handover is not None:
            found += [("client", self.handover.client), ("helo", self.handover.helo)]
        return found

    @classmethod
    def read(cls, raw: bytes, pairs: Sequence[Sequence[str]]) -> Handed:
        """What ``pairs`` wrote, with the mail itself."""
        one = {name: value for name, value in pairs if name != "recipient"}
        sender = one.get("sender", "")
        recipients = tuple(value for name, value in pairs if name == "recipient")
        handover = Handover(one["client"], one.get("helo", ""), sender) if "client" in one else None
        return cls(raw, sender, recipients, handover)


def event(handed: Handed) -> AnymailInboundEvent:
    """The anymail event for a mail given as bytes."""
    message = base.message(handed.raw)
    message.envelope_sender = handed.sender
    message.envelope_recipient = handed.recipients[0] if handed.recipients else None
    return AnymailInboundEvent(event_type=EventType.INBOUND, message=message, esp_event=handed)


def envelope(event: AnymailInboundEvent) -> Envelope:
    """The envelope as it was handed over; the sender is judged where the client that handed it in is known."""
    handed: Handed = event.esp_event
    handover = handed.handover if base.why_unread(event) is None else None
    return Envelope(
        sender=handed.sender,
        has_sender=bool(handed.sender) or handed.handover is not None,
        recipients=handed.recipients,
        verdict=Verdict.NONE if handover is None else smtp_verdict.judge(handed.raw, handover),
        is_spam=False,
    )
