"""Amazon SES: receipt notifications through SNS, the mail inside them or in S3."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from anymail.signals import AnymailInboundEvent
from django.http import HttpRequest

from conversation_tracker.mailflow.shapes import Envelope, Verdict
from conversation_tracker.providers import base, sns


def envelope(event: AnymailInboundEvent) -> Envelope:
    """``receipt.recipients`` are all that the receipt rule matched; the verdicts are SES's own."""
    payload: dict[str, Any] = event.esp_event if isinstance(event.esp_event, dict) else {}
    receipt = payload.get("receipt") or {}
    mail = payload.get("mail") or {}
    sender = mail.get("source")
    return Envelope(
        sender=sender if isinstance(sender, str) else "",
        has_sender=isinstance(sender, str),
        recipients=base.unique(receipt.get("recipients") or mail.get("destination") or []),
        verdict=_verdict(receipt),
        is_spam=base.status(receipt, "spamVerdict") == "FAIL" or base.status(receipt, "virusVerdict") == "FAIL",
    )


def _verdict(receipt: dict[str, Any]) -> Verdict:
    """dmarcVerdict: PASS is aligned; GRAY (no policy) says nothing of alignment, so it is no pass."""
    return {"PASS": Verdict.PASS, "FAIL": Verdict.FAIL}.get(base.status(receipt, "dmarcVerdict"), Verdict.NONE)


def original(event: AnymailInboundEvent) -> bytes | None:
    """The mail inside the notification, or as it was fetched from S3."""
    payload: dict[str, Any] = event.esp_event if isinstance(event.esp_event, dict) else {}
    content = payload.get("content")
    if not isinstance(content, str):
        return base.kept_raw(event)
    action = (payload.get("receipt") or {}).get("action") or {}
    if action.get("encoding") == "BASE64":
        try:
            return base64.b64decode(content)
        except binascii.Error:
            return None
    return content.encode("utf-8", "surrogateescape")


def inside(request: HttpRequest) -> base.Inside:
    """The mail inside the notification; the view looks at one in S3 once it is fetched."""
    notification = json.loads(request.body)
    message = notification.get("Message") if isinstance(notification, dict) else None
    try:
        payload = json.loads(message) if isinstance(message, str) else {}
    except ValueError:  # a plain announcement, such as the one after a confirmed subscription
        return base.Inside()
    content = payload.get("content") if isinstance(payload, dict) else None
    if not isinstance(content, str):
        return base.Inside()
    action = (payload.get("receipt") or {}).get("action") or {}
    return base.Inside(
        raw=(base64.b64decode(content),) if action.get("encoding") == "BASE64" else base.as_bytes(content)
    )


PROVIDER = base.Provider(
    name="amazon_ses",
    esp_name="Amazon SES",
    inbound="conversation_tracker.providers.views.amazon_ses.Inbound",
    tracking="conversation_tracker.providers.views.amazon_ses.Tracking",
    secrets=("WEBHOOK_SECRET",),
    needs=("AMAZON_SES_TOPIC_ARNS",),
    envelope=envelope,
    original=original,
    inside=inside,
    verify=sns.verify,
)
