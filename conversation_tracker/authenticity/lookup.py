"""Ask DNS, within limits of time."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import dns.exception
import dns.message
import dns.name
import dns.nameserver
import dns.resolver
from billiard.exceptions import SoftTimeLimitExceeded
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.TXT import TXT

from orders import names

# What a domain says, as texts: ``lookup("example.com", "TXT")``. TXT as its strings joined, bytes as Latin-1; MX as
# host names, best first; A and AAAA as addresses; PTR as host names. Empty when there is no such name or record.
# Raises Unanswered.
Lookup = Callable[[str, str], tuple[str, ...]]

LONGEST_TEXT = 4_096  # characters of a TXT record; a longer one is left out
MOST_LOOKUPS = 40  # for one mail
MOST_WAITING = 20.0  # seconds that a process waits for answers, late ones too, before it gives up at once …
REGAINED = 1 / 3  # … and how much of that comes back each second
REMEMBER_SILENCE = 60.0  # seconds during which a name that was not answered is not asked for again
MOST_SILENT = 1_000
CACHED = 5_000


class Unanswered(Exception):
    """DNS did not answer in time, or could not; another time it may."""


class _Stopped(BaseException):
    """The worker's time is over. No Exception: dnspython takes those for faults of the server, and asks again."""


class _Server(dns.nameserver.Do53Nameserver):
    """A name server; the worker's limit of time is no fault of it."""

    def query(self, *args: Any, **kwargs: Any) -> dns.message.Message:
        try:
            return super().query(*args, **kwargs)
        except SoftTimeLimitExceeded as error:
            raise _Stopped from error


class Resolver:
    """DNS through the machine's name servers or named ones, with a cache. Safe to use from several threads.

    A worker asks while it holds its batch, so what strangers make it wait for is bounded: for one mail by
    ``within``, for the process, and so for its batch, by a budget of seconds waited. What is in the cache costs none.
    """

    def __init__(self, servers: Sequence[str] = (), *, seconds: float = 2.0) -> None:
        self._resolver = dns.resolver.Resolver(configure=not servers)
        if servers:
            known = [names.name_server(one) for one in servers]
        else:
            known = [names.name_server(str(one)) for one in self._resolver.nameservers]
        self._resolver.nameservers = [_Server(one.address, one.port) for one in known]
        self._resolver.cache = dns.resolver.LRUCache(CACHED)
        self._seconds = seconds
        self._lock = threading.Lock()
        self._budget, self._counted_at = MOST_WAITING, time.monotonic()
        self._silent: OrderedDict[tuple[str, str], float] = OrderedDict()

    def within(self, seconds: float, *, most: int = MOST_LOOKUPS) -> Lookup:
        """A lookup for one mail, all of whose questions together take at most so long, and are so many at most."""
        until = time.monotonic() + seconds
        asked = 0

        def lookup(name: str, kind: str) -> tuple[str, ...]:
            nonlocal asked
            asked += 1
            left = until - time.monotonic()
            if asked > most or left <= 0:
                raise Unanswered
            return self._ask(name.rstrip(".").lower(), kind, min(left, self._seconds))

        return lookup

    def _ask(self, name: str, kind: str, seconds: float) -> tuple[str, ...]:
        if self._is_silent((name, kind), time.monotonic()):
            raise Unanswered
        try:
            answer = self._wait_for(name, kind, seconds)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return ()
        except (dns.name.LabelTooLong, dns.name.EmptyLabel, dns.name.NameTooLong, dns.name.IDNAException, UnicodeError):
            return ()  # no such name can exist
        except (dns.exception.DNSException, OSError) as error:
            self._note_silence((name, kind))
            raise Unanswered from error
        return _texts(answer, kind)

    def _wait_for(self, name: str, kind: str, seconds: float) -> dns.resolver.Answer:
        """Ask, and charge the wait, whatever comes: answers that are always late keep a worker as silence does."""
        began = time.monotonic()
        try:
            return self._resolver.resolve(f"{name}.", kind, lifetime=seconds, search=False)
        except _Stopped as stopped:
            raise SoftTimeLimitExceeded from stopped
        finally:
            with self._lock:
                self._budget -= time.monotonic() - began

    def _is_silent(self, question: tuple[str, str], now: float) -> bool:
        with self._lock:
            self._budget = min(MOST_WAITING, self._budget + (now - self._counted_at) * REGAINED)
            self._counted_at = now
            return self._budget <= 0 or self._silent.get(question, 0) > now

    def _note_silence(self, question: tuple[str, str]) -> None:
        with self._lock:
            self._silent[question] = time.monotonic() + REMEMBER_SILENCE
            if len(self._silent) > MOST_SILENT:
                self._silent.popitem(last=False)


def _texts(answer: dns.resolver.Answer, kind: str) -> tuple[str, ...]:
    if kind == "MX":
        exchanges = sorted((one.preference, one.exchange.to_text()) for one in answer if isinstance(one, MX))
        return tuple(name.rstrip(".") for _, name in exchanges)
    if kind == "TXT":
        texts = (b"".join(one.strings).decode("latin-1") for one in answer if isinstance(one, TXT))
        return tuple(text for text in texts if len(text) <= LONGEST_TEXT)
    return tuple(one.to_text().rstrip(".") for one in answer)
