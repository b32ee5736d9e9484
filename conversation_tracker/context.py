"""What every page may show of the site itself."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from orders import access
from orders.access import Right


def site(request: HttpRequest) -> dict[str, Any]:
    """``local``: this is one machine with demo data, so pages may link to the local mailbox.

    ``may_set``: whether the user may change some store's settings; asked of the database only by a page that shows it.
    """
    return {"local": settings.LOCAL and settings.DEBUG, "may_set": SimpleLazyObject(lambda: _may_set(request))}


def _may_set(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)
    return user is not None and access.stores_of(user, Right.SETTINGS).exists()
