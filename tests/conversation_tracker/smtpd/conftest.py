"""The servers that tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django.plugin import DjangoDbBlocker

from orders.placing import Placed
from tests.conversation_tracker.smtpd.doors import ANYWHERE, Door, running


@pytest.fixture(scope="package")
def door(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Door]:
    """One server for the tests that leave it as it was."""
    with running(*ANYWHERE, SMTPD_MAX_BYTES="1000000") as found:
        yield found


@pytest.fixture(scope="package")
def lmtp(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Door]:
    with running(*ANYWHERE, "--lmtp") as found:
        yield found


@pytest.fixture
def alias(placed: Placed) -> str:
    return placed.customer_alias.address.text()
