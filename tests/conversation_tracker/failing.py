"""Ways in which a provider, a mail server or a worker fails to get a mail away."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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


def http(status: int) -> AnymailRequestsAPIError:
    response = Response()
    response.status_code = status
    return AnymailRequestsAPIError("no", response=response)


@contextmanager
def smtp_server(replies: dict[str, int]) -> Iterator[int]:
    """The port of an SMTP server that answers these commands so, and others with 250, for one client."""

    def serve() -> None:
        client, _ = listening.accept()
        with client, client.makefile("rwb", buffering=0) as lines:
            lines.write(b"%d banner\r\n" % replies.get("banner", 220))
            for line in lines:
                verb = line.split()[0].decode().upper()
                code = replies.get(verb, 221 if verb == "QUIT" else 250)
                extra = b"250-mx.example\r\n250 AUTH PLAIN\r\n" if (verb, code) == ("EHLO", 250) else b""
                lines.write(extra or b"%d answer\r\n" % (235 if (verb, code) == ("AUTH", 250) else code))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(10)
