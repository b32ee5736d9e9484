"""Mailtrap's inbound view, which asks Mailtrap's API for the mail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urljoin

from anymail.signals import AnymailInboundEvent
from anymail.webhooks.mailtrap import MailtrapInboundWebhookView
from django.http import HttpRequest

from conversation_tracker.providers import base, fetching


class Inbound(MailtrapInboundWebhookView):  # type: ignore[misc]  # anymail has no types
    """As anymail's, with an end to waiting, and with the mail's bytes kept."""

    _raw = b""

    def parse_events(self, request: HttpRequest) -> list[AnymailInboundEvent | None]:
        if not isinstance(base.dig(base.document(request), "events"), list):
            raise TypeError("no notice of Mailtrap's")
        return list(super().parse_events(request))

    def esp_to_anymail_event(self, esp_event: dict[str, Any]) -> AnymailInboundEvent | None:
        event = super().esp_to_anymail_event(esp_event)
        if event is not None:
            event.message = base.message(self._raw, like=event.message)
        return event

    def fetch_inbound_message(self, inbox_id: int, message_id: str) -> Any:
        where = f"inbound/inboxes/{quote(str(inbox_id), safe='')}/messages/{quote(message_id, safe='')}"
        key = {"Authorization": f"Bearer {self.api_token}"}
        message = fetching.get(urljoin(self.api_url, where), headers=key).json()
        if not base.dig(message, "raw_message_url"):  # it may be null
            raise fetching.Unavailable("no raw mail yet")
        return message

    def fetch_raw_message_chunks(self, raw_message_url: str) -> Iterator[bytes]:
        self._raw = fetching.get(raw_message_url).content
        return iter(())  # parsed above, after the guards
