"""Refuse over-large requests before anything reads them."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse


class RequestBodyLimit:
    """413 for a body over the limit of its path: large for webhooks, ordinary for all else."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        is_webhook = request.path_info.startswith("/anymail/")
        limit = settings.WEBHOOK_MAX_BYTES if is_webhook else settings.REQUEST_MAX_BYTES
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdecimal() and int(length) > limit:
            return HttpResponse(f"The body is larger than {limit} bytes.", status=413, content_type="text/plain")
        return self.get_response(request)
