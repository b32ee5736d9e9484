"""Mails attached to mails that are posted in parts are looked at before anymail parses them."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from conversation_tracker.models import Receipt, ReceiptState, Trouble
from tests import letters
from tests.conversation_tracker.providers.conftest import Api

pytestmark = pytest.mark.django_db


def nested(depth: int) -> bytes:
    head = b"From: kim@carrier.example\r\nSubject: x\r\n"
    return head + b"Content-Type: message/rfc822\r\n\r\n" * depth + b"x"


@pytest.mark.parametrize("provider", ["postmark", "mailjet", "mailgun", "brevo"])
def test_an_attached_mail_that_is_absurd_is_not_parsed(
    client: Client, work: Callable[..., object], two: list[str], api: Api, settings: Settings, provider: str
) -> None:
    raw = nested(1_000)
    content = base64.b64encode(raw).decode()
    letters.mount(settings, "mailjet")
    letters.mount(settings, "brevo", BREVO_API_KEY="key", BREVO_API_URL=f"{api.url}/v3/")
    if provider == "postmark":
        attached = {"Name": "a.eml", "ContentType": "message/rfc822", "Content": content}
        letters.post_postmark(client, letters.postmark(two[0], Attachments=[attached]))
    elif provider == "mailjet":
        part = {"Headers": {"Content-Type": "message/rfc822"}, "ContentRef": "Attachment1"}
        letters.post(client, "/anymail/mailjet/inbound/", letters.mailjet(two[0], Parts=[part], Attachment1=content))
    elif provider == "mailgun":
        file = SimpleUploadedFile("a.eml", raw, "message/rfc822")
        letters.post_mailgun(client, letters.mailgun(two[0], **{"attachment-1": file, "attachment-count": "1"}))
    else:
        api.answer("/v3/inbound/attachments/t", raw, content_type="message/rfc822")
        attached = {"Name": "a.eml", "ContentType": "message/rfc822", "DownloadToken": "t"}
        letters.post(client, "/anymail/brevo/inbound/", letters.brevo(two[:1], Attachments=[attached]))
    work()
    receipt = Receipt.objects.get()
    assert (receipt.state, receipt.trouble) == (ReceiptState.QUARANTINED, Trouble.OVER_LIMIT)
