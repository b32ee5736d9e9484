"""A mail that was sent, and a stand-in for a provider's API."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.core.mail import EmailMultiAlternatives
from django.test import Client

from conversation_tracker.models import OutboundMail, Receipt, ReceiptState
from orders.models import Kind, TimelineEntry
from orders.placing import Placed
from tests import factories


class Api:
    """Answers by path with a status and a body, and remembers who asked with which header."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, bytes, str]] = {}
        self.locations: dict[str, str] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                api.asked.append((self.path, dict(self.headers)))
                status, body, content_type = api.answers.get(self.path, (404, b"", "text/plain"))
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                if self.path in api.locations:
                    self.send_header("Location", api.locations[self.path])
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.do_GET()

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, path: str, body: object, *, status: int = 200, content_type: str = "", location: str = "") -> None:
        """What to say at this path: bytes as they are, anything else as JSON."""
        if location:
            self.locations[path] = location
        if isinstance(body, bytes):
            self.answers[path] = (status, body, content_type or "application/octet-stream")
        else:
            self.answers[path] = (status, json.dumps(body).encode(), content_type or "application/json")

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def api() -> Iterator[Api]:
    """The API of a provider, on this machine."""
    found = Api()
    yield found
    found.stop()


@pytest.fixture
def sent(placed: Placed) -> OutboundMail:
    """A copy that was handed to a provider, who calls it ``esp-1``."""
    entry = factories.make_mail(placed.customer_alias, placed.store_alias)
    row: OutboundMail = factories.make_outbound(entry)
    row.provider_message_id = "esp-1"
    row.save()
    return row


@pytest.fixture
def two(placed: Placed) -> list[str]:
    """The addresses of two aliases of one order."""
    return [placed.customer_alias.address.text(), placed.store_alias.address.text()]


@pytest.fixture
def settle(work: Callable[..., list[EmailMultiAlternatives]]) -> Callable[[], list[TimelineEntry]]:
    """Settle the inbox; gives the mails on the timeline. Every receipt must have found its end."""

    def run() -> list[TimelineEntry]:
        work()
        states = set(Receipt.objects.values_list("state", flat=True))
        assert states == {ReceiptState.DONE}, list(Receipt.objects.values_list("state", "trouble", "trouble_detail"))
        return list(TimelineEntry.objects.filter(kind=Kind.MAIL).order_by("id"))

    return run


@pytest.fixture
def nothing_kept(client: Client) -> Iterator[None]:
    """At the end of the test no receipt may stand in the inbox."""
    yield
    assert not Receipt.objects.exists()


def state_of(row: OutboundMail) -> str:
    """Where the copy stands now."""
    row.refresh_from_db()
    return row.state
