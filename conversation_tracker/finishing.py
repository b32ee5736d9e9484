"""Finish one outbound mail as the configured provider takes it, and look whether it shows a real address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from email.utils import formataddr
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from django.conf import settings
from django.core.mail import EmailMultiAlternatives

from conversation_tracker import enclosures, leaving_out, renaming
from conversation_tracker.mailflow import leakgate, remask
from conversation_tracker.mailflow.shapes import Content, StoredFile
from conversation_tracker.models import OutboundMail
from conversation_tracker.models.outbound import LeftOut
from orders import customers, rendering
from orders.known import Known
from orders.models import PartyKind

# Postmark replaces a Message-ID unless it is told to keep it, and threads would break.
KEEP_OUR_ID = {"X-PM-KeepID": "true"}

# Mailjet takes no mail that names these, and writes its own.
NOT_TAKEN = {"anymail.backends.mailjet.EmailBackend": {"Message-ID", "Date"}}

# SparkPost takes all others for newsletters: it adds List-Unsubscribe, and who follows that gets no order mail more.
EXTRA = {"anymail.backends.sparkpost.EmailBackend": {"options": {"transactional": True}}}

# Who takes an idempotency key, by which a repeat of a mail that was taken already is recognised. Of the providers that
# anymail knows only these two do. Brevo reads it from the headers of the message. Resend wants it as a header of the
# request, for which anymail has no place; its connection keeps a session, and ours is opened for one mail.
KEY_IN_MESSAGE = {"anymail.backends.brevo.EmailBackend": "idempotencyKey"}
KEY_IN_REQUEST = {"anymail.backends.resend.EmailBackend": "Idempotency-Key"}
# For how long a repeat can be sent without care: for 30 minutes by Brevo's documentation, for 24 hours by Resend's, and
# a little less, since clocks differ and a large mail takes minutes to go out.
KEY_LIVES = {
    "anymail.backends.brevo.EmailBackend": timedelta(minutes=24),
    "anymail.backends.resend.EmailBackend": timedelta(hours=23),
}


@dataclass(frozen=True, slots=True)
class Finished:
    """A mail as it is handed over, where it shows an address, and the positions of the files that were left out."""

    message: EmailMultiAlternatives
    places: list[str]
    left_out: tuple[int, ...] = ()


def finished(row: OutboundMail, known: Sequence[Known]) -> Finished:
    """The mail. One that shows an address is masked anew first, with everybody who belongs to the order by now:
    somebody may have joined while it waited. So is one that staff have sent again, also without some of its files.
    """
    content = _content(row.content.json())
    left_out: tuple[int, ...] = ()
    if not row.resends:
        message = _build(row, content)
        places = leakgate.leaks(message.message().as_bytes(), known)
        if not places:
            return Finished(message, places)
    if row.leaves_out:
        left_out = leaving_out.positions(content, known, which=LeftOut(row.leaves_out))
        content = leaving_out.without(content, left_out, locale=_locale(row))
    message = _build(row, remask.again(content, known))
    return Finished(message, leakgate.leaks(message.message().as_bytes(), known), left_out)


def _locale(row: OutboundMail) -> str:
    """Of whoever reads it, as far as that is known."""
    is_customer = row.recipient_alias.party == PartyKind.CUSTOMER
    return customers.locale_of(row.order) if is_customer else row.order.store.locale


def _build(row: OutboundMail, content: Content) -> EmailMultiAlternatives:
    """The finished mail. The same row gives the same Message-ID at each try, so that receivers collapse doubles."""
    message = EmailMultiAlternatives(
        subject=content.subject or _of_nothing(),
        body=content.text if content.html or content.text.strip() else _words(content),
        from_email=formataddr((content.from_name, content.from_address)),
        to=[row.recipient.text()],
        reply_to=[content.from_address],
        headers=_headers(row, content),
    )
    if extra := EXTRA.get(settings.EMAIL_BACKEND):
        message.esp_extra = extra  # type: ignore[attr-defined]  # anymail's
    if content.html:
        message.attach_alternative(content.html, "text/html")
    shown = rendering.content_ids(content.html)
    for file in content.files:
        message.attach(enclosures.part(file, shown=shown))
    return message


def _of_nothing() -> str:
    """What stands for words that nobody wrote: many providers' APIs take no mail without a subject, or a body."""
    return "…" if settings.EMAIL_BACKEND.startswith("anymail.") else ""


def _words(content: Content) -> str:
    """What a mail without words says, such as one that is a photo alone: the names of its files."""
    names = "\n".join(f"[{file.name}]" for file in content.files if file.name)
    return (names or "…") if _of_nothing() else content.text


def _headers(row: OutboundMail, content: Content) -> dict[str, str]:
    not_taken = NOT_TAKEN.get(settings.EMAIL_BACKEND, set())
    found = {
        "Message-ID": content.message_id,
        "Date": content.date,
        "In-Reply-To": content.in_reply_to,
        "References": " ".join(renaming.references(content.message_id, content.references)),
        **content.headers,
        **(KEEP_OUR_ID if renaming.may_be_kept() else {}),
        **keyed(KEY_IN_MESSAGE, str(uuid5(NAMESPACE_URL, idempotency_key(row)))),  # Brevo asks for a UUID
    }
    return {name: value for name, value in found.items() if value and name not in not_taken}


def _content(found: dict[str, Any]) -> Content:
    """The content as it was sealed."""
    files = tuple(StoredFile(**file) for file in found["files"])
    return Content(**{**found, "files": files, "references": tuple(found["references"])})


def idempotency_key(row: OutboundMail) -> str:
    """The same at each try; another one once somebody has the mail sent again, so that it really is sent."""
    return f"{row.message_id.strip('<>')}/{row.resends}"


def keyed(names: Mapping[str, str], key: str) -> dict[str, str]:
    """The header that holds the key, where the configured provider has one of this kind."""
    name = names.get(settings.EMAIL_BACKEND)
    return {name: key} if name else {}


def takes_key() -> bool:
    """Whether the configured provider knows a mail again by its key."""
    return settings.EMAIL_BACKEND in {*KEY_IN_MESSAGE, *KEY_IN_REQUEST}
