"""Numbered mails, posted as providers do: again until they are acknowledged, some more than once, out of order."""

from __future__ import annotations

import json
import random
import smtplib
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from tests import letters

MOST_COPIES = 3
PATIENCE = 20.0  # seconds one call may take
PAUSE = 0.3  # seconds before a call that failed is made again


@dataclass(frozen=True, slots=True)
class Numbered:
    """One mail: its number is its subject."""

    number: int
    alias: str
    way: str  # postmark, mailgun or smtp

    @property
    def subject(self) -> str:
        """By which it is found again everywhere."""
        return f"mail {self.number:06d}"

    @property
    def message_id(self) -> str:
        """The same in each copy."""
        return f"<{self.number}@carrier.example>"


@dataclass(slots=True)
class Generator:
    """Posts every mail between one and three times from a few threads at once."""

    url: str
    smtp_port: int | None
    aliases: Sequence[str]
    mails: int
    seed: int
    pace: float  # seconds between two posts of one thread
    acknowledged: set[int] = field(default_factory=set)
    posts: int = 0
    failures: int = 0
    deadline: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, *, threads: int, seconds: float) -> list[Numbered]:
        """Post them all; returns the mails. What is not acknowledged by the end of the time is given up."""
        chance = random.Random(self.seed)
        ways = ["postmark", "mailgun", *(["smtp"] if self.smtp_port else [])]
        mails = [Numbered(number, chance.choice(self.aliases), chance.choice(ways)) for number in range(self.mails)]
        copies = [mail for mail in mails for _ in range(chance.randint(1, MOST_COPIES))]
        chance.shuffle(copies)
        queue: SimpleQueue[Numbered] = SimpleQueue()
        for copy in copies:
            queue.put(copy)
        self.deadline = time.monotonic() + seconds
        workers = [threading.Thread(target=self._work, args=(queue,)) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return mails

    def _work(self, queue: SimpleQueue[Numbered]) -> None:
        while time.monotonic() < self.deadline:
            try:
                mail = queue.get_nowait()
            except Empty:
                return
            while not self._post(mail) and time.monotonic() < self.deadline:
                time.sleep(PAUSE)
            time.sleep(self.pace)

    def _post(self, mail: Numbered) -> bool:
        try:
            {"postmark": self._postmark, "mailgun": self._mailgun, "smtp": self._smtp}[mail.way](mail)
        except (urllib.error.URLError, smtplib.SMTPException, OSError):
            with self._lock:
                self.failures += 1
            return False
        with self._lock:
            self.posts += 1
            self.acknowledged.add(mail.number)
        return True

    def _postmark(self, mail: Numbered) -> None:
        headers = [{"Name": "Message-ID", "Value": mail.message_id}]
        payload = letters.postmark(mail.alias, Subject=mail.subject, Headers=headers)
        self._http("postmark", json.dumps(payload).encode(), "application/json")

    def _mailgun(self, mail: Numbered) -> None:
        headers = [["From", "Kim <kim@carrier.example>"], ["Subject", mail.subject], ["Message-Id", mail.message_id]]
        form = letters.mailgun(mail.alias, **{"message-headers": json.dumps(headers), "subject": mail.subject})
        self._http("mailgun", urllib.parse.urlencode(form).encode(), "application/x-www-form-urlencoded")

    def _http(self, provider: str, body: bytes, content_type: str) -> None:
        headers = {"Authorization": letters.BASIC_AUTH, "Content-Type": content_type}
        request = urllib.request.Request(f"{self.url}/anymail/{provider}/inbound/", body, headers)
        with urllib.request.urlopen(request, timeout=PATIENCE):
            pass

    def _smtp(self, mail: Numbered) -> None:
        raw = letters.mime(Subject=mail.subject, Message_ID=mail.message_id, Date="Mon, 23 Nov 2026 10:00:00 +0000")
        with smtplib.SMTP("127.0.0.1", self.smtp_port or 0, timeout=PATIENCE) as server:
            server.sendmail("kim@carrier.example", [mail.alias], raw)
