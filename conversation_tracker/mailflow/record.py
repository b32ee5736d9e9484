"""Write what was decided: timeline entries with their files, and a row in the outbox for each relay."""

from __future__ import annotations

import html
import itertools
import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from conversation_tracker.mailflow import bodies, compose, hops, mask, threads
from conversation_tracker.mailflow.shapes import (
    MIME_TYPE,
    Arrival,
    Content,
    Decision,
    File,
    Mail,
    Masked,
    Matched,
    RecordOnly,
    Refuse,
    Relay,
    StoredFile,
    Trait,
    Verdict,
)
from conversation_tracker.models import OutboundMail
from orders import secrecy, vault
from orders.models import Attachment, Copy, Kind, Order, TimelineEntry, Verification
from orders.outcomes import Outcome
from orders.secrecy import Secret

FIRST_WORDS = 140  # characters
_MARKS = re.compile(r"(?m)^[ \t>]+")
_SPACE = re.compile(r"\s+")
_ADDRESS = re.compile(r'\s(?:href|src)="([^"]*)"')  # in HTML as the cleaner spells it
# By these alone a mail is not relayed, and they may come with the way it takes.
_DECISIVE = {Trait.OWN_HOP, Trait.TOO_MANY_HOPS, Trait.REPORT, Trait.BULK}


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


def fingerprint(arrival: Arrival) -> bytes:
    """What is the same in every copy of one mail, by whatever way it comes: what its writer wrote.

    Where lines end does not count, since providers rewrap; a repeat with other words, links or files is another mail.
    So is one without that for which the first was refused: a copy that was called spam must not swallow the good one.
    Without a Message-ID too little may be left to tell two broken mails apart, so there every byte counts, where we
    have them. They count alone for a mail that was not read.
    """
    if arrival.unread is not None:
        return secrecy.digest(f"unread\0{arrival.unread.digest}", purpose="fingerprint")
    parts = [" ".join(part.split()) for part in _written(arrival.mail)]
    parts.append(" ".join(sorted(arrival.mail.traits & _DECISIVE)) + (" spam" if arrival.envelope.is_spam else ""))
    if not arrival.mail.message_id and arrival.original_type == MIME_TYPE:
        parts.append(secrecy.digest(arrival.original, purpose="file").hex())
    elif not arrival.mail.message_id:
        parts.append(arrival.provider_id)
    return secrecy.digest("\0".join(parts), purpose="fingerprint")


def _written(mail: Mail) -> Iterator[str]:
    yield from (mail.sender.address.lower() if mail.sender else "", mail.message_id, mail.date, mail.subject)
    yield _MARKS.sub("", mail.text)  # a flowed text comes with its paragraphs joined, or each line with its mark
    yield bodies.bare(mail.html) if mail.html else ""
    yield " ".join(_addresses(mail.html))
    yield from itertools.chain.from_iterable(sorted(map(_of_file, mail.files)))  # providers order them as they like


def _of_file(file: File) -> list[str]:
    line = f"{file.name}:{secrecy.digest(file.content, purpose='file').hex()}"
    return [line, *(_written(file.nested) if file.nested is not None else ())]


def _addresses(source: str) -> Iterator[str]:
    """Where a cleaned HTML leads, and where its pictures are; but for those in the mail, which count as files."""
    for found in _ADDRESS.findall(source):
        address = _SPACE.sub("", html.unescape(found))
        if not address.lower().startswith("cid:"):
            yield address


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
        _outbound(entry, one, files, now=now)
        for entry, one, files in zip(entries, settled, stored, strict=True)
        if isinstance(one.decision, Relay)
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
        StoredFile(file.name, file.content_type, file.content_id, name)
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
    """The same as a dictionary; ``asdict`` would copy every text in it."""
    return {field.name: getattr(content, field.name) for field in fields(content)} | {
        "files": [asdict(file) for file in content.files]
    }


def _outbound(entry: TimelineEntry, one: Settled, files: Sequence[StoredFile], *, now: datetime) -> OutboundMail:
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
        next_attempt_at=now,
        queued_at=now,
        state_changed_at=now,
    )
