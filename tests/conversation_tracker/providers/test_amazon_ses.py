"""Amazon SES: SNS's signature, the topics that may post, mails in S3."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
import requests
from django.core.cache import cache
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.utils import timezone
from pytest_django import Settings

from conversation_tracker import inbox
from conversation_tracker.models import OutboundMail, Receipt, ReceiptState, SendState, Trouble
from conversation_tracker.providers import base, fetching, sns
from orders import vault
from orders.models import Alias, PartyKind, TimelineEntry, Verification
from orders.outcomes import Outcome, Reason
from tests import letters, signatures, stopwatch
from tests.conversation_tracker.providers.conftest import Api, state_of
from tests.conversation_tracker.providers.test_fetching import answering

pytestmark = pytest.mark.django_db
Settle = Callable[[], list[TimelineEntry]]


@pytest.fixture(autouse=True)
def _mounted(settings: Settings, api: Api) -> None:
    amazon = {"aws_access_key_id": "id", "aws_secret_access_key": "secret", "endpoint_url": api.url}
    letters.mount(settings, "amazon_ses", AMAZON_SES_CLIENT_PARAMS={**amazon, "region_name": "us-east-1"})


@pytest.fixture(autouse=True)
def _no_certificate_yet() -> None:
    cache.clear()


def request(message: dict[str, Any]) -> HttpRequest:
    return RequestFactory().post("/", json.dumps(message), content_type="text/plain")


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_mail_to_two_aliases_is_recorded_and_relayed_at_each(
    client: Client, settle: Settle, two: list[str], version: str
) -> None:
    message = json.loads(letters.ses(two, letters.mime())["Message"])
    assert (
        letters.post_ses(
            client, signatures.sns("Notification", version=version, Message=json.dumps(message))
        ).status_code
        == 200
    )
    entries = settle()
    assert [(entry.outcome, entry.verification) for entry in entries] == [(Outcome.RELAYED, Verification.VERIFIED)] * 2


@pytest.mark.parametrize("verdicts", [{"spamVerdict": {"status": "FAIL"}}, {"virusVerdict": {"status": "FAIL"}}])
def test_spam_and_viruses_are_not_relayed(
    client: Client, settle: Settle, two: list[str], verdicts: dict[str, Any]
) -> None:
    letters.post_ses(client, letters.ses(two[:1], letters.mime(), **verdicts))
    (entry,) = settle()
    assert entry.reason == Reason.SPAM


@pytest.mark.parametrize(
    "change",
    [
        {"Message": "{}"},
        {"Timestamp": "2026-11-24T10:00:01.000Z"},
        {"Subject": "added"},
        {"Signature": "AAAA"},
        {"Signature": "%"},
        {"Signature": None},
        {"SignatureVersion": "1"},
        {"SignatureVersion": "3"},
        {"TopicArn": "arn:aws:sns:us-east-1:666666666666:inbound"},
        {"TopicArn": None},
        {"SigningCertURL": None},
        {"SigningCertURL": signatures.SIGNING_CERT_URL.replace("https", "http")},
        {"SigningCertURL": "https://sns.us-east-1.amazonaws.com.evil.example/x.pem"},
        {"SigningCertURL": "https://evil.example/sns.us-east-1.amazonaws.com/x.pem"},
        {"SigningCertURL": "https://sns.us-east-1.amazonaws.com@evil.example/x.pem"},
        {"SigningCertURL": "https://sns.us-east-1.amazonaws.com:8443/x.pem"},
        {"SigningCertURL": "https://sns.us-east-1.amazonaws.com/x.pem?x=.pem"},
        {"SigningCertURL": "https://sns.us-east-1.amazonaws.com/a/../x.txt"},
        {"SigningCertURL": "https://bucket.s3.amazonaws.com/x.pem"},
        {"SigningCertURL": "https://[sns/x.pem"},
    ],
)
@pytest.mark.usefixtures("nothing_kept")
def test_what_amazon_did_not_sign_is_refused_and_nothing_fetched(
    client: Client, two: list[str], change: dict[str, Any]
) -> None:
    with patch.object(requests, "get", side_effect=AssertionError):
        assert letters.post_ses(client, {**letters.ses(two, letters.mime()), **change}).status_code == 403


@pytest.mark.parametrize(("auth", "status"), [("", 401), ("Basic d3Jvbmc6d3Jvbmc=", 403)])
@pytest.mark.usefixtures("nothing_kept")
def test_wrong_credentials_are_refused(client: Client, two: list[str], auth: str, status: int) -> None:
    payload = letters.ses(two, letters.mime())
    headers = {"X-Amz-Sns-Message-Type": "Notification", "X-Amz-Sns-Message-Id": payload["MessageId"]}
    if auth:
        headers["Authorization"] = auth
    answer = client.post(
        "/anymail/amazon_ses/inbound/", json.dumps(payload), content_type="text/plain", headers=headers
    )
    assert answer.status_code == status


def test_the_certificate_is_fetched_once_and_kept() -> None:
    message, fetched = signatures.sns("Notification", Message="{}"), []
    cache.clear()

    def fetch(url: str) -> bytes:
        fetched.append(url)
        return signatures.certificate()

    for _ in range(2):
        sns.verify(request(message), fetch=fetch)
    assert fetched == [signatures.SIGNING_CERT_URL]


def test_a_certificate_that_somebody_put_into_the_cache_is_not_believed() -> None:
    message = signatures.sns("Notification", Message="{}")
    cache.set(sns._name(signatures.SIGNING_CERT_URL), signatures.certificate().decode())
    with pytest.raises(base.Undecided):
        sns.verify(request(message), fetch=lambda url: b"what Amazon says")


@pytest.mark.usefixtures("nothing_kept")
def test_without_the_certificate_amazon_is_asked_to_come_again(client: Client, two: list[str]) -> None:
    payload = letters.ses(two, letters.mime())
    cache.clear()
    with patch.object(requests, "get", side_effect=requests.ConnectionError) as get:
        assert letters.post_ses(client, payload).status_code == 503
    assert get.call_args.kwargs == {"timeout": sns.TIMEOUT, "allow_redirects": False}


@pytest.mark.usefixtures("nothing_kept")
def test_a_redirect_is_no_certificate(client: Client, two: list[str]) -> None:
    payload = letters.ses(two, letters.mime())
    cache.clear()
    answer = requests.Response()
    answer.status_code = 302
    with patch.object(requests, "get", return_value=answer):
        assert letters.post_ses(client, payload).status_code == 503


def test_a_cache_that_is_away_stops_no_mail(client: Client, settle: Settle, two: list[str]) -> None:
    payload = letters.ses(two, letters.mime())
    answer = requests.Response()
    answer.status_code, answer._content = 200, signatures.certificate()
    with (
        patch.object(cache, "get", side_effect=ConnectionError),
        patch.object(cache, "set", side_effect=ConnectionError),
        patch.object(requests, "get", return_value=answer),
    ):
        assert letters.post_ses(client, payload).status_code == 200
    assert len(settle()) == 2


def confirmation(**fields: Any) -> dict[str, Any]:
    return signatures.sns(
        "SubscriptionConfirmation", Token="token", Message="You have chosen to subscribe …",
        SubscribeURL="https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription", **fields,
    )  # fmt: skip


def test_a_subscription_is_confirmed_by_a_worker(client: Client, settle: Settle, api: Api) -> None:
    answer = b"<ConfirmSubscriptionResponse><ConfirmSubscriptionResult/></ConfirmSubscriptionResponse>"
    api.answer("/", answer, content_type="text/xml")
    assert letters.post_ses(client, confirmation()).status_code == 200
    assert api.asked == []
    assert settle() == []
    assert [path for path, _ in api.asked] == ["/"]


def test_a_subscription_that_amazon_cannot_confirm_now_is_tried_again(
    client: Client, work: Callable[..., object], api: Api
) -> None:
    api.answer("/", b"", status=503)
    letters.post_ses(client, confirmation())
    work()
    assert Receipt.objects.get().state == ReceiptState.PENDING


def test_a_topic_that_is_no_longer_ours_is_not_confirmed(
    client: Client, work: Callable[..., object], api: Api, settings: Settings
) -> None:
    letters.post_ses(client, confirmation())
    settings.ANYMAIL = {**settings.ANYMAIL, "AMAZON_SES_TOPIC_ARNS": ["arn:aws:sns:us-east-1:123456789012:other"]}
    work()
    assert api.asked == []
    assert Receipt.objects.get().state == ReceiptState.QUARANTINED


def in_s3(recipients: list[str]) -> dict[str, Any]:
    message = json.loads(letters.ses(recipients, b"")["Message"])
    del message["content"]
    message["receipt"]["action"] = {"type": "S3", "bucketName": "mails", "objectKey": "m-1"}
    return signatures.sns("Notification", Message=json.dumps(message))


def test_a_mail_in_s3_is_fetched_with_every_byte(client: Client, settle: Settle, two: list[str], api: Api) -> None:
    raw = b"From: kim@carrier.example\r\nContent-Type: text/plain; charset=latin-1\r\n\r\nCaf\xe9"
    api.answer("/mails/m-1", raw)
    letters.post_ses(client, in_s3(two[:1]))
    (entry,) = settle()
    assert (vault.load(entry.original), entry.text) == (raw, "Café")


def test_a_mail_in_s3_keeps_no_batch_waiting(client: Client, settle: Settle, two: list[str], api: Api) -> None:
    api.answer("/mails/m-1", letters.mime(text="From the bucket."))
    for payload in (in_s3(two[:1]), letters.ses(two[:1], letters.mime())):
        letters.post_ses(client, payload)
    inbox.work(now=timezone.now())
    assert [receipt.state for receipt in Receipt.objects.order_by("id")] == [ReceiptState.PENDING, ReceiptState.DONE]
    assert api.asked == []
    assert [entry.text for entry in settle()] == ["It is at your door.", "From the bucket."]
    assert len(api.asked) == 1


def test_a_mail_in_s3_over_the_limit_is_quarantined(
    client: Client, work: Callable[..., object], two: list[str], api: Api
) -> None:
    api.answer("/mails/m-1", letters.mime() + b"x" * 1_000)
    letters.post_ses(client, in_s3(two[:1]))
    with patch.object(fetching, "LARGEST", 1_000):
        work()
    receipt = Receipt.objects.get()
    assert (receipt.state, receipt.trouble) == (ReceiptState.QUARANTINED, Trouble.OVER_LIMIT)


@pytest.mark.parametrize("is_mail", [True, False])
def test_what_amazon_answers_byte_by_byte_is_not_waited_for(
    client: Client,
    work: Callable[..., object],
    two: list[str],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    is_mail: bool,
) -> None:
    monkeypatch.setattr(fetching, "LONGEST", 2.0)  # boto3 takes some of it before it asks
    letters.post_ses(client, in_s3(two[:1]) if is_mail else confirmation())
    begins = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" if is_mail else b"HTTP/1.1 200 OK\r\nX: "
    with answering(begins, then=b"x" * 60) as url, stopwatch.running() as took:
        amazon = {**settings.ANYMAIL["AMAZON_SES_CLIENT_PARAMS"], "endpoint_url": url}
        settings.ANYMAIL = {**settings.ANYMAIL, "AMAZON_SES_CLIENT_PARAMS": amazon}
        work()
        assert took.seconds < 4
    assert Receipt.objects.get().state == ReceiptState.PENDING


def test_a_bucket_that_is_closed_is_asked_again(
    client: Client, work: Callable[..., object], settle: Settle, two: list[str], api: Api
) -> None:
    denied = b"<Error><Code>AccessDenied</Code></Error>"
    api.answer("/mails/m-1", denied, status=403, content_type="application/xml")
    letters.post_ses(client, in_s3(two[:1]))
    work()
    assert Receipt.objects.get().state == ReceiptState.PENDING
    api.answer("/mails/m-1", letters.mime())
    work(now=timezone.now() + timedelta(minutes=1))
    assert len(settle()) == 1


def test_a_mail_that_is_not_in_its_bucket_is_asked_for_again_and_then_quarantined(
    client: Client, work: Callable[..., object], two: list[str], api: Api
) -> None:
    gone = b"<Error><Code>NoSuchKey</Code></Error>"
    api.answer("/mails/m-1", gone, status=404, content_type="application/xml")
    letters.post_ses(client, in_s3(two[:1]))
    work()
    assert Receipt.objects.get().state == ReceiptState.PENDING
    work(now=timezone.now() + fetching.Missing.patience + timedelta(minutes=1))
    assert Receipt.objects.get().state == ReceiptState.QUARANTINED


def test_a_delivery_report_is_noted(client: Client, settle: Settle, sent: OutboundMail) -> None:
    event = {
        "eventType": "Delivery", "mail": {"messageId": "esp-1", "destination": ["x@y.example"]},
        "delivery": {"recipients": ["x@y.example"], "smtpResponse": "250 OK"},
    }  # fmt: skip
    payload = signatures.sns("Notification", Message=json.dumps(event))
    assert letters.post_ses(client, payload, channel="tracking").status_code == 200
    settle()
    assert state_of(sent) == SendState.DELIVERED


@pytest.mark.parametrize(
    ("feedback", "state"),
    [("abuse", SendState.COMPLAINED), ("not-spam", SendState.SENT), ("auth-failure", SendState.SENT)],
)
def test_feedback_in_which_nobody_complains_is_no_complaint(
    client: Client, settle: Settle, sent: OutboundMail, feedback: str, state: SendState
) -> None:
    event = {
        "eventType": "Complaint", "mail": {"messageId": "esp-1", "destination": ["x@y.example"]},
        "complaint": {"complainedRecipients": [{"emailAddress": "x@y.example"}], "complaintFeedbackType": feedback},
    }  # fmt: skip
    letters.post_ses(client, signatures.sns("Notification", Message=json.dumps(event)), channel="tracking")
    settle()
    assert state_of(sent) == state


@pytest.mark.parametrize(
    ("kind", "said", "state"),
    [
        ({"bounceSubType": "General"}, {}, SendState.DELIVERED),
        (
            {"bounceSubType": "General"},
            {"status": "4.4.7", "diagnosticCode": "smtp; 421 4.4.7 later"},
            SendState.BOUNCED,
        ),
        ({"bounceSubType": "MailboxFull"}, {}, SendState.BOUNCED),
        ({"bounceType": "Permanent", "bounceSubType": "General"}, {}, SendState.BOUNCED),
    ],
)
def test_what_a_vacation_program_answers_to_amazon_is_no_bounce(
    client: Client, settle: Settle, sent: OutboundMail, kind: dict[str, Any], said: dict[str, str], state: SendState
) -> None:
    about = {"messageId": "esp-1", "destination": ["x@y.example"]}
    bounce = {"bounceType": "Transient", "bouncedRecipients": [{"emailAddress": "x@y.example", **said}], **kind}
    for event in (
        {"eventType": "Delivery", "mail": about, "delivery": {"recipients": ["x@y.example"], "smtpResponse": "250 OK"}},
        {"eventType": "Bounce", "mail": about, "bounce": {"timestamp": "2099-01-01T00:00:00.000Z", **bounce}},
    ):
        payload = signatures.sns("Notification", Message=json.dumps(event), MessageId=str(event["eventType"]))
        letters.post_ses(client, payload, channel="tracking")
        settle()
    assert state_of(sent) == state


@pytest.mark.parametrize("author", ["help@acme.example, eve@evil.example", "help@acme.example\nFrom: eve@evil.example"])
def test_a_verdict_on_several_authors_verifies_none_of_them(
    client: Client, settle: Settle, two: list[str], author: str
) -> None:
    letters.post_ses(
        client, letters.ses(two[:1], letters.mime().replace(b"Kim Carrier <kim@carrier.example>", author.encode()))
    )
    (entry,) = settle()
    assert entry.verification == Verification.UNVERIFIED


def test_an_address_in_raw_utf_8_is_one_party_whoever_delivers_it(
    client: Client, settle: Settle, two: list[str]
) -> None:
    raw = letters.mime().replace(b"kim@carrier.example", "núñez@correios.example".encode())
    letters.post_ses(client, letters.ses(two[:1], raw))
    letters.post_postmark(client, letters.postmark(two[0], FromFull={"Email": "núñez@correios.example", "Name": "N"}))
    settle()
    third_parties = Alias.objects.filter(party=PartyKind.THIRD_PARTY)
    assert [alias.real.text() for alias in third_parties] == ["núñez@correios.example"]
