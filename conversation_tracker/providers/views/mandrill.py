"""Mandrill's view, which takes every mail for text that can be encoded, and tells why a mail was rejected."""

from __future__ import annotations

import json
from typing import Any

from anymail.signals import AnymailInboundEvent, AnymailTrackingEvent, EventType, RejectReason
from anymail.webhooks.mandrill import MandrillCombinedWebhookView
from django.http import HttpRequest

from conversation_tracker.providers import base, documents, mandrill

_ONCE_MORE = ("attachments", "images", "text", "html")  # all of which is in the raw mail

# Why Mandrill rejects: ``reject_reason`` in "Send new message" of its API.
_REASONS = {
    "hard-bounce", "soft-bounce", "spam", "unsub", "custom", "invalid", "invalid-sender", "test-mode-limit", "unsigned",
    "rule",
}  # fmt: skip


class Combined(MandrillCombinedWebhookView):  # type: ignore[misc]  # anymail has no types
    """As anymail's, with the mail parsed from its bytes. An empty list is Mandrill's try of the address."""

    _raw: bytes | None = None  # of the one large mail

    def parse_events(self, request: HttpRequest) -> list[AnymailInboundEvent | AnymailTrackingEvent]:
        rest, self._raw = documents.lifted(mandrill.take_events(request), "raw_msg")
        events = json.loads(rest)
        del rest
        if not isinstance(events, list) or not all("event" in one or "type" in one for one in events):
            raise TypeError("no events of Mandrill's")
        return [self.esp_to_anymail_event(one) for one in events]

    def mandrill_inbound_to_anymail_event(self, esp_event: dict[str, Any]) -> AnymailInboundEvent:
        msg = esp_event["msg"]
        for name in _ONCE_MORE:
            msg.pop(name, None)
        whole = msg.pop("raw_msg", None)
        raw = self._raw if self._raw and whole == "" else base.raw_from_text(whole)
        del whole
        msg["raw_msg"] = ""
        event = super().mandrill_inbound_to_anymail_event(esp_event)
        event.message = base.message(raw, like=event.message)
        return event

    def mandrill_tracking_to_anymail_event(self, esp_event: dict[str, Any]) -> AnymailTrackingEvent:
        event = super().mandrill_tracking_to_anymail_event(esp_event)
        if event.event_type == EventType.REJECTED:
            why = base.dig(esp_event, "msg", "reject", "reason")
            event.reject_reason = why if isinstance(why, str) and why in _REASONS else RejectReason.OTHER
        return event
