"""The mail providers, one small module each: what its door needs, and how its envelope and verdicts are read."""

from __future__ import annotations

from anymail.signals import AnymailInboundEvent
from django.conf import settings

from conversation_tracker.mailflow.shapes import Envelope, Verdict
from conversation_tracker.providers import (
    amazon_ses,
    base,
    brevo,
    mailersend,
    mailgun,
    mailjet,
    mailtrap,
    mandrill,
    mime,
    postal,
    postmark,
    resend,
    sparkpost,
)
from orders import secrecy

_MODULES = (
    amazon_ses, brevo, mailersend, mailgun, mailjet, mailtrap, mandrill, postal, postmark, resend, sparkpost,
)  # fmt: skip
ALL: dict[str, base.Provider] = {module.PROVIDER.name: module.PROVIDER for module in _MODULES}
_BY_ESP_NAME = {provider.esp_name: provider for provider in ALL.values()}


def mounted(name: str) -> base.Provider | None:
    """The provider whose webhooks are answered under this name, when the settings name it."""
    return ALL.get(name) if name in settings.INBOUND_PROVIDERS else None


def fetches(name: str) -> bool:
    """Whether replaying this provider's notices asks its API."""
    return name in ALL and ALL[name].fetches


def fetching_ones() -> list[str]:
    """The names of the providers for which ``fetches`` holds."""
    return [name for name, provider in ALL.items() if provider.fetches]


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


def lasting_id(event: AnymailInboundEvent, esp_name: str) -> str:
    """The provider's id of the mail, where a repeated notice carries the same one, else a digest of its header.

    Mailgun's id is new each time, and some have none. The header tells when and by which way the mail came.
    """
    provider = _BY_ESP_NAME.get(esp_name)
    known = str(event.event_id or "") if provider is not None and provider.name != "mailgun" else ""
    return known or secrecy.digest(repr(base.fields_of(event)), purpose="fingerprint").hex()


def original(event: AnymailInboundEvent, esp_name: str) -> bytes | None:
    """The event's mail byte for byte where it is known, else None."""
    if isinstance(event.esp_event, mime.Handed):
        return event.esp_event.raw
    provider = _BY_ESP_NAME.get(esp_name)
    return provider.original(event) if provider else None
