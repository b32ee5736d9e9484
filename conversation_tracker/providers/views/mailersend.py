"""MailerSend's inbound view, which takes every mail for text that can be encoded."""

from __future__ import annotations

from typing import Any

from anymail.signals import AnymailInboundEvent
from anymail.webhooks.mailersend import MailerSendInboundWebhookView

from conversation_tracker.providers import base


class Inbound(MailerSendInboundWebhookView):  # type: ignore[misc]  # anymail has no types
    """As anymail's, with the mail parsed from its bytes."""

    def esp_to_anymail_event(self, esp_event: dict[str, Any]) -> AnymailInboundEvent:
        raw = base.raw_from_text(esp_event["data"].pop("raw", None))
        without = {**esp_event, "data": {**esp_event["data"], "raw": ""}}
        event = super().esp_to_anymail_event(without)
        event.message = base.message(raw, like=event.message)
        return event
