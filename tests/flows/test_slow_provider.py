"""A mail provider that hangs delays no recording, where sending has a worker of its own."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from conversation_tracker import inbox, outbox
from tests import factories
from tests.flows.conftest import System, wait_for
from tests.flows.test_whole import post_mail


@pytest.fixture
def own_environment() -> Iterator[dict[str, str]]:
    """A provider that takes a connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield {
            "EMAIL_BACKEND": "anymail.backends.postmark.EmailBackend",
            "ANYMAIL_POSTMARK_SERVER_TOKEN": "token",
            "ANYMAIL_POSTMARK_API_URL": f"http://127.0.0.1:{silent.getsockname()[1]}/",
        }


def test_mails_are_recorded_while_the_sender_waits(system: System) -> None:
    placed = factories.place_silently()
    system.kill("worker")
    system.start("recorder")
    system.start("sender")
    assert post_mail(system, "postmark", placed.customer_alias, 1) == 200
    wait_for(lambda: outbox.counts()["sending"] == 1, what="the sender's wait")
    for number in range(2, 6):
        assert post_mail(system, "postmark", placed.customer_alias, number) == 200
    wait_for(lambda: inbox.counts()["done"] == 5, what="the recording", seconds=5)
    assert (outbox.counts()["sending"], outbox.counts()["queued"]) == (1, 4)
