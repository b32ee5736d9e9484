"""The operators' commands of mail."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.mail import EmailMultiAlternatives
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from conversation_tracker import inbox
from conversation_tracker.models import Channel, Receipt
from orders import vault
from orders.models import Kind, TimelineEntry
from orders.placing import Placed
from tests import letters

pytestmark = pytest.mark.django_db
Work = Callable[..., list[EmailMultiAlternatives]]

# Mails that are broken in the ways mails are broken.
ODD = {
    "empty.eml": b"",
    "headerless.eml": b"\r\nonly a body",
    "binary.eml": bytes(range(256)) * 4,
    "nul.eml": b"From: a@b.example\r\nSubject: \x00\x00\r\n\r\n\x00",
    "no-from.eml": b"Subject: who\r\n\r\nam I",
    "group.eml": b"From: undisclosed-recipients:;\r\n\r\nx",
    "daemon.eml": b"From: MAILER-DAEMON <>\r\n\r\nx",
    "charset.eml": b"From: a@b.example\r\nContent-Type: text/plain; charset=x-none\r\n\r\n\xff\xfe",
    "cut.eml": b"From: a@b.example\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: te",
    "8bit.eml": b"From: J\xf6rg <j@b.example>\r\nSubject: \xe9\xe8\r\n\r\n\xe9",
    "base64.eml": b"From: a@b.example\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!!",
    "deep/folder/plain.txt": b"From: a@b.example\r\n\r\nplain",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in ODD.items():
        path = tmp_path / "mails" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "mails"


def run(*args: str) -> str:
    out = StringIO()
    call_command(*args, stdout=out)
    return out.getvalue()


def test_every_file_is_in_the_inbox_byte_for_byte(folder: Path, placed: Placed) -> None:
    assert run("ingest", str(folder), "--to", placed.customer_alias.address.text()) == "12 mails are in the inbox.\n"
    assert {receipt.body.bytes() for receipt in Receipt.objects.all()} == set(ODD.values())
    assert set(Receipt.objects.values_list("channel", flat=True)) == {Channel.MIME}


def test_one_mail_is_one_and_one_file_left_out_is_one(folder: Path, placed: Placed, settings: Settings) -> None:
    alias = placed.customer_alias.address.text()
    assert run("ingest", str(folder / "daemon.eml"), "--to", alias) == "1 mail is in the inbox.\n"
    settings.WEBHOOK_MAX_BYTES = 1
    with pytest.raises(CommandError, match="1 file was left out"):
        run("ingest", str(folder / "daemon.eml"), "--to", alias)


def test_every_odd_mail_is_recorded_with_its_original(folder: Path, placed: Placed, work: Work) -> None:
    run("ingest", str(folder), "--to", placed.customer_alias.address.text())
    work()
    assert json.loads(run("inbox", "--json")) == {"pending": 0, "done": 12, "quarantined": 0}
    entries = TimelineEntry.objects.filter(kind=Kind.MAIL)
    kept = {hashlib.sha256(vault.load(entry.original)).digest() for entry in entries}
    assert kept == {hashlib.sha256(content).digest() for content in ODD.values()}


def test_ingesting_twice_records_once(folder: Path, placed: Placed, work: Work) -> None:
    for _ in range(2):
        run("ingest", str(folder), "--to", placed.customer_alias.address.text())
    work()
    assert TimelineEntry.objects.filter(kind=Kind.MAIL).count() == 12


def test_an_unknown_alias_takes_nothing_in(folder: Path) -> None:
    with pytest.raises(CommandError, match="No alias"):
        run("ingest", str(folder), "--to", "x@y.example")
    assert not Receipt.objects.exists()


def test_a_missing_folder_is_said(placed: Placed) -> None:
    with pytest.raises(CommandError, match="there is no"):
        run("ingest", "/no/such/folder", "--to", placed.customer_alias.address.text())


def test_the_outbox_is_counted(client: Client, placed: Placed, work: Work) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    work()
    counts = json.loads(run("outbox", "--json"))
    assert counts.pop("sent") == 1
    assert set(counts.values()) == {0}


def test_the_counts_are_readable(client: Client, placed: Placed) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    Receipt.objects.update(received_at=timezone.now() - timedelta(hours=1))
    said = run("inbox")
    assert "pending         1" in said
    assert re.search(r"Oldest pending: 3,[6-9]\d\d s", said)
    assert "queued         0" in run("outbox")


def test_watching_ends_when_nothing_waits_and_shows_progress_on_the_way(
    client: Client, placed: Placed, work: Work, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    past = timezone.now() - timedelta(seconds=75)
    Receipt.objects.update(received_at=past)
    looks: list[float] = []

    def a_second_goes_by(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 2:
            work()

    monkeypatch.setenv("FORCE_COLOR", "1")  # for rich it is a terminal
    monkeypatch.setattr(time, "sleep", a_second_goes_by)
    assert "pending         0\n        done         1" in run("inbox", "--watch")
    assert len(looks) == 2
    drawn = capsys.readouterr().err
    assert "0/1" in drawn
    assert "oldest 75 s" in drawn


@pytest.mark.django_db(transaction=True)
def test_watching_goes_on_when_the_database_is_back(
    client: Client, placed: Placed, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    looks = 0

    def away_at_the_second_look() -> datetime | None:
        nonlocal looks
        looks += 1
        if looks == 2:
            raise OperationalError("server closed the connection unexpectedly")
        return oldest_pending()

    oldest_pending = inbox.oldest_pending
    monkeypatch.setattr(inbox, "oldest_pending", away_at_the_second_look)
    monkeypatch.setattr(time, "sleep", lambda _: work() if looks == 2 else None)
    assert "pending         0\n        done         1" in run("inbox", "--watch")


def test_watching_may_be_broken_off(
    client: Client, placed: Placed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    assert "pending         1" in run("inbox", "--watch")
    assert "the workers go on" in capsys.readouterr().err
