"""Brevo's views: the inbound one asks Brevo's API for every attachment, and stumbles over attached mails."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urljoin

from anymail.inbound import AnymailInboundMessage
from anymail.signals import AnymailInboundEvent, AnymailTrackingEvent
from anymail.webhooks.brevo import BrevoInboundWebhookView, BrevoTrackingWebhookView

from conversation_tracker.providers import base, fetching, parts


class Inbound(BrevoInboundWebhookView):  # type: ignore[misc]  # anymail has no types
    """As anymail's, with an end to waiting for an attachment, and with the mail made of its parts by us."""

    def esp_to_anymail_event(self, esp_event: dict[str, Any]) -> AnymailInboundEvent:
        if not isinstance(esp_event["Headers"], dict):
            raise TypeError("no mail of Brevo's")
        event = super().esp_to_anymail_event({"Uuid": base.items(esp_event.get("Uuid"))})
        fields = base.flat(esp_event.get("Headers"))
        message = parts.message(
            fields,
            text=esp_event.get("RawTextBody"), html=esp_event.get("RawHtmlBody"),
            files=[self._fetch_attachment(one) for one in base.items(esp_event.get("Attachments"))],
        )  # fmt: skip
        found = {name.lower(): value.strip().strip("<>") for name, value in reversed(fields)}  # the first of each name
        message.envelope_sender = found.get("return-path")
        message.envelope_recipient = found.get("delivered-to")
        message.stripped_text = esp_event.get("ExtractedMarkdownMessage")
        message.spam_score = esp_event.get("SpamScore")
        event.message, event.esp_event = message, esp_event
        return event

    def _fetch_attachment(self, attachment: dict[str, Any]) -> AnymailInboundMessage:
        token = quote(attachment["DownloadToken"], safe="")
        fetched = fetching.get(urljoin(self.api_url, f"inbound/attachments/{token}"), headers={"api-key": self.api_key})
        return parts.file(
            fetched.content,
            content_type=fetched.content_type or attachment.get("ContentType"),
            name=attachment.get("Name"),
            content_id=attachment.get("ContentID"),
        )


class Tracking(BrevoTrackingWebhookView):  # type: ignore[misc]
    """As anymail's, which stumbles over custom headers that are no JSON; other senders of the account have some."""

    def esp_to_anymail_event(self, esp_event: dict[str, Any]) -> AnymailTrackingEvent:
        esp_event.pop("X-Mailin-custom", None)
        return super().esp_to_anymail_event(esp_event)
