"""Mandrill (Mailchimp Transactional): mails and delivery events in one signed form, at one URL.

Source: "Inbound email processing overview" and "Authenticating webhook requests" in Mailchimp's developer guides.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from anymail.signals import AnymailInboundEvent
from django.http import HttpRequest

from conversation_tracker import forms
from conversation_tracker.mailflow.shapes import Envelope, Verdict
from conversation_tracker.providers import base, documents

EVENTS = "mandrill_events"
VIEW = "conversation_tracker.providers.views.mandrill.Combined"


def envelope(event: AnymailInboundEvent) -> Envelope:
    """``email`` is the recipient; each has an event of its own. The envelope's sender is not told."""
    msg = base.dig(event.esp_event, "msg")
    return Envelope(
        sender="",
        has_sender=False,
        recipients=base.unique([base.dig(msg, "email")]),
        verdict=_verdict(event),
        is_spam=base.number(base.dig(msg, "spam_report", "score")) >= base.SPAMASSASSIN_REQUIRED,
        from_fallback=str(base.dig(msg, "from_email") or ""),
    )


def _verdict(event: AnymailInboundEvent) -> Verdict:
    """``dkim.valid`` counts for the author's own signature. ``spf`` is about a sender that Mandrill does not name."""
    dkim = base.dig(event.esp_event, "msg", "dkim")
    if not isinstance(base.dig(dkim, "signed"), bool):
        return Verdict.NONE
    fields = base.fields_of(event)
    if base.dig(dkim, "valid") is True:
        return Verdict.PASS if base.is_signed_by(base.author(fields), fields) else Verdict.NONE
    return Verdict.FAIL if base.dig(dkim, "signed") is True else Verdict.NONE


def original(event: AnymailInboundEvent) -> bytes | None:
    """The raw mail."""
    return base.kept_raw(event)


def take_events(request: HttpRequest) -> str:
    """The events as JSON; the request lets go of them. Raises KeyError where there are none."""
    if request.content_type == forms.URLENCODED:
        return documents.text(forms.octets(base.take_body(request), EVENTS), errors="replace")
    return request.POST[EVENTS]


def split(request: HttpRequest) -> Iterator[bytes]:
    """A form for each of the events."""
    if request.content_type != forms.URLENCODED:
        return iter(())
    return map(partial(forms.field, EVENTS), documents.apart(take_events(request)))


PROVIDER = base.Provider(
    name="mandrill",
    esp_name="Mandrill",
    inbound=VIEW,
    tracking=VIEW,
    secrets=("MANDRILL_WEBHOOK_KEY",),
    envelope=envelope,
    original=original,
    split=split,
)
