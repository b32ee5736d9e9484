"""Mailgun's inbound view, which takes every mail for UTF-8, and stumbles over attached mails."""

from __future__ import annotations

import json
from typing import Any

from anymail.inbound import AnymailInboundMessage
from anymail.signals import AnymailInboundEvent
from anymail.webhooks.mailgun import MailgunInboundWebhookView
from django.http import HttpRequest, QueryDict

from conversation_tracker import forms
from conversation_tracker.providers import base, parts

WHOLE = "body-mime"


class Inbound(MailgunInboundWebhookView):  # type: ignore[misc]  # anymail has no types
    """As anymail's, with the mail parsed from its bytes, or made of its parts by us."""

    def esp_to_anymail_event(self, request: HttpRequest) -> AnymailInboundEvent:
        raw = forms.take_bytes(request, WHOLE)
        event = super().esp_to_anymail_event(request)
        if raw is not None:
            stripped = event.message.stripped_text, event.message.stripped_html
            event.message = base.message(raw, like=event.message)
            event.message.stripped_text, event.message.stripped_html = stripped
        found = {name.lower(): value.strip() for name, value in reversed(base.fields_of(event))}
        event.message.spam_detected = found.get("x-mailgun-sflag", "").lower() == "yes"
        event.message.spam_score = base.number(found.get("x-mailgun-sscore"))
        return event

    def message_from_mailgun_parsed(self, request: HttpRequest) -> AnymailInboundMessage:
        form = request.POST
        if WHOLE in form:  # taken out already
            return AnymailInboundMessage()
        return parts.message(
            base.pairs(json.loads(form["message-headers"])),
            text=_joined(form, "body-plain"), html=_joined(form, "body-html"),
            files=[*_files(request), *_invitations(form)],
        )  # fmt: skip


def _joined(form: QueryDict, name: str) -> str | None:
    """A body that may come in pieces: ``body-html`` is "an array of all text/html MIME parts"."""
    return "\n".join(form.getlist(name)) if name in form else None


def _invitations(form: QueryDict) -> list[AnymailInboundMessage]:
    """Invitations, which stand in a field where they are no attached files."""
    found = [one.encode() for one in form.getlist("body-calendar") if one.strip()]
    return [parts.file(one, content_type='text/calendar; charset="utf-8"', name="invite.ics") for one in found]


def _files(request: HttpRequest) -> list[AnymailInboundMessage]:
    content_ids = {place: content_id for content_id, place in base.flat(_content_ids(request))}
    uploaded: list[tuple[str, Any]] = [(name, file) for name, files in request.FILES.lists() for file in files]
    if len(uploaded) < base.number(request.POST.get("attachment-count")):
        raise ValueError("files are missing")
    return [
        parts.file(file.read(), content_type=_type(file), name=_name(file), content_id=content_ids.get(name))
        for name, file in uploaded
    ]


def _name(file: Any) -> str:
    return "" if file.name == forms.NAMELESS else str(file.name)


def _type(file: Any) -> str:
    charset = file.charset.decode("latin-1") if isinstance(file.charset, bytes) else file.charset
    return f'{file.content_type}; charset="{charset}"' if charset else str(file.content_type or "")


def _content_ids(request: HttpRequest) -> object:
    try:
        return json.loads(request.POST.get("content-id-map") or "{}")
    except ValueError:
        return {}
