"""What is fetched has an end in time and size."""

from __future__ import annotations

import socket

import pytest
from pytest_django import Settings

from conversation_tracker.mailflow import guards
from conversation_tracker.providers import fetching
from tests.conversation_tracker.providers.conftest import Api


def test_who_never_answers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "READ", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(fetching.Unavailable):
        fetching.get(f"http://127.0.0.1:{silent.getsockname()[1]}/")


def test_who_never_ends_is_not_waited_for(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "LONGEST", -1.0)
    api.answer("/", b"some")
    with pytest.raises(fetching.Unavailable):
        fetching.get(f"{api.url}/")


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


@pytest.mark.parametrize("status", [204, 304, 400, 404, 410])
def test_what_is_not_there_is_not_asked_for_again(api: Api, status: int) -> None:
    api.answer("/", b"", status=status)
    with pytest.raises(fetching.NotThere):
        fetching.get(f"{api.url}/")


@pytest.mark.parametrize("status", [401, 403, 408, 425, 429, 500, 502, 503])
def test_what_may_heal_is_asked_for_again(api: Api, status: int) -> None:
    api.answer("/", b"", status=status)
    with pytest.raises(fetching.Unavailable):
        fetching.get(f"{api.url}/")
