"""Kills what runs, at random moments, and starts it again."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter

from tests.chaos.system import System


class Nemesis:
    """Works in a thread until it is told to stop, and has killed at least so often as was asked."""

    def __init__(self, system: System, *, seed: int, pause: tuple[float, float]) -> None:
        self.kills: Counter[str] = Counter()
        self._system, self._pause = system, pause
        self._random = random.Random(seed)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, *, at_least: int) -> None:
        """End after so many kills."""
        while self.kills.total() < at_least and self._thread.is_alive():
            time.sleep(0.1)
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        victims = [*self._system.programs, "worker", "redis", "postgres"]
        while not self._ended.wait(self._random.uniform(*self._pause)):
            victim = self._random.choice(victims)
            down = self._random.uniform(0, 1)
            if victim == "redis":
                self._system.lose_redis(down=down)
            elif victim == "postgres":
                self._system.crash_postgres(down=down)
            else:
                name = self._random.choice([one for one in self._system.programs if one.startswith(victim)])
                self._system.kill(name)
                self._ended.wait(down)
                self._system.start(name)
            self.kills[victim.rstrip("12")] += 1
