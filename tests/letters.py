"""Write mails as a provider would deliver them, for the tests of everything behind the door."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from orders.models import Alias
from tests import signatures

BASIC_AUTH = "Basic " + base64.b64encode(b"demo:demo").decode()
SIGNING_KEY = b"demo"


def postmark(alias: Alias | str, **fields: Any) -> dict[str, Any]:
    """A Postmark inbound payload; ``fields`` replace its own."""
    address = alias if isinstance(alias, str) else alias.address.text()
    return {
        "FromFull": {"Email": "kim@carrier.example", "Name": "Kim Carrier"},
        "ToFull": [{"Email": address, "Name": ""}],
        "OriginalRecipient": address,
        "Subject": "Your parcel",
        "Date": "Mon, 23 Nov 2026 10:00:00 +0000",
        "TextBody": "It is at your door.",
        "HtmlBody": "",
        "Headers": [{"Name": "Message-ID", "Value": "<1@carrier.example>"}],
        **fields,
    }


def post_postmark(client: Client, payload: object, *, auth: str | None = BASIC_AUTH) -> HttpResponse:
    """Post it to the door."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    headers = {"Authorization": auth} if auth else {}
    return client.post("/anymail/postmark/inbound/", body, content_type="application/json", headers=headers)  # type: ignore[return-value]


def mailgun(recipients: str, **fields: Any) -> dict[str, Any]:
    """A signed Mailgun form with the mail as fields."""
    timestamp, token = str(int(time.time())), hashlib.sha256(str(time.monotonic_ns()).encode()).hexdigest()[:50]
    return {
        "recipient": recipients,
        "sender": "kim@carrier.example",
        "from": "Kim Carrier <kim@carrier.example>",
        "subject": "Your parcel",
        "body-plain": "It is at your door.",
        "message-headers": json.dumps(
            [
                ["From", "Kim Carrier <kim@carrier.example>"],
                ["Subject", "Your parcel"],
                ["Message-Id", "<1@carrier.example>"],
                ["Date", "Mon, 23 Nov 2026 10:00:00 +0000"],
            ]
        ),
        "timestamp": timestamp,
        "token": token,
        "signature": hmac.new(SIGNING_KEY, f"{timestamp}{token}".encode(), hashlib.sha256).hexdigest(),
        **fields,
    }


def post_mailgun(client: Client, form: dict[str, Any]) -> HttpResponse:
    """Post it to the door as multipart/form-data."""
    return client.post("/anymail/mailgun/inbound/", form, headers={"Authorization": BASIC_AUTH})  # type: ignore[return-value]


def ses(recipients: list[str], raw: bytes, **receipt: Any) -> dict[str, Any]:
    """An SNS notification of an Amazon SES receipt rule with the mail inside."""
    verdict = {"status": "PASS"}
    message = {
        "notificationType": "Received",
        "mail": {
            "source": "kim@carrier.example",
            "messageId": "ses-1",
            "timestamp": "2026-11-23T10:00:00.000Z",
            "destination": recipients,
        },
        "receipt": {
            "recipients": recipients,
            "spamVerdict": verdict,
            "virusVerdict": verdict,
            "dmarcVerdict": verdict,
            "action": {"type": "SNS", "encoding": "BASE64"},
            **receipt,
        },
        "content": base64.b64encode(raw).decode(),
    }
    return signatures.sns("Notification", Message=json.dumps(message))


def mount(settings: Settings, name: str, **anymail: Any) -> None:
    """Answer the webhooks of a provider, with these of its settings."""
    settings.INBOUND_PROVIDERS = [*settings.INBOUND_PROVIDERS, name]
    settings.ANYMAIL = {**settings.ANYMAIL, **anymail}


def post(client: Client, path: str, payload: object, *, auth: str | None = BASIC_AUTH, **headers: str) -> HttpResponse:
    """Post a JSON document to the door; ``X_Signature="…"`` and the like set headers."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    found = {name.replace("_", "-"): value for name, value in headers.items()}
    if auth:
        found["Authorization"] = auth
    return client.post(path, body, content_type="application/json", headers=found)  # type: ignore[return-value]


def post_ses(client: Client, payload: dict[str, Any], *, channel: str = "inbound") -> HttpResponse:
    """Post it to the door as SNS does."""
    return client.post(  # type: ignore[return-value]
        f"/anymail/amazon_ses/{channel}/",
        json.dumps(payload),
        content_type="text/plain; charset=UTF-8",
        headers={
            "Authorization": BASIC_AUTH,
            "X-Amz-Sns-Message-Type": payload["Type"],
            "X-Amz-Sns-Message-Id": payload["MessageId"],
        },
    )


def brevo(recipients: list[str], **item: Any) -> dict[str, Any]:
    """A Brevo inbound payload ("Inbound parse webhooks"); ``item`` replaces fields of its one mail."""
    return {
        "items": [
            {
                "Uuid": ["8d79f2b1-20ae-4939-8d0b-d2517331a9e5"],
                "MessageId": "<1@carrier.example>",
                "InReplyTo": None,
                "From": {"Name": "Kim Carrier", "Address": "kim@carrier.example"},
                "To": [{"Name": None, "Address": recipients[0]}],
                "Cc": [],
                "Recipients": [{"Name": None, "Address": recipient} for recipient in recipients],
                "Subject": "Your parcel",
                "SentAtDate": "Mon, 23 Nov 2026 10:00:00 +0000",
                "RawTextBody": "It is at your door.",
                "RawHtmlBody": None,
                "ExtractedMarkdownMessage": "It is at your door.",
                "SpamScore": 0.4,
                "Attachments": [],
                "Headers": {
                    "Return-Path": "<kim@carrier.example>",
                    "Delivered-To": recipients[0],
                    "Received": ["by mx.brevo.example", "from mail.carrier.example"],
                    "From": "Kim Carrier <kim@carrier.example>",
                    "To": recipients[0],
                    "Subject": "Your parcel",
                    "Message-ID": "<1@carrier.example>",
                    "Date": "Mon, 23 Nov 2026 10:00:00 +0000",
                },
                **item,
            }
        ]
    }


def mailersend(recipients: list[str], raw: str, **data: Any) -> dict[str, Any]:
    """A MailerSend inbound payload ("Inbound routing")."""
    return {
        "type": "inbound.message",
        "inbound_id": "[inbound-route-id]",
        "url": "https://ct.example.com/anymail/mailersend/inbound/",
        "created_at": "2026-11-23T10:00:01.000000Z",
        "data": {
            "object": "message",
            "id": "6402ab57913d39d8e0f25253",
            "recipients": {
                "rcptTo": [{"email": recipient} for recipient in recipients],
                "to": {"raw": recipients[0], "data": [{"email": recipients[0], "name": None}]},
            },
            "from": {"email": "kim@carrier.example", "name": "Kim Carrier", "raw": "Kim <kim@carrier.example>"},
            "sender": {"email": "kim@carrier.example"},
            "subject": "Your parcel",
            "raw": raw,
            "attachments": [],
            "spf_check": {"code": "+", "value": None},
            "dkim_check": False,
            "created_at": "2026-11-23T10:00:00.000000Z",
            **data,
        },
    }


def mailjet(recipient: str, **fields: Any) -> dict[str, Any]:
    """A Mailjet inbound payload ("Parse API")."""
    return {
        "Sender": "kim@carrier.example",
        "Recipient": recipient,
        "Date": "20261123T100000",
        "From": "Kim Carrier <kim@carrier.example>",
        "Subject": "Your parcel",
        "Headers": {
            "Return-Path": ["<kim@carrier.example>"],
            "Received": ["by parse.mailjet.example", "from mail.carrier.example"],
            "From": "Kim Carrier <kim@carrier.example>",
            "To": recipient,
            "Subject": "Your parcel",
            "Message-ID": "<1@carrier.example>",
            "Date": "Mon, 23 Nov 2026 10:00:00 +0000",
        },
        "Parts": [
            {"Headers": {"Content-Type": "text/plain; charset=utf-8"}, "ContentRef": "Text-part"},
            {
                "Headers": {"Content-Type": 'application/pdf; name="note.pdf"',
                            "Content-Disposition": 'attachment; filename="note.pdf"'},
                "ContentRef": "Attachment1",
            },
        ],
        "Text-part": "It is at your door.",
        "Attachment1": base64.b64encode(b"%PDF-1.7 a note").decode(),
        "SpamAssassinScore": "0.6",
        "CustomID": "",
        "Payload": "",
        **fields,
    }  # fmt: skip


def mandrill_mail(recipient: str, raw: str, **msg: Any) -> dict[str, Any]:
    """An inbound event of Mandrill ("Inbound email processing overview")."""
    return {
        "event": "inbound",
        "ts": 1795428000,
        "msg": {
            "raw_msg": raw,
            "headers": {"Received": ["from mail.carrier.example"], "To": recipient},
            "text": "It is at your door.",
            "from_email": "kim@carrier.example",
            "from_name": "Kim Carrier",
            "to": [[recipient, None]],
            "email": recipient,
            "subject": "Your parcel",
            "tags": [],
            "sender": None,
            "spam_report": {"score": 0.5, "matched_rules": []},
            "dkim": {"signed": False, "valid": False},
            "spf": {"result": "pass", "detail": "sender SPF authorized"},
            **msg,
        },
    }


def post_mandrill(
    client: Client, events: list[Any], *, key: str = "mandrill-webhook-key", path: str = "/anymail/mandrill/"
) -> HttpResponse:
    """Post Mandrill's form, signed over URL and fields."""
    form = {"mandrill_events": json.dumps(events)}
    signed = f"http://demo:demo@testserver{path}mandrill_events{form['mandrill_events']}"
    signature = base64.b64encode(hmac.new(key.encode(), signed.encode(), hashlib.sha1).digest()).decode()
    return client.post(  # type: ignore[return-value]
        path,
        urlencode(form),
        content_type="application/x-www-form-urlencoded",
        headers={"Authorization": BASIC_AUTH, "X-Mandrill-Signature": signature},
    )


def postal(recipient: str, raw: bytes, **fields: Any) -> dict[str, Any]:
    """A Postal payload ("Receiving e-mail by HTTP", raw message)."""
    return {
        "id": 12345,
        "rcpt_to": recipient,
        "mail_from": "kim@carrier.example",
        "message": base64.b64encode(raw).decode(),
        "base64": True,
        "size": len(raw),
        **fields,
    }


def post_postal(client: Client, payload: object, *, channel: str = "inbound") -> HttpResponse:
    """Post it, signed."""
    body = json.dumps(payload).encode()
    signature = base64.b64encode(signatures.rsa_key().sign(body, padding.PKCS1v15(), hashes.SHA1())).decode()
    return post(client, f"/anymail/postal/{channel}/", body, X_Postal_Signature=signature)


def resend(recipients: list[str], **data: Any) -> dict[str, Any]:
    """A Resend notice ("email.received")."""
    return {
        "type": "email.received",
        "created_at": "2026-11-23T10:00:01.000Z",
        "data": {
            "email_id": "56761188-7520-42d8-8898-ff6fc54ce618",
            "created_at": "2026-11-23T10:00:00.000Z",
            "from": "Kim Carrier <kim@carrier.example>",
            "to": recipients[:1],
            "cc": [],
            "bcc": [],
            "received_for": recipients,
            "message_id": "<1@carrier.example>",
            "subject": "Your parcel",
            "attachments": [],
            **data,
        },
    }


def post_resend(client: Client, payload: object, *, secret: str, channel: str = "inbound") -> HttpResponse:
    """Post it, signed."""
    body, headers = signatures.svix(payload, secret=secret)
    return post(client, f"/anymail/resend/{channel}/", body, **headers)


def sparkpost_mail(recipient: str, raw: bytes, **fields: Any) -> dict[str, Any]:
    """One message of a SparkPost relay batch ("Relay webhooks"), in base64 as it is for 8-bit mail."""
    return {
        "msys": {
            "relay_message": {
                "content": {
                    "email_rfc822": base64.b64encode(raw).decode(),
                    "email_rfc822_is_base64": True,
                    "headers": [{"To": recipient}],
                    "subject": "Your parcel",
                    "to": [recipient],
                },
                "customer_id": "1337",
                "friendly_from": "kim@carrier.example",
                "msg_from": "kim@carrier.example",
                "protocol": "smtp",
                "rcpt_to": recipient,
                "webhook_id": "4839201967643219",
                **fields,
            }
        }
    }


def mime(
    *,
    sender: str = "Kim Carrier <kim@carrier.example>",
    text: str = "It is at your door.",
    html: str = "",
    files: tuple[tuple[str, str, bytes], ...] = (),
    **headers: str,
) -> bytes:
    """A mail as bytes; ``In_Reply_To="<1@x>"`` and the like set headers."""
    message = EmailMessage()
    values = {
        "Subject": "Your parcel",
        "Message-ID": "<1@carrier.example>",
        "Date": format_datetime(timezone.now()),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    message["From"] = sender
    for name, value in values.items():
        message[name] = value
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    for name, kind, content in files:
        maintype, _, subtype = kind.partition("/")
        message.add_attachment(content, maintype=maintype, subtype=subtype, filename=name)
    return message.as_bytes()
