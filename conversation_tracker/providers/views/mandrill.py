"""Mandrill's view, which takes every mail for text that can be encoded, and tells why a mail was rejected."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from typing import Any

from anymail.exceptions import AnymailWebhookValidationFailure
from anymail.signals import AnymailInboundEvent, AnymailTrackingEvent, EventType, RejectReason
from anymail.utils import get_request_uri
from anymail.webhooks.mandrill import MandrillCombinedWebhookView, MandrillSignatureMixin
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from conversation_tracker import forms
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

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.validators.remove(MandrillSignatureMixin.validate_request)  # of each class one would be called

    def validate_request(self, request: HttpRequest) -> None:
        """As anymail's, but piece by piece: anybody may post a form, and as text it may take ten times its size.

        Signed are the URL and, in the order of their names, name and value of each field ("Authenticating webhook
        requests").
        """
        if request.content_type != forms.URLENCODED:
            raise AnymailWebhookValidationFailure("no form of Mandrill's")
        url = self.webhook_url or get_request_uri(request)
        signed = hmac.new(self.webhook_key, url.encode(), hashlib.sha1)
        places = {name: (start, end) for name, start, end in forms.spans(request.body)}
        for name in sorted(places):
            signed.update(name)
            for piece in forms.pieces(request.body, *places[name]):
                signed.update(piece)
        if not constant_time_compare(request.headers.get("X-Mandrill-Signature", ""), b64encode(signed.digest())):
            raise AnymailWebhookValidationFailure("a wrong signature")

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
