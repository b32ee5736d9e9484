"""Amazon SES, which is asked once and answers in time; the outbox tries again, and not boto."""

from __future__ import annotations

from typing import Any

from anymail.backends import amazon_ses
from botocore.config import Config
from django.conf import settings


class EmailBackend(amazon_ses.EmailBackend):  # type: ignore[misc]  # anymail has no types
    """anymail's."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        connect, read = settings.ANYMAIL["REQUESTS_TIMEOUT"]
        limits = Config(connect_timeout=connect, read_timeout=read, retries={"total_max_attempts": 1})
        self.client_params["config"] = self.client_params["config"].merge(limits)
