"""/healthz is fine when database, Redis and migrations are, and says which is not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

CHECKOUT = Path(__file__).resolve().parent.parent
FINE = {"status": "ok", "database": True, "redis": True, "migrations": True}
ASK = """
import django; django.setup()
from django.test import Client
answer = Client().get("/healthz", headers={"host": "localhost"})
print(answer.status_code, answer.content.decode())
"""
ASK_ALL = """
import base64, sys, threading, django; django.setup()
from django.conf import settings
from django.db import connection
from django.test import Client
settings.DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 0, "max_size": 1, "timeout": 0.2}
if "hold" in sys.argv:
    connection.ensure_connection()  # the only one there is
def ask():
    client = Client(headers={"host": "localhost", "authorization": "Basic " + base64.b64encode(b"demo:demo").decode()})
    print(*[client.get(path).status_code for path in ("/healthz", "/readyz", "/metrics")], end=" ")
    for name in ("postmark", "brevo"):
        answer = client.post(f"/anymail/{name}/inbound/", "{}", content_type="application/json")
        print(answer.status_code, end=" ")
thread = threading.Thread(target=ask)
thread.start()
thread.join()
"""


@pytest.mark.django_db
def test_all_is_fine(client):
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json(), answer["Content-Type"]) == (200, FINE, "application/json")


@pytest.mark.django_db
def test_it_needs_no_sign_in_and_leaves_no_cookie(client):
    answer = client.get("/healthz")
    assert (answer.status_code, dict(answer.cookies)) == (200, {})


@pytest.mark.django_db
def test_a_head_request_is_answered(client):
    assert (client.head("/healthz").status_code, client.head("/healthz").content) == (200, b"")


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_another_method_is_405(client, method):
    assert getattr(client, method)("/healthz").status_code == 405


@pytest.mark.django_db
@pytest.mark.parametrize("app", ["orders", "conversation_tracker", "auth"])
def test_a_missing_migration_is_503(client, app):
    latest = MigrationRecorder.Migration.objects.filter(app=app).latest("id")
    latest.delete()
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (503, {**FINE, "status": "unavailable", "migrations": False})


@pytest.mark.django_db
def test_a_redis_that_is_away_is_503(client, settings: Any):
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}}
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (503, {**FINE, "status": "unavailable", "redis": False})


def test_a_database_that_is_away_is_503():
    environment = {**os.environ, "DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing?connect_timeout=1"}
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=CHECKOUT,
        env={**environment, "DJANGO_SETTINGS_MODULE": "conversation_tracker.settings"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == '503 {"status": "unavailable", "database": false, "redis": true, "migrations": false}\n'
    assert "nobody" not in done.stdout


@pytest.mark.parametrize(
    ("argument", "url"),
    [
        ("", "postgres://nobody@127.0.0.1:1/nothing?connect_timeout=1"),
        ("", f"postgres://nobody@:5432/{'/too-long-for-a-socket' * 10}/nothing"),
        ("hold", os.environ["DATABASE_URL"]),
    ],
    ids=["away", "unreachable", "no free connection"],
)
def test_without_a_connection_everything_says_come_again_and_nothing_fails(argument, url):
    done = subprocess.run(
        [sys.executable, "-c", ASK_ALL, argument],
        cwd=CHECKOUT,
        env={
            **os.environ,
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "conversation_tracker.settings",
            "INBOUND_PROVIDERS": "postmark,brevo",
            "ANYMAIL_BREVO_API_KEY": "any",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.split() == ["503", "503", "503", "503", "429"], done.stderr


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_was_cut_is_not_held_against_the_database():
    """The database restarted: the pool's old connections are dead, and the next question gets a new one."""
    client = Client()
    assert client.get("/healthz").status_code == 200
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        cursor.execute("SELECT pg_backend_pid()")
    assert [client.get("/healthz").status_code for _ in range(3)][-1] == 200
    connection.close()
    cast("Any", connection).close_pool()  # else the next tests would try the dead ones, with a pause after each


@pytest.mark.django_db(transaction=True)
def test_after_a_restart_of_the_database_each_call_is_answered():
    """A pool that tries its dead connections one by one needs longer than a call may wait."""
    database = cast("Any", connection)
    database.ensure_connection()
    held = [database.pool.getconn() for _ in range(5)]
    pids = [one.info.backend_pid for one in [*held, database.connection]]
    for one in held:
        database.pool.putconn(one)
    database.close()
    with psycopg.connect(**database.get_connection_params(), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(pid, 5000) FROM unnest(%s) AS pid", [pids])
    client = Client()
    for _ in range(8):
        assert client.get("/healthz").status_code == 200
        database.close()


@pytest.mark.django_db
def test_it_is_reachable_without_https_behind_a_proxy(client, settings: Any):
    settings.SECURE_SSL_REDIRECT = True
    assert (client.get("/healthz").status_code, client.get("/sign-in/").status_code) == (200, 301)


def test_a_process_closes_its_pool_before_its_threads_are_stopped():
    """What is registered first is called last."""
    script = (
        "import atexit, django; django.setup()\n"
        "from django.db import connection\n"
        "atexit.register(lambda: print(connection.pool.closed))\n"
        "connection.settings_dict['OPTIONS']['pool'] = {'min_size': 0, 'max_size': 1, 'timeout': 5}\n"
        "connection.ensure_connection(); print(connection.pool.closed)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=CHECKOUT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "conversation_tracker.settings"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert (done.stdout.split(), done.stderr) == (["False", "True"], "")
