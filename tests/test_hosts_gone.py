"""A database or Redis whose host is gone without a word keeps nobody waiting."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys

import pytest
from django.conf import settings
from django.db import connection

WAKE = """
import json, django
django.setup()
from django.core.cache import cache
from conversation_tracker import tasks
from tests import stopwatch
took = []
for ask in (tasks.wake_inbox, lambda: cache.get("x")):
    with stopwatch.running() as watch:
        try:
            ask()
        except Exception:
            pass
    took.append(watch.seconds)
print(json.dumps(took))
"""


def test_a_redis_that_hangs_keeps_the_web_waiting_for_a_second_or_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and never says a word
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        environment = {**os.environ, "REDIS_URL": url, "DJANGO_SETTINGS_MODULE": "conversation_tracker.settings"}
        ran = subprocess.run(
            [sys.executable, "-c", WAKE], env=environment, capture_output=True, check=True, text=True, timeout=60
        )
    wake_up, cache = json.loads(ran.stdout.splitlines()[-1])
    assert wake_up < 2
    assert cache < 2


def test_the_database_s_host_is_watched_from_both_sides() -> None:
    wanted = {"connect_timeout", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"}
    assert wanted <= set(settings.DATABASES["default"]["OPTIONS"])


@pytest.mark.django_db
def test_the_database_takes_what_we_ask_of_it() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT sourcefile, source FROM pg_settings WHERE name = 'tcp_user_timeout'")
        assert cursor.fetchone() == (None, "client")
