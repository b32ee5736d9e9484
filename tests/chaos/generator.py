"""Numbered mails, posted as providers do: again until they are acknowledged, some more than once, out of order."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import random
import re
import smtplib
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from queue import Empty, SimpleQueue

from tests import letters, production

MOST_COPIES = 3
TO_TWO = 0.2  # of the mails go to two aliases
TORN = 0.01  # of the mails are of no sense to anybody
PATIENCE = 20.0  # seconds one call may take
PAUSE = 0.3  # seconds before a call that failed is made again


class Way(StrEnum):
    """How a mail comes in."""

    POSTMARK = "postmark"
    MAILGUN = "mailgun"
    SMTP = "smtp"
    TORN = "torn"  # half a payload with a good credential


@dataclass(frozen=True, slots=True)
class Numbered:
    """One mail: its number is its subject."""

    number: int
    aliases: tuple[str, ...]
    way: Way

    @property
    def subject(self) -> str:
        """By which it is found again everywhere."""
        return f"mail {self.number:06d}"

    @property
    def message_id(self) -> str:
        """The same in each copy."""
        return f"<{self.number}@carrier.example>"

    @property
    def text(self) -> str:
        """What it says."""
        return f"The whole of {self.subject}."

    @property
    def file(self) -> bytes:
        """What is in its file; nothing where it has none. Mailgun's form, as it is posted here, takes none."""
        return f"The file of {self.subject}.".encode() if self.number % 3 == 0 and self.way != Way.MAILGUN else b""


def numbers(raw: bytes) -> set[int]:
    """The numbers of the mails that bytes hold, in whatever way they came: a form writes a space as a plus."""
    return {int(found) for found in re.findall(rb"mail[ +](\d{6})", raw)}


def make(count: int, aliases: Sequence[str], *, seed: int) -> list[Numbered]:
    """So many different mails to these aliases."""
    chance = random.Random(seed)
    ways = (Way.POSTMARK, Way.MAILGUN, Way.SMTP)
    return [
        Numbered(
            number,
            tuple(chance.sample(aliases, 2 if chance.random() < TO_TWO else 1)),
            Way.TORN if chance.random() < TORN else chance.choice(ways),
        )
        for number in range(count)
    ]


@dataclass(slots=True)
class Generator:
    """Posts every mail between one and three times from a few threads at once."""

    url: str
    smtp_port: int
    mails: Sequence[Numbered]
    seed: int
    acknowledged: Counter[int] = field(default_factory=Counter)  # how many posts of each mail
    posts: int = 0
    failures: int = 0
    longest: float = 0.0  # seconds until a call was acknowledged, with all its repeats
    _until: float = 0.0
    _pace: float = 0.0  # seconds a thread takes for a call at least
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, *, threads: int, over: float, until: float) -> None:
        """Post them all in the background, evenly over so many seconds if the site is fast enough.

        What is not acknowledged at this moment of the monotonic clock is given up.
        """
        chance = random.Random(self.seed)
        copies = [mail for mail in self.mails for _ in range(chance.randint(1, MOST_COPIES))]
        chance.shuffle(copies)
        queue: SimpleQueue[Numbered] = SimpleQueue()
        for copy in copies:
            queue.put(copy)
        self._until, self._pace = until, over * threads / len(copies)
        self._threads = [threading.Thread(target=self._work, args=(queue,), daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def wait(self) -> None:
        """Until every mail is acknowledged or given up."""
        for thread in self._threads:
            thread.join()

    def _work(self, queue: SimpleQueue[Numbered]) -> None:
        while time.monotonic() < self._until:
            try:
                mail = queue.get_nowait()
            except Empty:
                return
            began = time.monotonic()
            while not self._post(mail) and time.monotonic() < self._until:
                time.sleep(PAUSE)
            took = time.monotonic() - began
            with self._lock:
                self.longest = max(self.longest, took)
            time.sleep(max(self._pace - took, 0))

    def _post(self, mail: Numbered) -> bool:
        try:
            match mail.way:
                case Way.POSTMARK:
                    self._http("postmark", _postmark(mail), "application/json")
                case Way.TORN:
                    self._http("postmark", _postmark(mail)[:-1], "application/json")
                case Way.MAILGUN:
                    self._http("mailgun", _mailgun(mail), "application/x-www-form-urlencoded")
                case Way.SMTP:
                    self._smtp(mail)
        except (urllib.error.URLError, http.client.HTTPException, smtplib.SMTPException, OSError):
            with self._lock:
                self.failures += 1
            return False
        with self._lock:
            self.posts += 1
            self.acknowledged[mail.number] += 1
        return True

    def _http(self, provider: str, body: bytes, content_type: str) -> None:
        headers = {"Authorization": production.authorization(), "Content-Type": content_type}
        request = urllib.request.Request(f"{self.url}/anymail/{provider}/inbound/", body, headers)
        with urllib.request.urlopen(request, timeout=PATIENCE):
            pass

    def _smtp(self, mail: Numbered) -> None:
        raw = letters.mime(
            text=mail.text,
            files=(("note.txt", "text/plain", mail.file),) if mail.file else (),
            Subject=mail.subject,
            Message_ID=mail.message_id,
            Date="Mon, 23 Nov 2026 10:00:00 +0000",
        )
        with smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=PATIENCE) as server:
            refused = server.sendmail("kim@carrier.example", list(mail.aliases), raw)
        if refused:
            raise smtplib.SMTPRecipientsRefused(refused)


def _postmark(mail: Numbered) -> bytes:
    headers = [{"Name": "Message-ID", "Value": mail.message_id}]
    to = [{"Email": alias, "Name": ""} for alias in mail.aliases]
    file = {"Name": "note.txt", "ContentType": "text/plain", "Content": base64.b64encode(mail.file).decode()}
    fields = {"TextBody": mail.text, "Attachments": [file] if mail.file else []}
    payload = letters.postmark(mail.aliases[0], Subject=mail.subject, ToFull=to, Headers=headers, **fields)
    return json.dumps(payload).encode()


def _mailgun(mail: Numbered) -> bytes:
    headers = [["From", "Kim <kim@carrier.example>"], ["Subject", mail.subject], ["Message-Id", mail.message_id]]
    fields = {"message-headers": json.dumps(headers), "subject": mail.subject, "body-plain": mail.text}
    form = letters.mailgun(",".join(mail.aliases), **fields)
    signed = f"{form['timestamp']}{form['token']}".encode()
    form["signature"] = hmac.new(production.SIGNING_KEY.encode(), signed, hashlib.sha256).hexdigest()
    return urllib.parse.urlencode(form).encode()
