"""Put any bytes before the door as each provider would post a mail of these bytes, in all ways that it has."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from email import message_from_bytes
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from conversation_tracker import providers
from tests import letters, signatures
from tests.conversation_tracker.providers.conftest import Api

MANDRILL_KEY, SHARED_SECRET = "mandrill-webhook-key", "shared"
MANDRILL_URL = "https://ct.example.com/anymail/mandrill/inbound/"
SVIX_SECRET = "whsec_" + base64.b64encode(b"inbound secret of 24 byte").decode()
OF_ITS_OWN = {"from", "to", "cc", "bcc", "subject", "date", "reply-to"}  # which Postmark does not list once more
_FIELD = re.compile(r"(?m)^([!-9;-~]{1,200})[ \t]*:")
_END_OF_HEADER = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True, slots=True)
class Call:
    """A request to a provider's inbound URL."""

    provider: str
    body: bytes
    headers: dict[str, str]


def environment(api: Api) -> dict[str, str]:
    """What a system is told to take in mail of every provider; ``api`` is what those ask that fetch."""
    amazon = {
        "aws_access_key_id": "id", "aws_secret_access_key": "secret", "endpoint_url": api.url,
        "region_name": "us-east-1",
    }  # fmt: skip
    return {
        "INBOUND_PROVIDERS": ",".join(providers.ALL),
        "ANYMAIL_AMAZON_SES_CLIENT_PARAMS": json.dumps(amazon),
        "ANYMAIL_BREVO_API_KEY": "key",
        "ANYMAIL_BREVO_API_URL": f"{api.url}/v3/",
        "ANYMAIL_MAILERSEND_INBOUND_SECRET": SHARED_SECRET,
        "ANYMAIL_MAILTRAP_INBOUND_SECRET": SHARED_SECRET,
        "ANYMAIL_MAILTRAP_API_TOKEN": "token",
        "ANYMAIL_MAILTRAP_API_URL": f"{api.url}/api/",
        "ANYMAIL_MANDRILL_WEBHOOK_KEY": MANDRILL_KEY,
        "ANYMAIL_MANDRILL_WEBHOOK_URL": MANDRILL_URL,
        "ANYMAIL_POSTAL_WEBHOOK_KEY": signatures.postal_key(),
        "ANYMAIL_RESEND_API_KEY": "key",
        "ANYMAIL_RESEND_INBOUND_SECRET": SVIX_SECRET,
        "ANYMAIL_RESEND_API_URL": f"{api.url}/",
    }


def _json(provider: str, payload: object, **headers: str) -> Call:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Call(provider, json.dumps(payload).encode(), {"Content-Type": "application/json", **named})


def _text(raw: bytes) -> str:
    """As a provider that puts mails into JSON writes their bytes."""
    return raw.decode("utf-8", "surrogateescape")


def _apart(raw: bytes) -> tuple[list[list[str]], str]:
    """The header fields as they stand, and the rest."""
    end = _END_OF_HEADER.search(raw)
    header = _text(raw[: end.start()] if end else raw)
    starts = list(_FIELD.finditer(header))
    ends = [*(start.start() for start in starts[1:]), len(header)]
    fields = [[one[1], header[one.end() : stop].strip()] for one, stop in zip(starts, ends, strict=False)]
    return fields, _text(raw[end.end() :]) if end else ""


def _value(fields: list[list[str]], name: str) -> str:
    return next((value for one, value in fields if one.lower() == name), "")


def _grouped(fields: list[list[str]]) -> dict[str, Any]:
    found: dict[str, list[str]] = {}
    for name, value in fields:
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _amazon_ses(raw: bytes, address: str, api: Api, number: int) -> Call:
    return _of_sns(letters.ses([address], raw))


def _amazon_ses_s3(raw: bytes, address: str, api: Api, number: int) -> Call:
    message = json.loads(letters.ses([address], b"")["Message"])
    del message["content"]
    message["receipt"]["action"] = {"type": "S3", "bucketName": "mails", "objectKey": f"m-{number}"}
    api.answer(f"/mails/m-{number}", raw)
    return _of_sns(signatures.sns("Notification", Message=json.dumps(message)))


def _of_sns(payload: dict[str, Any]) -> Call:
    headers = {"X_Amz_Sns_Message_Type": "Notification", "X_Amz_Sns_Message_Id": payload["MessageId"]}
    return _json("amazon_ses", payload, **headers)


def _brevo(raw: bytes, address: str, api: Api, number: int) -> Call:
    fields, body = _apart(raw)
    api.answer(f"/v3/inbound/attachments/t-{number}", raw, content_type="message/rfc822")
    attached = {"Name": "a.eml", "ContentType": "message/rfc822", "DownloadToken": f"t-{number}"}
    item = {
        "Headers": _grouped(fields), "Subject": _value(fields, "subject"), "RawTextBody": body, "RawHtmlBody": body,
        "From": {"Name": _value(fields, "from"), "Address": _value(fields, "from")}, "Attachments": [attached],
    }  # fmt: skip
    return _json("brevo", letters.brevo([address], **item))


def _mailersend(raw: bytes, address: str, api: Api, number: int) -> Call:
    body, signature = signatures.hmac_of(letters.mailersend([address], _text(raw)), SHARED_SECRET)
    return Call("mailersend", body, {"Content-Type": "application/json", "Signature": signature})


def _mailgun(raw: bytes, address: str, api: Api, number: int) -> Call:
    fields, body = _apart(raw)
    changes = {"message-headers": json.dumps(fields), "body-plain": body, "body-html": body}
    form = letters.mailgun(address, **changes, **{"from": _value(fields, "from"), "subject": _value(fields, "subject")})
    return _form("mailgun", form)


def _mailgun_whole(raw: bytes, address: str, api: Api, number: int) -> Call:
    return _form("mailgun", letters.mailgun(address, **{"body-mime": raw}))


def _form(provider: str, form: dict[str, Any], **headers: str) -> Call:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = urlencode(form, errors="surrogateescape").encode()
    return Call(provider, body, {"Content-Type": "application/x-www-form-urlencoded", **named})


def _mailjet(raw: bytes, address: str, api: Api, number: int) -> Call:
    fields, body = _apart(raw)
    part = {"Headers": {"Content-Type": _value(fields, "content-type") or "text/plain"}, "ContentRef": "Text-part"}
    attached = {"Headers": {"Content-Type": "message/rfc822"}, "ContentRef": "Attachment1"}
    changes = {"Headers": _grouped(fields), "Text-part": body, "Attachment1": base64.b64encode(raw).decode()}
    return _json("mailjet", letters.mailjet(address, Parts=[part, attached], **changes))


def _mailtrap(raw: bytes, address: str, api: Api, number: int) -> Call:
    where = f"inbound/inboxes/77/messages/m-{number}"
    found = {"id": f"m-{number}", "inbox_id": 77, "from": "kim@carrier.example", "to": [address]}
    api.answer(f"/api/{where}", {**found, "raw_message_url": f"{api.url}/raw/{number}"})
    api.answer(f"/raw/{number}", raw)
    notice = {
        "event": "inbound.message_received", "event_id": f"e-{number}", "timestamp": 1795428000000, "inbox_id": 77,
        "message_id": f"m-{number}",
    }  # fmt: skip
    body, signature = signatures.hmac_of({"events": [notice]}, SHARED_SECRET)
    return Call("mailtrap", body, {"Content-Type": "application/json", "Mailtrap-Signature": signature})


def _mandrill(raw: bytes, address: str, api: Api, number: int) -> Call:
    return _mandrill_batch([letters.mandrill_mail(address, _text(raw))])


def _mandrill_batch(events: list[dict[str, Any]]) -> Call:
    form = {"mandrill_events": json.dumps(events)}
    signed = f"{MANDRILL_URL}mandrill_events{form['mandrill_events']}"
    signature = base64.b64encode(hmac.new(MANDRILL_KEY.encode(), signed.encode(), hashlib.sha1).digest()).decode()
    return _form("mandrill", form, X_Mandrill_Signature=signature)


def _postal(raw: bytes, address: str, api: Api, number: int) -> Call:
    body = json.dumps(letters.postal(address, raw)).encode()
    signature = base64.b64encode(signatures.rsa_key().sign(body, padding.PKCS1v15(), hashes.SHA1())).decode()
    return Call("postal", body, {"Content-Type": "application/json", "X-Postal-Signature": signature})


def _postmark(raw: bytes, address: str, api: Api, number: int) -> Call:
    fields, body = _apart(raw)
    listed = [{"Name": name, "Value": value} for name, value in fields if name.lower() not in OF_ITS_OWN]
    attached = {"Name": "a.eml", "ContentType": "message/rfc822", "Content": base64.b64encode(raw).decode()}
    found = _value(fields, "from")
    changes: dict[str, Any] = {"Headers": listed, "TextBody": body, "HtmlBody": body, "Attachments": [attached]}
    changes |= {"From": found, "FromFull": {"Email": found, "Name": found}, "Subject": _value(fields, "subject")}
    return _json("postmark", letters.postmark(address, **changes))


def postmark_parts(raw: bytes, address: str) -> Call:
    """A mail with one file as Postmark takes it apart, the file in base64."""
    text, file = list(message_from_bytes(raw).walk())[1:]
    attached = {
        "Name": file.get_filename(), "ContentType": file.get_content_type(),
        "Content": "".join(str(file.get_payload()).split()),
    }  # fmt: skip
    return _json("postmark", letters.postmark(address, TextBody=text.get_payload(), Attachments=[attached]))


def postmark_both(raw: bytes, address: str) -> Call:
    """The same with the raw mail as well, and with characters beyond ASCII as they are."""
    text, file = list(message_from_bytes(raw).walk())[1:]
    attached = {
        "Name": file.get_filename(), "ContentType": file.get_content_type(),
        "Content": "".join(str(file.get_payload()).split()),
    }  # fmt: skip
    said = bytes(text.get_payload(decode=True)).decode()
    payload = letters.postmark(address, TextBody=said, Attachments=[attached], RawEmail=_text(raw))
    body = json.dumps(payload, ensure_ascii=False).encode()
    return Call("postmark", body, {"Content-Type": "application/json"})


def mandrill_both(raw: bytes, address: str) -> Call:
    """A mail with one file as Mandrill posts it: raw, and taken apart."""
    file = list(message_from_bytes(raw).walk())[2]
    name, content = str(file.get_filename()), "".join(str(file.get_payload()).split())
    attached = {name: {"name": name, "type": file.get_content_type(), "content": content, "base64": True}}
    return _mandrill_batch([letters.mandrill_mail(address, _text(raw), attachments=attached)])


def mailgun_parts(raw: bytes, address: str) -> Call:
    """A mail with one file as Mailgun takes it apart, the file uploaded with the form."""
    text, file = list(message_from_bytes(raw).walk())[1:]
    upload = SimpleUploadedFile(str(file.get_filename()), base64.b64decode(str(file.get_payload())), "application/pdf")
    form = letters.mailgun(address, **{"body-plain": str(text.get_payload())})
    body = encode_multipart(BOUNDARY, {**form, "attachment-count": "1", "attachment-1": upload})
    return Call("mailgun", body, {"Content-Type": MULTIPART_CONTENT})


def _postmark_whole(raw: bytes, address: str, api: Api, number: int) -> Call:
    return _json("postmark", letters.postmark(address, RawEmail=_text(raw)))


def _resend(raw: bytes, address: str, api: Api, number: int) -> Call:
    url = f"{api.url}/raw/{number}"
    api.answer(f"/emails/receiving/e-{number}", {"object": "email", "raw": {"download_url": url}})
    api.answer(f"/raw/{number}", raw)
    body, headers = signatures.svix(letters.resend([address], email_id=f"e-{number}"), secret=SVIX_SECRET)
    return Call("resend", body, {"Content-Type": "application/json", **headers})


def _sparkpost(raw: bytes, address: str, api: Api, number: int) -> Call:
    return _json("sparkpost", [letters.sparkpost_mail(address, raw)])


def _sparkpost_text(raw: bytes, address: str, api: Api, number: int) -> Call:
    found = letters.sparkpost_mail(address, b"")
    found["msys"]["relay_message"]["content"] |= {"email_rfc822": _text(raw), "email_rfc822_is_base64": False}
    return _json("sparkpost", [found])


SHAPES: dict[str, Callable[[bytes, str, Api, int], Call]] = {
    "Amazon SES": _amazon_ses,
    "Amazon SES, in S3": _amazon_ses_s3,
    "Brevo": _brevo,
    "MailerSend": _mailersend,
    "Mailgun": _mailgun,
    "Mailgun, whole": _mailgun_whole,
    "Mailjet": _mailjet,
    "Mailtrap": _mailtrap,
    "Mandrill": _mandrill,
    "Postal": _postal,
    "Postmark": _postmark,
    "Postmark, whole": _postmark_whole,
    "Resend": _resend,
    "SparkPost": _sparkpost,
    "SparkPost, as text": _sparkpost_text,
}


def whole(shape: str) -> Callable[[bytes, str], Call]:
    """A shape of those in which the provider fetches nothing."""
    return lambda raw, address: SHAPES[shape](raw, address, None, 1)  # type: ignore[arg-type]  # its API is not asked
