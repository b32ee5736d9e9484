"""Let a call in by its key and token."""

from __future__ import annotations

from django.http import HttpRequest
from ninja.security.base import AuthBase

from orders import access
from orders.api import limits
from orders.models import ApiKey


class AppKeyAuth(AuthBase):
    """``X-VTEX-API-AppKey`` and ``X-VTEX-API-AppToken`` of one store; the view finds the key as ``request.auth``."""

    openapi_type = "apiKey"
    openapi_name = "X-VTEX-API-AppKey"
    openapi_in = "header"

    def __call__(self, request: HttpRequest) -> ApiKey | None:
        return admit(request)


def admit(request: HttpRequest) -> ApiKey | None:
    """The key of the call, counted against its limit, once for each call. Raises limits.TooMany."""
    admitted: ApiKey | None = getattr(request, "admitted", None)
    if admitted is not None:
        return admitted
    name = request.headers.get("X-VTEX-API-AppKey", "")
    token = request.headers.get("X-VTEX-API-AppToken", "")
    found = access.key(name, token) if name and token else None
    if found is not None:
        limits.spend(request, limits.CALLS, found)
        request.admitted = found  # type: ignore[attr-defined]  # ours, for the second who asks
    return found


def of(request: HttpRequest) -> ApiKey:
    """The key that the call came with."""
    key: ApiKey = request.auth  # type: ignore[attr-defined]  # ninja sets it to what AppKeyAuth returned
    return key
