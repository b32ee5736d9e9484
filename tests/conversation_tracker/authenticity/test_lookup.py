"""DNS for real, from a name server on this machine; and how long anybody waits when it is silent."""

from __future__ import annotations

import signal
import threading

import pytest
from billiard.exceptions import SoftTimeLimitExceeded

from conversation_tracker.authenticity import lookup
from conversation_tracker.authenticity.lookup import Resolver, Unanswered
from tests import stopwatch
from tests.conversation_tracker.authenticity import zones

ZONE: dict[tuple[str, str], tuple[str, ...] | None] = {
    ("text.example", "TXT"): ("v=spf1 -all", "x" * 600),
    ("long.example", "TXT"): ("y" * 1_000,),
    ("mail.example", "MX"): ("mx.example",),
    ("host.example", "A"): ("192.0.2.7",),
    ("host.example", "AAAA"): ("2001:db8::7",),
    ("silent.example", "TXT"): None,
    ("silent2.example", "TXT"): None,
}


def test_what_a_domain_says():
    with zones.served(ZONE) as server:
        ask = Resolver([server]).within(5)
        assert sorted(ask("text.example", "TXT")) == ["v=spf1 -all", "x" * 600]
        assert ask("TEXT.example.", "TXT") == ask("text.example", "TXT")
        assert ask("mail.example", "MX") == ("mx.example",)
        assert ask("host.example", "A") == ("192.0.2.7",)
        assert ask("host.example", "AAAA") == ("2001:db8::7",)
        assert ask("nothing.example", "TXT") == ()


@pytest.mark.parametrize(
    "name", ["", ".", "a..example", "x" * 64 + ".example", "x." * 130, "\x00.example", "ä b.example"]
)
def test_a_name_that_cannot_exist_says_nothing(name):
    with zones.served({}) as server:
        assert Resolver([server]).within(5)(name, "TXT") == ()


def test_a_text_that_is_too_long_is_left_out(monkeypatch):
    monkeypatch.setattr(lookup, "LONGEST_TEXT", 999)
    with zones.served(ZONE) as server:
        assert Resolver([server]).within(5)("long.example", "TXT") == ()


def test_a_silent_server_is_waited_for_once():
    with zones.served(ZONE) as server:
        resolver = Resolver([server], seconds=0.4)
        for _ in range(5):
            with stopwatch.running() as took, pytest.raises(Unanswered):
                resolver.within(5)("silent.example", "TXT")
        assert took.seconds < 0.2


def test_one_mail_waits_only_so_long():
    with zones.served(ZONE) as server, stopwatch.running() as took:
        ask = Resolver([server], seconds=5).within(0.3)
        for name in ("silent.example", "silent2.example", "host.example"):
            with pytest.raises(Unanswered):
                ask(name, "TXT")
        assert took.seconds < 1


def test_one_mail_may_ask_only_so_much():
    with zones.served(ZONE) as server:
        ask = Resolver([server]).within(5)
        for _ in range(lookup.MOST_LOOKUPS):
            ask("host.example", "A")
        with pytest.raises(Unanswered):
            ask("host.example", "A")


def test_who_has_waited_in_vain_too_much_waits_no_more(monkeypatch):
    monkeypatch.setattr(lookup, "MOST_WAITING", 0.3)
    with zones.served(ZONE) as server:
        resolver = Resolver([server], seconds=0.4)
        with pytest.raises(Unanswered):
            resolver.within(5)("silent.example", "TXT")
        with stopwatch.running() as took, pytest.raises(Unanswered):
            resolver.within(5)("silent2.example", "TXT")
        assert took.seconds < 0.2


def test_who_has_waited_for_late_answers_too_much_waits_no_more(monkeypatch):
    monkeypatch.setattr(lookup, "MOST_WAITING", 1.0)
    monkeypatch.setattr(lookup, "REGAINED", 0.0)
    with zones.served(ZONE, late=0.2) as server:
        resolver = Resolver([server])
        assert resolver.within(5)("host.example", "A") == ("192.0.2.7",)
        for _ in range(100):  # it is remembered, and costs nothing
            assert resolver.within(5)("host.example", "A") == ("192.0.2.7",)
        with pytest.raises(Unanswered):
            [resolver.within(5)(f"{number}.example", "TXT") for number in range(6)]


def test_the_limit_of_a_workers_time_ends_a_question():
    def stop(*_):
        raise SoftTimeLimitExceeded

    before = signal.signal(signal.SIGUSR1, stop)
    timer = threading.Timer(0.2, signal.pthread_kill, (threading.main_thread().ident, signal.SIGUSR1))
    try:
        with zones.served(ZONE) as server:
            resolver = Resolver([server])
            timer.start()
            with pytest.raises(SoftTimeLimitExceeded):
                resolver.within(5)("silent.example", "TXT")
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, before)


def test_nobody_listening_is_no_answer():
    with pytest.raises(Unanswered):
        Resolver(["127.0.0.1:1"], seconds=0.3).within(1)("host.example", "A")
