"""Logs have one line for an event, and quote nothing of a mail or a search."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conversation_tracker import logs

CHECKOUT = Path(__file__).resolve().parent.parent
ASK = """
import django; django.setup()
from django.test import Client
Client().post("/healthz", headers={"host": "localhost"})
"""


ASK_FOR_PEOPLE = """
import django; django.setup()
from django.test import Client
client = Client(headers={"host": "localhost"})
for path in ("/orders/ana@people.example/", "/orders/ana%2540people%252Eexample/?q=ana%40people.example"):
    client.get(path)
client.get("/", headers={"host": "ana@people.example"})
import logging
logging.getLogger("django.server").info('"GET /?q=%s HTTP/1.1" 200', "%61na%40people.example&x=1")
try:
    raise ValueError("Key (email)=(ana@people.example) already exists")
except ValueError:
    logging.getLogger("django.request").exception("Internal Server Error: %s", "/x/ana＠people.example")
"""

WORK = """
import django; django.setup()
import logging
from conversation_tracker.celery import app
app.log.setup("WARNING")  # as a worker that is started without an option does
logging.getLogger("conversation_tracker.outbox").info("mail left outbound=7")
logging.getLogger("celery.app.trace").info("Task drain_outbox succeeded")
logging.getLogger("celery.app.trace").error("Task drain_outbox raised")
"""


def _run(code: str, debug: str) -> str:
    environment = {"DEBUG": debug, "LOCAL": debug, "ALLOWED_HOSTS": "localhost", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=CHECKOUT,
        env={**os.environ, **environment, "DJANGO_SETTINGS_MODULE": "conversation_tracker.settings"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stderr


@pytest.mark.parametrize("debug", ["true", "false"])
def test_a_refused_request_is_one_line(debug):
    written = _run(ASK, debug)
    assert written.count("/healthz") == 1, written
    assert " WARNING django.request Method Not Allowed (POST): /healthz" in written


def test_what_is_asked_for_with_an_address_in_it_is_logged_without() -> None:
    written = _run(ASK_FOR_PEOPLE, "true")
    assert written.count("Not Found: /orders/<address>/") == 2, written
    assert "Invalid HTTP_HOST header: '<address>'" in written
    assert '"GET /?q=<address>&x=1 HTTP/1.1" 200' in written
    assert "Internal Server Error: /x/<address>" in written
    assert "(email)=(<address>)" in written
    assert "people" not in written


def test_a_worker_logs_what_became_of_each_mail_and_not_each_of_its_tasks() -> None:
    written = _run(WORK, "true")
    assert " INFO conversation_tracker.outbox mail left outbound=7" in written
    assert "succeeded" not in written
    assert " ERROR celery.app.trace Task drain_outbox raised" in written


@pytest.mark.parametrize(
    ("message", "args", "expected"),
    [
        ("%(r)s %(s)s", ({"r": "GET /?e=ana%40people.example HTTP/1.1", "s": 404},), "GET /?e=<address> HTTP/1.1 404"),
        (
            "%s - %s %d",
            ("1.2.3.4", "/?e=ana+x@people.example&f=b@c.example", 404),
            "1.2.3.4 - /?e=<address>&f=<address> 404",
        ),
        ("Booting worker with pid: %s", (7,), "Booting worker with pid: 7"),
        (
            "Invalid request from ip=1.2.3.4: Invalid HTTP request line: 'Dear Ana, ana@people.example \"says\"'",
            (),
            "Invalid request from ip=1.2.3.4: Invalid HTTP request line: …",
        ),
        (
            "Invalid request from ip=::1: Request Line is too large (6314 > 4094)",
            (),
            "Invalid request from ip=::1: Request Line is too large (6314 > 4094)",
        ),
        (
            "Ignored premature client disconnection. %s",
            ('No more data after: b"Ana\'s\\nmail"',),
            "Ignored premature client disconnection. No more data after: b…",
        ),
        ("celery@host ready, redis://:40@localhost:1/40", (), "celery@host ready, redis://:40@localhost:1/40"),
    ],
)
def test_the_logs_of_a_web_server_keep_to_it(message: str, args: tuple[Any, ...], expected: str) -> None:
    record = logging.LogRecord("gunicorn.access", logging.INFO, "", 0, message, args, None)
    assert logs.NoAddress().filter(record)
    assert record.getMessage() == expected


def test_a_long_line_takes_no_longer_than_its_length() -> None:
    for text in ("a" * 50_000 + "40", "a@" * 25_000, "%40" * 17_000, "a%40" * 12_000 + "."):
        assert logs.without_addresses(text + "\n").endswith("\n")
