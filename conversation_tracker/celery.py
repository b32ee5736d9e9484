"""The Celery application: ``celery -A conversation_tracker worker`` and ``… beat``."""

from __future__ import annotations

import gc
import os
import signal
import time
from mmap import mmap
from threading import Timer
from types import FrameType, FunctionType
from typing import Any

from billiard import current_process
from celery import Celery, Task
from celery.signals import (
    beat_init,
    setup_logging,
    task_postrun,
    task_prerun,
    worker_init,
    worker_process_init,
    worker_shutting_down,
)
from kombu.transport import redis

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "conversation_tracker.settings")


class _Window(redis.QoS):
    """The tasks that a worker has taken and not yet begun, of which it takes so many and no more.

    kombu's keeps the place of a task that Redis was too slow to strike out, so that each hang of Redis costs places
    until the worker takes nothing. Such a task comes again after the visibility time-out, which does no harm.
    """

    def ack(self, delivery_tag: str) -> None:
        try:
            super().ack(delivery_tag)
        except Exception:
            self._quick_ack(delivery_tag)  # type: ignore[attr-defined]  # not in the stubs
            raise


redis.Channel.QoS = _Window  # for each scheme that an address of Redis may have


class OutOfMemory(Exception):
    """A task did not go into the memory of its process."""


class _Task(Task[Any, Any]):
    """A task whose MemoryError does not end the worker: Celery's main process raises that one again, and ends by it."""

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().__call__(*args, **kwargs)
        except MemoryError as error:
            raise OutOfMemory(self.name) from error


app = Celery("conversation_tracker", task_cls=_Task)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# When the worker was last told to stop, by the clock of ``time.monotonic``; 0 while it was not. Its children are forked
# from it, and see what it writes here.
_told = memoryview(mmap(-1, 8)).cast("d")
_TOLD_TOGETHER = 5.0  # seconds within which a worker and its children are told to stop, where all are


def is_stopping() -> bool:
    """Whether this worker was told to stop, or this process of it, so that its tasks begin with nothing more."""
    return _told[0] != 0 or _End.told_at != 0


@worker_shutting_down.connect
def end_turns(how: str = "Warm", **_: Any) -> None:
    """Tell the children. Celery waits for their tasks and tells them nothing; a supervisor waits for some seconds, and
    then kills them in the middle of handing over a mail, which leaves once more.
    """
    if how == "Warm" or not is_stopping():
        _told[0] = time.monotonic()


@task_prerun.connect
def outlive_termination(**_: Any) -> None:
    """Leave it to the worker to end a child that is at work. systemd and others send SIGTERM to all processes of a
    service, and a child that ends by it may be handing over a mail, which leaves once more.
    """
    usual = signal.getsignal(signal.SIGTERM)
    if current_process().name != "MainProcess" and isinstance(usual, FunctionType):
        signal.signal(signal.SIGTERM, _End(usual))


@task_postrun.connect
def end_as_usual(**_: Any) -> None:
    """A child that is at nothing ends at once."""
    handler = signal.getsignal(signal.SIGTERM)
    if isinstance(handler, _End):
        signal.signal(signal.SIGTERM, handler.usual)


class _End:
    """What SIGTERM does to a child at work: nothing where the worker is told too, since then it waits for us. Else it
    was the worker that told us, or somebody us alone; then the child ends, but not at once: the mail in hand may be
    handed over first.
    """

    told_at = 0.0  # of this process, for all its tasks

    def __init__(self, usual: FunctionType) -> None:
        self.usual = usual

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not self.told_at:
            _End.told_at = now
            again = Timer(_TOLD_TOGETHER, os.kill, (os.getpid(), signum))
            again.daemon = True
            try:
                again.start()
            except RuntimeError:  # no thread is to be had
                self.usual(signum, frame)
        elif now - self.told_at >= _TOLD_TOGETHER and _told[0] < self.told_at - _TOLD_TOGETHER:
            self.usual(signum, frame)


@setup_logging.connect
def log_as_everywhere(**_: Any) -> None:
    """What is logged is for LOG_LEVEL to say, as in web: Celery, which logs as its own option says and by default no
    more than warnings, takes its hands off when somebody hears this.
    """


@worker_init.connect
@beat_init.connect
def refuse_unsafe_start(**_: Any) -> None:
    """A worker or beat without the secrets of a production start does not run."""
    from django.core.exceptions import ImproperlyConfigured

    from conversation_tracker import checks

    try:
        checks.refuse_unsafe_start()
    except ImproperlyConfigured as error:
        raise SystemExit(str(error)) from error  # any other exception Celery would only log


@worker_init.connect
def wait_for_tasks(**_: Any) -> None:
    """A worker's connection is silent for a second at a time while it asks for tasks: that must not look like a fault.

    And it has nobody waiting for it, so it may try longer.
    """
    options = {**app.conf.broker_transport_options, "socket_timeout": 5.0}
    options.pop("max_retries", None)
    app.conf.broker_transport_options = options


@worker_process_init.connect
def collect_seldom(**_: Any) -> None:
    """Look for garbage in circles after ten thousand new objects, and not after Python's seven hundred; and never among
    what has been there since the start.

    Mails and pages make many objects and few circles: the looking took a fifth of the time of settling a mail.
    """
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


@worker_process_init.connect
def limit_memory(**_: Any) -> None:
    """A mail that would fill the memory ends its own reading and nothing else."""
    from django.conf import settings

    from conversation_tracker import limits

    limits.memory(settings.WORKER_MEMORY_BYTES)
