"""The outbox sends at least once, tries again what can heal, and holds what would leak."""

from __future__ import annotations

import base64
import smtplib
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from unittest.mock import patch

import pytest
from anymail.exceptions import AnymailRecipientsRefused
from django.core import mail
from django.core.files.storage import storages
from django.core.mail import EmailMultiAlternatives
from django.db import DatabaseError, connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from conversation_tracker import enclosures, inbox, limits, outbox, send
from conversation_tracker.mailflow import leakgate
from conversation_tracker.models import OutboundMail, SendState, outbound
from orders import suppression, vault
from orders.known import Known
from orders.models import Alert, AlertKind, Attachment, Suppression, SuppressionReason
from orders.placing import Placed
from orders.secrecy import Secret
from tests import factories, letters, stopwatch
from tests.conversation_tracker.failing import asked, http, lose_worker

pytestmark = pytest.mark.django_db
Work = Callable[..., list[EmailMultiAlternatives]]
WHILE_IT_MAY_LIVE = timedelta(seconds=outbox.PATIENCE + outbox.MARGIN + 1)


def test_a_mail_whose_worker_was_killed_is_sent_by_the_next(client: Client, work: Work, placed: Placed) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    inbox.work(now=timezone.now())
    lose_worker()
    assert OutboundMail.objects.get().state == SendState.SENDING
    assert work() == []
    assert len(work(now=timezone.now() + WHILE_IT_MAY_LIVE)) == 1


@pytest.mark.parametrize("is_noted", [True, False])
def test_a_worker_whose_session_was_lost_has_time_to_write_down_what_left(
    client: Client, work: Work, placed: Placed, *, is_noted: bool
) -> None:
    """As by a restart, a failover or a pooler; its lock is free then, as that of one that is dead."""
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    began = timezone.now()
    inbox.work(now=began)
    lose_worker(began)
    row = OutboundMail.objects.get()
    if is_noted:
        assert outbox.note_interrupted(now=timezone.now()) == 1
    assert work(now=began + timedelta(seconds=outbox.PATIENCE)) == []
    living = outbox._Attempt(row.pk, number=row.attempts, result=send.Sent("esp-1"))
    outbox._write_down(living, now=timezone.now())
    assert work(now=began + timedelta(days=1)) == []
    row.refresh_from_db()
    assert (row.state, row.provider_message_id) == (SendState.SENT, "esp-1")


def test_a_real_address_in_the_finished_mail_is_masked_before_it_leaves(
    client: Client, work: Work, placed: Placed
) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    inbox.work(now=timezone.now())
    row = OutboundMail.objects.get()
    row.content = Secret.of_json({**row.content.json(), "text": placed.customer_alias.real.text()})
    row.save()
    (sent,) = work()
    assert sent.body == placed.customer_alias.address.text()


def test_a_real_address_in_a_file_that_cannot_be_edited_holds_the_mail(
    client: Client, work: Work, placed: Placed, settings: Settings
) -> None:
    settings.INBOUND_PROVIDERS = ["amazon_ses"]
    real = placed.customer_alias.real.text().encode()
    raw = letters.mime(files=(("label.pdf", "application/pdf", b"%PDF-1.4\n\xff" + real),))
    letters.post_ses(client, letters.ses([placed.customer_alias.address.text()], raw))
    assert work() == []
    assert OutboundMail.objects.get().state == SendState.HELD


def test_a_missing_attachment_is_waited_for(client: Client, work: Work, placed: Placed, settings: Settings) -> None:
    settings.INBOUND_PROVIDERS = ["amazon_ses"]
    raw = letters.mime(files=(("label.bin", "application/x-label", b"\x00\xff"),))
    letters.post_ses(client, letters.ses([placed.customer_alias.address.text()], raw))
    inbox.work(now=timezone.now())
    name = Attachment.objects.get().stored_as
    content = vault.load(name)
    storages["mail"].delete(name)
    assert work() == []
    assert OutboundMail.objects.get().state == SendState.RETRY
    vault.save(content)
    (sent,) = work(now=timezone.now() + timedelta(hours=3))
    assert len(sent.attachments) == 1


def test_an_attachment_that_the_storage_does_not_give_is_not_waited_for_while_others_could_leave(
    client: Client, work: Work, placed: Placed, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.INBOUND_PROVIDERS = ["amazon_ses"]
    raw = letters.mime(files=(("label.bin", "application/x-label", b"\x00\xff"),))
    letters.post_ses(client, letters.ses([placed.customer_alias.address.text()], raw))
    inbox.work(now=timezone.now())
    monkeypatch.setattr(enclosures, "PATIENCE", 0.2)
    with patch.object(vault, "load", lambda _: time.sleep(20)), stopwatch.running() as took:
        assert work() == []
    assert took.seconds < 10
    assert OutboundMail.objects.get().state == SendState.RETRY
    (sent,) = work(now=timezone.now() + timedelta(hours=3))
    assert len(sent.attachments) == 1


def test_a_mail_that_cannot_be_built_does_not_stop_the_others(client: Client, work: Work, placed: Placed) -> None:
    for number in range(2):
        headers = [{"Name": "Message-ID", "Value": f"<{number}@x.example>"}]
        letters.post_postmark(client, letters.postmark(placed.customer_alias, Headers=headers))
    inbox.work(now=timezone.now())
    broken = OutboundMail.objects.earliest("pk")
    broken.content = Secret.of_json({"no": "mail"})
    broken.save()
    assert len(work()) == 1
    broken.refresh_from_db()
    assert broken.state == SendState.RETRY


def test_a_mail_that_stops_its_worker_each_time_waits_ever_longer_and_is_held_at_last(
    client: Client, work: Work, placed: Placed
) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    now = timezone.now()
    inbox.work(now=now)
    waits = []
    for _ in range(outbox.MOST_STOPS):
        lose_worker(now)
        waits.append(OutboundMail.objects.get().next_attempt_at - now)
        now += waits[-1]
    assert timedelta(seconds=outbox.PATIENCE) < waits[0] < WHILE_IT_MAY_LIVE
    assert all(timedelta(minutes=90) <= wait <= timedelta(minutes=150) for wait in waits[-2:])
    assert sum(waits, timedelta()) > timedelta(hours=4)
    assert work(now=now) == []
    row = OutboundMail.objects.get()
    assert (row.state, row.problem) == (SendState.HELD, outbound.STOPPED)
    assert Alert.objects.get().kind == AlertKind.HELD


@pytest.mark.parametrize(
    ("error", "problem"),
    [(limits.TooSlow(), outbound.TOO_SLOW), (MemoryError(), outbound.TOO_LARGE)],
    ids=["time", "memory"],
)
def test_a_mail_that_cannot_be_searched_within_the_limits_is_held_and_its_neighbours_leave(
    client: Client, work: Work, placed: Placed, error: BaseException, problem: str
) -> None:
    search = leakgate.leaks

    def exhaust(finished: bytes, known: Sequence[Known]) -> list[str]:
        if b"Subject: huge" in finished:
            raise error
        return search(finished, known)

    for subject in ("one", "huge", "two"):
        headers = [{"Name": "Message-ID", "Value": f"<{subject}@x.example>"}]
        letters.post_postmark(client, letters.postmark(placed.customer_alias, Subject=subject, Headers=headers))
    with patch.object(leakgate, "leaks", exhaust):
        left = [mail for hours in range(3) for mail in work(now=timezone.now() + timedelta(hours=hours))]
    assert [mail.subject for mail in left] == ["one", "two"]
    held = OutboundMail.objects.exclude(state=SendState.SENT).get()
    assert (held.state, held.problem) == (SendState.HELD, problem)


def test_searching_a_mail_takes_no_longer_than_reading_one_may(client: Client, work: Work, placed: Placed) -> None:
    def search(finished: bytes, known: Sequence[Known]) -> list[str]:
        while True:
            sum(range(1_000))

    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    with patch.object(leakgate, "leaks", search), patch.object(limits, "SECONDS", 0.1):
        assert work() == []
    assert OutboundMail.objects.get().problem == outbound.TOO_SLOW


def test_a_mail_too_large_to_be_handed_over_is_held(
    client: Client, work: Work, placed: Placed, provider: list[Exception]
) -> None:
    provider.append(MemoryError())
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    for hours in range(2):
        work(now=timezone.now() + timedelta(hours=hours))
        row = OutboundMail.objects.get()
        assert (row.state, row.problem) == (SendState.RETRY, outbound.TOO_LARGE)
    work(now=timezone.now() + timedelta(hours=3))
    row.refresh_from_db()
    assert (row.state, row.problem) == (SendState.HELD, outbound.TOO_LARGE)


def test_a_mail_for_which_memory_was_short_once_leaves(
    client: Client, work: Work, placed: Placed, provider: list[Exception]
) -> None:
    provider.append(MemoryError())
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    work()
    provider.clear()
    assert len(work(now=timezone.now() + timedelta(hours=1))) == 1


def test_a_mail_that_fills_the_memory_within_a_statement_is_held_and_its_neighbour_leaves(
    client: Client, work: Work, placed: Placed
) -> None:
    def fail(row: OutboundMail) -> send.Result:
        with suppress(DatabaseError), connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
        raise MemoryError

    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    while inbox.work(now=timezone.now()) is not None:
        pass
    with patch.object(send, "send", fail):
        for hours in range(3):
            assert outbox.work(now=timezone.now() + timedelta(hours=hours))
    row = OutboundMail.objects.get()
    assert (row.state, row.problem) == (SendState.HELD, outbound.TOO_LARGE)
    letters.post_postmark(client, letters.postmark(placed.store_alias))
    assert len(work()) == 1


@pytest.mark.django_db(transaction=True)
def test_a_mail_leaves_once_while_the_disk_of_the_database_is_full(
    client: Client, placed: Placed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "PATIENCE", 0)
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    inbox.work(now=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$"
        )
        cursor.execute(
            "CREATE TRIGGER no_room BEFORE INSERT ON orders_orderevent FOR EACH ROW EXECUTE FUNCTION no_room()"
        )
        try:
            assert outbox.work(now=timezone.now())
        finally:
            cursor.execute("DROP TRIGGER no_room ON orders_orderevent; DROP FUNCTION no_room()")
    row = OutboundMail.objects.get()
    assert (row.state, row.attempts, row.problem) == (SendState.SENT, 1, "")
    assert not outbox.work(now=timezone.now() + timedelta(hours=3))
    assert len(mail.outbox) == 1


def test_to_a_suppressed_address_nothing_is_sent_and_the_provider_is_not_asked(
    client: Client, work: Work, placed: Placed, provider: list[Exception]
) -> None:
    factories.make_suppression(placed.customer_alias)
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    assert work() == []
    row = OutboundMail.objects.get()
    assert (row.state, row.problem) == (SendState.SUPPRESSED, "The store suppresses this address.")
    assert asked == []
    assert Alert.objects.get().kind == AlertKind.SUPPRESSED
    assert Suppression.objects.get().reason == SuppressionReason.BOUNCED


def test_an_address_suppressed_in_one_store_gets_mail_from_another(client: Client, work: Work, placed: Placed) -> None:
    real = placed.customer_alias.real.text()
    factories.make_suppression(placed.customer_alias)
    other = factories.place_order(email=real)
    letters.post_postmark(client, letters.postmark(other.customer_alias))
    (sent,) = work()
    assert sent.to == [real]


def test_whom_the_provider_refuses_is_suppressed_from_then_on(
    client: Client, work: Work, placed: Placed, provider: list[Exception]
) -> None:
    provider.append(AnymailRecipientsRefused("no"))
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    work()
    row, found = OutboundMail.objects.get(), Suppression.objects.get()
    assert (found.reason, found.source) == (SuppressionReason.REFUSED, f"outbound {row.pk}")
    assert suppression.is_suppressed(placed.customer_alias.real.text(), store_id=placed.order.store_id)
    assert Alert.objects.get().kind == AlertKind.SUPPRESSED


@pytest.mark.parametrize("error", [http(503), http(422), TimeoutError(), smtplib.SMTPDataError(554, b"never")])
def test_other_failures_suppress_nobody(
    client: Client, work: Work, placed: Placed, provider: list[Exception], error: Exception
) -> None:
    provider.append(error)
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    work()
    assert Suppression.objects.count() == 0


def test_a_mail_that_failed_or_is_held_raises_an_alert_and_one_that_is_retried_does_not(
    client: Client, work: Work, placed: Placed, provider: list[Exception]
) -> None:
    provider.append(http(503))
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    work()
    assert Alert.objects.count() == 0
    provider[:] = [http(422)]
    work(now=timezone.now() + timedelta(hours=3))
    alert = Alert.objects.get()
    entry = OutboundMail.objects.get().entry
    assert (alert.kind, alert.entry, alert.order, alert.settled_at) == (AlertKind.FAILED, entry, placed.order, None)


def test_a_held_mail_raises_an_alert(client: Client, work: Work, placed: Placed) -> None:
    file = {"Name": "label.bin", "ContentType": "application/x-label"}
    file["Content"] = base64.b64encode(b"\0\xff" + placed.customer_alias.real.text().encode()).decode()
    letters.post_postmark(client, letters.postmark(placed.customer_alias, Attachments=[file]))
    assert work() == []
    assert Alert.objects.get().kind == AlertKind.HELD


def test_a_mail_that_left_raises_none(client: Client, work: Work, placed: Placed) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    work()
    assert Alert.objects.count() == 0
