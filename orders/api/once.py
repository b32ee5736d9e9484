"""Carry out a call with an Idempotency-Key once, however often it comes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from http import HTTPStatus

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from orders import repeats
from orders.api import errors, keys, limits
from orders.models import AnsweredCall, ApiKey

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
LONGEST_NAME = 255
FORM = "multipart/form-data"
# What was refused before the call was looked at is no answer to it.
_NOT_LOOKED_AT = frozenset({401, 429})
# Posts to somebody else's address before it writes, for which no transaction may wait; sent again, it makes the same
# hook.
_APART = ("POST", "/api/orders/hook/config")


class Once:
    """Middleware: a call with an Idempotency-Key and what is kept of its answer are one transaction.

    Come again, it gets the same answer; another call of that name gets 422, and a twin that comes while the first is
    at work 409. A call that fails (5xx) leaves nothing behind. A form with files is known by what it says, since each
    sending of one has other bytes.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        name = request.headers.get("Idempotency-Key", "")
        is_call = request.method in WRITES and request.path_info.startswith("/api/")
        if not (name and is_call) or (request.method, request.path_info) == _APART:
            return self.get_response(request)
        if len(name) > LONGEST_NAME or not name.isprintable():
            why = f"An Idempotency-Key has 1 to {LONGEST_NAME} printable characters."
            return errors.refusal(400, "invalid", why, [errors.Problem("Idempotency-Key", why)])
        try:
            key = keys.admit(request)
        except limits.TooMany as error:
            return errors.too_many(request, error)
        # Without a key the view says 401.
        return self._once(request, key, name) if key else self.get_response(request)

    def _once(self, request: HttpRequest, key: ApiKey, name: str) -> HttpResponseBase:
        digest = repeats.name_digest(key, name)
        call = repeats.call_digest(str(request.method), request.get_full_path(), _said(request))
        with transaction.atomic():
            if not repeats.hold(digest):
                response = errors.refusal(409, "in_progress", "The same call is being carried out. Come again soon.")
                response["Retry-After"] = "1"
                return response
            try:
                found = repeats.answered(key, digest, call)
            except repeats.AnotherCall as error:
                problem = errors.Problem("Idempotency-Key", str(error))
                return errors.refusal(422, "another_call", errors.sentence(error), [problem])
            if found is not None:
                return self._again(found)
            first = self.get_response(request)
            self._keep(first, key, digest, call)
        return first

    @staticmethod
    def _again(found: AnsweredCall) -> HttpResponse:
        response = HttpResponse(found.body.bytes(), status=found.status, content_type=found.content_type)
        response["Idempotency-Replayed"] = "true"
        return response

    @staticmethod
    def _keep(response: HttpResponseBase, key: ApiKey, name: bytes, call: bytes) -> None:
        if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            transaction.set_rollback(True)
        elif isinstance(response, HttpResponse) and response.status_code not in _NOT_LOOKED_AT:
            repeats.keep(
                key, name, call, status=response.status_code, content_type=response.headers.get("Content-Type", ""),
                body=response.content, now=timezone.now(),
            )  # fmt: skip


def _said(request: HttpRequest) -> bytes:
    """What is the same in each sending of one body: of a form its fields and files, without what parts them."""
    body = request.body  # read first, so that it is there for whoever comes later
    if request.method != "POST" or request.content_type != FORM:
        return body
    fields = sorted((name, [str(value) for value in values]) for name, values in request.POST.lists())
    files = sorted((name, [_file(file) for file in found]) for name, found in request.FILES.lists())
    return f"{FORM}\0{json.dumps([fields, files])}".encode()


def _file(file: UploadedFile[bytes]) -> tuple[str, str, str]:
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    return file.name or "", file.content_type or "", digest.hexdigest()
