"""Replace every real address of an order's parties by its alias, in whatever spelling it stands. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from email.message import EmailMessage
from email.policy import SMTP

from conversation_tracker.mailflow import bodies, cards, charsets, files, headers, parse, readings
from conversation_tracker.mailflow.shapes import File, Mail, Masked, MaskedFile, Party
from orders import addresses, blotting, markup, spellings
from orders.known import Known

LONGEST_LINE = 900  # octets in a mail made anew; RFC 5322 §2.1.1 allows 998
_LONGEST_NAME = 200  # characters
_MOST_ATTRIBUTES = 5_000  # of one body that are looked into
_MOST_DECODINGS = 3  # of one text, each of what came to light in the one before
_PICTURE_ID = re.compile(r"[!-;=@-~]{1,255}")  # no ?, by which Python takes it for an encoded word
_UNBROKEN = SMTP.clone(max_line_length=LONGEST_LINE)


def known(parties: Iterable[Party]) -> tuple[Known, ...]:
    """What is to be replaced in the mails of an order."""
    return tuple(Known(addresses.key(party.real), party.alias) for party in parties)


def silent(message_ids: Iterable[str], known: Sequence[Known]) -> tuple[str, ...]:
    """Those of the Message-IDs that show no address. Some programs end theirs in the address they write from."""
    return tuple(
        one for one in message_ids if not (spellings.find(one, known) or spellings.rewrite_joined(one, known)[1])
    )


class Masker:
    """Replaces the known addresses and counts what it replaced."""

    def __init__(self, known: Sequence[Known]) -> None:
        self._known = tuple(known)
        self.count = 0

    def text(self, text: str) -> str:
        """The text with each known address replaced by its alias, and as clean as it came."""
        for _ in range(_MOST_DECODINGS):
            hidden, times = spellings.hide(text, self._known)
            self.count += times
            if hidden == text:
                return text
            text = headers.clean(hidden)  # what stood there percent- or entity-encoded may be anything
            if text == hidden:
                return text
        return "•••"

    def line(self, text: str) -> str:
        """What stands on one line, masked."""
        return headers.one_line(self.text(text))

    def exactly(self, text: str) -> str:
        """A file's text with each known address replaced, and nothing else changed; what is left the gate holds."""
        text, times = spellings.rewrite(text, self._known)
        self.count += times
        return text

    def dotted(self, text: str) -> str:
        """The text with dots for what packs a known address, as links do."""
        text, times = blotting.blot(text, self._known)
        self.count += times
        return text

    def may_dot(self, text: str) -> bool:
        """Whether it packs a known address."""
        return blotting.blot(text, self._known)[1] > 0

    def joined(self, text: str) -> str:
        """What a program calls something, with each known address replaced also where it is written on to a word."""
        text, times = spellings.rewrite_joined(text, self._known)
        self.count += times
        return text

    def told(self, text: str, *, by: str) -> str:
        """The text with each known address replaced, written on to a word or not, that the HTML beside it shows.

        In many a text that was made of HTML, words touch that stand apart there.
        """
        if not by:
            return text
        text, times = spellings.replace(text, self._known)
        shown = [one for one in spellings.touching(text, self._known) if spellings.find(by, [one])]
        text, joined = spellings.rewrite_joined(text, shown, beside=by)
        self.count += times + joined
        return text

    def html(self, source: str) -> str:
        """Cleaned HTML masked. A link that shows an address in an odd spelling leads nowhere then; where an address is
        hidden in yet other ways, the HTML is remade from its text.
        """
        masked, times = spellings.replace(source, self._known)
        masked, blotted = blotting.blot(masked, self._known)
        masked, joined = spellings.replace_across_tags(masked, self._known)
        self.count += times + blotted + joined
        if not self._is_shown_by(masked):
            return masked
        for step in (self._without_words, self._without_attributes):
            masked, times = step(masked)
            self.count += times
            if times and not self._is_shown_by(masked):
                return masked
        return markup.from_text(self.text(bodies.to_text(masked)))

    def _without_words(self, source: str) -> tuple[str, int]:
        return spellings.replace_words(source, self._known, is_html=True)

    def _without_attributes(self, source: str) -> tuple[str, int]:
        return bodies.without_attributes(source, self._shows, most=_MOST_ATTRIBUTES)

    def _shows(self, text: str) -> bool:
        return bool(spellings.find(text, self._known))

    def _is_shown_by(self, source: str) -> bool:
        forms = (source, bodies.bare(source), bodies.read_aloud(source))
        return any(spellings.find(one, self._known) for one in dict.fromkeys(forms))

    def name(self, name: str) -> str:
        """A display name without any address in it, known or not; never cut so that an alias looks like one."""
        masked = "" if "@" in name or "＠" in name else self.line(name)
        return masked if len(masked) <= _LONGEST_NAME else masked[: _LONGEST_NAME + 1].rpartition(" ")[0]


def mask(mail: Mail, known: Sequence[Known]) -> Masked:
    """The mail as it is recorded and relayed: masked once, used twice."""
    return _mask(mail, known, readings.Budget(opens_closed=False))


def _mask(mail: Mail, known: Sequence[Known], budget: readings.Budget) -> Masked:
    masker = Masker(known)
    html = masker.html(mail.html) if mail.html else ""
    masked = Masked(
        sender_name=masker.name(mail.sender.name) if mail.sender else "",
        subject=masker.line(mail.subject),
        text=masker.text(bodies.to_text(html) if mail.is_text_made else masker.told(mail.text, by=mail.html)),
        html=html,
        files=tuple(_file(file, masker, known, budget) for file in mail.files),
        count=0,
    )
    return replace(masked, count=masker.count)


def _file(file: File, masker: Masker, known: Sequence[Known], budget: readings.Budget) -> MaskedFile:
    if file.nested is not None:
        return _nested(file, file.nested, masker, known, budget)
    nature = files.nature(file.content, name=file.name, claimed=file.content_type, charset=file.charset)
    content = file.content if nature.codec is None else _text_file(file.content, nature.codec, masker)
    return MaskedFile(
        name=_file_name(file.name, masker, known),
        content_type=nature.content_type,
        content=content,
        content_id=_content_id(file.content_id, masker, known),
        is_searchable=readings.is_searchable(
            content, name=file.name, claimed=file.content_type, charset=file.charset, budget=budget
        ),
        is_dangerous=nature.is_dangerous,
        charset=file.charset,
    )


def _content_id(written: str, masker: Masker, known: Sequence[Known]) -> str:
    """What the HTML calls the file: masked as it is there, or it would show no picture."""
    masked = masker.line(written) if "@" in written else written
    return "" if len(masked) > headers.LONGEST_CONTENT_ID or spellings.find(masked, known) else masked


def _text_file(content: bytes, codec: str, masker: Masker) -> bytes:
    """The file with its addresses replaced, the very same bytes where it has none."""
    errors = "surrogateescape" if codec == "utf-8" else "strict"
    text = content.decode(codec, errors)
    if cards.is_card(text):
        # To look for what is packed takes as long in each line as in all together.
        blot = masker.dotted if masker.may_dot(cards.unfolded(text)) else str
        masked = cards.rewrite(text, masker.exactly, masker.joined, blot)
    else:
        masked = masker.exactly(text)
    if masked == text:
        return content
    return masked.encode(codec, errors if codec == "utf-8" else "replace")


def _file_name(name: str, masker: Masker, known: Sequence[Known]) -> str:
    """The name, masked and then cut; never cut so that the alias in it looks like the address."""
    masked = masker.joined(masker.text(name))
    short = headers.short_file_name(name if masked == name else headers.file_name(masked))
    if not spellings.find(short, known):
        return short
    _, dot, ending = short.rpartition(".")
    return headers.short_file_name(f"attachment{dot}{ending}" if ending.isalnum() else "attachment")


def _nested(file: File, mail: Mail, masker: Masker, known: Sequence[Known], budget: readings.Budget) -> MaskedFile:
    """An attached mail, made anew from its masked parts: no header of the old one survives but what is shown here."""
    inner = _mask(mail, known, budget)
    masker.count += inner.count
    message = EmailMessage(policy=_UNBROKEN)
    message["Subject"] = inner.subject
    if mail.sender is not None:
        writer = masker.line(mail.sender.address)
        message[parse.WRITTEN_BY] = headers.one_line(f"{inner.sender_name} {writer}")[:400]
    if mail.date:
        message[parse.WRITTEN_AT] = masker.line(mail.date)
    message.set_content(inner.text, cte=_encoding(inner.text))
    if inner.html:
        message.add_alternative(inner.html, subtype="html", cte=_encoding(inner.html))
    for one in inner.files:
        maintype, _, subtype = one.content_type.partition("/")
        if maintype in {"message", "multipart"} or not subtype:  # an attached mail inside an attached mail
            maintype, subtype = "application", "octet-stream"
        message.add_attachment(
            one.content, maintype=maintype, subtype=subtype, filename=one.name, cte="base64",
            cid=f"<{one.content_id}>" if _PICTURE_ID.fullmatch(one.content_id) else None,
            params={"charset": one.charset} if maintype == "text" and charsets.NAME.fullmatch(one.charset) else None,
        )  # fmt: skip
    return MaskedFile(
        name=_file_name(file.name, masker, known),
        content_type="message/rfc822",
        content=message.as_bytes(),
        content_id="",
        is_searchable=all(one.is_searchable for one in inner.files)
        and not any(one.nested is not None and one.nested.files for one in mail.files),  # who knows how far one gets
        is_dangerous=any(one.is_dangerous for one in inner.files),
    )


def _encoding(text: str) -> str:
    """A transfer encoding that never breaks a line, and so never an alias: quoted-printable would."""
    longest = max(map(len, text.encode("utf-8", "replace").split(b"\n")))
    if longest > LONGEST_LINE:
        return "base64"
    return "7bit" if text.isascii() else "8bit"
