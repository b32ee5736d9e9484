"""Mailgun: a signature that is good for as long as Mailgun tries, and for one body."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from unittest.mock import patch
from urllib.parse import quote

import pytest
from django.db import OperationalError
from django.test import Client
from pytest_django import Settings

from conversation_tracker.models import OutboundMail, Receipt, ReceiptState, SendState
from orders import vault
from orders.models import TimelineEntry
from orders.outcomes import Outcome, Reason
from tests import letters
from tests.conversation_tracker.providers.conftest import state_of

pytestmark = pytest.mark.django_db
Settle = Callable[[], list[TimelineEntry]]


def signature(*, stamp: object = None, token: str = "t" * 50) -> dict[str, str]:
    found = str(int(time.time()) if stamp is None else stamp)
    signed = hmac.new(letters.SIGNING_KEY, f"{found}{token}".encode(), hashlib.sha256).hexdigest()
    return {"timestamp": found, "token": token, "signature": signed}


def test_a_mail_to_two_aliases_is_recorded_and_relayed_at_each(client: Client, settle: Settle, two: list[str]) -> None:
    assert letters.post_mailgun(client, letters.mailgun(",".join(two))).status_code == 200
    assert [entry.outcome for entry in settle()] == [Outcome.RELAYED] * 2


@pytest.mark.parametrize("path", ["/anymail/mailgun/inbound_mime/", "/anymail/mailgun/inbound_mime"])
def test_the_other_address_of_raw_mails_is_answered(client: Client, settle: Settle, two: list[str], path: str) -> None:
    form = {**letters.mailgun(two[0]), "body-mime": letters.mime().decode()}
    headers = {"Authorization": letters.BASIC_AUTH}
    assert client.post(path, form, headers=headers).status_code == 200
    assert len(settle()) == 1


@pytest.mark.parametrize("age", [32_401, -310, 86_400, "no number", "nan", "inf", ""])
@pytest.mark.usefixtures("nothing_kept")
def test_an_old_signature_is_refused(client: Client, two: list[str], age: object) -> None:
    stamp = int(time.time()) - age if isinstance(age, int) else age
    assert letters.post_mailgun(client, letters.mailgun(two[0], **signature(stamp=stamp))).status_code == 403


@pytest.mark.parametrize("age", [0, 8 * 3_600, -290])
def test_a_signature_is_good_until_the_last_try(client: Client, two: list[str], age: int) -> None:
    form = letters.mailgun(two[0], **signature(stamp=int(time.time()) - age))
    assert letters.post_mailgun(client, form).status_code == 200


def test_a_signature_that_was_seen_does_not_let_another_mail_in(client: Client, settle: Settle, two: list[str]) -> None:
    seen = letters.mailgun(two[0])
    assert letters.post_mailgun(client, seen).status_code == 200
    assert letters.post_mailgun(client, {**seen, "body-plain": "Send the money elsewhere."}).status_code == 403
    assert [entry.text for entry in settle()] == ["It is at your door."]


@pytest.mark.parametrize("start", ["e0", "0", "_0"])
def test_no_letter_of_a_token_can_be_moved_into_the_timestamp(
    client: Client, settle: Settle, two: list[str], start: str
) -> None:
    seen = letters.mailgun(two[0], **signature(token=start.ljust(50, "a")))
    moved = {"timestamp": seen["timestamp"] + start, "token": seen["token"][len(start) :]}
    letters.post_mailgun(client, seen)
    assert letters.post_mailgun(client, {**seen, **moved, "body-plain": "Send it elsewhere."}).status_code == 403
    assert "Send it elsewhere." not in [entry.text for entry in settle()]


@pytest.mark.usefixtures("nothing_kept")
def test_no_letter_of_a_token_can_be_moved_into_the_timestamp_of_a_report(client: Client) -> None:
    signed = signature(token="e0".ljust(50, "a"))
    moved = {**signed, "timestamp": signed["timestamp"] + "e0", "token": signed["token"][2:]}
    body = {"signature": moved, "event-data": {"event": "failed", "timestamp": 1}}
    assert letters.post(client, "/anymail/mailgun/tracking/", body).status_code == 403


@pytest.mark.parametrize("token", ["", "t" * 49, "t" * 51, "ü" * 50, " " * 50])
@pytest.mark.usefixtures("nothing_kept")
def test_a_token_that_mailgun_never_writes_is_refused(client: Client, two: list[str], token: str) -> None:
    assert letters.post_mailgun(client, letters.mailgun(two[0], **signature(token=token))).status_code == 403


@pytest.mark.usefixtures("nothing_kept")
def test_what_is_too_large_for_a_report_is_not_searched_for_a_signature(client: Client) -> None:
    body = b"[%s[]]" % (b"[]," * 200_000)
    with patch("json.loads") as loads:
        assert letters.post(client, "/anymail/mailgun/tracking/", body).status_code == 413
    loads.assert_not_called()


@pytest.mark.usefixtures("nothing_kept")
@pytest.mark.parametrize("times", [1, 20_000])
def test_a_form_of_long_lines_is_looked_through_once(client: Client, times: int) -> None:
    lines = b"--x\r\n" * 9 + b"content-disposition: " + b"x; " * (6_000_000 // times) + b"\r\n"
    began = time.process_time()
    assert post_form(client, lines * times + b'filename=""\r\n--x--\r\n') == 403
    assert time.process_time() - began < 1.2  # a fifth of that; two to five seconds with each line looked at ten times


def test_the_same_call_again_is_answered_and_kept_once(client: Client, settle: Settle, two: list[str]) -> None:
    body = json.dumps({"signature": signature(), "event-data": {"event": "delivered", "timestamp": 1}})
    for _ in range(2):
        assert letters.post(client, "/anymail/mailgun/tracking/", body.encode()).status_code == 200
    assert Receipt.objects.count() == 1


def test_the_same_form_again_with_another_boundary_is_answered_and_kept_once(client: Client, two: list[str]) -> None:
    form = form_with_files(two[0], ["a.pdf"])
    answers = []
    for boundary, changed in ((b"x", form), (b"yy", form), (b"yy", form.replace(b"%PDF", b"%pdf"))):
        body = changed.replace(b"--x", b"--" + boundary)
        kind = f"multipart/form-data; boundary={boundary.decode()}"
        answers.append(client.post("/anymail/mailgun/inbound/", body, content_type=kind).status_code)
    assert answers == [200, 200, 403]
    assert Receipt.objects.count() == 1


def test_a_token_is_not_used_up_by_a_call_that_was_not_kept(client: Client, settle: Settle, two: list[str]) -> None:
    form = letters.mailgun(two[0])
    with patch.object(Receipt, "save", side_effect=OperationalError):
        assert letters.post_mailgun(client, form).status_code == 503
    assert letters.post_mailgun(client, form).status_code == 200
    assert len(settle()) == 1


def test_a_delivery_report_is_noted(client: Client, settle: Settle, sent: OutboundMail) -> None:
    event = {"event": "delivered", "timestamp": 1, "message": {"headers": {"message-id": "esp-1"}}}
    payload = {"signature": signature(), "event-data": event}
    assert letters.post(client, "/anymail/mailgun/tracking/", payload).status_code == 200
    settle()
    assert state_of(sent) == SendState.DELIVERED


def form_with_files(recipient: str, names: list[str], content: bytes = b"%PDF-1.4") -> bytes:
    """A form as Mailgun writes it, byte for byte: clients of Django leave out what it would not take."""
    fields = letters.mailgun(recipient, **{"attachment-count": str(len(names))})
    parts = [f'name="{name}"\r\n\r\n{value}'.encode() for name, value in fields.items()]
    parts += [
        f'name="attachment-{n}"; filename="{name}"\r\nContent-Type: application/pdf\r\n\r\n'.encode() + content
        for n, name in enumerate(names, 1)
    ]
    return b"".join(b"--x\r\nContent-Disposition: form-data; %s\r\n" % part for part in parts) + b"--x--\r\n"


def post_form(client: Client, body: bytes) -> int:
    answer = client.post("/anymail/mailgun/inbound/", body, content_type="multipart/form-data; boundary=x")
    return answer.status_code


def test_html_that_comes_in_pieces_is_whole(client: Client, settle: Settle, two: list[str]) -> None:
    pieces = ["<p>It is at your door.</p>", "<p>Ask for Kim.</p>"]
    letters.post_mailgun(client, letters.mailgun(two[0], **{"body-html": pieces}))
    (entry,) = settle()
    assert [piece in entry.html for piece in pieces] == [True, True]


def test_an_invitation_that_stands_in_a_field_is_a_file(client: Client, settle: Settle, two: list[str]) -> None:
    invitation = "BEGIN:VCALENDAR\r\nSUMMARY:Entrega às 9h\r\nEND:VCALENDAR\r\n"
    letters.post_mailgun(client, letters.mailgun(two[0], **{"body-calendar": invitation}))
    (entry,) = settle()
    (file,) = entry.attachments.all()
    assert (file.name, file.content_type) == ("invite.ics", "text/calendar")
    assert vault.load(file.stored_as) == invitation.encode()


def test_a_file_with_the_longest_name_is_taken(client: Client, settle: Settle, two: list[str]) -> None:
    name = "щ" * 251 + ".pdf"
    form = form_with_files(two[0], ["x"]).replace(b'filename="x"', b"filename*=utf-8''" + quote(name).encode())
    assert post_form(client, form) == 200
    (entry,) = settle()
    assert entry.attachments.get().size == 8


def test_no_file_is_lost_for_its_name(client: Client, settle: Settle, two: list[str]) -> None:
    names = ["", "..", "/", "a/", "\\", ".", "C:\\", "&#x2f;", "papers.pdf"]
    assert post_form(client, form_with_files(two[0], names)) == 200
    (entry,) = settle()
    found = [(file.name, file.content_type, file.size) for file in entry.attachments.order_by("position")]
    assert found == [("attachment.pdf", "application/pdf", 8)] * 8 + [("papers.pdf", "application/pdf", 8)]


def test_a_form_that_lacks_a_file_is_quarantined(client: Client, work: Callable[..., object], two: list[str]) -> None:
    letters.post_mailgun(client, letters.mailgun(two[0], **{"attachment-count": "1"}))
    work()
    assert Receipt.objects.get().state == ReceiptState.QUARANTINED


@pytest.mark.parametrize(("number", "reason"), [(500, Reason.CONVERSATION), (501, Reason.UNREAD)])
def test_as_many_files_are_read_as_of_any_mail(
    client: Client, settle: Settle, two: list[str], number: int, reason: Reason
) -> None:
    assert post_form(client, form_with_files(two[0], ["a.pdf"] * number)) == 200
    (entry,) = settle()
    assert entry.reason == reason
    assert entry.attachments.count() == (number if reason == Reason.CONVERSATION else 0)


def test_no_file_is_written_to_the_disk_as_it_came(
    client: Client, settle: Settle, two: list[str], settings: Settings
) -> None:
    settings.FILE_UPLOAD_TEMP_DIR = "/nowhere"
    assert post_form(client, form_with_files(two[0], ["a.pdf"], content=b"%PDF-1.4" * 400_000)) == 200
    (entry,) = settle()
    assert [file.size for file in entry.attachments.all()] == [3_200_000]
