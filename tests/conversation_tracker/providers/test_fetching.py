"""What is fetched has an end in time and size."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from pytest_django import Settings

from conversation_tracker.mailflow import guards
from conversation_tracker.providers import fetching
from orders import names
from tests import stopwatch
from tests.conversation_tracker.providers.conftest import Api


@contextmanager
def answering(begins: bytes, *, then: bytes = b"") -> Iterator[str]:
    """The address of a server whose only answer begins so, goes on with a byte each tenth of a second, and is cut."""

    def answer() -> None:
        connection, _ = server.accept()
        with connection, suppress(OSError):  # nobody listens any more
            connection.recv(4_096)
            connection.sendall(begins)
            for byte in then:
                time.sleep(0.1)
                connection.sendall(bytes([byte]))

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        thread.join()


def test_who_never_answers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "READ", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(fetching.Unavailable):
        fetching.get(f"http://127.0.0.1:{silent.getsockname()[1]}/")


def test_who_never_ends_is_not_waited_for(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "LONGEST", -1.0)
    api.answer("/", b"some")
    with pytest.raises(fetching.Unavailable):
        fetching.get(f"{api.url}/")


def test_a_host_that_dns_does_not_know_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that fails says so at times of names that exist."""
    monkeypatch.setattr(names, "addresses_of", lambda *_, **__: [])
    with pytest.raises(fetching.Unavailable, match="NoHost"):
        fetching.get("https://api.example/")


@pytest.mark.parametrize("begins", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"])
def test_what_comes_byte_by_byte_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, begins: bytes) -> None:
    monkeypatch.setattr(fetching, "LONGEST", 0.5)
    with answering(begins, then=b"x" * 30) as url, stopwatch.running() as took:
        with pytest.raises(fetching.Unavailable):
            fetching.get(url)
        assert took.seconds < 2


@pytest.mark.parametrize(
    "cut",
    [
        b"HTTP/1.1 200 OK\r\nConte",
        b"HTTP/1.1 200 OK\r\n\r\nFrom: a@b.exam",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nFrom: a@b.exam",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nFrom:\r\n9\r\n a@b",
    ],
)
def test_what_may_have_been_cut_off_is_asked_for_again(cut: bytes) -> None:
    with answering(cut) as url, pytest.raises(fetching.Unavailable):
        fetching.get(url)


def test_nothing_is_asked_for_in_a_packed_form(api: Api) -> None:
    api.answer("/", b"some")
    fetching.get(f"{api.url}/")
    assert api.asked[0][1]["Accept-Encoding"] == "identity"


def test_too_much_is_not_taken(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "LARGEST", 3)
    api.answer("/", b"more")
    with pytest.raises(guards.OverLimit):
        fetching.get(f"{api.url}/")


@pytest.mark.parametrize("url", ["", "ftp://127.0.0.1/", "http://", "nonsense"])
def test_what_is_no_address_is_not_asked_for_again(url: str) -> None:
    with pytest.raises(fetching.NotThere):
        fetching.get(url)


def test_a_signed_address_may_be_long(api: Api) -> None:
    path = f"/raw?X-Amz-Security-Token={'a' * 4_000}"
    api.answer(path, b"From: a@b.example")
    assert fetching.get(f"{api.url}{path}").content == b"From: a@b.example"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(api: Api, status: int) -> None:
    api.answer("/", b"", status=status, location=f"{api.url}/inside")
    api.answer("/inside", b"secret")
    with pytest.raises(fetching.NotThere):
        fetching.get(f"{api.url}/")
    assert [path for path, _ in api.asked] == ["/"]


@pytest.mark.parametrize("place", ["http://127.0.0.1:{}/", "https://127.0.0.1:{}/", "https://localhost:{}/"])
def test_nothing_is_fetched_from_a_private_network_or_without_https(api: Api, settings: Settings, place: str) -> None:
    settings.LOCAL = False
    api.answer("/", b"secret")
    with pytest.raises(fetching.NotThere, match="refused"):
        fetching.get(place.format(api.url.rpartition(":")[2]))
    assert api.asked == []


@pytest.mark.parametrize("status", [204, 304, 400, 410])
def test_what_is_not_there_is_not_asked_for_again(api: Api, status: int) -> None:
    api.answer("/", b"", status=status)
    with pytest.raises(fetching.NotThere):
        fetching.get(f"{api.url}/")


@pytest.mark.parametrize("status", [401, 403, 404, 408, 425, 429, 500, 502, 503])
def test_what_may_heal_is_asked_for_again(api: Api, status: int) -> None:
    api.answer("/", b"", status=status)
    with pytest.raises(fetching.Unavailable):
        fetching.get(f"{api.url}/")
