"""Resend's views: the inbound one asks Resend's API for the mail, the other one is told which calls are not its own."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, urljoin

from anymail.exceptions import AnymailConfigurationError
from anymail.inbound import AnymailInboundMessage
from anymail.signals import AnymailTrackingEvent, EventType, RejectReason
from anymail.webhooks.resend import ResendInboundWebhookView, ResendTrackingWebhookView
from django.http import HttpRequest

from conversation_tracker.providers import base, fetching

_WORD = re.compile(r"[a-z]+(?:_[a-z]+)*")


class Inbound(ResendInboundWebhookView):  # type: ignore[misc]  # anymail has no types
    """As anymail's, with an end to waiting, and with the mail's bytes kept.

    The raw mail is always there (Resend's "Retrieve Received Email": ``raw.download_url``); a notice without it waits.
    """

    def _fetch_inbound_email(self, email_id: str) -> AnymailInboundMessage:
        where = urljoin(self.api_url, f"emails/receiving/{quote(email_id, safe='')}")
        data: Any = fetching.get(where, headers={"Authorization": f"Bearer {self.api_key}"}).json()
        url = base.dig(data, "raw", "download_url")
        if not isinstance(url, str):
            raise fetching.Unavailable("no raw mail yet")
        return base.message(fetching.get(url).content)


class Tracking(ResendTrackingWebhookView):  # type: ignore[misc]
    """As anymail's, which passes over what it does not know: that a mail never left, and the notice of a mail.

    Source: "Event types" in Resend's documentation.
    """

    event_types = {
        **ResendTrackingWebhookView.event_types,
        "email.failed": EventType.FAILED,
        "email.suppressed": EventType.REJECTED,
    }

    def esp_to_anymail_event(self, esp_event: dict[str, Any], request: HttpRequest) -> AnymailTrackingEvent:
        if esp_event["type"] == "email.received":
            raise AnymailConfigurationError("a notice of a mail came to the URL for delivery reports")
        event = super().esp_to_anymail_event(esp_event, request)
        why = base.dig(esp_event, "data", "failed", "reason")
        if isinstance(why, str):  # a word, as far as is documented; a sentence may name an address
            event.reject_reason = why if _WORD.fullmatch(why) else RejectReason.OTHER
        if base.dig(esp_event, "data", "bounce", "type") == "Permanent":  # anymail goes by a few words of its text
            event.reject_reason = RejectReason.BOUNCED
        return event
