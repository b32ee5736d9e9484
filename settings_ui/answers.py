"""What the pages of store settings answer alike: that something was taken away, and pages that may show a secret."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from orders import access


def removed(request: HttpRequest, remove: Callable[[], bool], *, done: str, done_before: str) -> None:
    """Take something away and say so. Done twice, as by a double click, it is simply done."""
    try:
        is_removed = remove()
    except access.NotFound:
        is_removed = False
    if is_removed:
        messages.success(request, done)
    else:
        messages.info(request, done_before)


def unkept(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """A page that no browser or proxy keeps."""
    response = render(request, template, context, status=status)
    response["Cache-Control"] = "private, no-store"
    return response
