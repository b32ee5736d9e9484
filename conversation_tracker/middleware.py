"""Refuse over-large requests before anything reads them, and let no cache keep what is answered."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import resolve

from conversation_tracker import forms

# What a request holds of its body: Django's attributes, and anymail's.
_LARGE = ("_body", "_stream", "_post", "_files", "_sns_message", "_load_post_and_files")


class RequestBodyLimit:
    """413 for a body over the limit of its path: large for webhooks and for mails with files, ordinary for all else.
    The forms of all that is within it are read in little memory.

    What was answered is not kept: middleware ties a request into a circle, in which its body would stay in memory until
    Python looks for circles, some hundred calls later.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        limit = _limit(request.path_info, request.content_type)
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdecimal() and int(length) > limit:
            return HttpResponse(f"The body is larger than {limit} bytes.", status=413, content_type="text/plain")
        forms.read_lightly(request)
        try:
            return self.get_response(request)
        finally:
            for name in _LARGE:
                request.__dict__.pop(name, None)


class Uncached:
    """Nothing is kept by a browser or by a cache between us, but for what says of itself that it may be.

    The keys of API calls travel in headers of their own, which caches do not know: one would give what it kept to any
    other key, or to nobody's.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response


class Straight:
    """A provider's call goes straight to its door.

    What comes after this is for people and their browsers: sessions, languages, messages, rules for pages. For an empty
    answer it takes as long as all else at the door but the database. What is no door goes on to the ordinary 404.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(forms.DOORS):
            return self.get_response(request)
        request.get_host()  # raises DisallowedHost
        try:
            request.resolver_match = match = resolve(request.path_info)
            response: HttpResponse = match.func(request, *match.args, **match.kwargs)
        except Http404:
            return self.get_response(request)
        response.headers["Content-Length"] = str(len(response.content))
        return response


def _limit(path: str, content_type: str | None) -> int:
    if path.startswith(forms.DOORS):
        return settings.WEBHOOK_MAX_BYTES
    if path.startswith("/shops/"):
        return settings.SHOP_MAX_BYTES
    is_call = path.startswith("/api/") and path.endswith("/conversation-message")
    is_page = path.startswith("/orders/") and path.endswith("/write/") and content_type == forms.MULTIPART
    if is_call or is_page:
        return settings.MESSAGE_MAX_BYTES
    return settings.REQUEST_MAX_BYTES
