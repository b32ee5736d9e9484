"""A repeat of a mail that the provider took already is recognised there, where it can be."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.core.mail import EmailMultiAlternatives
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter

from conversation_tracker import inbox, outbox
from conversation_tracker.models import OutboundMail, SendState
from orders.models import User
from orders.placing import Placed
from tests import letters

pytestmark = pytest.mark.django_db
Work = Callable[..., list[EmailMultiAlternatives]]
raising: list[Exception] = []
asked: list[int] = []  # how many mails the provider was handed each time


class TestIdempotencyKeys:
    """A repeat of a mail that the provider took already is recognised there, where it can be."""

    @pytest.fixture
    def requests_seen(self, monkeypatch: pytest.MonkeyPatch) -> list[PreparedRequest]:
        """What reaches the provider's API, which takes everything."""
        seen: list[PreparedRequest] = []

        def answer(self: HTTPAdapter, request: PreparedRequest, **_: object) -> Response:
            seen.append(request)
            response = Response()
            response.status_code, response.request, response.url = 200, request, str(request.url)
            response._content = b'{"id": "r-1", "messageId": "b-1"}'
            return response

        monkeypatch.setattr(HTTPAdapter, "send", answer)
        return seen

    def send(self, client: Client, placed: Placed, settings: Settings, provider_name: str) -> OutboundMail:
        settings.EMAIL_BACKEND = f"anymail.backends.{provider_name}.EmailBackend"
        settings.ANYMAIL = {**settings.ANYMAIL, f"{provider_name.upper()}_API_KEY": "k"}
        letters.post_postmark(client, letters.postmark(placed.customer_alias))
        now = timezone.now()
        inbox.work(now=now)
        outbox.work(now=now)
        outbox_row = OutboundMail.objects.get()
        assert outbox_row.state == SendState.SENT
        return outbox_row

    def again(self, row: OutboundMail) -> None:
        OutboundMail.objects.filter(pk=row.pk).update(state=SendState.RETRY, next_attempt_at=timezone.now())
        outbox.work(now=timezone.now())

    def test_resend_gets_it_as_a_header_of_the_request(
        self, client: Client, placed: Placed, settings: Settings, requests_seen: list[PreparedRequest]
    ) -> None:
        row = self.send(client, placed, settings, "resend")
        self.again(row)
        keys = [request.headers["Idempotency-Key"] for request in requests_seen]
        assert keys == [f"{row.message_id.strip('<>')}/0"] * 2

    def test_brevo_gets_it_among_the_headers_of_the_message(
        self, client: Client, placed: Placed, settings: Settings, requests_seen: list[PreparedRequest]
    ) -> None:
        """As a UUID, which Brevo asks for: the same at each try, and another one when it is sent again."""
        row = self.send(client, placed, settings, "brevo")
        for resends in (0, 1):
            OutboundMail.objects.update(state=SendState.RETRY, resends=resends)
            outbox.work(now=timezone.now() + timedelta(days=1 + resends))
        bodies = [request.body for request in requests_seen if isinstance(request.body, str | bytes)]
        keys = [UUID(json.loads(body)["headers"]["idempotencyKey"]) for body in bodies]
        assert (len(keys), keys[0] == keys[1], len(set(keys)), row.message_id in str(keys)) == (3, True, 2, False)

    def test_what_staff_sends_again_is_another_mail_to_the_provider(
        self, client: Client, placed: Placed, settings: Settings, requests_seen: list[PreparedRequest], support: User
    ) -> None:
        row = self.send(client, placed, settings, "resend")
        OutboundMail.objects.filter(pk=row.pk).update(state=SendState.BOUNCED)
        outbox.send_again(placed.order, row.entry_id, user=support, now=timezone.now())
        outbox.work(now=timezone.now())
        first, second = [request.headers["Idempotency-Key"] for request in requests_seen]
        assert (first, second) == (f"{row.message_id.strip('<>')}/0", f"{row.message_id.strip('<>')}/1")

    def test_others_get_none(self, client: Client, work: Work, placed: Placed) -> None:
        letters.post_postmark(client, letters.postmark(placed.customer_alias))
        (sent,) = work()
        assert [name for name in sent.extra_headers if "idempotency" in name.lower()] == []
