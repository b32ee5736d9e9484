"""Tell a repeat of a mail from another mail: digest what is the same in every copy of it, by whatever way it comes."""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Container, Iterator
from datetime import UTC
from email.utils import parsedate_to_datetime

from conversation_tracker.mailflow import bodies
from conversation_tracker.mailflow.shapes import MIME_TYPE, Arrival, File, Mail, Trait
from orders import secrecy

_MARKS = re.compile(r"(?m)^[ \t>]+")
# In HTML as the cleaner spells it.
_ADDRESS = re.compile(r'\s(?:href|src)="([^"]*)"')
_BETWEEN_TAGS = re.compile(r">\s+<")
_PICTURE = re.compile(r'(?<==")cid:[^"]*')
_WRITTEN_ADDRESS = re.compile(r'(?:https?://|mailto:|tel:|cid:)[^\s()<>\[\]"]+')
_COLON = re.compile(r"([+-][0-9]{2}):([0-9]{2})\b")  # in a zone
_NO_WORD = re.compile(r"[\W_]+")
_NO_ASCII_WORD = bytes(code for code in range(128) if not chr(code).isalnum())
# By these alone a mail is not relayed, and they may come with the way it takes.
_DECISIVE = {Trait.OWN_HOP, Trait.TOO_MANY_HOPS, Trait.REPORT, Trait.BULK}


def of(arrival: Arrival) -> bytes:
    """What is the same in every copy of one mail: what its writer wrote.

    Where lines end does not count, since providers rewrap; a repeat with other words, links, looks or files is another
    mail. So is one without that for which the first was refused: a copy that was called spam must not swallow the good
    one. Without a Message-ID and a date too little may be left to tell two broken mails apart, so there every byte
    counts, where we have them, else the provider's id or the header. Those differ where a server hands one mail over
    once for each of its recipients. The bytes count alone for a mail that was not read.
    """
    if arrival.unread is not None:
        return secrecy.digest(f"unread\0{arrival.unread.digest}", purpose="fingerprint")
    parts = [" ".join(part.split()) for part in _written(arrival.mail)]
    parts.append(" ".join(sorted(arrival.mail.traits & _DECISIVE)) + (" spam" if arrival.envelope.is_spam else ""))
    if not (arrival.mail.message_id or arrival.mail.date):
        is_raw = arrival.original_type == MIME_TYPE
        parts.append(secrecy.digest(arrival.original, purpose="file").hex() if is_raw else arrival.provider_id)
    return secrecy.digest("\0".join(parts), purpose="fingerprint")


def _written(mail: Mail) -> Iterator[str]:
    yield from (mail.sender.address.lower() if mail.sender else "", mail.message_id, _moment(mail.date), mail.subject)
    # A flowed text comes with its paragraphs joined, or each line with its mark.
    yield "" if mail.html and _is_made_of(mail.html, mail.text) else _MARKS.sub("", mail.text)
    # Pictures in the mail count as files; a page in pieces, with files between them, is joined by each in its own way.
    yield _BETWEEN_TAGS.sub("><", _PICTURE.sub("cid:", mail.html))
    yield from itertools.chain.from_iterable(sorted(map(_of_file, mail.files)))  # providers order them as they like


def _moment(date: str) -> str:
    """Which moment a date means, since some providers write it anew: as GMT, in their own zone, with a colon in it; the
    date itself where that cannot be told.
    """
    try:
        found = parsedate_to_datetime(_COLON.sub(r"\1\2", date))
        return str((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
    except (ValueError, TypeError, IndexError, OverflowError):
        return date


def _is_made_of(source: str, text: str) -> bool:
    """Whether a text says in the same letters what a cleaned HTML says, and leads nowhere else.

    Of a mail that has no text some providers make one, each in its own way.
    """
    addresses = {html.unescape(found) for found in _ADDRESS.findall(source)}
    source = source.replace("<", " <")  # so that no address and what follows are read as one; spaces do not count
    letters = _letters(text, addresses)
    return any(letters == _letters(read(source), addresses) for read in (bodies.bare, bodies.read_aloud))


def _letters(text: str, addresses: Container[str]) -> str:
    def other(found: re.Match[str]) -> str:
        return "" if found[0].rstrip(".,;:!?") in addresses else found[0]

    text = _WRITTEN_ADDRESS.sub(other, text)
    if text.isascii():  # the same, many times quicker
        return text.encode().translate(None, _NO_ASCII_WORD).decode()
    return _NO_WORD.sub("", text)


def _of_file(file: File) -> list[str]:
    is_text = b"\0" not in file.content  # programs call many a text something else
    content = file.content.replace(b"\r\n", b"\n") if is_text else file.content
    line = f"{file.name}:{secrecy.digest(content, purpose='file').hex()}"
    return [line, *(_written(file.nested) if file.nested is not None else ())]
