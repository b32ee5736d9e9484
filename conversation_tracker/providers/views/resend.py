"""Resend's inbound view, which asks Resend's API for the mail."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urljoin

from anymail.inbound import AnymailInboundMessage
from anymail.webhooks.resend import ResendInboundWebhookView

from conversation_tracker.providers import base, fetching


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
