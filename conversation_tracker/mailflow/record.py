"""Write what was decided: timeline entries with their files, and an outbox row for each copy that leaves or may."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from conversation_tracker.mailflow import compose, decide, hops, mask, threads
from conversation_tracker.mailflow.shapes import (
    MIME_TYPE,
    Arrival,
    Content,
    Decision,
    Masked,
    Matched,
    RecordOnly,
    Refuse,
    Relay,
    StoredFile,
    Trait,
    Verdict,
)
from conversation_tracker.models import OutboundMail, SendState
from orders import vault
from orders.models import Attachment, Copy, Kind, Order, TimelineEntry, Verification
from orders.outcomes import Outcome
from orders.secrecy import Secret

FIRST_WORDS = 140  # characters


@dataclass(frozen=True, slots=True)
class Settled:
    """A mail at one alias with everything decided, ready to be written."""

    arrival: Arrival
    matched: Matched
    decision: Decision
    masked: Masked
    order: Order
    fingerprint: bytes
    received_at: datetime


def outcome_of(decision: Decision) -> Outcome:
    """The outcome a decision leads to."""
    match decision:
        case Relay():
            return Outcome.RELAYED
        case RecordOnly():
            return Outcome.RECORDED
        case Refuse():
            return Outcome.REFUSED


def record(settled: Sequence[Settled], *, now: datetime) -> list[TimelineEntry]:
    """Write entries, files and outbox rows for a batch, in the caller's transaction; three statements and files."""
    with vault.saving() as files:  # they go to the disk while the rows go to the database
        kept = [[files.save(content) for content in _contents(one)] for one in settled]
        return _rows(settled, kept, now=now)


def _rows(settled: Sequence[Settled], kept: Sequence[Sequence[str]], *, now: datetime) -> list[TimelineEntry]:
    """``kept``: for each mail the name of its original, then of its files."""
    entries = TimelineEntry.objects.bulk_create(
        [_entry(one, original) for one, (original, *_) in zip(settled, kept, strict=True)]
    )
    stored = [_stored(one.masked, files) for one, (_, *files) in zip(settled, kept, strict=True)]
    attachments = [
        attachment
        for entry, one, files in zip(entries, settled, stored, strict=True)
        for attachment in attachments_of(entry, one.masked, files)
    ]
    if attachments:
        Attachment.objects.bulk_create(attachments)
    leaving = [
        _outbound(entry, one, files, state=state, now=now)
        for entry, one, files in zip(entries, settled, stored, strict=True)
        if (state := _state(one)) is not None
    ]
    if leaving:
        OutboundMail.objects.bulk_create(leaving)
    return entries


def first_words(text: str) -> str:
    """The text's beginning on one line; no word is cut, since half a Soft alias would be a real address."""
    start = " ".join(text[: FIRST_WORDS * 4].split())
    if len(start) <= FIRST_WORDS:
        return start
    return start[: FIRST_WORDS + 1].rpartition(" ")[0]


def keep_copies(repeats: Sequence[tuple[TimelineEntry, Arrival]]) -> None:
    """Keep the original of a repeat whose bytes are not those that were recorded, so that none is ever lost."""
    copies = [
        Copy(store_id=entry.store_id, entry=entry, original=name)
        for entry, arrival in repeats
        if arrival.original_type == MIME_TYPE and (name := vault.save(arrival.original)) != entry.original
    ]
    if copies:
        Copy.objects.bulk_create(copies, ignore_conflicts=True)


def _contents(one: Settled) -> list[bytes]:
    """What of a mail goes into files: the original, then each of its files."""
    return [one.arrival.original, *(file.content for file in one.masked.files)]


def _entry(one: Settled, original: str) -> TimelineEntry:
    sender = one.matched.sender
    return TimelineEntry(
        store_id=one.order.store_id,
        order_id=one.order.pk,
        kind=Kind.MAIL,
        occurred_at=one.received_at,
        sender_alias_id=sender.alias_id if sender else None,
        sender_name=Secret.of(one.masked.sender_name),
        recipient_alias_id=one.matched.recipient.alias_id,
        subject=one.masked.subject,
        text=one.masked.text,
        html=one.masked.html,
        first_words=first_words(one.masked.text),
        outcome=outcome_of(one.decision),
        reason=one.decision.reason,
        verification=(
            Verification.VERIFIED if one.arrival.envelope.verdict is Verdict.PASS else Verification.UNVERIFIED
        ),
        masked_count=one.masked.count,
        fingerprint=one.fingerprint,
        original=original,
        original_type=one.arrival.original_type,
    )


def _stored(masked: Masked, names: Sequence[str]) -> list[StoredFile]:
    return [
        StoredFile(file.name, file.content_type, file.content_id, name, file.charset)
        for file, name in zip(masked.files, names, strict=True)
    ]


def attachments_of(entry: TimelineEntry, masked: Masked, files: Sequence[StoredFile]) -> list[Attachment]:
    """The rows of a mail's files, not written yet."""
    return [
        Attachment(
            store_id=entry.store_id,
            entry=entry,
            position=position,
            name=file.name,
            content_type=file.content_type,
            content_id=file.content_id,
            size=len(file.content),
            stored_as=stored.stored_as,
            is_dangerous=file.is_dangerous,
            is_searchable=file.is_searchable,
        )
        for position, (file, stored) in enumerate(zip(masked.files, files, strict=True))
    ]


def as_json(content: Content) -> dict[str, Any]:
    """The same as a dictionary; ``asdict`` would copy every text in it. What a file does not say is left out."""
    return {field.name: getattr(content, field.name) for field in fields(content)} | {
        "files": [
            {name: value for name, value in asdict(file).items() if value or name != "charset"}
            for file in content.files
        ]
    }


def _state(one: Settled) -> SendState | None:
    """In which state the mail's copy comes into the outbox; None where there is to be none."""
    if isinstance(one.decision, Relay):
        return SendState.QUEUED
    return SendState.STOPPED if decide.may_be_overruled(one.decision, one.arrival.mail, one.matched) else None


def _outbound(
    entry: TimelineEntry, one: Settled, files: Sequence[StoredFile], *, state: SendState, now: datetime
) -> OutboundMail:
    sender, recipient = one.matched.sender, one.matched.recipient
    if sender is None:
        raise ValueError("a relay needs the sender's alias")
    mail = one.arrival.mail
    message_id = f"<{secrets.token_hex(16)}@{one.order.store.tracking_domain}>"
    content = compose.compose(
        one.masked,
        sender=sender,
        message_id=message_id,
        hop=hops.mark(message_id),
        references=mask.silent(
            threads.translate(mail.references, order_id=one.order.pk, recipient_alias_id=recipient.alias_id),
            mask.known(one.matched.parties),
        ),
        files=files,
        traits=mail.traits,
        now=now,
    )
    return OutboundMail(
        store_id=entry.store_id,
        order_id=entry.order_id,
        entry=entry,
        sender_alias_id=sender.alias_id,
        recipient_alias_id=recipient.alias_id,
        recipient=Secret.of(recipient.real),
        content=Secret.of_json(as_json(content)),
        message_id=message_id,
        original_id=Secret.of(mail.message_id),
        original_id_digest=threads.digest(mail.message_id) if mail.message_id else None,
        is_auto_reply=Trait.AUTO_REPLY in mail.traits,
        state=state,
        next_attempt_at=now,
        queued_at=now,
        state_changed_at=now,
    )
