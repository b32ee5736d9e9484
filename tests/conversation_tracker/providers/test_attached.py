"""Mails that are posted in parts are recorded whatever stands in their parts."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from conversation_tracker.providers import parts
from orders import vault
from orders.models import TimelineEntry
from tests import letters, signatures
from tests.conversation_tracker.providers.conftest import Api

pytestmark = pytest.mark.django_db

Settle = Callable[[], list[TimelineEntry]]
Send = Callable[..., None]
PROVIDERS = ("postmark", "mailjet", "mailgun", "brevo")
HEAD = b"From: kim@carrier.example\r\nSubject: Your parcel\r\n"
LATIN_1 = HEAD + b"Content-Type: text/plain; charset=latin-1\r\n\r\nIt is at the caf\xe9."


def nested(depth: int) -> bytes:
    return HEAD + b"Content-Type: message/rfc822\r\n\r\n" * depth + b"x"


@pytest.fixture
def send(client: Client, two: list[str], api: Api, settings: Settings) -> Send:
    """Post a mail with a file as one of the providers would."""
    letters.mount(settings, "mailjet")
    letters.mount(settings, "brevo", BREVO_API_KEY="key", BREVO_API_URL=f"{api.url}/v3/")

    def run(provider: str, raw: bytes, *, name: str = "a.eml", content_type: str = "message/rfc822") -> None:
        content = base64.b64encode(raw).decode()
        if provider == "postmark":
            attached = {"Name": name, "ContentType": content_type, "Content": content}
            letters.post_postmark(client, letters.postmark(two[0], Attachments=[attached]))
        elif provider == "mailjet":
            header = {"Content-Type": content_type, "Content-Disposition": f'attachment; filename="{name}"'}
            fields: dict[str, Any] = {"Parts": [{"Headers": header, "ContentRef": "Attachment1"}]}
            letters.post(client, "/anymail/mailjet/inbound/", letters.mailjet(two[0], **fields, Attachment1=content))
        elif provider == "mailgun":
            file = SimpleUploadedFile(name, raw, content_type)
            letters.post_mailgun(client, letters.mailgun(two[0], **{"attachment-1": file, "attachment-count": "1"}))
        else:
            api.answer("/v3/inbound/attachments/t", raw, content_type=content_type)
            attached = {"Name": name, "ContentType": content_type, "DownloadToken": "t"}
            letters.post(client, "/anymail/brevo/inbound/", letters.brevo(two[:1], Attachments=[attached]))

    return run


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_attached_mail_in_another_charset_is_recorded_in_its_words(
    send: Send, settle: Settle, provider: str
) -> None:
    send(provider, LATIN_1)
    (entry,) = settle()
    (attachment,) = entry.attachments.all()
    assert (attachment.name, attachment.content_type) == ("a.eml", "message/rfc822")
    assert "It is at the café." in vault.load(attachment.stored_as).decode()


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_attached_mail_that_is_absurd_is_recorded_and_not_parsed(send: Send, settle: Settle, provider: str) -> None:
    raw = nested(1_000)
    send(provider, raw)
    (entry,) = settle()
    (attachment,) = entry.attachments.all()
    assert not attachment.is_searchable


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    "content_type", ["", "message", "multipart/mixed; boundary=x", 'text/plain; charset="\\', "é/x"]
)
def test_a_file_of_an_odd_type_is_recorded(send: Send, settle: Settle, provider: str, content_type: str) -> None:
    if provider == "brevo" and not content_type.isascii():
        content_type = "x" * 500  # a header of an answer is no place for it
    send(provider, b"%PDF-1.7 x", name="ä\\b.pdf", content_type=content_type)
    (entry,) = settle()
    (attachment,) = entry.attachments.all()
    assert attachment.content_type == "application/pdf"
    assert vault.load(attachment.stored_as) == b"%PDF-1.7 x"


def test_postmark_mail_without_a_sender_is_recorded(client: Client, settle: Settle, two: list[str]) -> None:
    letters.post_postmark(client, letters.postmark(two[0], From="", FromFull={"Email": "", "Name": ""}))
    (entry,) = settle()
    assert entry.sender_alias is None


@pytest.mark.parametrize("name", ["Subject", "From", "To", "Date", "Message-ID", "Reply-To", "Content-Type"])
def test_postmark_mail_with_a_field_twice_is_recorded(
    client: Client, settle: Settle, two: list[str], name: str
) -> None:
    listed = [{"Name": name, "Value": "<x@y.example>"}, {"Name": name, "Value": "<z@y.example>\r\nBcc: a@b.example"}]
    letters.post_postmark(client, letters.postmark(two[0], Headers=listed))
    (entry,) = settle()
    assert entry.subject == letters.postmark(two[0])["Subject"]


def test_mailjet_and_brevo_mails_with_a_field_twice_are_recorded(
    client: Client, settle: Settle, two: list[str], send: Send
) -> None:
    doubled = {"From": ["Kim <kim@carrier.example>", "x@y.example"], "Subject": ["One", "Two"], "To": ["", "a, b"]}
    letters.post(client, "/anymail/mailjet/inbound/", letters.mailjet(two[0], Headers=doubled))
    letters.post(client, "/anymail/brevo/inbound/", letters.brevo(two[1:], Headers=doubled, Attachments=[]))
    assert [entry.subject for entry in settle()] == ["One", "One"]


@pytest.mark.parametrize("odd", ["\ud800", "a\udce9", "\udfff\0", "\ufffe"])
def test_lone_surrogates_in_a_document_stop_no_mail(
    client: Client, settle: Settle, two: list[str], settings: Settings, odd: str
) -> None:
    raw = f"From: kim@carrier.example\r\nSubject: a{odd}b\r\n\r\nIt is{odd} at your door."
    for name in ("mailjet", "brevo", "sparkpost"):
        letters.mount(settings, name, BREVO_API_KEY="key")
    letters.mount(settings, "mailersend", MAILERSEND_INBOUND_SECRET="shared")
    headers = {"From": "kim@carrier.example", "Subject": f"a{odd}b"}
    named = {"Name": f"{odd}.txt", "ContentType": f"text/{odd}", "Content": "eA=="}
    letters.post_postmark(
        client, letters.postmark(two[0], Subject=f"a{odd}b", TextBody=f"It{odd}", HtmlBody=odd, Attachments=[named])
    )
    letters.post_postmark(client, letters.postmark(two[0], RawEmail=raw))
    mailjet = {"Headers": headers, "Text-part": f"Is{odd}", "Html-part": odd}
    letters.post(client, "/anymail/mailjet/inbound/", letters.mailjet(two[0], **mailjet))
    brevo = {"Headers": headers, "RawTextBody": f"At{odd}", "RawHtmlBody": odd, "Attachments": []}
    letters.post(client, "/anymail/brevo/inbound/", letters.brevo(two[:1], **brevo))
    body, signature = signatures.hmac_of(letters.mailersend(two[:1], raw + "1"), "shared")
    letters.post(client, "/anymail/mailersend/inbound/", body, Signature=signature)
    content = {"email_rfc822": raw + "2", "email_rfc822_is_base64": False}
    letters.post(client, "/anymail/sparkpost/inbound/", [letters.sparkpost_mail(two[0], b"", content=content)])
    assert len(settle()) == 6


def test_no_more_of_a_file_s_name_and_type_is_written_than_is_read() -> None:
    """Python's reader takes seconds for 100,000 semicolons."""
    made = parts.file(b"x", content_type="text/plain" + ";" * 100_000, name="a;" * 50_000)
    assert len(str(made.get_filename())) == parts.LONGEST_NAME
    assert sum(len(value) for _, value in made.raw_items()) < parts.LONGEST_NAME + parts.LONGEST_TYPE + 99
