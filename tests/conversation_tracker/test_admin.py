"""A receipt's own page: what is wrong with it, Replay, and its bytes for who may open them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.utils import timezone

from conversation_tracker import inbox
from conversation_tracker.models import OrderMail, Receipt, ReceiptState, Trouble
from orders.models import Action, AuditEntry, User
from orders.placing import Placed
from tests.conversation_tracker.order_mails import write

pytestmark = pytest.mark.django_db
BODY = b"From: maria@people.example\r\n\r\n<script>alert(1)</script>\xff\0"


@pytest.fixture
def receipt() -> Receipt:
    """One in quarantine."""
    row = inbox.accept_mime(BODY, sender="maria@people.example", recipients=["a@b.example"], now=timezone.now())
    row.state, row.trouble, row.trouble_detail = ReceiptState.QUARANTINED, Trouble.UNREADABLE, "ValueError in parse"
    row.settled_at = timezone.now()
    row.save()
    return row


@pytest.fixture
def operator() -> User:
    return User.objects.create_superuser("operator@staff.example", name="Operator")


@pytest.fixture
def as_operator(operator: User) -> Client:
    client = Client()
    client.force_login(operator)
    return client


@pytest.fixture
def as_onlooker() -> Client:
    """Staff who may look at receipts and do no more."""
    user = User.objects.create_user("onlooker@staff.example", name="Onlooker", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_receipt"))
    client = Client()
    client.force_login(user)
    return client


def page(receipt: Receipt, action: str = "change") -> str:
    return f"/admin/conversation_tracker/receipt/{receipt.pk}/{action}/"


def test_the_page_says_what_is_wrong_and_shows_no_address(as_operator: Client, receipt: Receipt) -> None:
    html = as_operator.get(page(receipt)).content.decode()
    assert "In quarantine: It could not be read" in html
    assert "<code>ValueError in parse</code>" in html
    assert ("people.example" in html, "alert(1)" in html) == (False, False)


def test_replay_puts_it_back_once(as_operator: Client, receipt: Receipt) -> None:
    first = as_operator.post(page(receipt, "replay"), follow=True).content.decode()
    second = as_operator.post(page(receipt, "replay"), follow=True).content.decode()
    receipt.refresh_from_db()
    assert (receipt.state, receipt.attempts) == (ReceiptState.PENDING, 0)
    assert ("Put back into the inbox" in first, "There is nothing to replay" in second) == (True, True)
    assert [entry.action for entry in AuditEntry.objects.all()] == [Action.RECEIPT_REPLAYED]


def test_dismissed_it_leaves_quarantine_for_a_reason_and_is_forgotten_in_time(
    as_operator: Client, operator: User, receipt: Receipt
) -> None:
    first = as_operator.post(page(receipt, "dismiss"), {"reason": " Answered by telephone. "}, follow=True)
    second = as_operator.post(page(receipt, "dismiss"), {"reason": "again"}, follow=True)
    assert ("Dismissed." in first.content.decode(), "not in quarantine" in second.content.decode()) == (True, True)
    assert inbox.counts() == {"pending": 0, "done": 1, "quarantined": 0}
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.user, entry.subject, entry.before, entry.reason) == (
        Action.RECEIPT_DISMISSED, operator, f"receipt {receipt.pk}", Trouble.UNREADABLE, "Answered by telephone.",
    )  # fmt: skip
    receipt.refresh_from_db()
    assert receipt.body.bytes() == BODY
    assert receipt.settled_at is not None
    assert inbox.forget_settled(before=receipt.settled_at) == 0
    assert inbox.forget_settled(before=receipt.settled_at + timedelta(seconds=1)) == 1


def test_several_are_dismissed_at_once_and_none_without_a_reason(as_operator: Client, receipt: Receipt) -> None:
    pending = inbox.accept_mime(BODY, sender="", recipients=["a@b.example"], now=timezone.now())
    wish = {"action": "dismiss", "_selected_action": [receipt.pk, pending.pk], "reason": " "}
    listing = "/admin/conversation_tracker/receipt/"
    assert "Say why" in as_operator.post(listing, wish, follow=True).content.decode()
    assert inbox.counts() == {"pending": 1, "done": 0, "quarantined": 1}
    assert "1 receipts dismissed" in as_operator.post(listing, {**wish, "reason": "spam"}, follow=True).content.decode()
    assert inbox.counts() == {"pending": 1, "done": 1, "quarantined": 0}


@pytest.mark.parametrize("reason", ["", " ", "\0"])
def test_without_a_reason_it_is_not_dismissed(as_operator: Client, receipt: Receipt, reason: str) -> None:
    answer = as_operator.post(page(receipt, "dismiss"), {"reason": reason}, follow=True)
    assert "Say why it can be dismissed." in answer.content.decode()
    assert (inbox.counts()["quarantined"], AuditEntry.objects.count()) == (1, 0)


def test_the_bytes_come_as_a_file_that_no_browser_opens_and_it_is_audited(
    as_operator: Client, operator: User, receipt: Receipt
) -> None:
    answer = as_operator.post(page(receipt, "bytes"), {"reason": " A customer asks. "})
    assert (answer.status_code, answer.content, answer["Content-Type"]) == (200, BODY, "application/octet-stream")
    assert answer["Content-Disposition"] == f'attachment; filename="receipt-{receipt.pk}.eml"'
    assert (answer["X-Content-Type-Options"], answer["Content-Security-Policy"]) == ("nosniff", "sandbox")
    assert answer["Cache-Control"].startswith("private, no-store")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.user, entry.subject, entry.reason) == (
        Action.RECEIPT_REVEALED,
        operator,
        f"receipt {receipt.pk}",
        "A customer asks.",
    )


@pytest.mark.parametrize("action", ["dismiss", "bytes"])
def test_no_address_in_a_reason_is_kept(as_operator: Client, receipt: Receipt, action: str) -> None:
    as_operator.post(page(receipt, action), {"reason": "Maria <maria@people.example> asks."})
    assert AuditEntry.objects.get().reason == "Maria <<address>> asks."


@pytest.mark.parametrize("reason", ["", "  ", "\0"])
def test_without_a_reason_nothing_is_opened(as_operator: Client, receipt: Receipt, reason: str) -> None:
    answer = as_operator.post(page(receipt, "bytes"), {"reason": reason}, follow=True)
    assert "Say why the mail has to be opened." in answer.content.decode()
    assert (BODY in answer.content, AuditEntry.objects.count()) == (False, 0)


def test_what_cannot_be_opened_is_said_and_nothing_is_audited(as_operator: Client, receipt: Receipt) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE conversation_tracker_receipt SET body = %s WHERE id = %s", [b"nonsense", receipt.pk])
    answer = as_operator.post(page(receipt, "bytes"), {"reason": "why"}, follow=True)
    assert "Its bytes cannot be opened" in answer.content.decode()
    assert AuditEntry.objects.count() == 0


@pytest.mark.parametrize("action", ["replay", "dismiss", "bytes"])
def test_who_may_only_look_may_not(as_onlooker: Client, receipt: Receipt, action: str) -> None:
    html = as_onlooker.get(page(receipt)).content.decode()
    assert ("In quarantine" in html, f"/{action}/" in html) == (True, False)
    assert as_onlooker.post(page(receipt, action), {"reason": "why"}).status_code == 403
    receipt.refresh_from_db()
    assert (receipt.state, AuditEntry.objects.count()) == (ReceiptState.QUARANTINED, 0)


@pytest.mark.parametrize("action", ["replay", "dismiss", "bytes"])
def test_a_link_does_nothing_and_a_stranger_is_asked_to_sign_in(
    as_operator: Client, client: Client, receipt: Receipt, action: str
) -> None:
    assert as_operator.get(page(receipt, action)).status_code == 405
    assert client.post(page(receipt, action), {"reason": "why"})["Location"].startswith("/admin/login/")
    assert AuditEntry.objects.count() == 0


def test_order_mails_are_shown_without_what_is_sealed_and_can_not_be_changed(as_operator: Client, shopped: Placed):
    write()
    mail = OrderMail.objects.get()
    address = "/admin/conversation_tracker/ordermail/"
    for path in ("", f"{mail.pk}/change/"):
        page = as_operator.get(address + path).content.decode()
        assert "Order confirmation" in page
        assert "ana@people.example" not in page
        assert "field-context" not in page
    for path in ("add/", f"{mail.pk}/delete/", f"{mail.pk}/change/"):
        assert as_operator.post(address + path).status_code == 403


def test_what_was_recorded_unread_can_be_dismissed_and_is_forgotten_in_time(
    as_operator: Client, receipt: Receipt
) -> None:
    Receipt.objects.filter(pk=receipt.pk).update(
        state=ReceiptState.DONE, trouble=Trouble.OVER_LIMIT, settled_at=timezone.now()
    )
    later = timezone.now() + timedelta(days=1)
    assert inbox.forget_settled(before=later) == 0
    assert page(receipt, "dismiss") in as_operator.get(page(receipt)).content.decode()
    as_operator.post(page(receipt, "dismiss"), {"reason": "Nothing in it."})
    assert [entry.before for entry in AuditEntry.objects.all()] == [Trouble.OVER_LIMIT]
    assert inbox.forget_settled(before=later) == 1
