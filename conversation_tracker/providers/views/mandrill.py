"""Mandrill's view, which takes every mail for text that can be encoded."""

from __future__ import annotations

from typing import Any

from anymail.signals import AnymailInboundEvent
from anymail.webhooks.mandrill import MandrillCombinedWebhookView

from conversation_tracker.providers import base


class Combined(MandrillCombinedWebhookView):  # type: ignore[misc]  # anymail has no types
    """As anymail's, with the mail parsed from its bytes."""

    def mandrill_inbound_to_anymail_event(self, esp_event: dict[str, Any]) -> AnymailInboundEvent:
        raw = base.raw_from_text(esp_event["msg"].pop("raw_msg", None))
        esp_event["msg"]["raw_msg"] = ""
        event = super().mandrill_inbound_to_anymail_event(esp_event)
        event.message = base.message(raw, like=event.message)
        return event
