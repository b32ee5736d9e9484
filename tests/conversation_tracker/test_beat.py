"""Beat goes on whatever the clock does, and fills no Redis."""

from __future__ import annotations

import errno
import shelve
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings
from kombu import Queue

from conversation_tracker import beat
from conversation_tracker.celery import app


class Noting(beat.Scheduler):
    """Notes what is due in the place of sending it."""

    due: list[str]

    @property
    def entries(self) -> list[Any]:
        return list(self.schedule.values())

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        self.due.append(entry.name)


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[Noting]:
    made = Noting(app=app, schedule_filename=str(tmp_path / "schedule"))
    made.due = []
    yield made
    made.close()


def run(scheduler: Noting) -> None:
    for _ in range(60):
        scheduler.tick()


def test_a_clock_that_is_set_back_stops_no_task(scheduler: Noting) -> None:
    run(scheduler)
    for entry in scheduler.entries:
        entry.last_run_at += timedelta(days=1)
    scheduler.populate_heap()
    scheduler.tick()
    for entry in scheduler.entries:
        assert entry.last_run_at <= entry.default_now()
        entry.last_run_at -= timedelta(hours=2)
    scheduler._heap = None
    scheduler.due.clear()
    run(scheduler)
    assert set(scheduler.due) >= set(settings.CELERY_BEAT_SCHEDULE)


class Full(shelve.Shelf[Any]):
    """A file on a disk that is full, but for the moments when it is not."""

    is_full = True

    def __setitem__(self, key: str, value: Any) -> None:
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().__setitem__(key, value)


def test_a_full_disk_stops_no_task_and_its_end_is_noticed(scheduler: Noting, caplog: pytest.LogCaptureFixture) -> None:
    scheduler._store, held = Full({}, writeback=True), scheduler._store
    held.close()
    scheduler._store.cache["entries"] = dict(app.conf.beat_schedule)
    scheduler.merge_inplace(app.conf.beat_schedule)
    scheduler.sync()
    assert [one.getMessage()[:20] for one in caplog.records] == ["schedule not written"]
    assert set(scheduler.schedule) == set(settings.CELERY_BEAT_SCHEDULE)
    Full.is_full = False
    scheduler.sync()
    assert list(scheduler._store.dict) == [b"entries"]


def test_a_folder_in_which_nothing_can_be_kept_stops_no_task(caplog: pytest.LogCaptureFixture) -> None:
    scheduler = Noting(app=app, schedule_filename="/proc/nowhere/schedule")
    assert [one.getMessage()[:17] for one in caplog.records if one.name == beat.__name__] == ["schedule not kept"]
    scheduler.due = []
    for entry in scheduler.entries:
        entry.last_run_at -= timedelta(hours=2)
    scheduler._heap = None
    run(scheduler)
    assert set(scheduler.due) >= set(settings.CELERY_BEAT_SCHEDULE)


@pytest.mark.parametrize(
    "damage", [lambda kept: kept[:7], lambda kept: bytes(len(kept)), lambda kept: kept[:60] + b"x"]
)
def test_a_damaged_file_is_made_anew(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    """Whichever file it is; each dbm keeps others."""
    name = str(tmp_path / "schedule")
    Noting(app=app, schedule_filename=name).close()
    for kept in list(tmp_path.iterdir()):
        kept.write_bytes(damage(kept.read_bytes()))
        for _ in range(2):
            scheduler = Noting(app=app, schedule_filename=name)
            assert set(scheduler.schedule) >= set(settings.CELERY_BEAT_SCHEDULE)
            scheduler.close()


def test_celery_uses_it() -> None:
    assert app.conf.beat_scheduler == f"{beat.__name__}:{beat.Scheduler.__name__}"


def test_only_the_newest_tasks_wait(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setattr(beat, "MOST_TASKS", 3)
    settings.CELERY_TASK_QUEUES = (Queue("of-nobody"),)
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        try:
            client.lpush("of-nobody", *range(10))
            beat.drop_old_tasks()
            assert client.lrange("of-nobody", 0, -1) == [b"9", b"8", b"7"]
        finally:
            client.delete("of-nobody")


def test_a_redis_that_is_away_stops_nothing(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.REDIS_URL = "unix:///nowhere/redis.sock"
    beat.drop_old_tasks()
    assert [one.getMessage() for one in caplog.records] == ["tasks not looked at error=ConnectionError"]
