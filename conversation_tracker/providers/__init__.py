"""The mail providers, one small module each: what its door needs, and how its envelope and verdicts are read."""

from __future__ import annotations

from anymail.signals import AnymailInboundEvent

from conversation_tracker.mailflow.shapes import Envelope, Verdict
from conversation_tracker.providers import amazon_ses, base, mailgun, mime, postmark

ALL: dict[str, base.Provider] = {module.PROVIDER.name: module.PROVIDER for module in (amazon_ses, mailgun, postmark)}
_BY_ESP_NAME = {provider.esp_name: provider for provider in ALL.values()}


def envelope(event: AnymailInboundEvent, esp_name: str) -> Envelope:
    """Who sent the event's mail to whom, and what the provider thinks of it; anymail's own fields for one unknown."""
    if isinstance(event.esp_event, mime.Handed):
        return mime.envelope(event)
    if provider := _BY_ESP_NAME.get(esp_name):
        return provider.envelope(event)
    message = event.message
    return Envelope(
        sender=message.envelope_sender or "",
        has_sender=message.envelope_sender is not None,
        recipients=base.unique([message.envelope_recipient]),
        verdict=Verdict.NONE,
        is_spam=bool(message.spam_detected),
    )


def original(event: AnymailInboundEvent, esp_name: str) -> bytes | None:
    """The event's mail byte for byte where it is known, else None."""
    if isinstance(event.esp_event, mime.Handed):
        return event.esp_event.raw
    provider = _BY_ESP_NAME.get(esp_name)
    return provider.original(event) if provider else None
