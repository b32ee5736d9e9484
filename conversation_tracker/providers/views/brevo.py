"""Brevo's inbound view, which asks Brevo's API for every attachment."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urljoin

from anymail.inbound import AnymailInboundMessage
from anymail.webhooks.brevo import BrevoInboundWebhookView

from conversation_tracker.mailflow import guards
from conversation_tracker.providers import base, fetching


class Inbound(BrevoInboundWebhookView):  # type: ignore[misc]  # anymail has no types
    """As anymail's, with an end to waiting for an attachment."""

    def _fetch_attachment(self, attachment: dict[str, Any]) -> AnymailInboundMessage:
        token = quote(attachment["DownloadToken"], safe="")
        fetched = fetching.get(urljoin(self.api_url, f"inbound/attachments/{token}"), headers={"api-key": self.api_key})
        content_type = fetched.content_type or attachment.get("ContentType") or "application/octet-stream"
        if base.is_mail(content_type):
            guards.check_raw(fetched.content)  # anymail parses it
        return AnymailInboundMessage.construct_attachment(
            content_type=content_type,
            content=fetched.content,
            filename=attachment.get("Name"),
            content_id=attachment.get("ContentID"),
        )
