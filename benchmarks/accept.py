"""How fast the door takes in webhooks, beside a view that only inserts the same bytes."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

from benchmarks import stage
from benchmarks.figures import Figure, percentile
from benchmarks.stage import Stage
from conversation_tracker.local import processes
from tests import production

SIZE = 8_000
CONNECTIONS = 8
SERVER = ("-w", "2", "--threads", "4", "--keep-alive", "75", "--log-level", "error")
SHARE = 0.6  # of the floor's rate
LATEST = 50.0  # milliseconds, 99 of 100 at half the rate


def measure(on: Stage, *, seconds: float) -> Iterator[Figure]:
    """The rate of both, and how long one waits at half of ours."""
    from django.db import connection

    from tests import factories

    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS bench_bare (id bigserial PRIMARY KEY, body bytea)")
    placed = factories.place_order()
    body = stage.payload(placed.store_alias.address.text(), 1, sender=placed.customer_alias.real.text(), size=SIZE)
    bind = f"127.0.0.1:{on.port}"
    with on.running("-m", "gunicorn", "benchmarks.bare:application", "-b", bind, *SERVER):
        floor = _rate(on.port, _request("/", body), seconds=seconds)
    with on.running("-m", "gunicorn", "conversation_tracker.wsgi", "-b", bind, *SERVER):
        request = _request("/anymail/postmark/inbound/", body)
        rate = _rate(on.port, request, seconds=seconds)
        waits = _paced(on.port, request, rate=rate / 2, seconds=seconds)
    latest = percentile(waits, 0.99) * 1_000
    yield Figure(
        "accept a webhook of 8 kB, 2 web processes", rate, "/s", "/s, a bare insert", floor,
        f"at least {SHARE:.0%} of it", rate >= SHARE * floor,
    )  # fmt: skip
    yield Figure(
        "… 99 of 100 at half that rate", latest, "ms", budget=f"under {LATEST:.0f} ms", is_within=latest < LATEST
    )


def _request(path: str, body: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {production.authorization()}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class _Connection:
    """A kept connection; as little of HTTP as the two servers speak."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answers = self._socket.makefile("rb")

    def post(self, request: bytes) -> None:
        self._socket.sendall(request)
        status, length = self._answers.readline(), 0
        if not status.startswith(b"HTTP/1.1 200"):
            raise ConnectionError(status)
        while line := self._answers.readline().strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        self._answers.read(length)

    def close(self) -> None:
        self._answers.close()
        self._socket.close()


def _rate(port: int, request: bytes, *, seconds: float) -> float:
    """Calls a second, with as many at once as the server has threads, after a second of warming up."""
    processes.wait_until(lambda: _listens(port), timeout=stage.PATIENCE)
    _paced(port, request, rate=100, seconds=1)
    began = time.monotonic()
    waits = _paced(port, request, rate=0, seconds=seconds)
    return len(waits) / (time.monotonic() - began)


def _paced(port: int, request: bytes, *, rate: float, seconds: float) -> list[float]:
    """How long each call took, from the moment it was due: at a rate 0 as soon as the one before was answered."""
    waits: list[float] = []
    problems: list[Exception] = []
    until = time.monotonic() + seconds

    def work(number: int) -> None:
        connection = _Connection(port)
        due = time.monotonic() + (number / rate if rate else 0)
        try:
            while due < until:
                time.sleep(max(due - time.monotonic(), 0))
                connection.post(request)
                now = time.monotonic()
                waits.append(now - due)
                due = due + CONNECTIONS / rate if rate else now
        except Exception as error:  # noqa: BLE001  told by the thread that waits
            problems.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]
    return waits


def _listens(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0
