"""Read the body of a request, also a chunked one without a length."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from django.http.request import UnreadablePostError

CHUNK = 64 * 1024


def nobody(_: int) -> None:
    """Is told of octets, and does not mind."""


def read(request: HttpRequest, *, limit: int, take: Callable[[int], None] = nobody) -> bytes:
    """The whole body, also a chunked one without a length. Raises RequestDataTooBig or UnreadablePostError.

    ``take`` is told of octets before they are kept, and may raise.
    """
    length = request.META.get("CONTENT_LENGTH")
    if length or not request.META.get("wsgi.input_terminated"):
        if int(length or 0) > limit:
            raise RequestDataTooBig
        take(int(length or 0))
        if length and len(request.body) < int(length):
            raise UnreadablePostError("the body ended before its announced length")
        return request.body
    source: Any = request.META["wsgi.input"]
    chunks, size = [], 0
    try:
        while chunk := source.read(CHUNK):
            size += len(chunk)
            if size > limit:
                raise RequestDataTooBig
            take(len(chunk))
            chunks.append(chunk)
    except OSError as error:
        raise UnreadablePostError(*error.args) from error
    request._body = b"".join(chunks)  # where Django keeps a body that has been read
    return request.body


def drop(request: HttpRequest, *, most: int) -> None:
    """Read as much of the body and keep nothing of it: a client whose body nobody reads may not see what it is told."""
    source: Any = request.META["wsgi.input"] if request.META.get("wsgi.input_terminated") else request
    with suppress(OSError):  # nobody is there any more
        while most > 0 and (chunk := source.read(min(CHUNK, most))):
            most -= len(chunk)
