"""SparkPost's inbound view, which takes every base64 mail for UTF-8."""

from __future__ import annotations

from typing import Any

from anymail.signals import AnymailInboundEvent
from anymail.webhooks.sparkpost import SparkPostInboundWebhookView
from django.http import HttpRequest

from conversation_tracker.providers import base


class Inbound(SparkPostInboundWebhookView):  # type: ignore[misc]  # anymail has no types
    """As anymail's, with the mail parsed from its bytes. An object without an event in a list is SparkPost's ping."""

    def parse_events(self, request: HttpRequest) -> list[AnymailInboundEvent]:
        batch = base.take_document(request)
        if not isinstance(batch, list):
            raise TypeError("no batch of SparkPost's")
        unwrapped = [self.unwrap_event(one) for one in batch]
        return [self.esp_to_anymail_event(*one) for one in unwrapped if one[1] is not None]

    def esp_to_anymail_event(
        self, event_class: str, event: dict[str, Any], raw_event: dict[str, Any]
    ) -> AnymailInboundEvent:
        content = event.get("content")
        if not isinstance(content, dict) or "email_rfc822" not in content:  # anymail says what it is
            return super().esp_to_anymail_event(event_class, event, raw_event)
        written = content.pop("email_rfc822")
        is_base64 = content.get("email_rfc822_is_base64")
        raw = base.raw_from_base64(written) if is_base64 else base.raw_from_text(written)
        del written
        without = {**event, "content": {"email_rfc822": "", "email_rfc822_is_base64": False}}
        found = super().esp_to_anymail_event(event_class, without, raw_event)
        found.message = base.message(raw, like=found.message)
        return found
