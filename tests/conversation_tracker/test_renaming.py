"""A mail that gets another Message-ID on its way, and its answers."""

from __future__ import annotations

import json

import pytest
from django.core.mail import EmailMultiAlternatives, get_connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from conversation_tracker import finishing, inbox, outbox, renaming
from conversation_tracker.models import OutboundMail, SendState
from orders.models import Alias
from orders.outcomes import Outcome
from orders.placing import Placed
from tests import letters
from tests.conversation_tracker.conversing import ids, mails, person
from tests.conversation_tracker.failing import smtp_server

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("three_providers")]
SMTP = "django.core.mail.backends.smtp.EmailBackend"
AMAZON, BREVO, MAILJET = (
    "<0100018f-1@eu-west-1.amazonses.com>",
    "<202611300940.41234567890@smtp-relay.mailin.fr>",
    "<b7d1a2c3.AAAAA1x@mailjet.com>",
)


def by(name: str) -> str:
    """anymail's backend for this provider."""
    return f"anymail.backends.{name}.EmailBackend"


def write(client: Client, to: Alias, by: Alias, **headers: str) -> None:
    """One party writes to another; what comes of it waits to be sent."""
    message_id = f"<{by.pk}.{len(headers)}@mail.example>"
    letters.post_postmark(client, letters.postmark(to, FromFull=person(by), Headers=ids(message_id, **headers)))
    while inbox.work(now=timezone.now()) is not None:
        pass


def finish() -> EmailMultiAlternatives:
    """The newest copy, as it would be handed over."""
    return finishing.finished(OutboundMail.objects.latest("pk"), ()).message


@pytest.mark.parametrize(
    ("backend", "host", "is_named"),
    [
        *(
            (f"anymail.backends.{name}.EmailBackend", "", True)
            for name in ("amazon_ses", "resend", "brevo", "mandrill")
        ),
        *((f"anymail.backends.{name}.EmailBackend", "", False) for name in ("postmark", "mailgun")),
        (SMTP, "email-smtp.eu-west-1.amazonaws.com", True),
        (SMTP, "smtp-relay.brevo.com", True),
        (SMTP, "mail.shop.example", False),
    ],
)
def test_our_id_stands_in_references_where_the_mail_may_get_another_one(
    client: Client, placed: Placed, settings: Settings, backend: str, host: str, is_named: bool
) -> None:
    settings.EMAIL_BACKEND, settings.EMAIL_HOST = backend, host
    write(client, placed.store_alias, placed.customer_alias)
    found = finish().extra_headers
    assert found["Message-ID"] == OutboundMail.objects.get().message_id
    assert found.get("References") == (found["Message-ID"] if is_named else None)
    assert "In-Reply-To" not in found


def test_mailjet_is_given_no_header_that_it_refuses(client: Client, placed: Placed, settings: Settings) -> None:
    settings.EMAIL_BACKEND = by("mailjet")
    settings.ANYMAIL = {**settings.ANYMAIL, "MAILJET_API_KEY": "k", "MAILJET_SECRET_KEY": "s"}
    write(client, placed.store_alias, placed.customer_alias)
    backend = get_connection(settings.EMAIL_BACKEND)
    payload = json.loads(backend.build_message_payload(finish(), {}).serialize_data())  # type: ignore[attr-defined]
    assert {name.lower() for name in payload["Globals"]["Headers"]} == {"references", "x-conversation-tracker-hop"}
    assert payload["Globals"]["Headers"]["References"] == OutboundMail.objects.get().message_id


@pytest.mark.parametrize(
    ("reply", "called"),
    [
        ("Ok 0100018f-1", "0100018f-1"),
        (f"2.0.0 OK: queued as {BREVO}", BREVO),
        ("", ""),
    ],
)
def test_a_service_names_the_mail_that_it_takes_by_smtp(
    client: Client, placed: Placed, settings: Settings, monkeypatch: pytest.MonkeyPatch, reply: str, called: str
) -> None:
    monkeypatch.setattr(renaming, "_SERVERS", ("127.0.0.1",))
    write(client, placed.store_alias, placed.customer_alias)
    with smtp_server({"DATA": 354}, words=reply) as port:
        settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = SMTP, "127.0.0.1", port
        outbox.work(now=timezone.now())
    row = OutboundMail.objects.get()
    assert (row.state, row.provider_message_id) == (SendState.SENT, called)


def test_a_mail_server_of_ones_own_names_nothing(client: Client, placed: Placed, settings: Settings) -> None:
    write(client, placed.store_alias, placed.customer_alias)
    with smtp_server({"DATA": 354}, words="2.0.0 Ok: queued as 4XyZ1") as port:
        settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = SMTP, "127.0.0.1", port
        outbox.work(now=timezone.now())
    row = OutboundMail.objects.get()
    assert (row.state, row.provider_message_id) == (SendState.SENT, "")


@pytest.mark.parametrize(("host", "is_told"), [("smtp.postmarkapp.com", True), ("mail.shop.example", False)])
def test_postmark_is_told_to_keep_our_id_by_smtp_too(
    client: Client, placed: Placed, settings: Settings, host: str, *, is_told: bool
) -> None:
    settings.EMAIL_BACKEND, settings.EMAIL_HOST = SMTP, host
    write(client, placed.store_alias, placed.customer_alias)
    assert ("X-PM-KeepID" in finish().extra_headers) == is_told


@pytest.mark.parametrize(
    ("backend", "called", "named"),
    [
        (by("amazon_ses"), "0100018f-1", AMAZON),
        (by("brevo"), BREVO, BREVO),
        (SMTP, "0100018f-1", AMAZON),
    ],
)
def test_an_answer_that_names_the_providers_id_alone_stays_in_its_thread(
    client: Client, placed: Placed, settings: Settings, backend: str, called: str, named: str
) -> None:
    settings.EMAIL_BACKEND = backend
    write(client, placed.store_alias, placed.customer_alias)
    OutboundMail.objects.update(provider_message_id=called)
    asked = OutboundMail.objects.get()
    write(client, placed.customer_alias, placed.store_alias, In_Reply_To=named)
    assert finish().extra_headers["In-Reply-To"] == asked.original_id.text()


@pytest.mark.parametrize("named", [AMAZON, BREVO, MAILJET])
def test_an_answer_that_names_ours_and_the_providers_id_stays_in_its_thread(
    client: Client, placed: Placed, settings: Settings, named: str
) -> None:
    settings.EMAIL_BACKEND = by("resend")
    write(client, placed.store_alias, placed.customer_alias)
    asked = OutboundMail.objects.get()
    references = f"{asked.message_id} {named}"
    write(client, placed.customer_alias, placed.store_alias, References=references, In_Reply_To=named)
    answer = finish().extra_headers
    assert answer["In-Reply-To"] == asked.original_id.text()
    assert answer["References"].split() == [asked.original_id.text(), answer["Message-ID"]]


@pytest.mark.parametrize(
    ("backend", "named", "outcome"),
    [
        (by("amazon_ses"), AMAZON, Outcome.RELAYED),
        (by("resend"), AMAZON, Outcome.RELAYED),
        (by("brevo"), BREVO, Outcome.RELAYED),
        (by("mailjet"), MAILJET, Outcome.RELAYED),
        (SMTP, MAILJET, Outcome.RELAYED),
        (by("postmark"), AMAZON, Outcome.REFUSED),
        (by("brevo"), "<1@notmailjet.com.shop.example>", Outcome.REFUSED),
    ],
)
def test_a_shared_inbox_that_names_the_providers_id_answers_ours(
    client: Client, placed: Placed, settings: Settings, backend: str, named: str, outcome: Outcome
) -> None:
    settings.EMAIL_BACKEND = backend
    marks = {"Precedence": "list", "List_ID": "<help.shop.example>"}
    write(client, placed.customer_alias, placed.store_alias, In_Reply_To=named, **marks)
    assert mails(placed.order)[-1].outcome == outcome


@pytest.mark.parametrize(
    "marks",
    [
        {"Precedence": "bulk", "Auto_Submitted": "auto-generated", "X_JIRA_FingerPrint": "3d8d037e"},
        {"List_Unsubscribe": "<https://x.example>", "List_Unsubscribe_Post": "List-Unsubscribe=One-Click"},
    ],
    ids=["Jira", "Brevo"],
)
def test_what_desks_and_services_put_on_each_mail_is_believed_of_the_store_and_of_whoever_was_written_to(
    client: Client, placed: Placed, marks: dict[str, str]
) -> None:
    customer, store = placed.customer_alias, placed.store_alias
    named = "<JIRA.36713.1505335133000@Atlassian.JIRA>"
    write(client, store, customer, **marks)
    write(client, customer, store, In_Reply_To=named, **marks)
    write(client, store, customer, In_Reply_To=named, **marks)
    assert [entry.outcome for entry in mails(placed.order)] == [Outcome.REFUSED, Outcome.RELAYED, Outcome.RELAYED]
    stranger = letters.postmark(customer, FromFull={"Email": "news@elsewhere.example"}, Headers=ids("<n@x>", **marks))
    letters.post_postmark(client, stranger)
    assert inbox.work(now=timezone.now()) is not None
    assert (mails(placed.order)[-1].outcome, placed.order.aliases.count()) == (Outcome.REFUSED, 2)


@pytest.mark.parametrize("backend", [by("mailgun"), by("resend"), by("postal"), SMTP])
def test_a_mail_of_a_photo_alone_says_its_name_where_an_api_wants_words(
    client: Client, placed: Placed, settings: Settings, backend: str
) -> None:
    settings.EMAIL_BACKEND = backend
    photo = {"Name": "IMG_7.jpeg", "ContentType": "image/jpeg", "Content": "/9j/4AAQSkZJRg=="}
    fields = {"FromFull": person(placed.customer_alias), "TextBody": " ", "HtmlBody": "", "Subject": ""}
    letters.post_postmark(client, letters.postmark(placed.store_alias, **fields, Attachments=[photo]))
    while inbox.work(now=timezone.now()) is not None:
        pass
    sent = finish()
    assert (sent.subject, sent.body.strip()) == (("", "") if backend == SMTP else ("…", "[IMG_7.jpeg]"))


def test_sparkpost_is_told_that_no_mail_is_a_newsletter(client: Client, placed: Placed, settings: Settings) -> None:
    settings.EMAIL_BACKEND = by("sparkpost")
    settings.ANYMAIL = {**settings.ANYMAIL, "SPARKPOST_API_KEY": "k"}
    write(client, placed.store_alias, placed.customer_alias)
    payload = get_connection(settings.EMAIL_BACKEND).build_message_payload(finish(), {})  # type: ignore[attr-defined]
    assert json.loads(payload.serialize_data())["options"] == {"transactional": True}
