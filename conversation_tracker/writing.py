"""Write a mail from one party of an order to another: masked, on the timeline and into the outbox at once."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from email.utils import format_datetime
from enum import StrEnum

from django.db import transaction
from django.db.models import Q

from conversation_tracker.mailflow import bodies, compose, headers, hops, mask, match, record
from conversation_tracker.mailflow.shapes import File, Mail, Mailbox, Masked, StoredFile
from conversation_tracker.models import OrderMail, OutboundMail, SendState
from orders import audit, flow, secrecy, suppression, vault
from orders.known import Known
from orders.models import Action, Alias, Attachment, Kind, Order, TimelineEntry, User
from orders.outcomes import Outcome, Reason
from orders.secrecy import Secret

LONGEST_TEXT = 200_000  # characters
MOST_FILES = 20
MOST_BYTES = 10_000_000  # of all files together: what every provider takes


class Why(StrEnum):
    """Why nothing can be written to somebody."""

    EXPIRED = "expired"
    RETIRED = "retired"
    SUPPRESSED = "suppressed"
    TO_SELF = "to_self"


class CannotWrite(ValueError):
    """The mail would not arrive, or nobody could answer it; nothing was written."""

    def __init__(self, why: Why) -> None:
        self.why = why
        super().__init__(why.value)


@dataclass(frozen=True, slots=True)
class Letter:
    """What is to be said. ``html`` may be empty; ``text`` is made of it where there is none.

    ``from_name`` is who says so, where that is not what the sender's alias is called.
    """

    subject: str
    text: str
    html: str = ""
    files: tuple[File, ...] = ()
    from_name: str = ""


def ensure_open(sender: Alias, recipient: Alias, *, now: datetime) -> None:
    """Raise CannotWrite unless both aliases work, are two people's, and the store sends to the recipient's address."""
    if sender.pk == recipient.pk:
        raise CannotWrite(Why.TO_SELF)
    for alias in (recipient, sender):
        if not alias.is_valid_at(now):
            raise CannotWrite(Why.RETIRED if alias.is_retired_by_hand else Why.EXPIRED)
    if suppression.is_suppressed(recipient.real.text(), store_id=recipient.store_id):
        raise CannotWrite(Why.SUPPRESSED)


def answer(
    order: Order,
    letter: Letter,
    *,
    sender: Alias,
    recipient: Alias,
    actor: str,
    now: datetime,
    user: User | None = None,
    about: TimelineEntry | None = None,
    once: str = "",
) -> TimelineEntry:
    """Let staff or a system of the store write to a party, audited. Raises CannotWrite.

    ``about`` is the mail it answers; without it the mail goes on with the last one between the two. The same letter
    with the same ``once``, as of a form that is sent twice, gives what was written the first time; another letter is
    another mail.
    """
    once = once and f"{once}\0{_digest(letter)}"
    with transaction.atomic():
        flow.hold(order)  # so that what is sent twice at once comes one after the other
        if known := _written_before(recipient, once):
            return known
        ensure_open(sender, recipient, now=now)
        entry = write(
            order, letter, sender=sender, recipient=recipient, reason=Reason.WRITTEN, actor=actor, about=about,
            once=once, now=now,
        )  # fmt: skip
        audit.record(
            Action.MAIL_WRITTEN,
            subject=f"{entry} of order {order.number}",
            store=order.store,
            user=user,
            actor=actor,
            after=f"{recipient} ({recipient.party})",
            now=now,
        )
    return entry


def write(
    order: Order,
    letter: Letter,
    *,
    sender: Alias,
    recipient: Alias,
    reason: Reason,
    actor: str,
    now: datetime,
    about: TimelineEntry | None = None,
    once: str = "",
    order_mail: OrderMail | None = None,
) -> TimelineEntry:
    """Write entry, files and outbox row in the caller's transaction; the caller wakes the outbox after its commit.

    With ``once`` the database refuses to write the same to the same recipient a second time. ``order_mail`` is what
    is written, where it is one.
    """
    known = mask.known(match.party(alias) for alias in Alias.objects.filter(order=order))
    masked = _mask(known, letter, sender, now=now)
    entry = _record(order, masked, sender=sender, recipient=recipient, reason=reason, actor=actor, once=once, now=now)
    files = _keep(entry, masked)
    message_id = f"<{secrets.token_hex(16)}@{order.store.tracking_domain}>"
    content = compose.compose(
        masked,
        sender=match.party(sender),
        message_id=message_id,
        hop=hops.mark(message_id),
        references=_references(order, sender, recipient, about, known=known),
        files=files,
        now=now,
    )
    OutboundMail.objects.create(
        store_id=order.store_id,
        order=order,
        entry=entry,
        order_mail=order_mail,
        sender_alias=sender,
        recipient_alias=recipient,
        recipient=recipient.real,
        content=Secret.of_json(asdict(content)),
        message_id=message_id,
        original_id=Secret.of(""),
        next_attempt_at=now,
        queued_at=now,
        state_changed_at=now,
    )
    return entry


def _record(
    order: Order,
    masked: Masked,
    *,
    sender: Alias,
    recipient: Alias,
    reason: Reason,
    actor: str,
    once: str,
    now: datetime,
) -> TimelineEntry:
    """The entry on the timeline."""
    return TimelineEntry.objects.create(
        store_id=order.store_id,
        order=order,
        kind=Kind.MAIL,
        occurred_at=now,
        actor=actor,
        sender_alias=sender,
        sender_name=Secret.of(masked.sender_name),
        recipient_alias=recipient,
        subject=masked.subject,
        text=masked.text,
        html=masked.html,
        first_words=record.first_words(masked.text),
        outcome=Outcome.RELAYED,
        reason=reason,
        masked_count=masked.count,
        fingerprint=_fingerprint(once) if once else None,
    )


def _keep(entry: TimelineEntry, masked: Masked) -> list[StoredFile]:
    """The entry's files, in the vault."""
    names = vault.save_all([file.content for file in masked.files])
    stored = [
        StoredFile(file.name, file.content_type, file.content_id, name, file.charset)
        for file, name in zip(masked.files, names, strict=True)
    ]
    if stored:
        Attachment.objects.bulk_create(record.attachments_of(entry, masked, stored))
    return stored


def _digest(letter: Letter) -> str:
    """What is the same in each repeat of one letter."""
    files = [(file.name, file.content_type, hashlib.sha256(file.content).hexdigest()) for file in letter.files]
    said = [letter.subject, letter.text, letter.html, letter.from_name, files]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _fingerprint(once: str) -> bytes:
    return secrecy.digest(once, purpose="written")


def _written_before(recipient: Alias, once: str) -> TimelineEntry | None:
    found = TimelineEntry.objects.filter(recipient_alias=recipient, fingerprint=_fingerprint(once))
    return found.first() if once else None


def _mask(known: tuple[Known, ...], letter: Letter, sender: Alias, *, now: datetime) -> Masked:
    mail = Mail(
        sender=Mailbox(letter.from_name or sender.display_name.text(), sender.real.text()),
        subject=headers.one_line(letter.subject)[: headers.LONGEST_SUBJECT],
        message_id="",
        references=(),
        date=format_datetime(now),
        text=headers.clean(letter.text) or bodies.to_text(letter.html),
        html=headers.clean(letter.html),
        files=letter.files,
        is_text_made=bool(letter.html) and not headers.clean(letter.text),
    )
    return mask.mask(mail, known)


def _references(
    order: Order, sender: Alias, recipient: Alias, about: TimelineEntry | None, *, known: tuple[Known, ...]
) -> Sequence[str]:
    """The id by which the recipient knows the mail that is answered, or the last one between the two."""
    has_got = Q(recipient_alias=recipient) & ~Q(state=SendState.STOPPED)
    rows = OutboundMail.objects.filter(order=order).filter(Q(sender_alias=recipient) | has_got)
    between = Q(sender_alias=sender) | Q(recipient_alias=sender)
    row = rows.filter(Q(entry=about) if about else between).order_by("-pk").defer("content").first()
    if row is None:
        return ()
    known_as = row.original_id.text() if row.sender_alias_id == recipient.pk else row.message_id
    return mask.silent([known_as] if known_as else [], known)
