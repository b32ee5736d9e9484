"""Mailjet's inbound view, which stumbles over attached mails and over fields that come twice."""

from __future__ import annotations

from email import policy
from email.message import Message
from typing import Any

from anymail.inbound import AnymailInboundMessage
from anymail.signals import AnymailInboundEvent
from anymail.webhooks.mailjet import MailjetInboundWebhookView
from django.http import HttpRequest

from conversation_tracker.providers import base, parts


class Inbound(MailjetInboundWebhookView):  # type: ignore[misc]  # anymail has no types
    """As anymail's, with the mail made of its parts by us."""

    def parse_events(self, request: HttpRequest) -> list[AnymailInboundEvent]:
        return [self.esp_to_anymail_event(base.take_document(request))]

    def esp_to_anymail_event(self, esp_event: dict[str, Any]) -> AnymailInboundEvent:
        if not isinstance(esp_event["Headers"], dict):
            raise TypeError("no mail of Mailjet's")
        known = {name: esp_event[name] for name in ("Sender", "Recipient", "SpamAssassinScore") if name in esp_event}
        event = super().esp_to_anymail_event(known)
        files = [
            _file(part, esp_event)
            for part in base.items(esp_event.get("Parts"))
            if "Attachment" in str(base.dig(part, "ContentRef"))
        ]
        message = parts.message(
            base.flat(esp_event.get("Headers")),
            text=esp_event.get("Text-part"), html=esp_event.get("Html-part"), files=files,
        )  # fmt: skip
        for name in ("envelope_sender", "envelope_recipient", "spam_detected", "spam_score"):
            setattr(message, name, getattr(event.message, name))
        event.message, event.esp_event = message, esp_event
        return event


def _file(part: Any, payload: dict[str, Any]) -> AnymailInboundMessage:
    header: Message = Message(policy=policy.compat32)
    for name, value in base.flat(base.dig(part, "Headers")):
        header.add_header(name, value)
    return parts.file(
        base.raw_from_base64(payload[part["ContentRef"]]),
        content_type=header.get("Content-Type"),
        name=_name(header),
        content_id=header.get("Content-ID"),
    )


def _name(header: Message) -> str | None:
    try:
        return header.get_filename()
    except Exception:  # noqa: BLE001  the standard library's failures on broken mail are of every kind
        return None
