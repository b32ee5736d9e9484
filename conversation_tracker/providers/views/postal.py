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
        if "message" not in payload:  # anymail says what it is
            return list(super().parse_events(request))
        written = payload.pop("message")
        raw = base.raw_from_base64(written) if payload.get("base64") is True else base.raw_from_text(written)
        del written
        without = json.dumps({**payload, "message": "", "base64": False}).encode()
        events = list(super().parse_events(SimpleNamespace(body=without)))
        for event in events:
            event.esp_event = payload
            event.message = base.message(raw, like=event.message)
        return events
