"""Amazon SES, which is asked once and answers in time; the outbox tries again, and not boto."""

from __future__ import annotations

from typing import Any

from anymail.backends import amazon_ses
from botocore import awsrequest
from botocore.config import Config
from django.conf import settings

from conversation_tracker.backends import uploads


class _Http(uploads.Watched, awsrequest.AWSHTTPConnection):  # type: ignore[misc]  # botocore has no types
    pass


class _Https(uploads.Watched, awsrequest.AWSHTTPSConnection):  # type: ignore[misc]
    pass


class _HttpPool(awsrequest.AWSHTTPConnectionPool):  # type: ignore[misc]
    ConnectionCls = _Http


class _HttpsPool(awsrequest.AWSHTTPSConnectionPool):  # type: ignore[misc]
    ConnectionCls = _Https


class EmailBackend(amazon_ses.EmailBackend):  # type: ignore[misc]  # anymail has no types
    """anymail's."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        connect, read = settings.ANYMAIL["REQUESTS_TIMEOUT"]
        limits = Config(connect_timeout=connect, read_timeout=read, retries={"total_max_attempts": 1})
        self.client_params["config"] = self.client_params["config"].merge(limits)

    def open(self) -> bool:
        is_new: bool = super().open()
        if is_new:  # boto has no setting for it; it hands the same classes to its proxies
            pools = self.client._endpoint.http_session._pool_classes_by_scheme
            pools.update(http=_HttpPool, https=_HttpsPool)
        return is_new
