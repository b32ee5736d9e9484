"""The audit log says who, when, what and why, however long the texts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import transaction

from orders import audit
from orders.models import Action, AuditEntry

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_an_entry_says_who_when_what_and_why(store, store_admin):
    audit.record(
        Action.MASK_TYPE_CHANGED,
        subject="store acme",
        store=store,
        user=store_admin,
        before="hard",
        after="soft",
        reason="asked for",
        now=NOW,
    )
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.subject, entry.store, entry.user, entry.actor) == (
        Action.MASK_TYPE_CHANGED,
        "store acme",
        store,
        store_admin,
        "Admin",
    )
    assert (entry.before, entry.after, entry.reason, entry.happened_at) == ("hard", "soft", "asked for", NOW)


@pytest.mark.parametrize(("actor", "said"), [("", "system"), ("ERP key", "ERP key")])
def test_what_no_user_did_names_who_else_did_it(db, actor, said):
    assert audit.record(Action.ADMIN_CHANGED, subject="x", actor=actor, now=NOW).actor == said


def test_over_long_texts_are_cut_and_not_refused(db):
    audit.record(
        Action.ADMIN_CHANGED, subject="s" * 900, actor="a" * 900, before="b" * 900, after="c" * 900, reason="d" * 900,
        now=NOW,
    )  # fmt: skip
    entry = AuditEntry.objects.get()
    lengths = [len(text) for text in (entry.subject, entry.actor, entry.before, entry.after, entry.reason)]
    assert lengths == [200, 200, 500, 500, 500]


def test_the_name_at_that_time_stays(store, store_admin):
    audit.record(Action.ADMIN_CHANGED, subject="x", user=store_admin, now=NOW)
    store_admin.name = "Married Name"
    store_admin.save()
    assert AuditEntry.objects.get().actor == "Admin"


def test_an_act_undone_leaves_no_entry(store):
    with transaction.atomic():
        audit.record(Action.ADMIN_CHANGED, subject="x", now=NOW)
        transaction.set_rollback(True)
    assert AuditEntry.objects.count() == 0
