"""Mandrill's view, which takes every mail for text that can be encoded, and knows one key."""

from __future__ import annotations

import json
from typing import Any

from anymail.exceptions import AnymailWebhookValidationFailure
from anymail.signals import AnymailInboundEvent, AnymailTrackingEvent
from anymail.webhooks.mandrill import MandrillCombinedWebhookView, MandrillSignatureMixin
from django.http import HttpRequest

from conversation_tracker.providers import base


class Combined(MandrillCombinedWebhookView):  # type: ignore[misc]  # anymail has no types
    """As anymail's, with the mail parsed from its bytes. An empty list is Mandrill's try of the address.

    Mandrill makes a key for each webhook, so that its mails and its reports are signed with different ones.
    """

    def __init__(self, **kwargs: Any) -> None:
        self._keys = base.setting_values("MANDRILL_WEBHOOK_KEY")
        super().__init__(webhook_key="", **kwargs)
        self.validators.remove(MandrillSignatureMixin.validate_request)  # it is called below, once for each key

    def validate_request(self, request: HttpRequest) -> None:
        """Raise AnymailWebhookValidationFailure when no key fits."""
        for key in self._keys:
            self.webhook_key = key.encode()
            try:
                super().validate_request(request)
            except AnymailWebhookValidationFailure:
                continue
            return
        raise AnymailWebhookValidationFailure("no key fits the signature")

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
