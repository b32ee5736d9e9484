"""What the tests of mail begin with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.utils import timezone
from pytest_django import Settings

from conversation_tracker import inbox, outbox
from orders.models import Store
from orders.placing import Placed
from tests import factories, signatures
from tests.conversation_tracker import failing
from tests.conversation_tracker.order_mails import DOCUMENT


@pytest.fixture(autouse=True)
def _own_topic(settings: Settings) -> None:
    """Amazon SES's notices come through one topic, where a test mounts it."""
    settings.ANYMAIL = {**settings.ANYMAIL, "AMAZON_SES_TOPIC_ARNS": [signatures.TOPIC]}


@pytest.fixture(autouse=True)
def _room(settings: Settings) -> None:
    """The tests' one process holds more than a worker ever does, and is not full by that."""
    settings.WORKER_MEMORY_BYTES = 64 * 10**9


@pytest.fixture
def three_providers(settings: Settings) -> None:
    """Mail may come by any of three providers."""
    settings.INBOUND_PROVIDERS = ["postmark", "mailgun", "amazon_ses"]


@pytest.fixture
def work() -> Callable[..., list[EmailMultiAlternatives]]:
    """Settle all that waits and send it; gives the mails that left."""

    def run(*, now: datetime | None = None) -> list[EmailMultiAlternatives]:
        before = len(mail.outbox)
        while inbox.work(now=now or timezone.now()) is not None:
            pass
        while outbox.work(now=now or timezone.now()):
            pass
        return mail.outbox[before:]  # type: ignore[return-value]  # all that we send are of this class

    return run


@pytest.fixture
def shopped(store: Store) -> Placed:
    """An order with everything a mail may say."""
    return factories.place_order(store, email="ana@people.example", name="Ana Souza", document=DOCUMENT)


@pytest.fixture
def provider(settings: Settings) -> list[Exception]:
    """A provider that raises the first of these."""
    settings.EMAIL_BACKEND = f"{failing.__name__}.{failing.Backend.__name__}"
    failing.raising.clear()
    failing.asked.clear()
    return failing.raising
