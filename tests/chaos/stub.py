"""A mail provider to send through, on loopback: keeps count of what it accepted, and sometimes does not say so."""

from __future__ import annotations

import base64
import json
import random
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SILENT = 0.03  # of the calls are accepted and then cut off without an answer


class Provider:
    """Speaks as much of Postmark's sending API as the backend needs."""

    def __init__(self, *, seed: int, silent: float = SILENT) -> None:
        self.accepted: Counter[tuple[str, str]] = Counter()  # by the mail's subject and its recipient
        self.contents: dict[tuple[str, str], set[tuple[str, bytes]]] = {}  # of these: the text and the file
        self.silent = 0
        self._random, self._share = random.Random(seed), silent
        self._lock = threading.Lock()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # one packet an answer

            def do_POST(self) -> None:
                mail = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                files = [base64.b64decode(file["Content"]) for file in mail.get("Attachments", ())]
                if provider.take(mail["Subject"], mail["To"], mail["TextBody"].strip(), b"".join(files)):
                    self.close_connection = True
                    return
                answer = json.dumps(
                    {"To": mail["To"], "SubmittedAt": "2026-11-23T10:00:00Z", "MessageID": mail["Subject"],
                     "ErrorCode": 0, "Message": "OK"}
                ).encode()  # fmt: skip
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *args: object) -> None:
                """A caller that was killed is no error here."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, subject: str, recipient: str, text: str, file: bytes) -> bool:
        """Accept a mail; True when the caller is not to be told."""
        with self._lock:
            self.accepted[subject, recipient] += 1
            self.contents.setdefault((subject, recipient), set()).add((text, file))
            silent = self._random.random() < self._share
            self.silent += silent
            return silent

    def stop(self) -> None:
        """Accept nothing more."""
        self._server.shutdown()
        self._server.server_close()
