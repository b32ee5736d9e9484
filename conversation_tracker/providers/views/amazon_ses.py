"""Amazon SES's views, which confirm SNS subscriptions and fetch mails from S3."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from anymail.signals import AnymailInboundEvent, AnymailTrackingEvent
from anymail.webhooks.amazon_ses import (
    AmazonSESBaseWebhookView,
    AmazonSESInboundWebhookView,
    AmazonSESTrackingWebhookView,
)
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.http import HttpRequest

from conversation_tracker.providers import base, fetching, sns

# What an operator can put right, or time does; anything else that Amazon refuses stays refused.
_PASSING = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "ExpiredToken", "InvalidClientTokenId",
            "RequestTimeout", "SignatureDoesNotMatch", "SlowDown", "Throttling", "ThrottlingException"}  # fmt: skip
# Feedback (RFC 5965 §7.3, RFC 6591) that a mail was no spam after all, or how it was signed.
_NO_COMPLAINTS = {"not-spam", "auth-failure"}


class Patient(AmazonSESBaseWebhookView):  # type: ignore[misc]  # anymail has no types
    """Calls to Amazon with an end in time; subscriptions to the topics of the settings only."""

    def get_boto_client(self, service_name: str, **kwargs: Any) -> Any:
        limits = Config(connect_timeout=fetching.CONNECT, read_timeout=fetching.READ, retries={"total_max_attempts": 1})
        config = self.client_params.get("config")
        return super().get_boto_client(service_name, config=config.merge(limits) if config else limits, **kwargs)

    def auto_confirm_sns_subscription(self, sns_message: dict[str, Any]) -> None:
        if sns_message.get("TopicArn") not in sns.topics():
            raise base.Refused("the subscription is to a topic that is not in AMAZON_SES_TOPIC_ARNS")
        fetching.alone()
        try:
            with fetching.ending():
                super().auto_confirm_sns_subscription(sns_message)
        except (BotoCoreError, ClientError) as error:
            raise _sorted(error) from error


class Tracking(Patient, AmazonSESTrackingWebhookView):  # type: ignore[misc]
    """As anymail's, but for complaints in which nobody complains."""

    def esp_to_anymail_events(
        self, ses_event: dict[str, Any], sns_message: dict[str, Any]
    ) -> list[AnymailTrackingEvent]:
        if base.dig(ses_event, "complaint", "complaintFeedbackType") in _NO_COMPLAINTS:
            return []
        found: list[AnymailTrackingEvent] = super().esp_to_anymail_events(ses_event, sns_message)
        return found


class Inbound(Patient, AmazonSESInboundWebhookView):  # type: ignore[misc]
    """As anymail's, with the mail parsed from its bytes, which are kept."""

    _raw: bytes | None = None

    def parse_events(self, request: HttpRequest) -> list[AnymailInboundEvent]:
        notification = base.document(request)
        request._sns_message = notification  # type: ignore[attr-defined]  # where anymail keeps it
        try:
            payload = json.loads(notification["Message"]) if notification["Type"] == "Notification" else None
        except ValueError:
            payload = None
        if not isinstance(payload, dict):  # anymail knows what it is
            return list(super().parse_events(request))
        # Not read once more as anymail would: with a large mail inside, each copy counts.
        del notification["Message"]
        return self.esp_to_anymail_events(payload, notification)

    def esp_to_anymail_events(
        self, ses_event: dict[str, Any], sns_message: dict[str, Any]
    ) -> list[AnymailInboundEvent]:
        action = base.dig(ses_event, "receipt", "action")
        if base.dig(action, "type") == "SNS":
            content = ses_event.pop("content", None)
            is_base64 = base.dig(action, "encoding") == "BASE64"
            self._raw = base.raw_from_base64(content) if is_base64 else base.raw_from_text(content)
            del content
            ses_event["content"] = ""
        events: list[AnymailInboundEvent] = super().esp_to_anymail_events(ses_event, sns_message)
        if self._raw is not None:
            for event in events:
                event.message = base.message(self._raw, like=event.message)
        return events

    def fetch_s3_chunks(self, bucket_name: str, object_key: str) -> Iterator[bytes]:
        fetching.alone()
        try:
            with fetching.ending():
                self._raw = fetching.joined(super().fetch_s3_chunks(bucket_name, object_key))
        except (BotoCoreError, ClientError) as error:
            raise _sorted(error) from error
        return iter(())  # parsed above, after the guards


def _sorted(error: BotoCoreError | ClientError) -> Exception:
    """Unavailable for what may heal: no connection, no credentials yet, an overload; else Missing or NotThere."""
    if isinstance(error, BotoCoreError):
        return fetching.Unavailable(type(error).__name__)
    code = base.dig(error.response, "Error", "Code")
    status = base.dig(error.response, "ResponseMetadata", "HTTPStatusCode")
    if status == HTTPStatus.NOT_FOUND:
        return fetching.Missing(str(code)[:80])
    heals = code in _PASSING or not isinstance(status, int) or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return (fetching.Unavailable if heals else fetching.NotThere)(str(code)[:80])
