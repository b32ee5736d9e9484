"""How much of unproven calls a web process holds at once is bounded, and what is small or proven does not wait."""

from __future__ import annotations

import threading
from collections.abc import Callable
from io import BytesIO

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory
from pytest_django import Settings

from conversation_tracker import door, room
from conversation_tracker.models import Receipt
from tests import letters

SIZE = 4 * room.FREE


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setattr(room, "PATIENCE", 0.05)
    settings.WEBHOOK_MAX_BYTES = settings.DATA_UPLOAD_MAX_MEMORY_SIZE = SIZE
    letters.mount(settings, "mailgun")
    settings.INBOUND_PROVIDERS = ["postmark", "mailgun"]


def unsigned(client: Client, size: int) -> HttpResponse:
    return client.post("/anymail/mailgun/inbound/", b"x" * size, content_type="application/x-www-form-urlencoded")  # type: ignore[return-value]


@pytest.mark.django_db
def test_while_others_take_the_room_a_large_call_is_told_to_come_again(client: Client) -> None:
    with door._room.holding(SIZE) as take:
        take(SIZE)
        answer = unsigned(client, SIZE - 100)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
        assert unsigned(client, room.FREE).status_code == 403
        payload = letters.postmark("a@ct.example", TextBody="x" * (2 * room.FREE))
        assert letters.post_postmark(client, payload).status_code == 200
    assert unsigned(client, SIZE - 100).status_code == 403
    assert Receipt.objects.count() == 1


@pytest.mark.django_db
def test_so_is_one_that_does_not_say_how_long_it_is(rf: RequestFactory) -> None:
    def call() -> HttpResponse:
        request = rf.post("/anymail/mailgun/inbound/", b"", content_type="text/plain")
        source = BytesIO(b"x" * (SIZE - 100))
        request.META.update({"CONTENT_LENGTH": "", "wsgi.input_terminated": True, "wsgi.input": source})
        return door.webhook(request, "mailgun", "inbound")

    with door._room.holding(SIZE) as take:
        take(SIZE)
        assert call().status_code == 503
    assert call().status_code == 403


def test_nothing_of_a_call_that_was_turned_away_stays_taken() -> None:
    one = room.Room()

    def turned_away() -> None:
        with one.holding(SIZE) as take:
            take(SIZE)

    with one.holding(SIZE) as take:
        take(SIZE // 2)
        take(SIZE // 4)
        with pytest.raises(room.Full):
            turned_away()
    turned_away()


def test_a_call_goes_on_when_another_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "PATIENCE", 30)
    one, order = room.Room(), []

    def call(name: str, before: Callable[[], object]) -> None:
        with one.holding(SIZE) as take:
            take(SIZE)
            order.append(name)
            before()
            order.append(f"{name} ends")

    began, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        began.set()
        may_end.wait()

    first = threading.Thread(target=call, args=("first", hold))
    first.start()
    began.wait()
    second = threading.Thread(target=call, args=("second", lambda: None))
    second.start()
    may_end.set()
    first.join()
    second.join()
    assert order == ["first", "first ends", "second", "second ends"]


def test_one_that_is_larger_than_the_room_has_it_alone() -> None:
    one = room.Room()
    with one.holding(SIZE) as take:
        take(10 * SIZE)
        take(SIZE)
        with one.holding(SIZE) as other, pytest.raises(room.Full):
            other(2 * room.FREE)
