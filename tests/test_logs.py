"""Logs have one line for an event, and quote nothing of a mail or a search."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
ASK = """
import django; django.setup()
from django.test import Client
Client().post("/healthz", headers={"host": "localhost"})
"""


@pytest.mark.parametrize("debug", ["true", "false"])
def test_a_refused_request_is_one_line(debug):
    environment = {"DEBUG": debug, "LOCAL": debug, "ALLOWED_HOSTS": "localhost"}
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=CHECKOUT,
        env={**os.environ, **environment, "DJANGO_SETTINGS_MODULE": "conversation_tracker.settings"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr.count("/healthz") == 1, done.stderr
    assert " WARNING django.request Method Not Allowed (POST): /healthz" in done.stderr
