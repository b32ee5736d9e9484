"""A sealing key is changed while the system runs, and the old one can be given up afterwards."""

from __future__ import annotations

import base64
import os
import threading
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from conversation_tracker import inbox, outbox
from conversation_tracker.models import OutboundMail, Receipt
from orders import resealing, secrecy, vault
from orders.models import Alias, Attachment, Customer, TimelineEntry
from orders.placing import Placed
from tests import letters


def _new_key(kid: str) -> str:
    return f"{kid}:{base64.b64encode(os.urandom(32)).decode()}"


def _converse(client: Any, placed: Placed) -> None:
    """A mail with a file, from a stranger, settled and sent; one more that waits."""
    letters.post_postmark(
        client,
        letters.postmark(
            placed.customer_alias,
            Attachments=[{"Name": "note.txt", "Content": "aGVsbG8=", "ContentType": "text/plain"}],
        ),
    )
    while inbox.work(now=timezone.now()) is not None:
        pass
    while outbox.work(now=timezone.now()):
        pass
    letters.post_postmark(client, letters.postmark(placed.customer_alias, Subject="Another"))


def _rotate(settings: Any) -> tuple[list[str], list[str]]:
    """SEAL_KEYS with a new key in front; and that key alone."""
    fresh = _new_key("k2")
    both = [fresh, *settings.SEAL_KEYS]
    settings.SEAL_KEYS = both
    return both, [fresh]


def _everything() -> dict[str, Any]:
    """All that is sealed, opened."""
    found: dict[str, Any] = {}
    for table in resealing.tables():
        for row in table.model._default_manager.all():
            for field in table.model._meta.concrete_fields:
                value = getattr(row, field.attname)
                if isinstance(value, secrecy.Secret):
                    found[f"{table.name}.{field.column} {row.pk}"] = value.bytes()
    return found | {name: vault.load(name) for name in resealing.names()}


def _reseal() -> str:
    said = StringIO()
    call_command("reseal", stdout=said, stderr=said)
    return said.getvalue()


@pytest.mark.django_db
def test_after_it_the_old_key_can_be_given_up_and_everything_opens_as_before(client, placed, settings):
    _converse(client, placed)
    before = _everything()
    rows = sum(table.model._default_manager.count() for table in resealing.tables())
    files = len(list(resealing.names()))
    _, alone = _rotate(settings)
    said = _reseal()
    settings.SEAL_KEYS = alone
    assert _everything() == before
    assert f"Sealed with 'k2': {rows} rows and {files} files." in said
    assert "take the older keys out" in said
    assert {Alias, Customer, OutboundMail, Receipt, TimelineEntry} <= {table.model for table in resealing.tables()}
    assert files == TimelineEntry.objects.exclude(original="").count() + Attachment.objects.count() == 2


@pytest.mark.django_db
def test_with_the_new_key_alone_the_mail_goes_on(client, placed, settings):
    _converse(client, placed)
    _, settings_alone = _rotate(settings)
    _reseal()
    settings.SEAL_KEYS = settings_alone
    while inbox.work(now=timezone.now()) is not None:
        pass
    while outbox.work(now=timezone.now()):
        pass
    assert [one.subject for one in mail.outbox] == ["Your parcel", "Another"]


@pytest.mark.django_db
def test_run_again_it_has_nothing_to_do(client, placed, settings):
    _converse(client, placed)
    _rotate(settings)
    _reseal()
    before = {path: path.stat().st_mtime_ns for path in _folder().rglob("*")}
    assert "Sealed with 'k2': 0 rows and 0 files." in _reseal()
    assert {path: path.stat().st_mtime_ns for path in _folder().rglob("*")} == before


def _folder() -> Path:
    return Path(django_settings.STORAGES["mail"]["OPTIONS"]["location"])


@pytest.mark.django_db
def test_stopped_half_way_it_goes_on_where_it_was(client, placed, settings, monkeypatch):
    _converse(client, placed)
    before = _everything()
    _, alone = _rotate(settings)
    monkeypatch.setattr(resealing, "BYTES", 1)  # a row at a time
    for table in resealing.tables():
        next(resealing.columns(table), None)
    assert sum(map(resealing.waiting, resealing.tables())) > 0
    _reseal()
    settings.SEAL_KEYS = alone
    assert _everything() == before


@pytest.mark.django_db
def test_what_cannot_be_opened_is_named_kept_and_the_rest_is_sealed(client, placed, settings):
    _converse(client, placed)
    alias = Alias.objects.latest("pk")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE orders_alias SET real = %s WHERE id = %s", [b"\x01\x02k1nonsense", alias.pk])
    name = next(resealing.names())
    (_folder() / name).write_bytes(b"nonsense")
    _rotate(settings)
    said = StringIO()
    with pytest.raises(CommandError, match="2 values could not be opened"):
        call_command("reseal", stdout=said, stderr=said)
    assert f"orders_alias.real {alias.pk}: " in said.getvalue()
    assert f"file {name}: " in said.getvalue()
    assert sum(map(resealing.waiting, resealing.tables())) == 1


@pytest.mark.django_db(transaction=True)
def test_a_row_that_somebody_holds_is_not_waited_for_and_done_later(client, placed, settings, monkeypatch):
    _, alone = _rotate(settings)
    monkeypatch.setattr(resealing, "PAUSE", 0.1)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Customer.objects.select_for_update().get()
            held.set()
            done.wait(10)
            Customer.objects.update(name=secrecy.Secret.of("Changed meanwhile"))
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)
    [customers] = [table for table in resealing.tables() if table.model is Customer]
    first = next(resealing.columns(customers))
    done.set()
    holder.join()
    assert (first.done, "Nothing is sealed with an older key" in _reseal()) == (0, True)
    settings.SEAL_KEYS = alone
    assert Customer.objects.get().name.text() == "Changed meanwhile"


@pytest.mark.django_db
@pytest.mark.parametrize("change", ["text = 'another story'", "sender_name = ''"])
def test_the_timelines_guard_lets_nobody_else_through(placed, change):
    with pytest.raises(DatabaseError, match="only ever added"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE orders_timelineentry SET {change}")


@pytest.mark.django_db
def test_even_while_sealing_nothing_else_of_a_timeline_row_may_change(placed):
    statements = "SET LOCAL conversation_tracker.sealing_anew = 'on'; UPDATE orders_timelineentry SET text = 'another'"
    with pytest.raises(DatabaseError, match="only ever added"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statements)
