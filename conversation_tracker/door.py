"""The webhook door: authenticate, store, 200. It opens nothing."""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Sequence
from contextlib import nullcontext, suppress

from anymail.exceptions import AnymailAPIError, AnymailWebhookValidationFailure
from anymail.webhooks.base import AnymailBasicAuthMixin, AnymailCoreWebhookView
from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation, TooManyFieldsSent, TooManyFilesSent
from django.http import Http404, HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.http.request import UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from conversation_tracker import forms, inbox, providers, room, tasks, waking
from conversation_tracker.models import Channel
from conversation_tracker.providers import base
from orders import bodies, clock, faults

log = logging.getLogger(__name__)

JSON = "application/json"
LONGEST_SIGNED = 1_000  # octets of a form's field that a signature may be in; Mailgun's have 64
LONGEST_BEFORE_PASSWORD = 1_000_000  # octets; SNS posts 256 kB at most, and more where it escapes
_room = room.Room()
_wake = waking.Together(tasks.wake_inbox)  # which takes as long as all else here
UNREADABLE = (
    MultiPartParserError, TooManyFieldsSent, TooManyFilesSent,
    ValueError, TypeError, AttributeError, KeyError, RecursionError,
)  # fmt: skip


@csrf_exempt
def webhook(request: HttpRequest, provider: str, channel: str) -> HttpResponse:  # noqa: PLR0911  an answer a line
    """Take in one provider call: 200 once it is committed, 401 or 403 for a bad credential, 413 when it is too large,
    503 (or what else makes the provider come again) when it cannot be told or stored now. Nothing else is answered.
    Of a call by which a provider tries the URL nothing is kept.
    """
    found = providers.mounted(provider)
    if found is None or channel not in ("inbound", "tracking"):
        raise Http404
    if request.method == "HEAD":  # some providers try the address with it
        return HttpResponse()
    if request.method != "POST":
        return HttpResponse(status=405, headers={"Allow": "POST, HEAD"})
    try:
        if found.is_trial is not None and found.is_trial(request):
            return HttpResponse()
        views = _views(request, found, channel)
        if (refusal := _password_refusal(request, views[0])) is not None:
            return refusal
        return _take_in(request, found, channel, views)
    except RequestDataTooBig:
        return HttpResponse(status=413)
    except UnreadablePostError:  # cut off half-way: nobody waits for an answer
        return HttpResponse(status=400)
    except inbox.UsedBefore:
        return HttpResponse(status=403)
    except Exception as error:  # noqa: BLE001  nothing is lost by asking the provider to come again
        log.error("webhook failed provider=%s\n%s", provider, faults.trace(error))  # noqa: TRY400  it may quote a mail
        return _later(found)


def _take_in(
    request: HttpRequest, provider: base.Provider, channel: str, views: Sequence[AnymailCoreWebhookView]
) -> HttpResponse:
    is_known = bool(views[0].basic_auth)  # and it was good
    size = settings.WEBHOOK_MAX_BYTES
    try:
        with nullcontext(bodies.nobody) if is_known else _room.holding(size) as take:
            body = bodies.read(request, limit=provider.longest or size, take=take)
            return _refusal(request, provider, views) or _keep(request, provider, channel, body)
    except room.Full:
        return _later(provider)


def _later(provider: base.Provider) -> HttpResponse:
    return HttpResponse(status=provider.busy_status, headers={"Retry-After": "60"})


def _keep(request: HttpRequest, provider: base.Provider, channel: str, body: bytes) -> HttpResponse:
    inbox.accept(
        provider=provider.name,
        channel=Channel(channel),
        method=request.method or "",
        path=request.path,
        query=request.META.get("QUERY_STRING", ""),
        headers=list(request.headers.items()),
        body=body,
        now=clock.now(),
        once=provider.once(request) if provider.once else "",
    )
    _wake()
    return HttpResponse()


def _views(request: HttpRequest, provider: base.Provider, channel: str) -> list[AnymailCoreWebhookView]:
    """Anymail's view for this URL, with each of its secrets. A provider that signs its calls need not show the basic
    credentials as well.
    """
    if not provider.is_guarded(channel):
        raise base.Undecided(f"{' and '.join(provider.secrets_of(channel))} is not set")
    views = provider.views(channel)
    if "WEBHOOK_SECRET" not in provider.secrets_of(channel) and "Authorization" not in request.headers:
        for view in views:
            view.basic_auth = []
    return views


def _password_refusal(request: HttpRequest, view: AnymailCoreWebhookView) -> HttpResponse | None:
    """The answer to a missing or wrong password, where one is asked for; None when it is good.

    It needs no body. anymail's own check comes after that of a signature, for which a whole body is parsed.

    Amazon posts each mail without the password first, and shows it when it is asked: so that it hears that, it is let
    finish what it says.
    """
    if not getattr(view, "basic_auth", None):
        return None
    if not _readable_basic_auth(request):
        bodies.drop(request, most=LONGEST_BEFORE_PASSWORD)
        return HttpResponse(status=401, headers={"WWW-Authenticate": 'Basic realm="webhook"'})
    try:
        AnymailBasicAuthMixin.validate_request(view, request)
    except AnymailWebhookValidationFailure:
        return HttpResponse(status=403)
    return None


def _refusal(
    request: HttpRequest, provider: base.Provider, views: Sequence[AnymailCoreWebhookView]
) -> HttpResponse | None:
    """The answer to a bad credential, by anymail's own check for this provider and ours; None when it is good."""
    if provider.longest_document and request.content_type == JSON and len(request.body) > provider.longest_document:
        return HttpResponse(status=413)
    try:
        if provider.signs_in_form:
            forms.keep(request, longest=LONGEST_SIGNED)
        _run_validators(request, views)
        if provider.verify is not None:
            provider.verify(request)
    except (AnymailWebhookValidationFailure, AnymailAPIError, SuspiciousOperation, base.Refused):
        return HttpResponse(status=403)
    except UNREADABLE:  # the signature is inside a body that cannot be read, so it is no signature
        return HttpResponse(status=403)
    return None


def _run_validators(request: HttpRequest, views: Sequence[AnymailCoreWebhookView]) -> None:
    """Raise what the last of them raises, unless one of them is content."""
    for view in views[:-1]:
        with suppress(AnymailWebhookValidationFailure):
            view.run_validators(request)
            return
    views[-1].run_validators(request)


def _readable_basic_auth(request: HttpRequest) -> bool:
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    try:
        return scheme.lower() == "basic" and b":" in base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return False
