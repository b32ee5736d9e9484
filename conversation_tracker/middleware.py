"""Refuse over-large requests before anything reads them, and let no cache keep what is answered."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse


class RequestBodyLimit:
    """413 for a body over the limit of its path: large for webhooks and for mails with files, ordinary for all else."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        limit = _limit(request.path_info)
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdecimal() and int(length) > limit:
            return HttpResponse(f"The body is larger than {limit} bytes.", status=413, content_type="text/plain")
        return self.get_response(request)


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


def _limit(path: str) -> int:
    if path.startswith("/anymail/"):
        return settings.WEBHOOK_MAX_BYTES
    if path.startswith("/shops/"):
        return settings.SHOP_MAX_BYTES
    is_mail = path.startswith("/api/") and path.endswith("/conversation-message")
    if is_mail or (path.startswith("/orders/") and path.endswith("/write/")):
        return settings.MESSAGE_MAX_BYTES
    return settings.REQUEST_MAX_BYTES
