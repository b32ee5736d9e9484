"""Kills what runs, at random moments, and starts it again."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator

from tests.chaos.system import System

LONGEST_DOWN = 1.0  # seconds for which a victim stays away
_SENDING = {"worker1": 1, "worker2": 1, "a child of worker1": 1, "postgres": 2}  # who of these sends: one mail each


class Nemesis:
    """Kills each kind of victim in turn, in an order of its own each round."""

    def __init__(self, system: System, *, seed: int, pause: tuple[float, float]) -> None:
        self.kills: Counter[str] = Counter()
        self.interrupted = 0  # mails at most that were on their way when a worker or what it needs was killed
        self._system, self._pause = system, pause
        self._random = random.Random(seed)

    def run(self, *, kills: int, until: float) -> None:
        """Kill so often, but not after a moment of the monotonic clock.

        Call it from the main thread: the servers that it starts end with the thread that started them.
        """
        victims = self._victims()
        while self.kills.total() < kills and time.monotonic() < until:
            time.sleep(self._random.uniform(*self._pause))
            self._strike(next(victims))

    def _victims(self) -> Iterator[str]:
        victims = [*self._system.programs, "a child of web", "a child of worker1", "redis", "postgres"]
        while True:
            self._random.shuffle(victims)
            yield from victims

    def _strike(self, victim: str) -> None:
        down = self._random.uniform(0, LONGEST_DOWN)
        if victim == "redis":
            self._system.lose_redis(down=down)
        elif victim == "postgres":
            self._system.crash_postgres(down=down)
        elif victim.startswith("a child of "):
            if not self._system.kill_child(victim.removeprefix("a child of ")):
                return
        else:
            self._system.kill(victim)
            time.sleep(down)
            self._system.start(victim)
        self.kills[victim] += 1
        self.interrupted += _SENDING.get(victim, 0)
