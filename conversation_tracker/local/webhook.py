"""Hand a mail in as a provider would: a Postmark inbound webhook, posted over HTTP to our own door."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime, make_msgid
from typing import Any

import requests
from django.conf import settings

from orders import addresses

TIMEOUT = (3, 10)  # seconds to connect, to answer
PATH = "/anymail/postmark/inbound/"


class NotHandedIn(RuntimeError):
    """The door did not take the mail; the message says why."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A mail that somebody wrote in the local mailbox."""

    from_name: str
    from_address: str
    to: str
    subject: str
    text: str
    references: tuple[str, ...] = ()  # the thread it answers, oldest first


def post(draft: Draft, *, now: datetime) -> None:
    """Post the mail to the door of this site. Raises NotHandedIn unless it was taken."""
    credentials = (settings.ANYMAIL.get("WEBHOOK_SECRET") or [""])[0]
    user, _, password = credentials.partition(":")
    try:
        answer = requests.post(
            settings.PUBLIC_URL + PATH,
            json=payload(draft, now=now),
            auth=(user, password),
            timeout=TIMEOUT,
            allow_redirects=False,
        )
    except requests.RequestException as error:
        raise NotHandedIn(f"{settings.PUBLIC_URL}: {type(error).__name__}") from error
    if answer.status_code != requests.codes.ok:
        raise NotHandedIn(f"{settings.PUBLIC_URL}: HTTP {answer.status_code}")


def payload(draft: Draft, *, now: datetime) -> dict[str, Any]:
    """The mail as Postmark reports it, from a sender whose DKIM and SPF were found good."""
    domain = addresses.split(draft.from_address).domain or "localhost"
    # Postmark lists here what it does not give beside: not From, To, Subject and Date, which no mail has twice.
    headers = {
        "Message-ID": make_msgid(domain=domain),
        "MIME-Version": "1.0",
        "Return-Path": f"<{draft.from_address}>",
        "Received-SPF": f"Pass (sender SPF authorized) identity=mailfrom; envelope-from={draft.from_address}",
        "X-Spam-Status": "No",
        "X-Spam-Score": "-0.2",
        "X-Spam-Tests": "DKIM_SIGNED,DKIM_VALID,DKIM_VALID_AU,SPF_PASS",
    }
    if draft.references:
        headers["In-Reply-To"] = draft.references[-1]
        headers["References"] = " ".join(draft.references)
    recipient = {"Email": draft.to, "Name": "", "MailboxHash": ""}
    return {
        "FromName": draft.from_name,
        "MessageStream": "inbound",
        "From": draft.from_address,
        "FromFull": {"Email": draft.from_address, "Name": draft.from_name, "MailboxHash": ""},
        "To": draft.to,
        "ToFull": [recipient],
        "Cc": "",
        "CcFull": [],
        "Bcc": "",
        "BccFull": [],
        "OriginalRecipient": draft.to,
        "Subject": draft.subject,
        "MessageID": str(uuid.uuid4()),
        "ReplyTo": "",
        "MailboxHash": "",
        "Date": format_datetime(now),
        "TextBody": draft.text,
        "HtmlBody": "",
        "StrippedTextReply": "",
        "Tag": "",
        "Headers": [{"Name": name, "Value": value} for name, value in headers.items()],
        "Attachments": [],
    }
