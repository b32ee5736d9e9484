"""Read the whole body of a request, also a chunked one without a length."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from django.http.request import UnreadablePostError

CHUNK = 64 * 1024


def read(request: HttpRequest, *, limit: int) -> bytes:
    """The whole body, also a chunked one without a length. Raises RequestDataTooBig or UnreadablePostError."""
    length = request.META.get("CONTENT_LENGTH")
    if length or not request.META.get("wsgi.input_terminated"):
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
            chunks.append(chunk)
    except OSError as error:
        raise UnreadablePostError(*error.args) from error
    request._body = b"".join(chunks)  # where Django keeps a body that has been read
    return request.body
