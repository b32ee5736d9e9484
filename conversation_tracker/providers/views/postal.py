"""Postal's views: for mails, since anymail's takes every one in base64 for UTF-8; for reports."""

from __future__ import annotations

import json
from types import SimpleNamespace

from anymail.signals import AnymailInboundEvent, AnymailTrackingEvent, EventType, RejectReason
from anymail.webhooks.postal import PostalInboundWebhookView, PostalTrackingWebhookView
from django.http import HttpRequest

from conversation_tracker.providers import base


class Tracking(PostalTrackingWebhookView):  # type: ignore[misc]  # anymail has no types
    """As anymail's, but what is held does not wait its turn: it leaves when somebody lets it go, or never.

    Postal holds all mail to an address at which one failed, and all beyond a server's limit. It counts as a bounce that
    may pass, since a report that it was sent may follow. And what came back to it may be a warning of delay or an
    answer, of which it does not say what it is; a refusal it tells apart.
    """

    def parse_events(self, request: HttpRequest) -> list[AnymailTrackingEvent]:
        events: list[AnymailTrackingEvent] = super().parse_events(request)
        for event in events:
            if base.dig(event.esp_event, "payload", "status") == "Held":
                event.event_type, event.reject_reason = EventType.BOUNCED, RejectReason.OTHER
            elif event.event_type == EventType.BOUNCED:
                event.reject_reason = RejectReason.OTHER
        return events


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
