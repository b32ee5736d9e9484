"""What every page may show of the site itself."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, Any]:
    """``local``: this is one machine with demo data, so pages may link to the local mailbox."""
    return {"local": settings.LOCAL}
