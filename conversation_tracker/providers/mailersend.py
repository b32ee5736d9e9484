"""MailerSend: one signed JSON document a mail, the raw mail inside. It never comes again after a refusal.

Source: "Inbound routing" and "Webhooks" in MailerSend's API reference.
"""

from __future__ import annotations

from anymail.signals import AnymailInboundEvent
from django.http import HttpRequest

from conversation_tracker.mailflow.shapes import Envelope, Verdict
from conversation_tracker.providers import base

LONGEST_TRIAL = 1_000  # octets


def envelope(event: AnymailInboundEvent) -> Envelope:
    """``recipients.rcptTo`` are the recipients of the envelope; anymail gives the first."""
    data = base.dig(event.esp_event, "data")
    sender = base.dig(data, "sender", "email")
    listed = base.items(base.dig(data, "recipients", "rcptTo"))
    return Envelope(
        sender=sender if isinstance(sender, str) else "",
        has_sender=isinstance(sender, str),
        recipients=base.unique([base.dig(one, "email") for one in listed]),
        verdict=_verdict(event),
        is_spam=False,  # MailerSend does not judge
        from_fallback=str(base.dig(data, "from", "email") or ""),
    )


def _verdict(event: AnymailInboundEvent) -> Verdict:
    """``spf_check.code`` "+" is SPF's pass (RFC 7208 §4.6.2), of the envelope's sender; ``dkim_check`` true passes."""
    data, fields = base.dig(event.esp_event, "data"), base.fields_of(event)
    code, author = base.dig(data, "spf_check", "code"), base.author(fields)
    if base.dig(data, "dkim_check") is True and base.is_signed_by(author, fields):
        return Verdict.PASS
    if not isinstance(code, str) or not author:
        return Verdict.NONE
    return base.verdict(code == "+" and base.aligned(base.domain_of(_sender(data)), author))


def _sender(data: object) -> str:
    return str(base.dig(data, "sender", "email") or "")


def original(event: AnymailInboundEvent) -> bytes | None:
    """The raw mail."""
    return base.kept_raw(event)


def is_trial(request: HttpRequest) -> bool:
    """Whether it is ``webhook.test``, which MailerSend posts when a webhook is made or changed.

    Unless it is answered with 200 there will be no webhook, and the secret is shown only afterwards. It is signed with
    one that MailerSend has published, so that its signature says nothing.
    """
    length = request.META.get("CONTENT_LENGTH") or ""
    if not length.isdecimal() or int(length) > LONGEST_TRIAL:
        return False
    try:
        return bool(base.dig(base.document(request), "type") == "webhook.test")
    except (ValueError, RecursionError):
        return False


PROVIDER = base.Provider(
    name="mailersend",
    esp_name="MailerSend",
    inbound="conversation_tracker.providers.views.mailersend.Inbound",
    tracking="anymail.webhooks.mailersend.MailerSendTrackingWebhookView",
    secrets=("MAILERSEND_INBOUND_SECRET",),
    tracking_secrets=("MAILERSEND_SIGNING_SECRET",),
    envelope=envelope,
    original=original,
    is_trial=is_trial,
)
