"""Mandrill's view, which takes every mail for text that can be encoded."""

from __future__ import annotations

import json
from typing import Any

from anymail.signals import AnymailInboundEvent, AnymailTrackingEvent
from anymail.webhooks.mandrill import MandrillCombinedWebhookView
from django.http import HttpRequest

from conversation_tracker.providers import base


class Combined(MandrillCombinedWebhookView):  # type: ignore[misc]  # anymail has no types
    """As anymail's, with the mail parsed from its bytes. An empty list is Mandrill's try of the address."""

    def parse_events(self, request: HttpRequest) -> list[AnymailInboundEvent | AnymailTrackingEvent]:
        events = json.loads(request.POST["mandrill_events"])
        if not isinstance(events, list) or not all("event" in one or "type" in one for one in events):
            raise TypeError("no events of Mandrill's")
        return list(super().parse_events(request))

    def mandrill_inbound_to_anymail_event(self, esp_event: dict[str, Any]) -> AnymailInboundEvent:
        raw = base.raw_from_text(esp_event["msg"].pop("raw_msg", None))
        esp_event["msg"]["raw_msg"] = ""
        event = super().mandrill_inbound_to_anymail_event(esp_event)
        event.message = base.message(raw, like=event.message)
        return event
