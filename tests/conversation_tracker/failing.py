"""Ways in which a provider or a mail server fails to take a mail."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from anymail.exceptions import AnymailRequestsAPIError
from requests import Response


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
