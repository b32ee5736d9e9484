"""Who gets in at the webhook door, and what is kept of it."""

from __future__ import annotations

import json
from io import BytesIO
from unittest.mock import patch

import pytest
from django.core.handlers.wsgi import LimitedStream
from django.db import OperationalError
from django.test import Client, RequestFactory
from django.utils import timezone
from pytest_django import Settings

from conversation_tracker import checks, door, inbox, providers
from conversation_tracker.models import Receipt, ReceiptState
from orders.models import Kind, TimelineEntry
from orders.placing import Placed
from tests import letters, signatures

pytestmark = pytest.mark.django_db


def test_a_call_is_kept_byte_for_byte(client: Client) -> None:
    body = b'{"any": "\\u0000 bytes", \xff\xfe at all'
    response = client.post(
        "/anymail/postmark/inbound/?a=1",
        body,
        content_type="application/json; x=y",
        headers={"Authorization": letters.BASIC_AUTH, "X-Odd": "ü"},
    )
    assert (response.status_code, response.content) == (200, b"")
    receipt = Receipt.objects.get()
    assert receipt.body.bytes() == body
    assert (receipt.method, receipt.path, receipt.query.text()) == ("POST", "/anymail/postmark/inbound/", "a=1")
    assert ["Content-Type", "application/json; x=y"] in receipt.headers.json()
    assert ["X-Odd", "ü"] in receipt.headers.json()
    assert (receipt.state, receipt.size) == (ReceiptState.PENDING, len(body))


@pytest.mark.parametrize(
    ("auth", "status"),
    [
        (None, 401),
        ("Basic", 401),
        ("Basic %%%", 401),
        ("Bearer demo:demo", 401),
        ("Basic ZGVtbzp3cm9uZw==", 403),
        ("Basic ZGVtbzpkZW1vOg==", 403),
    ],
)
def test_a_bad_credential_is_refused_and_nothing_kept(
    client: Client, placed: Placed, auth: str | None, status: int
) -> None:
    assert letters.post_postmark(client, letters.postmark(placed.customer_alias), auth=auth).status_code == status
    assert not Receipt.objects.exists()


@pytest.mark.parametrize(
    "change",
    [{"signature": "0" * 64}, {"timestamp": "1"}, {"token": "other"}, {"signature": ""}, {"signature": "ü"}],
)
def test_a_wrong_mailgun_signature_is_refused_and_nothing_kept(
    client: Client, placed: Placed, change: dict[str, str]
) -> None:
    form = {**letters.mailgun(placed.customer_alias.address.text()), **change}
    assert letters.post_mailgun(client, form).status_code == 403
    assert not Receipt.objects.exists()


def test_a_signature_is_credential_enough(client: Client, placed: Placed) -> None:
    form = letters.mailgun(placed.customer_alias.address.text())
    assert client.post("/anymail/mailgun/inbound/", form).status_code == 200


def test_a_wrong_credential_beside_a_good_signature_is_refused(client: Client, placed: Placed) -> None:
    form = letters.mailgun(placed.customer_alias.address.text())
    headers = {"Authorization": "Basic ZGVtbzp3cm9uZw=="}
    assert client.post("/anymail/mailgun/inbound/", form, headers=headers).status_code == 403
    assert not Receipt.objects.exists()


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{"),
        ("application/json", b"[1]"),
        ("application/json", b'{"signature": 3}'),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=x", b"--x\r\nbroken"),
        ("text/plain", b""),
    ],
)
def test_an_unreadable_signed_body_is_unsigned(client: Client, content_type: str, body: bytes) -> None:
    headers = {"Authorization": letters.BASIC_AUTH}
    response = client.post("/anymail/mailgun/inbound/", body, content_type=content_type, headers=headers)
    assert response.status_code == 403
    assert not Receipt.objects.exists()


@pytest.mark.parametrize(
    "path",
    ["/anymail/sparkpost/inbound/", "/anymail/amazon_ses/inbound/", "/anymail/postmark/other/", "/anymail/mime/mime/"],
)
def test_what_is_not_mounted_is_not_there(client: Client, path: str) -> None:
    assert client.post(path, b"{}", content_type="application/json").status_code == 404


def test_head_is_answered_and_get_is_not(client: Client) -> None:
    assert client.head("/anymail/postmark/inbound/").status_code == 200
    assert client.get("/anymail/postmark/inbound/").status_code == 405


def test_an_over_large_body_is_refused_before_it_is_read(client: Client, settings: Settings) -> None:
    settings.WEBHOOK_MAX_BYTES = settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000
    assert letters.post_postmark(client, b"x" * 1_001).status_code == 413
    assert letters.post_postmark(client, b"x" * 1_000).status_code == 200
    assert Receipt.objects.count() == 1


def test_a_mail_larger_than_djangos_usual_limit_is_taken(client: Client, placed: Placed) -> None:
    payload = letters.postmark(placed.customer_alias, TextBody="x" * 5_000_000)
    assert letters.post_postmark(client, payload).status_code == 200


def test_when_it_cannot_be_stored_the_provider_is_told_to_come_again(client: Client) -> None:
    with patch.object(Receipt, "save", side_effect=OperationalError):  # a database that is away
        assert letters.post_postmark(client, b"{}").status_code == 503


@pytest.mark.parametrize("error", [OperationalError, RuntimeError, MemoryError, KeyError])
def test_whatever_goes_wrong_the_provider_is_told_to_come_again(client: Client, error: type[Exception]) -> None:
    with patch.object(Receipt, "save", side_effect=error("kim@carrier.example")):
        assert letters.post_postmark(client, b"{}").status_code == 503
    assert not Receipt.objects.exists()


@pytest.mark.parametrize("name", ["amazon_ses", "mailgun", "mandrill", "postal", "resend", "mailersend", "mailtrap"])
@pytest.mark.parametrize("channel", ["inbound", "tracking"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"3",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"signature": {}}',
        b'{"Type": 3}',
        b"mandrill_events=x",
    ],
)
def test_no_signature_is_no_way_in_and_no_error(
    client: Client, settings: Settings, name: str, channel: str, body: bytes
) -> None:
    secret = "whsec_" + "A" * 32
    names = ("MAILERSEND_INBOUND_SECRET", "MAILERSEND_SIGNING_SECRET", "MAILTRAP_INBOUND_SECRET", "MAILTRAP_API_TOKEN",
             "MAILTRAP_TRACKING_SECRET", "MANDRILL_WEBHOOK_KEY", "RESEND_INBOUND_SECRET", "RESEND_SIGNING_SECRET",
             "RESEND_API_KEY")  # fmt: skip
    letters.mount(settings, name, **dict.fromkeys(names, secret), POSTAL_WEBHOOK_KEY=signatures.postal_key())
    assert letters.post(client, f"/anymail/{name}/{channel}/", body).status_code == 403
    assert not Receipt.objects.exists()


def test_a_body_that_ends_early_is_not_acknowledged(rf: RequestFactory) -> None:
    cut = rf.post("/anymail/postmark/inbound/", b"abc", content_type="application/json")
    cut.META["CONTENT_LENGTH"] = "500"
    cut.META["HTTP_AUTHORIZATION"] = letters.BASIC_AUTH
    cut._stream = LimitedStream(BytesIO(b"abc"), 500)  # type: ignore[assignment]  # as a server gives it whose client has gone
    assert door.webhook(cut, "postmark", "inbound").status_code == 400
    assert not Receipt.objects.exists()


def test_a_wrong_password_is_refused_before_the_body_is_read(rf: RequestFactory, settings: Settings) -> None:
    letters.mount(settings, "amazon_ses")
    call = rf.post("/anymail/amazon_ses/inbound/", b"\xff" * 10, content_type="text/plain")
    call.META["HTTP_AUTHORIZATION"] = "Basic ZGVtbzp3cm9uZw=="
    assert door.webhook(call, "amazon_ses", "inbound").status_code == 403
    assert not hasattr(call, "_body")


@pytest.mark.parametrize("length", [300_000, 1_500_000])
def test_who_posts_first_and_shows_its_password_when_asked_may_finish(rf: RequestFactory, length: int) -> None:
    call = rf.post("/anymail/postmark/inbound/", b"x" * length, content_type="application/json")
    assert door.webhook(call, "postmark", "inbound").status_code == 401
    assert len(call.read()) == max(length - door.LONGEST_BEFORE_PASSWORD, 0)


def test_no_mail_is_opened_at_the_door(client: Client) -> None:
    assert letters.post_postmark(client, b"no JSON at all").status_code == 200
    assert Receipt.objects.get().state == ReceiptState.PENDING


def test_every_amazon_recipient_is_in_the_receipt(client: Client, placed: Placed, settings: Settings) -> None:
    settings.INBOUND_PROVIDERS = ["amazon_ses"]
    payload = letters.ses([placed.customer_alias.address.text()], letters.mime())
    assert letters.post_ses(client, payload).status_code == 200
    assert Receipt.objects.get().body.bytes() == json.dumps(payload).encode()


@pytest.mark.parametrize("channel", ["inbound", "tracking"])
@pytest.mark.parametrize("name", ["mailersend", "mailtrap", "resend"])
def test_each_webhook_of_a_provider_may_have_a_secret_of_its_own(
    client: Client, settings: Settings, name: str, channel: str
) -> None:
    first, second, other = ("whsec_" + key * 32 for key in "ABC")
    names = [*providers.ALL[name].secrets, *(providers.ALL[name].tracking_secrets or ())]
    both = {one: [first, second] for one in names}
    letters.mount(settings, name, **both, MAILTRAP_API_TOKEN="t", RESEND_API_KEY="k")
    assert not checks.webhooks_are_guarded(None)

    def post(secret: str) -> int:
        body, signature = signatures.hmac_of({}, secret)
        _, svix = signatures.svix({}, secret=secret)
        headers = {"Signature": signature, "Mailtrap_Signature": signature, **svix}
        return letters.post(client, f"/anymail/{name}/{channel}/", body, **headers).status_code

    assert [post(secret) for secret in (first, second, other)] == [200, 200, 403]


def test_a_mail_is_read_whichever_secret_it_was_signed_with(client: Client, settings: Settings, placed: Placed) -> None:
    letters.mount(settings, "mailersend", MAILERSEND_INBOUND_SECRET=["first", "second"])
    payload = letters.mailersend([placed.customer_alias.address.text()], letters.mime().decode())
    body, signature = signatures.hmac_of(payload, "second")
    assert letters.post(client, "/anymail/mailersend/inbound/", body, Signature=signature).status_code == 200
    inbox.work(now=timezone.now())
    assert TimelineEntry.objects.filter(kind=Kind.MAIL).count() == 1
