"""Brevo: parsed mails in batches, their attachments to be fetched; basic auth in the webhook URL.

Source: "Inbound parse webhooks" in Brevo's developer documentation.
"""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

from anymail.signals import AnymailInboundEvent
from django.http import HttpRequest

from conversation_tracker.mailflow.shapes import Envelope
from conversation_tracker.providers import authentication, base, documents

REJECT_SCORE = 15.0  # rspamd's own threshold for "reject"; Brevo gives its score and no verdict
_SCORES = (("SpamScore",), ("Spam", "Score"))  # in its sample, and in its table


def envelope(event: AnymailInboundEvent) -> Envelope:
    """``Recipients`` are those of RCPT TO; where it is missing, Delivered-To and the addresses of To and Cc."""
    item = event.esp_event
    fields = base.fields_of(event)
    told = _addresses(item, "Recipients")  # texts in its sample, boxes in its table
    delivered_to = event.message.envelope_recipient
    sender = event.message.envelope_sender
    return Envelope(
        sender=sender or "",
        has_sender=sender is not None,
        recipients=told or base.unique([delivered_to, *_addresses(item, "To"), *_addresses(item, "Cc")]),
        is_header=not told,
        verdict=authentication.verdict(fields, authserv_id=base.authserv_id("BREVO")),
        is_spam=max(base.number(base.dig(item, *path)) for path in _SCORES) >= REJECT_SCORE,
        from_fallback=str(base.dig(item, "From", "Address") or ""),
    )


def _addresses(item: object, name: str) -> tuple[str, ...]:
    boxes = base.items(base.dig(item, name))
    return base.unique([one if isinstance(one, str) else base.dig(one, "Address") for one in boxes])


def original(event: AnymailInboundEvent) -> bytes | None:
    """Brevo keeps the raw mail to itself."""
    return None


def split(request: HttpRequest) -> Iterator[bytes]:
    """A document for each of the mails."""
    return documents.apart(base.take_text(request), name="items")


PROVIDER = base.Provider(
    name="brevo",
    esp_name="Brevo",
    inbound="conversation_tracker.providers.views.brevo.Inbound",
    tracking="conversation_tracker.providers.views.brevo.Tracking",
    secrets=("WEBHOOK_SECRET",),
    needs=("BREVO_API_KEY",),
    envelope=envelope,
    original=original,
    split=split,
    fetches=True,
    busy_status=HTTPStatus.TOO_MANY_REQUESTS,  # the only 4xx or 5xx after which it comes again
)
