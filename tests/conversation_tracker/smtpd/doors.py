"""A server process of the SMTP door, and what is said to it."""

from __future__ import annotations

import os
import signal
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.mail import EmailMultiAlternatives
from django.db import connection

from conversation_tracker.models import Receipt

ROOT = Path(__file__).resolve().parent.parent.parent.parent
SENDER = "kim@carrier.example"
MAIL = (
    b"From: Kim Carrier <kim@carrier.example>\r\nSubject: Your parcel\r\nMessage-ID: <1@carrier.example>\r\n"
    b"\r\nHere.\r\n"
)
Work = Callable[..., list[EmailMultiAlternatives]]


class Door:
    """A server process."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        database = os.environ["DATABASE_URL"].rpartition("/")[0]
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "smtpd", *arguments],
            cwd=ROOT,
            env={
                **os.environ,
                "DATABASE_URL": f"{database}/{connection.settings_dict['NAME']}",
                "SMTPD_HOSTNAME": "ct.test",
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.place = self.process.stdout.readline().strip().removeprefix("Listening at ")

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.place.rpartition(":")
        return host, int(port)

    def smtp(self) -> smtplib.SMTP:
        return smtplib.SMTP(*self.address, local_hostname="mx.carrier.example", timeout=20)

    def raw(self) -> socket.socket:
        """A connection whose greeting was read."""
        client = socket.create_connection(self.address, timeout=20)
        assert replies(client, 1)[0].startswith("220 ")
        return client

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        self.errors = self.process.communicate(timeout=40)[1]
        return self.process.returncode


@contextmanager
def running(*arguments: str, **environment: str) -> Iterator[Door]:
    door = Door(*arguments, **environment)
    try:
        yield door
    finally:
        if door.process.poll() is None:
            door.process.kill()
        door.process.communicate()


ANYWHERE = ("--listen", "127.0.0.1:0")


def replies(client: socket.socket, count: int) -> list[str]:
    """Read whole replies; only the last line of each counts."""
    found: list[str] = []
    buffer = b""
    while len(found) < count:
        data = client.recv(4096)
        assert data, f"closed after {found} {buffer!r}"
        buffer += data
        while b"\r\n" in buffer:
            line, _, buffer = buffer.partition(b"\r\n")
            if line[3:4] != b"-":
                found.append(line.decode())
    return found


def say(client: socket.socket, *commands: bytes) -> list[str]:
    """Send commands one by one; their replies."""
    found = []
    for command in commands:
        client.sendall(command + b"\r\n")
        found += replies(client, 1)
    return found


def begin(client: socket.socket, *recipients: str) -> list[str]:
    to = [f"RCPT TO:<{one}>".encode() for one in recipients]
    return say(client, b"EHLO mx.carrier.example", b"MAIL FROM:<kim@carrier.example>", *to, b"DATA")


def how_often(client: socket.socket, data: bytes, *, pause: float = 0.0) -> int:
    """Send again and again until the other side has had enough; how often that was, 1,000 times at most."""
    for turn in range(1_000):
        try:
            client.sendall(data)
        except OSError:
            return turn
        time.sleep(pause)
    return 1_000


def bodies() -> list[bytes]:
    return [receipt.body.bytes() for receipt in Receipt.objects.order_by("id")]


def envelope(receipt: Receipt) -> list[tuple[str, str]]:
    return [(name, value) for name, value in receipt.headers.json()]
