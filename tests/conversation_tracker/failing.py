"""Ways in which a provider, a mail server or a worker fails to get a mail away."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime

from anymail.exceptions import AnymailRequestsAPIError
from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone
from requests import Response

from conversation_tracker import outbox
from orders import claims

raising: list[Exception] = []
asked: list[int] = []  # how many mails the provider was handed each time


class Backend(BaseEmailBackend):
    """A provider that fails as it is told to."""

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        asked.append(len(messages))
        if raising:
            raise raising[0]
        mail.outbox.extend(messages)
        return len(messages)


def lose_worker(now: datetime | None = None) -> None:
    """Take the next mail as a worker does that is killed before it has sent it."""
    params = {"now": now or timezone.now(), "waiting": ["queued", "sending", "retry"]}
    with claims.held(claims.Space.OUTBOX, outbox._TAKE, params):
        pass


def http(status: int, headers: dict[str, str] | None = None) -> AnymailRequestsAPIError:
    response = Response()
    response.status_code = status
    response.headers.update(headers or {})
    return AnymailRequestsAPIError("no", response=response)


@contextmanager
def smtp_server(replies: dict[str, int], *, words: str = "answer") -> Iterator[int]:
    """The port of an SMTP server that answers these commands so, and others with 250, for one client.

    A 0 stands for leaving without an answer; what follows DATA is answered as ".".
    """

    def serve() -> None:
        client, _ = listening.accept()
        with client, client.makefile("rwb", buffering=0) as lines:
            lines.write(b"%d banner\r\n" % replies.get("banner", 220))
            is_mail = False
            for line in lines:
                verb = (line.split() or [b""])[0].decode().upper()
                if is_mail and verb != ".":
                    continue
                is_mail = verb == "DATA"
                if replies.get(verb) == 0:
                    return
                code = replies.get(verb, 221 if verb == "QUIT" else 250)
                extra = b"250-mx.example\r\n250 AUTH PLAIN\r\n" if (verb, code) == ("EHLO", 250) else b""
                code = 235 if (verb, code) == ("AUTH", 250) else code
                lines.write(extra or f"{code} {words if verb == '.' else 'answer'}\r\n".encode())

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(10)


@contextmanager
def slow_reader(
    *, pause: float = 0.0, until: int | None = None, says: bytes = b"", leaves: bool = True
) -> Iterator[str]:
    """The address of an HTTP server that reads one request, with a pause after each piece, and then says these bytes.

    ``until``: it reads no more than about so many of the body, and leaves, or stays until the client is gone.
    """

    def serve() -> None:
        client, _ = listening.accept()
        with client, suppress(OSError):
            client.settimeout(20)
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4_096)
            head, _, body = head.partition(b"\r\n\r\n")
            size = int(re.search(rb"content-length: (\d+)", head.lower())[1])  # type: ignore[index]  # it is there
            read, end = len(body), size if until is None else until
            while read < end and (piece := client.recv(262_144)):
                read += len(piece)
                time.sleep(pause)
            client.sendall(says)
            is_over.wait(0 if leaves else 20)

    is_over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        is_over.set()
        thread.join(30)


@contextmanager
def http_server(answer: bytes, *, pause: float = 0.0) -> Iterator[str]:
    """The address of an HTTP server that takes one request and says these bytes; one at a time when it pauses."""

    def serve() -> None:
        client, _ = listening.accept()
        with client, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4_096)
            head, _, body = head.partition(b"\r\n\r\n")
            size = int(re.search(rb"content-length: (\d+)", head.lower())[1])  # type: ignore[index]  # it is there
            while len(body) < size:
                body += client.recv(4_096)
            pieces = [answer[at : at + 1] for at in range(len(answer))] if pause else [answer]
            for piece in pieces:
                client.sendall(piece)
                time.sleep(pause)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        thread.join(10)
