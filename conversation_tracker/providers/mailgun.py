"""Mailgun: a signed form a recipient; the mail as fields, or whole in ``body-mime``."""

from __future__ import annotations

import json
from io import BytesIO

from anymail.signals import AnymailInboundEvent
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http import HttpRequest, QueryDict
from django.http.multipartparser import MultiPartParser

from conversation_tracker.mailflow.shapes import Envelope, Verdict
from conversation_tracker.providers import base


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
        verdict=_verdict(base.headers_of(event)),
        is_spam=bool(event.message.spam_detected),
        from_fallback=str(form.get("from") or ""),
    )


def _verdict(headers: dict[str, str]) -> Verdict:
    """X-Mailgun-Dkim-Check-Result is about the From domain's signature; SPF counts when the envelope aligns."""
    dkim = headers.get("x-mailgun-dkim-check-result", "").strip().lower()
    spf = headers.get("x-mailgun-spf", "").strip().lower()
    if not dkim and not spf:
        return Verdict.NONE
    from_domain = base.domain_of(headers.get("from", ""))
    signer = next(
        (
            field.partition("=")[2].strip()
            for field in headers.get("dkim-signature", "")[:4000].split(";")
            if field.strip().startswith("d=")
        ),
        "",
    )
    signed = dkim == "pass" and base.aligned(signer, from_domain)
    sent = spf == "pass" and base.aligned(base.domain_of(headers.get("x-envelope-from", "")), from_domain)
    return base.verdict(signed or sent)


def original(event: AnymailInboundEvent) -> bytes | None:
    """``body-mime`` byte for byte: the form is read again as Latin-1, which maps every byte to itself.

    Read as UTF-8, as anymail does, bytes of other charsets would be lost.
    """
    request = event.esp_event
    if not isinstance(request, HttpRequest) or "body-mime" not in request.POST:
        return None
    if request.content_type == "multipart/form-data":
        handlers = [MemoryFileUploadHandler(request)]
        form, _ = MultiPartParser(request.META, BytesIO(request.body), handlers, encoding="latin-1").parse()
    else:
        form = QueryDict(request.body, encoding="latin-1")
    return str(form["body-mime"]).encode("latin-1", "replace")


def inside(request: HttpRequest) -> base.Inside:
    """The raw mail of a route to …/mime, or the header fields of the form."""
    if request.content_type == "application/json":
        return base.Inside()
    form = request.POST
    fields = json.loads(form["message-headers"]) if "message-headers" in form else []
    return base.Inside(raw=base.as_bytes(form.get("body-mime")), fields=base.pairs(fields))


PROVIDER = base.Provider(
    name="mailgun",
    esp_name="Mailgun",
    inbound="anymail.webhooks.mailgun.MailgunInboundWebhookView",
    tracking="anymail.webhooks.mailgun.MailgunTrackingWebhookView",
    secrets=("MAILGUN_WEBHOOK_SIGNING_KEY",),
    envelope=envelope,
    original=original,
    inside=inside,
)
