"""Postmark's views: for mails, since anymail's stumbles over attached ones, double fields and no From; for reports."""

from __future__ import annotations

import json
import re
from typing import Any

from anymail.inbound import AnymailInboundMessage
from anymail.signals import AnymailInboundEvent, EventType, RejectReason
from anymail.webhooks.postmark import PostmarkInboundWebhookView, PostmarkTrackingWebhookView
from django.http import HttpRequest

from conversation_tracker.providers import base, documents, parts, postmark

# Whom SPF is about where MAIL FROM names nobody (RFC 7208 §2.4 and §9.1); Postmark writes no Return-Path then.
_BY_HELO = re.compile(r"(?i)\bidentity=\"?helo\b")
_FOR_ANYMAIL = ("RecordType", "MessageID", "OriginalRecipient", "StrippedTextReply")


class Tracking(PostmarkTrackingWebhookView):  # type: ignore[misc]  # anymail has no types
    """As anymail's, but a mail that a server refused as spam is no complaint of who it was for, who never saw it; and
    one that came back for a reason that Postmark cannot name came back all the same. So did one that waits until its
    sender has proved to be a person, and one for which no server could be reached: Postmark tries it no longer
    ("How to fix soft bounces").
    """

    event_types = PostmarkTrackingWebhookView.event_types | {
        "SpamNotification": (EventType.BOUNCED, RejectReason.SPAM),
        "Unknown": (EventType.BOUNCED, RejectReason.OTHER),
        "ChallengeVerification": (EventType.BOUNCED, RejectReason.OTHER),
        "Transient": (EventType.BOUNCED, RejectReason.OTHER),
        "DnsError": (EventType.BOUNCED, RejectReason.OTHER),
    }


class Inbound(PostmarkInboundWebhookView):  # type: ignore[misc]  # anymail has no types
    """As anymail's, with the mail made by us: of its bytes where they are included, else of its parts."""

    _raw: bytes | None = None  # of a large mail

    def parse_events(self, request: HttpRequest) -> list[AnymailInboundEvent]:
        rest, self._raw = documents.lifted(base.take_text(request), "RawEmail")
        found = json.loads(rest)
        del rest
        return [self.esp_to_anymail_event(found)]

    def esp_to_anymail_event(self, esp_event: dict[str, Any]) -> AnymailInboundEvent:
        if not isinstance(esp_event.get("Headers", []), list) or not isinstance(esp_event.get("FromFull"), dict | None):
            raise TypeError("no mail of Postmark's")
        fields = list(base.pairs(esp_event.get("Headers")))
        known = {name: esp_event[name] for name in _FOR_ANYMAIL if name in esp_event}
        event = super().esp_to_anymail_event({**known, "RawEmail": ""})  # no mail yet, which is the quickest to read
        # Postmark puts it first; anywhere else it is the sender's own.
        sender = fields.pop(0)[1] if fields and fields[0][0].lower() == "return-path" else None
        findings = postmark.own(fields)
        if sender is None and _BY_HELO.search(findings.get("received-spf", "")):
            sender = ""
        whole = esp_event.pop("RawEmail", None)
        if whole or self._raw:
            esp_event.pop("Attachments", None)  # all of which is in the raw mail
            raw = self._raw or base.raw_from_text(whole)
            del whole
            message = base.message(raw)
        else:
            message = _of_parts(esp_event, fields)
        message.envelope_sender = None if sender is None else sender.strip().strip("<>")
        message.envelope_recipient = event.message.envelope_recipient
        message.stripped_text = event.message.stripped_text
        message.spam_detected = findings.get("x-spam-status", "").strip().lower().startswith("yes")
        message.spam_score = base.number(findings.get("x-spam-score"))
        event.message, event.esp_event = message, esp_event
        return event


def _of_parts(payload: dict[str, Any], fields: list[tuple[str, str]]) -> AnymailInboundMessage:
    own = [(name, _addresses(payload, f"{name}Full")) for name in ("From", "To", "Cc", "Bcc")]
    own += [(name, str(payload.get(key) or "")) for name, key in (("Subject", "Subject"), ("Reply-To", "ReplyTo"))]
    listed = {name.lower() for name, _ in fields}
    if "date" not in listed:
        own.append(("Date", str(payload.get("Date") or "")))
    files = [
        parts.file(
            base.raw_from_base64(one.get("Content") or one.get("Data") or ""),  # their test call says Data
            content_type=one.get("ContentType"),
            name=one.get("Name"),
            content_id=one.get("ContentID"),
        )
        for one in base.items(payload.get("Attachments"))
        if isinstance(one, dict)
    ]
    return parts.message(
        [*(pair for pair in own if pair[1]), *fields],
        text=payload.get("TextBody"), html=payload.get("HtmlBody"), files=files,
    )  # fmt: skip


def _addresses(payload: dict[str, Any], field: str) -> str:
    found = payload.get(field)
    listed = found if isinstance(found, list) else [found]
    return parts.address_list([(base.dig(one, "Name"), base.dig(one, "Email")) for one in listed])
