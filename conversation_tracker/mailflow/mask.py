"""Replace every real address of an order's parties by its alias, in whatever spelling it stands. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from email.message import EmailMessage
from email.policy import SMTP

from conversation_tracker.mailflow import bodies, files, headers
from conversation_tracker.mailflow.shapes import File, Mail, Masked, MaskedFile, Party
from orders import addresses, spellings
from orders.spellings import Known


def known(parties: Iterable[Party]) -> tuple[Known, ...]:
    """What is to be replaced in the mails of an order."""
    return tuple(Known(addresses.key(party.real), party.alias) for party in parties)


class Masker:
    """Replaces the known addresses and counts what it replaced."""

    def __init__(self, known: Sequence[Known]) -> None:
        self._known = tuple(known)
        self.count = 0

    def text(self, text: str) -> str:
        """The text with each known address replaced by its alias."""
        text, times = spellings.hide(text, self._known)
        self.count += times
        return text

    def html(self, source: str) -> str:
        """Cleaned HTML masked; remade from its text where an address is hidden in its tags or spelling."""
        masked, times = spellings.replace(source, self._known)
        self.count += times
        if spellings.find(masked, self._known) or spellings.find(bodies.bare(masked), self._known):
            return bodies.from_text(self.text(bodies.to_text(masked)))
        return masked

    def name(self, name: str) -> str:
        """A display name without any address in it, known or not."""
        return "" if "@" in name or "＠" in name else self.text(name)[:200]


def mask(mail: Mail, known: Sequence[Known]) -> Masked:
    """The mail as it is recorded and relayed: masked once, used twice."""
    masker = Masker(known)
    masked = Masked(
        sender_name=masker.name(mail.sender.name) if mail.sender else "",
        subject=masker.text(mail.subject),
        text=masker.text(mail.text),
        html=masker.html(mail.html) if mail.html else "",
        files=tuple(_file(file, masker, known) for file in mail.files),
        count=0,
    )
    return replace(masked, count=masker.count)


def _file(file: File, masker: Masker, known: Sequence[Known]) -> MaskedFile:
    if file.nested is not None:
        return _nested(file, file.nested, masker, known)
    nature = files.nature(file.content, name=file.name, claimed=file.content_type)
    content = file.content
    if nature.codec is not None:
        text = content.decode(nature.codec, "surrogateescape" if nature.codec == "utf-8" else "strict")
        masked = masker.text(text)
        if masked != text:
            content = masked.encode(nature.codec, "surrogateescape" if nature.codec == "utf-8" else "replace")
    return MaskedFile(
        name=masker.text(file.name),
        content_type=nature.content_type,
        content=content,
        content_id="" if "@" in file.content_id and spellings.find(file.content_id, known) else file.content_id,
        is_searchable=nature.codec is not None,
        is_dangerous=nature.is_dangerous,
    )


def _nested(file: File, mail: Mail, masker: Masker, known: Sequence[Known]) -> MaskedFile:
    """An attached mail, made anew from its masked parts: no header of the old one survives but what is shown here."""
    inner = mask(mail, known)
    masker.count += inner.count
    message = EmailMessage(policy=SMTP)
    message["Subject"] = headers.one_line(inner.subject)
    if mail.sender is not None:
        writer = headers.one_line(masker.text(mail.sender.address))
        message["X-Written-By"] = headers.one_line(f"{inner.sender_name} {writer}")[:400]
    if mail.date:
        message["X-Written-At"] = headers.one_line(mail.date)
    message.set_content(inner.text)
    if inner.html:
        message.add_alternative(inner.html, subtype="html")
    for one in inner.files:
        maintype, _, subtype = one.content_type.partition("/")
        if maintype == "message":  # an attached mail inside an attached mail
            maintype, subtype = "application", "octet-stream"
        message.add_attachment(one.content, maintype=maintype, subtype=subtype, filename=one.name, cte="base64")
    return MaskedFile(
        name=masker.text(file.name),
        content_type="message/rfc822",
        content=message.as_bytes(),
        content_id="",
        is_searchable=True,
        is_dangerous=any(one.is_dangerous for one in inner.files),
    )
