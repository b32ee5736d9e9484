"""What one mail may cost."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any
from unittest.mock import patch

import pytest
from django.test import Client
from django.utils import timezone

from conversation_tracker import inbox, limits
from conversation_tracker.mailflow import pipeline
from conversation_tracker.models import Receipt, ReceiptState, Trouble
from orders.models import Kind, Store, TimelineEntry
from orders.placing import Placed
from tests import factories, letters, stopwatch


def spin(*args: object, **kwargs: object) -> None:
    while True:
        with suppress(Exception):  # as code that guards against broken mail does
            sum(range(1_000))


def test_reading_that_takes_too_long_is_ended() -> None:
    with pytest.raises(limits.TooSlow), limits.processor_time(0.05):
        spin()


def test_waiting_costs_nothing() -> None:
    began = time.monotonic()
    with limits.processor_time(0.05):
        time.sleep(0.2)
        waited = time.monotonic() - began
    assert waited > 0.15  # more than the limit, and to its end


def test_the_limit_ends_with_the_block() -> None:
    before = signal.getsignal(signal.SIGPROF)
    with limits.processor_time(0.05):
        pass
    sum(range(3_000_000))
    assert signal.getsignal(signal.SIGPROF) == before


@pytest.mark.parametrize(
    ("limit", "number", "error"),
    [
        (limits.clock_time, signal.SIGALRM, limits.TooLong),
        (limits.processor_time, signal.SIGPROF, limits.TooSlow),
    ],
)
def test_a_time_that_is_over_just_when_the_block_ends_leaves_no_timer(limit, number, error, monkeypatch) -> None:
    real = signal.setitimer
    rung: list[int] = []

    def ring_first(timer: int, seconds: float, interval: float = 0) -> Any:
        if seconds == 0 and not rung:
            rung.append(timer)
            signal.raise_signal(number)
        return real(timer, seconds, interval)

    before = signal.getsignal(number)
    monkeypatch.setattr(signal, "setitimer", ring_first)
    with pytest.raises(error), limit(60):
        pass
    timers = (signal.ITIMER_REAL, signal.ITIMER_PROF, signal.ITIMER_VIRTUAL)
    assert [signal.getitimer(timer)[0] for timer in timers] == [0, 0, 0]
    assert (signal.getsignal(number), len(rung)) == (before, 1)


@pytest.mark.parametrize(
    ("limit", "error"), [(limits.clock_time, limits.TooLong), (limits.processor_time, limits.TooSlow)]
)
def test_a_time_that_is_over_at_once_leaves_no_timer(limit, error) -> None:
    for _ in range(200):
        with suppress(error), limit(1e-6):
            sum(range(1_000))
        assert signal.getitimer(signal.ITIMER_REAL)[0] == signal.getitimer(signal.ITIMER_VIRTUAL)[0] == 0


def test_an_end_that_was_lost_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "AGAIN", 0.05)

    def lose_the_first() -> None:
        with suppress(limits.TooLong):  # as Python does within a finaliser
            time.sleep(5)
        time.sleep(5)

    with stopwatch.running() as took, pytest.raises(limits.TooLong), limits.clock_time(0.05):
        lose_the_first()
    assert took.seconds < 5
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_more_time_may_be_given_while_it_runs() -> None:
    with limits.processor_time(0.05):
        limits.extend(5.0)
        sum(range(10_000_000))  # takes longer than it had
        assert 0 < signal.getitimer(signal.ITIMER_PROF)[0] < 5.05
        limits.extend(10_000.0)
        assert signal.getitimer(signal.ITIMER_PROF)[0] < 5.05 + limits.MOST_MORE


def test_no_time_is_given_where_none_runs() -> None:
    limits.extend(5.0)
    assert signal.getitimer(signal.ITIMER_PROF)[0] == 0


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)


def test_code_that_cannot_be_interrupted_is_killed() -> None:
    code = (
        "from conversation_tracker import limits; limits.GRACE = 0.1\n"
        "with limits.processor_time(0.1):\n"
        "    while True:\n"
        "        try: sum(range(1000))\n"
        "        except BaseException: pass\n"
    )
    assert run(code).returncode == -signal.SIGVTALRM


def test_a_library_that_does_not_return_is_killed() -> None:
    code = (
        "import nh3\n"
        "from conversation_tracker import limits; limits.GRACE = 0.2\n"
        "with limits.processor_time(0.2):\n"
        "    nh3.clean('<div>' * 60_000)\n"
        "print('returned')\n"
    )
    ended = run(code)
    assert (ended.returncode, ended.stdout) == (-signal.SIGVTALRM, "")


def test_a_process_at_its_memory_limit_gets_a_memory_error() -> None:
    code = (
        "from conversation_tracker import limits; limits.memory(300_000_000)\n"
        "try: bytearray(400_000_000)\n"
        "except MemoryError: print('caught')\n"
    )
    assert run(code).stdout == "caught\n"


@pytest.mark.django_db
def test_one_mail_to_hundreds_of_aliases_has_the_time_that_it_takes(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SECONDS", 0.2)
    aliases = [factories.place_silently(store).customer_alias.address.text() for _ in range(120)]
    inbox.accept_mime(letters.mime(), sender="kim@carrier.example", recipients=aliases, now=timezone.now())
    inbox.work(now=timezone.now())
    assert Receipt.objects.get().state == ReceiptState.DONE
    assert TimelineEntry.objects.filter(kind=Kind.MAIL).count() == 120


@pytest.mark.django_db
def test_a_mail_that_is_too_slow_is_quarantined_and_its_neighbours_are_not(client: Client, placed: Placed) -> None:
    read = pipeline.read

    def slow(event: Any, *, esp_name: str) -> object:
        if "slow" in str(event.message["Subject"]):
            spin()
        return read(event, esp_name=esp_name)

    for subject in ("one", "slow", "two"):
        headers = [{"Name": "Message-ID", "Value": f"<{subject}@x.example>"}]
        letters.post_postmark(client, letters.postmark(placed.customer_alias, Subject=subject, Headers=headers))
    with patch.object(pipeline, "read", slow), patch.object(limits, "SECONDS", 0.3):
        while inbox.work(now=timezone.now()) is not None:
            pass
    assert TimelineEntry.objects.filter(kind=Kind.MAIL).count() == 2
    stopped = Receipt.objects.get(state=ReceiptState.QUARANTINED)
    assert stopped.trouble == Trouble.TOO_SLOW
    assert stopped.attempts == 2  # once with the others, once alone, each ended by the limit
