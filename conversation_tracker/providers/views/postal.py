"""Postal's inbound view, which takes every base64 mail for UTF-8."""

from __future__ import annotations

import json
from types import SimpleNamespace

from anymail.signals import AnymailInboundEvent
from anymail.webhooks.postal import PostalInboundWebhookView
from django.http import HttpRequest

from conversation_tracker.providers import base


class Inbound(PostalInboundWebhookView):  # type: ignore[misc]  # anymail has no types
    """As anymail's, with the mail parsed from its bytes."""

    def parse_events(self, request: HttpRequest) -> list[AnymailInboundEvent]:
        payload = base.document(request)
        if base.dig(payload, "base64") is not True:
            return list(super().parse_events(request))
        without = json.dumps({**payload, "message": "", "base64": False}).encode()
        events = list(super().parse_events(SimpleNamespace(body=without)))
        for event in events:
            event.esp_event = payload
            event.message = base.message(base.from_base64(payload["message"]), like=event.message)
        return events
