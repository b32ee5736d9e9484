"""Mailgun: a signed form a recipient; the mail as fields, or whole in ``body-mime``.

Its signature is over timestamp and token only: whoever has seen one could put it on a mail of his own. So it is good
for one body. Mailgun tries again for about eight hours, by what its users say with the timestamp of its first try; so
it is good for that long. Source: "Securing webhooks" and "Webhook retries" in Mailgun's documentation.
"""

from __future__ import annotations

import re
import time

from anymail.signals import AnymailInboundEvent
from django.http import HttpRequest, QueryDict

from conversation_tracker.mailflow.shapes import Envelope, Verdict
from conversation_tracker.providers import base

LONGEST_AGE, LONGEST_LEAD = 9 * 3_600, 300  # seconds; how far our clock may be behind
# Octets. Only reports come as JSON, of some thousands; anybody may post one, and is known by what stands in it.
LONGEST_REPORT = 500_000
_TIMESTAMP = re.compile(r"[0-9]{10,11}")
_TOKEN = re.compile(r"[0-9A-Za-z_-]{50}")


def _form(event: AnymailInboundEvent) -> QueryDict:
    request = event.esp_event
    return request.POST if isinstance(request, HttpRequest) else QueryDict()


def envelope(event: AnymailInboundEvent) -> Envelope:
    """``recipient`` holds every recipient that one route matched, with commas between."""
    form = _form(event)
    sender = form.get("sender")
    return Envelope(
        sender=str(sender or ""),
        has_sender=sender is not None,
        recipients=base.unique([one for value in form.getlist("recipient") for one in value.split(",")]),
        verdict=_verdict(event, str(sender or "")),
        is_spam=bool(event.message.spam_detected),
        from_fallback=str(form.get("from") or ""),
    )


def _verdict(event: AnymailInboundEvent, sender: str) -> Verdict:
    """X-Mailgun-Dkim-Check-Result is about the signature; SPF about the envelope's sender. Either counts when aligned.

    A sender may write these fields too: all of a name must pass, his and Mailgun's.
    """
    fields = base.fields_of(event)
    dkim = {value.strip().lower() for name, value in fields if name.lower() == "x-mailgun-dkim-check-result"}
    spf = {value.strip().lower() for name, value in fields if name.lower() == "x-mailgun-spf"}
    if not dkim and not spf:
        return Verdict.NONE
    author = base.author(fields)
    signed = dkim == {"pass"} and base.is_signed_by(author, fields)
    return base.verdict(signed or (spf == {"pass"} and base.aligned(base.domain_of(sender), author)))


def signature(request: HttpRequest) -> tuple[str, str]:
    """Timestamp and token, from where anymail verifies them."""
    is_json = request.content_type == "application/json"
    found = base.document(request)["signature"] if is_json else request.POST
    return str(found["timestamp"]), str(found["token"])


def verify(request: HttpRequest) -> None:
    """Raise Refused for a signature that is older than Mailgun's last try, or from the future.

    What is signed is timestamp and token in one: read more freely, a token's first letters could be moved into the
    timestamp (``1700000000e0``), and leave a token that was not seen before.
    """
    timestamp, token = signature(request)
    if not _TIMESTAMP.fullmatch(timestamp) or not _TOKEN.fullmatch(token):
        raise base.Refused("timestamp or token are not as Mailgun writes them")
    if not -LONGEST_LEAD <= time.time() - int(timestamp) <= LONGEST_AGE:
        raise base.Refused("the signature is too old")


def once(request: HttpRequest) -> str:
    """The token."""
    return signature(request)[1]


def original(event: AnymailInboundEvent) -> bytes | None:
    """The raw mail of a route to …/mime."""
    return base.kept_raw(event)


PROVIDER = base.Provider(
    name="mailgun",
    esp_name="Mailgun",
    inbound="conversation_tracker.providers.views.mailgun.Inbound",
    tracking="anymail.webhooks.mailgun.MailgunTrackingWebhookView",
    secrets=("MAILGUN_WEBHOOK_SIGNING_KEY",),
    envelope=envelope,
    original=original,
    verify=verify,
    once=once,
    signs_in_form=True,
    longest_document=LONGEST_REPORT,
)
