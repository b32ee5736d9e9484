"""A target of hooks on this machine: it keeps what is posted to it, and answers as told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Post:
    """One call."""

    path: str
    headers: Message
    body: bytes


@dataclass
class Target:
    """Where the target is, and what came."""

    url: str
    posts: list[Post] = field(default_factory=list)


Answer = Callable[[Post], tuple[int, dict[str, str]]]


@contextmanager
def target(answer: Answer = lambda _: (200, {})) -> Iterator[Target]:
    """Serve a target; ``answer`` gives the status and headers of each answer, or 0: it dies half-way through one."""
    found = Target("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            post = Post(self.path, self.headers, self.rfile.read(int(self.headers["Content-Length"])))
            found.posts.append(post)
            status, headers = answer(post)
            if not status:
                self.wfile.write(b"HTTP/1.1 20")
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
