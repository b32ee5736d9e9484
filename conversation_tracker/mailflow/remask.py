"""Mask a copy once more before it is sent again: somebody may have become a party since it was recorded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from conversation_tracker import enclosures
from conversation_tracker.mailflow import headers, mask, parse
from conversation_tracker.mailflow.shapes import Content, File, Mail, Mailbox, StoredFile
from orders import vault
from orders.known import Known


def again(content: Content, known: Sequence[Known]) -> Content:
    """The same copy with everybody masked who is known now. Raises what ``enclosures.load`` raises."""
    masked = mask.mask(
        Mail(
            sender=Mailbox(content.from_name, ""),
            subject=content.subject,
            message_id="",
            references=(),
            date="",
            text=content.text,
            html=content.html,
            files=tuple(_files(content.files)),
        ),
        known,
    )
    references = mask.silent(content.references, known)
    names = vault.save_all([file.content for file in masked.files])
    return replace(
        content,
        from_name=headers.one_line(masked.sender_name),
        subject=headers.one_line(masked.subject),
        text=masked.text,
        html=masked.html,
        in_reply_to=references[-1] if references else "",
        references=references,
        files=tuple(
            StoredFile(file.name, file.content_type, file.content_id, name, file.charset)
            for file, name in zip(masked.files, names, strict=True)
        ),
    )


def _files(stored: Sequence[StoredFile]) -> Iterator[File]:
    for file in stored:
        content = enclosures.load(file.stored_as)
        mails = parse.mails(content, name=file.name, kind=file.content_type)
        yield from mails or [
            File(file.name, file.content_type, content, content_id=file.content_id, charset=file.charset)
        ]
