"""What a provider answers to a mail, or that it does not, says what becomes of it."""

from __future__ import annotations

import json
import smtplib
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.core.mail import EmailMultiAlternatives
from django.test import Client
from pytest_django import Settings

from conversation_tracker import answers, send
from conversation_tracker.models import OutboundMail, SendState
from orders.models import Suppression
from orders.placing import Placed
from tests import letters
from tests.conversation_tracker.failing import http, http_server, smtp_server

pytestmark = pytest.mark.django_db
Work = Callable[..., list[EmailMultiAlternatives]]
LATER_400, LATER_409 = send.Later("HTTP 400"), send.Later("HTTP 409")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30),
        ("99999999999999999999", 7_200),
        ("Mon, 23 Nov 2026 12:05:00 GMT", 300),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0),
        ("Mon, 23 Nov 9999 11:00:00 GMT", 7_200),
        ("Mon, 23 Nov 2026 12:05:00 -0000", 300),
        ("-5", 0),
        ("soon", 0),
        ("٣٠", 0),
        ("", 0),
    ],
)
def test_how_long_a_provider_asks_us_to_wait(text: str, seconds: int) -> None:
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    response = http(503, {"Retry-After": text}).response
    assert answers.asked_to_wait(response, now=now) == timedelta(seconds=seconds)


def message() -> EmailMultiAlternatives:
    return EmailMultiAlternatives("s", "b", "a@x.example", ["b@y.example"])


def test_a_server_that_takes_a_mail_and_says_nothing_leaves_a_doubt(settings: Settings) -> None:
    with smtp_server({"DATA": 354, ".": 0}) as port:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        assert send.hand_over(message(), key="k") == send.Doubtful(send.UNANSWERED)


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (b"", send.Doubtful(send.UNANSWERED)),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{", send.Doubtful(send.UNANSWERED)),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno", send.Doubtful(send.MISUNDERSTOOD)),
        (
            b"HTTP/1.1 503 No\r\nRetry-After: 9\r\n\r\n",
            send.Later("HTTP 503", timedelta(seconds=9)),
        ),
    ],
    ids=["none", "half", "nonsense", "asks for time"],
)
def test_what_a_call_without_a_good_answer_means(settings: Settings, answer: bytes, result: send.Result) -> None:
    with http_server(answer) as url:
        by_postmark(settings, url)
        assert send.hand_over(message(), key="k") == result


@pytest.mark.parametrize("status", [504, 524])
def test_a_gateway_that_waits_no_longer_leaves_a_doubt(settings: Settings, status: int) -> None:
    with http_server(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status) as url:
        by_postmark(settings, url)
        assert send.hand_over(message(), key="k") == send.Doubtful(f"HTTP {status}")


def test_a_gateway_s_doubt_does_not_hurry_where_a_key_tells_of_a_repeat(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "anymail.backends.resend.EmailBackend"
    with http_server(b"HTTP/1.1 504 No\r\nRetry-After: 600\r\nContent-Length: 0\r\n\r\n") as url:
        settings.ANYMAIL = {**settings.ANYMAIL, "RESEND_API_KEY": "t", "RESEND_API_URL": url}
        found = send.hand_over(message(), key="k")
    assert found == send.Later("HTTP 504", wait=timedelta(minutes=10), may_have_left=True)


def test_an_address_that_the_api_has_left_may_be_put_right(settings: Settings) -> None:
    with http_server(b"HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n") as url:
        by_postmark(settings, url)
        assert send.hand_over(message(), key="k") == send.Later("HTTP 405")


@pytest.mark.parametrize(
    ("code", "result"),
    [
        *((code, send.Later("HTTP 422")) for code in (100, 400, 401, 405, 412, 413)),
        *((code, send.Never("HTTP 422")) for code in (300, "405", None)),
    ],
)
def test_what_postmark_says_of_our_account_may_heal(settings: Settings, code: object, result: send.Result) -> None:
    body = json.dumps({"ErrorCode": code, "Message": "No"}).encode()
    with http_server(b"HTTP/1.1 422 No\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)) as url:
        by_postmark(settings, url)
        assert send.hand_over(message(), key="k") == result


@pytest.mark.parametrize("body", [b"[]", b"{}"])
def test_an_answer_that_names_nobody_suppresses_nobody(
    client: Client, work: Work, placed: Placed, settings: Settings, body: bytes
) -> None:
    with http_server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n%s" % body) as url:
        settings.EMAIL_BACKEND = "anymail.backends.mandrill.EmailBackend"
        settings.ANYMAIL = {**settings.ANYMAIL, "MANDRILL_API_KEY": "t", "MANDRILL_API_URL": url}
        letters.post_postmark(client, letters.postmark(placed.customer_alias))
        work()
    assert OutboundMail.objects.get().state == SendState.RETRY
    assert not Suppression.objects.exists()


@pytest.mark.parametrize(
    ("code", "result"), [(251, send.Sent("")), (299, send.Sent("")), (99, send.Doubtful(send.UNANSWERED))]
)
def test_a_server_may_say_in_other_words_that_it_took_a_mail(
    settings: Settings, code: int, result: send.Result
) -> None:
    with smtp_server({"DATA": 354, ".": code}) as port:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        assert send.hand_over(message(), key="k") == result


@pytest.mark.parametrize(
    ("provider", "headers", "body"),
    [
        ("mailjet", b"Content-Type: application/json", b'{"Messages": [{"Status": "error", "Errors": []}]}'),
        ("mailersend", b"Content-Type: text/html", b""),
    ],
)
def test_a_good_answer_that_no_mail_was_taken_is_none(
    settings: Settings, provider: str, headers: bytes, body: bytes
) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n\r\n%s" % (len(body), headers, body)
    settings.EMAIL_BACKEND = f"anymail.backends.{provider}.EmailBackend"
    with http_server(answer) as url:
        credentials = dict.fromkeys(("MAILJET_API_KEY", "MAILJET_SECRET_KEY", "MAILERSEND_API_TOKEN"), "t")
        settings.ANYMAIL = {**settings.ANYMAIL, **credentials, f"{provider.upper()}_API_URL": url}
        assert send.hand_over(message(), key="k") == send.Later("not taken")


def mailjet(code: str, status: int) -> bytes:
    error = {"ErrorCode": code, "StatusCode": status, "ErrorMessage": "x", "ErrorRelatedTo": ["To[0].Email"]}
    document = {"Messages": [{"Status": "error", "Errors": [error]}]}
    return answered(400, document, more=b"Content-Type: application/json\r\n")


@pytest.mark.parametrize(
    ("code", "status", "result"),
    [
        ("mj-0013", 400, send.Never("mj-0013")),
        ("send-0010", 413, send.Never("send-0010")),
        ("send-0008", 403, send.Later("not taken")),
        ("mj-0001", 500, send.Later("not taken")),
    ],
)
def test_what_mailjet_refuses_for_good_is_not_tried_again(
    settings: Settings, code: str, status: int, result: send.Result
) -> None:
    settings.EMAIL_BACKEND = "anymail.backends.mailjet.EmailBackend"
    with http_server(mailjet(code, status)) as url:
        keys = {"MAILJET_API_KEY": "t", "MAILJET_SECRET_KEY": "t", "MAILJET_API_URL": url}
        settings.ANYMAIL = {**settings.ANYMAIL, **keys}
        assert send.hand_over(message(), key="k") == result


def answered(status: int, body: object, *, more: bytes = b"") -> bytes:
    said = body if isinstance(body, bytes) else json.dumps(body).encode()
    return b"HTTP/1.1 %d No\r\nContent-Length: %d\r\n%s\r\n%s" % (status, len(said), more, said)


def postal(code: str) -> tuple[str, int, object]:
    """Postal's answer to a mail that it does not take."""
    return "postal", 200, {"status": "error", "time": 0.0, "flags": {}, "data": {"code": code, "message": "No"}}


MAILERSEND = "The from.email domain must be verified in your account to send emails. #MS42207"


@pytest.mark.parametrize(
    ("provider", "status", "body", "result"),
    [
        (*postal("InvalidServerAPIKey"), send.Later("InvalidServerAPIKey")),
        (*postal("ServerSuspended"), send.Later("ServerSuspended")),
        (*postal("UnauthenticatedFromAddress"), send.Later("UnauthenticatedFromAddress")),
        (*postal("NoRecipients"), send.Never("NoRecipients")),
        ("postal", 200, {"status": "parameter-error", "data": {"message": "No"}}, send.Never("parameter-error")),
        ("postal", 200, b"<h1>We are back soon</h1>", send.Doubtful(send.MISUNDERSTOOD)),
        ("postmark", 200, b"<h1>Sign in to this network</h1>", send.Doubtful(send.MISUNDERSTOOD)),
        ("postmark", 422, {"ErrorCode": 300, "Message": "Zero recipients specified"}, send.Never("HTTP 422")),
        ("postmark", 422, {"ErrorCode": {}, "Message": "No"}, send.Never("HTTP 422")),
        ("sparkpost", 400, {"errors": [{"message": "Unconfigured Sending Domain <x>", "code": "7001"}]}, LATER_400),
        ("sparkpost", 400, {"errors": [{"message": "Invalid header", "code": "1300"}]}, send.Never("HTTP 400")),
        ("mailersend", 422, {"message": MAILERSEND, "errors": {"from.email": [MAILERSEND]}}, send.Later("HTTP 422")),
        ("brevo", 400, {"code": "duplicate_parameter", "message": "Duplicate"}, send.Sent("")),
        ("brevo", 400, {"code": "invalid_parameter", "message": "to is not valid"}, send.Never("HTTP 400")),
        ("resend", 409, {"statusCode": 409, "name": "invalid_idempotent_request", "message": "x"}, send.Sent("")),
        ("resend", 409, {"statusCode": 409, "name": "concurrent_idempotent_requests", "message": "x"}, LATER_409),
        ("mailgun", 409, {"name": "invalid_idempotent_request"}, LATER_409),  # it takes no key
    ],
)
def test_what_a_provider_says_decides_whether_a_mail_is_tried_again(
    settings: Settings, provider: str, status: int, body: object, result: send.Result
) -> None:
    settings.EMAIL_BACKEND = f"anymail.backends.{provider}.EmailBackend"
    names = ("API_KEY", "API_TOKEN", "SERVER_TOKEN")
    with http_server(answered(status, body)) as url:
        credentials = {f"{provider.upper()}_{name}": "t" for name in names}
        settings.ANYMAIL = {**settings.ANYMAIL, **credentials, f"{provider.upper()}_API_URL": url}
        assert send.hand_over(message(), key="k", may_have_left=True) == result
    if isinstance(result, send.Sent):  # what nobody can have taken before was not taken
        with http_server(answered(status, body)) as url:
            settings.ANYMAIL = {**settings.ANYMAIL, f"{provider.upper()}_API_URL": url}
            assert isinstance(send.hand_over(message(), key="k"), send.Later)


@pytest.mark.parametrize(
    ("said", "result"),
    [
        ("Email address is not verified. The following identities failed the check: ct.example.com", LATER_400),
        ("Sending paused for this account. For more information, please check the inbox", LATER_400),
        ("Missing final '@domain'", send.Never("HTTP 400")),
    ],
)
def test_amazon_waits_for_a_domain_that_is_not_verified_yet(settings: Settings, said: str, result: send.Result) -> None:
    with http_server(answered(400, {"message": said}, more=b"x-amzn-ErrorType: MessageRejected\r\n")) as url:
        by_amazon(settings, url)
        assert send.hand_over(message(), key="k") == result


def test_a_gateway_before_amazon_leaves_a_doubt(settings: Settings) -> None:
    with http_server(answered(504, b"")) as url:
        by_amazon(settings, url)
        assert send.hand_over(message(), key="k") == send.Doubtful("HTTP 504")


RELAY = "5.7.1 <b@y.example>: Relay access denied"
LATER_550, NEVER_550 = send.Later("SMTP 550"), send.Never("SMTP 550")


@pytest.mark.parametrize(
    ("said", "result"),
    [
        (RELAY, LATER_550),
        ("5.7.1 <b@y.example>... Relaying denied. Proper authentication required.", LATER_550),
        ("relay not permitted", LATER_550),
        ("5.7.1 Invalid credentials for relay [192.0.2.1]. The IP address you've registered in your\n5.7.1", LATER_550),
        ("5.7.0 Mail relay denied [192.0.2.1]. Invalid credentials for relay for one of the domains", LATER_550),
        ("Please turn on SMTP Authentication in your mail client.\nhost is not permitted to relay", LATER_550),
        ("authentication required", LATER_550),
        ("5.7.139 Authentication unsuccessful, the user credentials were incorrect", LATER_550),
        ("Unauthenticated senders not allowed", LATER_550),
        ("5.1.1 <b@y.example>: host mx.y.example said: 550 not permitted to relay through this server", NEVER_550),
        ("5.7.64 TenantAttribution; Relay Access Denied SMTP", LATER_550),
        ("5.7.54 SMTP; Unable to relay recipient in non-accepted domain", LATER_550),
        ("5.1.8 <a@x.example>: Sender address rejected: Domain not found", LATER_550),
        ("5.7.1 <a@x.example>: Sender address rejected: not owned by user us", LATER_550),
        ("5.7.1 Client host rejected: cannot find your hostname", LATER_550),
        ("5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org", LATER_550),
        ("5.1.1 <b@y.example>: Recipient address rejected: User unknown in local recipient table", NEVER_550),
        ("5.1.1 <b@y.example>: Recipient address rejected: unverified address: host mx.y.example said: 550", NEVER_550),
        (f"5.1.1 <b@y.example>: Recipient address rejected: undeliverable: host mx said: 550 {RELAY}", NEVER_550),
        ("5.4.1 Recipient address rejected: Access denied", NEVER_550),
        ("5.7.1 <b@y.example>: Recipient address rejected: Access denied", NEVER_550),
        ("5.2.1 <b@y.example>: mailbox is disabled", NEVER_550),
        ("5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required", NEVER_550),
        ("Callout verification failed:\n550 relay not permitted", NEVER_550),
        ("", NEVER_550),
    ],
)
def test_what_a_server_says_of_a_recipient_is_told_from_what_it_says_of_us(
    provider: list[Exception], said: str, result: send.Result
) -> None:
    provider.append(smtplib.SMTPRecipientsRefused({"b@y.example": (550, said.encode())}))
    assert send.hand_over(message(), key="k") == result


@pytest.mark.parametrize(
    ("said", "result"),
    [
        ("Message rejected: Email address is not verified. The following identities failed the check", LATER_550),
        ("Access denied: User `arn:aws:iam::1:user/x' is not authorized to perform `ses:SendRawEmail'", LATER_550),
        ("5.1.8 Access denied, bad outbound sender AS(42003)", LATER_550),
        ("5.7.60 SMTP; Client does not have permissions to send as this sender", LATER_550),
        ("5.2.252 SendAsDenied; us@x.example not allowed to send as a@x.example", LATER_550),
        ("5.7.1 Unconfigured Sending Domain <x.example>", LATER_550),
        ("5.7.1 Relaying disallowed as a@x.example", LATER_550),
        ("5.7.1 Not authorised to send from this header address", LATER_550),
        ("5.7.0 From address is not one of your addresses", LATER_550),
        ("Sender address is not allowed.", LATER_550),
        ("The from address does not match a verified Sender Identity. Mail cannot be sent", LATER_550),
        ("5.7.1 Message content rejected, id=1-2 - SPAM", NEVER_550),
        ("5.7.1 Blocked by policy: no attachments of this kind", NEVER_550),
        ("5.6.0 Message is malformed", NEVER_550),
    ],
)
def test_what_a_server_says_of_a_mail_is_told_from_what_it_says_of_us(
    provider: list[Exception], said: str, result: send.Result
) -> None:
    provider.append(smtplib.SMTPDataError(550, said.encode()))
    assert send.hand_over(message(), key="k") == result


def test_where_nobody_listens_no_mail_has_left(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
    by_postmark(settings, url)
    assert send.hand_over(message(), key="k") == send.Later("ConnectionError")


def test_an_answer_that_comes_byte_by_byte_is_not_waited_for(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send, "PATIENCE", 1.0)
    with http_server(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + b" " * 900, pause=0.1) as url:
        by_postmark(settings, url)
        assert send.hand_over(message(), key="k") == send.Doubtful(send.UNANSWERED)


def by_postmark(settings: Settings, url: str) -> None:
    settings.EMAIL_BACKEND = "anymail.backends.postmark.EmailBackend"
    settings.ANYMAIL = {**settings.ANYMAIL, "POSTMARK_SERVER_TOKEN": "t", "POSTMARK_API_URL": url}


def by_amazon(settings: Settings, url: str) -> None:
    settings.EMAIL_BACKEND = "anymail.backends.amazon_ses.EmailBackend"
    client = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1", "endpoint_url": url}
    settings.ANYMAIL = {**settings.ANYMAIL, "AMAZON_SES_CLIENT_PARAMS": client}


def said(document: object) -> bytes:
    body = json.dumps(document).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@pytest.mark.parametrize(
    ("provider", "document", "result"),
    [
        (
            "postmark",
            {"To": "maria@y.example", "SubmittedAt": "", "MessageID": "id-1", "ErrorCode": 0, "Message": "OK"},
            send.Sent("id-1"),
        ),
        (
            "postmark",
            {"ErrorCode": 406, "Message": "Found inactive addresses: maria@y.example. Inactive recipients are ones"},
            send.Suppressed("AnymailRecipientsRefused"),
        ),
        (
            "mailjet",
            {"Messages": [{"Status": "success", "To": [{"Email": "maria@y.example", "MessageID": 456}]}]},
            send.Sent("456"),
        ),
    ],
)
def test_a_provider_that_spells_the_address_otherwise_is_understood(
    settings: Settings, provider: str, document: dict[str, object], result: send.Result
) -> None:
    with http_server(said(document)) as url:
        settings.EMAIL_BACKEND = f"anymail.backends.{provider}.EmailBackend"
        names = ("SERVER_TOKEN", "API_KEY", "SECRET_KEY")
        settings.ANYMAIL = {f"{provider}_{name}".upper(): "x" for name in names} | {f"{provider.upper()}_API_URL": url}
        mail = EmailMultiAlternatives("s", "b", "a@x.example", ["Maria@y.example"])
        assert send.hand_over(mail, key="k") == result
