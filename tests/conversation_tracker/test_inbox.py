"""The inbox settles every receipt: recorded, or in quarantine with its bytes."""

from __future__ import annotations

import base64
import errno
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import psycopg
import pytest
from anymail.signals import inbound
from billiard.exceptions import SoftTimeLimitExceeded
from django.core.mail import EmailMultiAlternatives
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from conversation_tracker import inbox, setbacks, tasks
from conversation_tracker.mailflow import pipeline
from conversation_tracker.models import OutboundMail, Receipt, ReceiptState, Trouble
from orders.models import Action, AuditEntry, Kind, TimelineEntry
from orders.outcomes import Outcome
from orders.placing import Placed
from tests import factories, letters

pytestmark = pytest.mark.django_db
Work = Callable[..., list[EmailMultiAlternatives]]


def mails() -> int:
    return TimelineEntry.objects.filter(kind=Kind.MAIL).count()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff\xfe",
        b'{"FromFull": 3}',
        b'{"Headers": "x"}',
        b'{"RecordType": "Bounce"}',
    ],
)
def test_garbage_is_quarantined_with_its_bytes(client: Client, work: Work, body: bytes) -> None:
    letters.post_postmark(client, body)
    work()
    receipt = Receipt.objects.get()
    assert (receipt.state, receipt.trouble) == (ReceiptState.QUARANTINED, Trouble.UNREADABLE)
    assert receipt.body.bytes() == body
    assert receipt.trouble_detail


def test_garbage_among_good_mails_stops_none_of_them(client: Client, work: Work, placed: Placed) -> None:
    for number in range(3):
        headers = [{"Name": "Message-ID", "Value": f"<{number}@x.example>"}]
        letters.post_postmark(client, letters.postmark(placed.customer_alias, Headers=headers))
        letters.post_postmark(client, b"garbage")
    work()
    assert inbox.counts() == {"pending": 0, "done": 3, "quarantined": 3}
    assert mails() == 3


def test_no_address_of_a_sender_keeps_the_next_mail_out(client: Client, work: Work, placed: Placed) -> None:
    factories.make_third_party(placed.order, email="a@b")  # as an order of before may have
    letters.post_postmark(client, letters.postmark(placed.store_alias, FromFull={"Email": "c@d"}))
    work()
    letters.post_postmark(client, letters.postmark(placed.store_alias, TextBody="hello"))
    work()
    found = TimelineEntry.objects.filter(kind=Kind.MAIL).order_by("pk").values_list("outcome", flat=True)
    assert list(found) == [Outcome.RECORDED, Outcome.RELAYED]


def test_quarantined_is_replayed_after_a_fix(client: Client, work: Work, placed: Placed) -> None:
    with patch.object(pipeline, "read", side_effect=ValueError("a bug of ours")):
        letters.post_postmark(client, letters.postmark(placed.customer_alias))
        work()
    receipt = Receipt.objects.get()
    assert receipt.state == ReceiptState.QUARANTINED
    operator = factories.make_user("operator@staff.example", is_superuser=True)
    assert inbox.put_back(receipt, user=operator, now=timezone.now())
    work()
    receipt.refresh_from_db()
    assert receipt.state == ReceiptState.DONE
    assert mails() == 1
    assert AuditEntry.objects.get().action == Action.RECEIPT_REPLAYED


def test_only_what_is_in_quarantine_can_be_put_back(client: Client, work: Work, placed: Placed) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    work()
    assert not inbox.put_back(Receipt.objects.get(), user=factories.make_user(), now=timezone.now())
    assert not AuditEntry.objects.exists()


def lose_worker() -> list[int]:
    """Let a worker be gone as soon as it has counted the attempts of what it took; gives the receipts' ids."""
    lost: list[int] = []

    def stop(ids: Sequence[int], **_: object) -> None:
        lost.extend(ids)
        raise SystemExit

    with patch.object(inbox, "_work_on", stop), pytest.raises(SystemExit):
        inbox.work(now=timezone.now())
    return lost


def test_each_mail_has_a_turn_before_one_that_stops_its_worker_has_its_next(client: Client, placed: Placed) -> None:
    for _ in range(4):
        letters.post_postmark(client, letters.postmark(placed.customer_alias))
    poison, *good = lose_worker()  # they shared its batch
    assert lose_worker() == [poison]
    for pk in good:
        assert inbox.work(now=timezone.now()) == 1
        assert Receipt.objects.get(pk=pk).state == ReceiptState.DONE
    assert lose_worker() == [poison]


def test_a_batch_that_stops_its_worker_costs_a_mail_beside_it_no_attempt(client: Client, placed: Placed) -> None:
    for _ in range(2):
        letters.post_postmark(client, letters.postmark(placed.customer_alias))
    lone, _ = Receipt.objects.order_by("pk")
    Receipt.objects.filter(pk=lone.pk).update(attempts=1)
    with patch.object(inbox, "_work_on", side_effect=SystemExit), pytest.raises(SystemExit):
        inbox.work(now=timezone.now())
    lone.refresh_from_db()
    assert lone.attempts == 1


def test_the_time_for_reading_a_mail_counts_until_it_is_settled(client: Client, work: Work, placed: Placed) -> None:
    def read_slowly(sender: object, event: object, esp_name: str, **_: object) -> None:
        time.sleep(0.3)

    inbound.connect(read_slowly)
    try:
        letters.post_postmark(client, letters.postmark(placed.customer_alias))
        begun = timezone.now()
        work(now=begun)
    finally:
        inbound.disconnect(read_slowly)
    settled_at = Receipt.objects.get().settled_at
    assert settled_at is not None
    assert settled_at - begun >= timedelta(seconds=0.3)


def test_a_mail_that_stops_its_worker_is_quarantined_after_three_attempts(client: Client, placed: Placed) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    for _ in range(inbox.MOST_ATTEMPTS):
        lose_worker()
    assert inbox.work(now=timezone.now()) == 1
    receipt = Receipt.objects.get()
    assert (receipt.state, receipt.trouble) == (ReceiptState.QUARANTINED, Trouble.KILLED_WORKER)


def test_what_was_tried_before_is_tried_alone(client: Client, placed: Placed) -> None:
    for _ in range(3):
        letters.post_postmark(client, letters.postmark(placed.customer_alias))
    Receipt.objects.exclude(pk=Receipt.objects.earliest("pk").pk).update(attempts=1)
    together: list[list[int]] = []
    with patch.object(inbox, "_work_on", lambda ids, **_: together.append(list(ids))):
        inbox.work(now=timezone.now())
    first, second, _ = Receipt.objects.order_by("pk").values_list("pk", flat=True)
    assert together == [[first], [second]]


def test_a_passing_fault_is_nobodys_attempt(client: Client, work: Work, placed: Placed) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    with patch.object(pipeline, "process", side_effect=OperationalError):
        for minutes in range(0, 600, 60):
            inbox.work(now=timezone.now() + timedelta(minutes=minutes))
    receipt = Receipt.objects.get()
    assert (receipt.state, receipt.attempts, receipt.trouble) == (ReceiptState.PENDING, 0, Trouble.STORAGE)
    work(now=timezone.now() + timedelta(days=1))
    assert mails() == 1


def test_a_fault_that_should_pass_and_does_not_is_shown_after_days(client: Client, placed: Placed) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    Receipt.objects.update(deferrals=setbacks.MOST_DEFERRALS, attempts=1)
    with patch.object(pipeline, "process", side_effect=OSError(errno.EIO, "no")):
        inbox.work(now=timezone.now())
    receipt = Receipt.objects.get()
    assert (receipt.state, receipt.trouble) == (ReceiptState.QUARANTINED, Trouble.STORAGE)


@pytest.mark.django_db(transaction=True)
def test_a_receipt_at_which_the_tasks_time_is_always_over_is_shown_after_days(client: Client, placed: Placed) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    kept = Receipt.objects.get().body.bytes()
    Receipt.objects.update(deferrals=setbacks.MOST_DEFERRALS, attempts=1)
    is_over = patch.object(pipeline, "process", side_effect=SoftTimeLimitExceeded)
    with is_over, pytest.raises(SoftTimeLimitExceeded):
        inbox.work(now=timezone.now())
    receipt = Receipt.objects.get()
    assert (receipt.state, receipt.trouble) == (ReceiptState.QUARANTINED, Trouble.TOO_SLOW)
    assert receipt.body.bytes() == kept


@pytest.mark.django_db(transaction=True)
def test_a_batch_at_which_the_time_is_over_is_tried_one_by_one(client: Client, work: Work, placed: Placed) -> None:
    for number in range(3):
        headers = [{"Name": "Message-ID", "Value": f"<{number}@x.example>"}]
        letters.post_postmark(client, letters.postmark(placed.customer_alias, Headers=headers))
    is_over = patch.object(pipeline, "process", side_effect=SoftTimeLimitExceeded)
    with is_over, pytest.raises(SoftTimeLimitExceeded):
        inbox.work(now=timezone.now())
    assert set(Receipt.objects.values_list("attempts", "deferrals")) == {(1, 0)}
    work()
    assert mails() == 3


def test_a_receipt_waits_for_a_key_that_another_process_has_already(
    client: Client, work: Work, placed: Placed, settings: Settings
) -> None:
    old = settings.SEAL_KEYS
    settings.SEAL_KEYS = ["new:" + base64.b64encode(bytes(range(32))).decode(), *old]
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    settings.SEAL_KEYS = old
    now = timezone.now()
    for hour in range(5):
        work(now=now + timedelta(hours=hour))
    assert Receipt.objects.get().state == ReceiptState.PENDING
    settings.SEAL_KEYS = ["new:" + base64.b64encode(bytes(range(32))).decode(), *old]
    work(now=now + timedelta(hours=6))
    assert Receipt.objects.get().state == ReceiptState.DONE


def test_a_batch_that_is_put_off_again_and_again_is_tried_one_by_one(client: Client, placed: Placed) -> None:
    for _ in range(2):
        letters.post_postmark(client, letters.postmark(placed.customer_alias))
    Receipt.objects.update(deferrals=setbacks.MOST_TOGETHER, attempts=1)
    both = list(Receipt.objects.values_list("pk", flat=True))
    setbacks.defer(both, OperationalError(), now=timezone.now())
    assert set(Receipt.objects.values_list("state", "attempts")) == {(ReceiptState.PENDING, 1)}


def test_a_moment_beyond_every_clock_costs_its_neighbours_nothing(
    client: Client, settings: Settings, work: Work, placed: Placed
) -> None:
    letters.mount(settings, "mandrill", MANDRILL_WEBHOOK_KEY="mandrill-webhook-key")
    alias = placed.customer_alias.address.text()
    batch = [
        letters.mandrill_mail(alias, letters.mime(Message_ID=f"<{number}@carrier.example>").decode())
        for number in range(3)
    ]
    batch[1]["ts"] = 1_795_428_000_000_000_000  # nanoseconds, of which the system makes an OSError
    assert letters.post_mandrill(client, batch).status_code == 200
    work()
    assert inbox.counts() == {"pending": 0, "done": 3, "quarantined": 1}  # the call itself is done
    assert mails() == 2


def test_a_failed_recording_leaves_nothing_half_done(client: Client, work: Work, placed: Placed) -> None:
    with patch.object(OutboundMail.objects, "bulk_create", side_effect=ValueError):
        letters.post_postmark(client, letters.postmark(placed.customer_alias))
        work()
    assert Receipt.objects.get().trouble == Trouble.FAILED
    assert mails() == 0
    assert not OutboundMail.objects.exists()


def test_other_listeners_of_anymails_signal_are_called(client: Client, work: Work, placed: Placed) -> None:
    heard = []

    def listen(sender: object, event: object, esp_name: str, **_: object) -> None:
        heard.append(esp_name)

    inbound.connect(listen)
    try:
        letters.post_postmark(client, letters.postmark(placed.customer_alias))
        work()
    finally:
        inbound.disconnect(listen)
    assert heard == ["Postmark"]


def test_an_unknown_alias_is_kept_in_the_inbox_log_only(client: Client, work: Work, placed: Placed) -> None:
    letters.post_postmark(client, letters.postmark(f"{'0' * 32}@ct.acme.example"))
    assert work() == []
    receipt = Receipt.objects.get()
    assert receipt.state == ReceiptState.DONE
    assert receipt.results == [{"outcome": "refused", "reason": "unknown_alias", "entry": None, "repeat": False}]
    assert mails() == 0


def test_settled_receipts_are_forgotten_and_others_are_not(client: Client, work: Work, placed: Placed) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    letters.post_postmark(client, b"garbage")
    work()
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    assert inbox.forget_settled(before=timezone.now() - timedelta(seconds=10)) == 0
    assert inbox.forget_settled(before=timezone.now()) == 1
    assert inbox.counts() == {"pending": 1, "done": 0, "quarantined": 1}


def test_nothing_of_a_mail_is_logged(
    client: Client, work: Work, placed: Placed, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "conversation_tracker")
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    letters.post_postmark(client, b'{"FromFull": {"Email": "kim@carrier.example"}, "Headers": ["kim@carrier.example"]}')
    with patch.object(pipeline, "process", side_effect=ValueError("kim@carrier.example")):
        letters.post_postmark(client, letters.postmark(placed.store_alias))
        work()
    work()
    assert "mail settled" in caplog.text or "quarantined" in caplog.text
    assert "carrier.example" not in caplog.text


def test_a_mail_that_fills_the_memory_is_tried_again_and_given_up_after_three_attempts(
    client: Client, work: Work, placed: Placed
) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    with patch.object(pipeline, "read", side_effect=MemoryError):
        for attempt in range(1, 4):
            assert Receipt.objects.get().state == ReceiptState.PENDING
            inbox.work(now=timezone.now())
            assert Receipt.objects.get().attempts == attempt
    receipt = Receipt.objects.get()
    assert (receipt.state, receipt.trouble) == (ReceiptState.QUARANTINED, Trouble.FAILED)


def test_a_large_mail_for_which_the_driver_has_no_memory_is_tried_again(client: Client, placed: Placed) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias, TextBody="word " * 120_000))
    with patch("psycopg.Cursor", side_effect=psycopg.DatabaseError("out of memory for query result")):
        inbox.work(now=timezone.now())
    assert (Receipt.objects.get().state, Receipt.objects.get().attempts) == (ReceiptState.PENDING, 1)


def test_a_large_mail_whose_session_the_database_ends_is_put_off(client: Client, placed: Placed) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias, TextBody="word " * 120_000))
    now = timezone.now()
    with patch("psycopg.Cursor", side_effect=psycopg.errors.AdminShutdown("terminating connection")):
        inbox.work(now=now)
    receipt = Receipt.objects.get()
    assert (receipt.state, receipt.attempts, receipt.deferrals) == (ReceiptState.PENDING, 0, 1)
    inbox.work(now=now + timedelta(minutes=1))
    assert Receipt.objects.get().state == ReceiptState.DONE


def test_the_turn_of_a_process_that_has_grown_large_is_over(client: Client, placed: Placed, settings: Settings) -> None:
    for _ in range(inbox.BATCH + 1):
        letters.post_postmark(client, letters.postmark(placed.customer_alias))
    settings.WORKER_MEMORY_BYTES = 1_000_000
    tasks.drain_inbox()
    assert inbox.counts()["pending"] == 1
    settings.WORKER_MEMORY_BYTES = 64 * 10**9
    tasks.drain_inbox()
    assert inbox.counts()["pending"] == 0


def test_one_whose_file_cannot_be_written_holds_up_no_other(
    client: Client, placed: Placed, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        letters.post_postmark(
            client, letters.postmark(placed.customer_alias, TextBody="bad" if number == 1 else "good")
        )
    process = pipeline.process

    def write(arrivals: Sequence[Any], **kwargs: Any) -> Any:
        if any(b'"bad"' in one.original for one in arrivals):
            raise OSError(errno.EIO, "no")
        return process(arrivals, **kwargs)

    monkeypatch.setattr(pipeline, "process", write)
    now = timezone.now()
    while inbox.work(now=now):
        pass
    states = list(Receipt.objects.order_by("pk").values_list("state", "attempts"))
    done = (ReceiptState.DONE, 2)
    assert states == [done, (ReceiptState.PENDING, 1), done, done]
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    for turn in range(1, 6):
        inbox.work(now=now + timedelta(hours=turn))
    assert list(Receipt.objects.order_by("pk").values_list("state", "attempts"))[1] == (ReceiptState.PENDING, 1)
    assert Receipt.objects.latest("pk").state == ReceiptState.DONE
