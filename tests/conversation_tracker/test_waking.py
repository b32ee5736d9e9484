"""Many calls at a time wake workers twice: for the first, and after the last."""

from __future__ import annotations

import threading
import time

import pytest

from conversation_tracker import waking


class Woken:
    """Counts, and knows when it was last woken."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def __call__(self) -> None:
        self.times.append(time.monotonic())

    def after(self, moment: float) -> bool:
        """Wait until it is woken after this moment; False when that does not happen."""
        until = time.monotonic() + 5
        while time.monotonic() < until:
            if self.times and self.times[-1] >= moment:
                return True
            time.sleep(0.005)
        return False


@pytest.fixture
def woken() -> Woken:
    return Woken()


def test_a_call_alone_wakes_at_once(woken: Woken) -> None:
    waking.Together(woken)()
    assert len(woken.times) == 1


def test_calls_that_come_together_wake_for_the_first_and_after_the_last(
    woken: Woken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waking, "PAUSE", 0.5)
    together = waking.Together(woken)
    for _ in range(100):
        together()
    last = time.monotonic()
    assert woken.after(last)
    assert len(woken.times) == 2


def test_no_call_of_many_threads_is_left_without_a_wake_up_after_it(woken: Woken) -> None:
    together = waking.Together(woken)
    last: list[float] = []

    def call() -> None:
        for _ in range(200):
            last.append(time.monotonic())
            together()

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert woken.after(max(last))
    assert len(woken.times) < len(last) / 2


def test_where_no_thread_can_be_started_each_call_wakes(woken: Woken, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", fail)
    together = waking.Together(woken)
    for _ in range(3):
        together()
    assert len(woken.times) == 3


def test_a_wake_up_that_fails_is_followed_by_others(woken: Woken, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waking, "PAUSE", 0.3)
    calls = 0

    def wake() -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise ConnectionError
        woken()

    together = waking.Together(wake)
    for moment in range(3):
        if moment == 2:
            time.sleep(waking.PAUSE * 3)  # until the second has failed
        together()
    assert woken.after(woken.times[0] + waking.PAUSE)
    assert calls == 3
