"""Read a mail: any bytes, never an exception. What cannot be understood is left out; the original is kept elsewhere."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from email import policy
from email.message import Message
from functools import partial
from itertools import islice
from typing import Any

from billiard.exceptions import SoftTimeLimitExceeded

from conversation_tracker.mailflow import attached, bodies, charsets, frugal, headers, signed, uuencoded
from conversation_tracker.mailflow.guards import MOST_PARTS, check_count
from conversation_tracker.mailflow.shapes import Envelope, File, Mail, Mailbox
from conversation_tracker.mailflow.traits import HOP_HEADER, Headers, first
from conversation_tracker.mailflow.traits import of as traits_of

WRITTEN_BY, WRITTEN_AT = "X-Written-By", "X-Written-At"  # of an attached mail that is made anew
BODIES = 2  # beside as many files as a mail may have: its text and its HTML
DEEPEST = 50
DEEPEST_NESTED_MAIL = 5

_ENCODING = re.compile(r"[\s\"']*([a-z0-9-]+)")
# Of the whole mail, as programs name it; a signature of a document has the document's name.
_SIGNATURES = {"application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature"}
_SIGNATURE_NAMES = {"", "smime.p7s", "signature.asc", "openpgp_signature", "openpgp_signature.asc",
                    "openpgp-digital-signature.asc", "signature.pgp", "pgp.sig"}  # fmt: skip
_IN_SIGNATURE = {"application/pkcs7-mime", "application/x-pkcs7-mime"}
_MIME_STARTS = re.compile(rb"\s{0,9}(?:content-|mime-version)", re.IGNORECASE)
# The writer's public key, which some programs add to each mail; it names his address.
_KEY, _KEY_STARTS = "application/pgp-keys", b"-----BEGIN PGP PUBLIC KEY BLOCK-----"
# The same mail once more as a program that some mail services run; it would arrive as a file that nothing opens.
_AMP = "text/x-amp-html"


def parse(message: Message[Any, Any], *, envelope: Envelope, is_own_hop: Callable[[str], bool]) -> Mail:
    """Everything of a mail that recording and relaying need, decoded and cleaned."""
    mail, found = _read(message, depth=0)
    sender = mail.sender or _fallback_sender(envelope)
    traits = traits_of(found, mail, sender=sender, envelope=envelope, is_own_hop=is_own_hop)
    return replace(mail, sender=sender, traits=traits)


def _read(message: Message[Any, Any], *, depth: int) -> tuple[Mail, Headers]:
    found = _headers(message)
    senders = headers.mailboxes(first(found, "from")) or _written_by(found, depth=depth)
    pieces, files = _contents(message, depth=depth)
    text, html = bodies.together([_cleaned(*piece) for piece in pieces])
    references = dict.fromkeys(
        headers.message_ids(first(found, "references")) + headers.message_ids(first(found, "in-reply-to"))[:1]
    )
    mail = Mail(
        sender=senders[0] if senders else None,
        subject=headers.decode(first(found, "subject"))[: headers.LONGEST_SUBJECT],
        message_id=next(iter(headers.message_ids(first(found, "message-id"))), ""),
        references=tuple(references),
        date=headers.decode(first(found, "date") or first(found, WRITTEN_AT.lower()), longest=200),
        text=text or bodies.to_text(html),
        html=html,
        files=tuple(files),
        is_text_made=bool(html) and not text,
        hop=first(found, HOP_HEADER.lower()).strip()[:100],
    )
    return mail, found


def _written_by(found: Headers, *, depth: int) -> list[Mailbox]:
    """Who wrote an attached mail that was made anew before, as a mail is that is sent again."""
    name, _, address = headers.decode(first(found, WRITTEN_BY.lower())).rpartition(" ")
    return [Mailbox(name, address)] if depth and "@" in address else []


def _headers(message: Message[Any, Any]) -> Headers:
    """Each header's raw values by lower-case name; unparsed, since parsing is what hostile headers aim at."""
    found: Headers = {}
    for name, value in message.raw_items():
        found.setdefault(str(name).lower(), []).append(str(value))
    return found


def _fallback_sender(envelope: Envelope) -> Mailbox | None:
    """Who sent a mail without a usable From: the provider's reading of it, else the envelope's sender."""
    candidates = headers.mailboxes(envelope.from_fallback) + headers.mailboxes(envelope.sender)
    return candidates[0] if candidates else None


def _contents(message: Message[Any, Any], *, depth: int) -> tuple[list[tuple[list[str], list[str]]], list[File]]:
    """The bodies and files of a mail, the parts in order; the texts and HTML of one alternative together.

    A signature over the mail is left out: it would be over nothing of one that is made anew, and holds its writer's
    address, for which each such mail would be held. So is the writer's public key, which holds it too.
    """
    pieces: dict[int, tuple[list[str], list[str]]] = {}
    files: list[File] = []
    for part, piece in _parts(message):
        kind = _guarded(part.get_content_type, "application/octet-stream").lower()
        name = headers.file_name(_guarded(partial(_name, part), None) or "")
        disposition = (_guarded(part.get_content_disposition, None) or "").lower()
        if kind in attached.TYPES:
            files.append(_nested(part, name=name, depth=depth))
        elif (kind in _SIGNATURES and name.lower() in _SIGNATURE_NAMES) or (kind == _AMP and not name):
            continue
        elif kind in {"text/plain", "text/html"} and disposition != "attachment" and not name:
            content = _payload(part)
            is_silent = kind == "text/html" and not _charset(part)
            body = charsets.decode_bytes(content, charsets.said_within(content) if is_silent else _charset(part))
            texts, htmls = pieces.setdefault(piece, ([], []))
            if kind == "text/html":
                body, pictures = bodies.without_pictures(body, first=len(files) + 1, most=MOST_PARTS - len(files))
                htmls.append(body)
                files += (File(one.name, one.content_type, one.content, content_id=one.content_id) for one in pictures)
            else:
                body, inner = _without_uuencoded(body, depth=depth)
                texts.append(_unflowed(part, body))
                files += inner
                check_count(len(files))
        else:
            content_id = headers.one_line(str(part.get("Content-ID", ""))).strip("<> ")[: headers.LONGEST_CONTENT_ID]
            content = _payload(part)
            if kind == _KEY and content.lstrip().startswith(_KEY_STARTS):
                continue
            if inner := mails(content, name=name, kind=kind, depth=depth):
                files += inner
            elif content or name:
                name, charset = name or _default_name(kind), _charset(part) or ""
                files.append(File(name, kind, content, content_id=content_id, charset=charset))
    return list(pieces.values()), files


def _without_uuencoded(body: str, *, depth: int) -> tuple[str, list[File]]:
    """The text without the files in it, which mail programs show as such, and these."""
    if "begin " not in body:
        return body, []
    text = body.encode("utf-8", "surrogatepass")
    pieces, files, last = [], [], 0
    for found in islice(uuencoded.find(text), MOST_PARTS + 1):
        pieces.append(text[last : found.start])
        last = found.end
        name = headers.file_name(found.name) or _default_name("")
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        files += mails(found.content, name=name, kind=kind, depth=depth) or [File(name, kind, found.content)]
    return b"".join([*pieces, text[last:]]).decode("utf-8", "surrogatepass"), files


def _cleaned(texts: Sequence[str], htmls: Sequence[str]) -> tuple[str, str]:
    return "\n\n".join(headers.clean(one) for one in texts), "\n".join(bodies.clean(one) for one in htmls)


def _parts(message: Message[Any, Any]) -> Iterator[tuple[Message[Any, Any], int]]:
    """The leaves of a mail in order, without recursion; of alternatives all. Raises OverLimit when there are too many.

    Each comes with a number, which those below one multipart/alternative share.
    """
    waiting: list[tuple[Message[Any, Any], int, int]] = [(message, 0, 0)]
    given = seen = 0
    while waiting:
        part, depth, piece = waiting.pop()
        part.policy = policy.compat32  # its header access does not parse, and so does not fail
        seen += 1
        if (inner := _out_of_signature(part)) is not None and depth < DEEPEST:
            waiting.append((inner, depth + 1, piece))
        elif part.is_multipart() and part.get_content_maintype() == "multipart":
            if part.get_content_subtype() == "alternative":
                piece = piece or seen
            if depth < DEEPEST:  # asked for a leaf's payload, Python would decode it, and stumble over its charset
                children: Any = part.get_payload()
                waiting.extend((child, depth + 1, piece) for child in reversed(children) if isinstance(child, Message))
        else:
            given += 1
            check_count(given - BODIES)
            yield part, piece or seen


def _out_of_signature(part: Message[Any, Any]) -> Message[Any, Any] | None:
    """The mail that S/MIME signs without clear text (RFC 8551 §3.5.2); None for anything else."""
    if _guarded(part.get_content_type, "").lower() not in _IN_SIGNATURE:
        return None
    if headers.file_name(_guarded(partial(_name, part), None) or "").lower() not in {"", "smime.p7m"}:
        return None  # a document
    content = signed.content(_payload(part))
    return attached.read(content) if content is not None and _MIME_STARTS.match(content) else None


def _name(part: Message[Any, Any]) -> str | None:
    """The file's name. Raw 8-bit in it (RFC 6532 §3.2) is decoded before, since Python would replace it."""
    told = {name.lower(): value for name, value in reversed(list(part.raw_items()))}
    fields = {name: str(told[name]) for name in ("content-disposition", "content-type") if name in told}
    if all(value.isascii() for value in fields.values()):
        found: str | None = part.get_filename()
        return found
    plain: Message = Message(policy=policy.compat32)
    for name, value in fields.items():
        plain[name] = headers.decode_8_bit(value)
    return plain.get_filename()


def _nested(part: Message[Any, Any], *, name: str, depth: int) -> File:
    """An attached mail, read like any other; as bytes where it cannot be or lies too deep."""
    name = name or "message.eml"
    inner = attached.inside(part)
    if len(inner) == 1 and inner[0] is not None and depth < DEEPEST_NESTED_MAIL and not attached.is_page(name):
        mail, _ = _read(inner[0], depth=depth + 1)
        return File(name=name, content_type="message/rfc822", content=b"", nested=mail)
    return File(name=name, content_type="message/rfc822", content=attached.raw(part))


def mails(content: bytes, *, name: str, kind: str, depth: int = 0) -> list[File]:
    """The mails in a file that claims to be something else; none where one of them cannot be read."""
    is_looked_at = depth < DEEPEST_NESTED_MAIL and not attached.is_page(name)
    raws = attached.mails(content, name=name, claimed=kind) if is_looked_at else []
    if not raws or len(raws) > attached.MOST:
        return []
    found = []
    for number, raw in enumerate(raws, 1):
        message = attached.read(raw)
        if message is None:
            return []
        mail, _ = _read(message, depth=depth + 1)
        title = (name or "message.eml") if len(raws) == 1 else f"message-{number}.eml"
        found.append(File(name=title, content_type="message/rfc822", content=b"", nested=mail))
    return found


def _unflowed(part: Message[Any, Any], body: str) -> str:
    """RFC 3676: the lines of a flowed text made paragraphs, so that no address is cut in two."""
    value = _guarded(lambda: part.get_param("format"), None)
    if not isinstance(value, str) or value.strip().lower() != "flowed":
        return body
    delsp = _guarded(lambda: part.get_param("delsp"), None)
    return bodies.unflow(headers.clean(body), delsp=isinstance(delsp, str) and delsp.strip().lower() == "yes")


def _payload(part: Message[Any, Any]) -> bytes:
    """The decoded bytes of a leaf; the flattened ones of a structured leaf; empty when there is no getting at it."""
    if part.is_multipart():
        children: Any = part.get_payload()
        inner = [one for one in children[:MOST_PARTS] if isinstance(one, Message)]
        return b"\n".join(_guarded(partial(one.as_bytes, policy=frugal.AS_IT_CAME), b"") for one in inner)
    decoded = _guarded(lambda: _decoded(part), None)
    if isinstance(decoded, bytes):
        return decoded
    payload = _guarded(part.get_payload, None)
    return headers.octets(payload) if isinstance(payload, str) else b""


def _decoded(part: Message[Any, Any]) -> Any:
    """The decoded bytes, also where the encoding's name stands in quotes, or before a space, a sign or a comment."""
    written = str(part.get("Content-Transfer-Encoding", "")).lower()
    found = _ENCODING.match(written)
    if found is not None and found[1] != written and isinstance(payload := part.get_payload(), str):
        part = Message(policy=policy.compat32)
        part["Content-Transfer-Encoding"] = found[1]
        part.set_payload(payload)
    return frugal.from_base64(part) or part.get_payload(decode=True)


def _charset(part: Message[Any, Any]) -> str | None:
    charset: str | None = _guarded(part.get_content_charset, None)
    return charset


def _default_name(kind: str) -> str:
    """A name for a file that has none, from what it claims to be."""
    endings = {
        "text/calendar": "invite.ics",
        "text/vcard": "contact.vcf",
        "message/delivery-status": "delivery-status.txt",
    }
    return endings.get(kind, f"attachment.{re.sub(r'[^a-z0-9]', '', kind.rpartition('/')[2])[:8] or 'bin'}")


def _guarded(call: Callable[[], Any], default: Any) -> Any:
    """What the standard library's reader says, or the default where hostile input makes it stumble."""
    try:
        return call()
    except (MemoryError, SoftTimeLimitExceeded):  # these say nothing of the mail
        raise
    except Exception:  # noqa: BLE001  its failures on broken mail are of every kind: Type, Attribute, Lookup, Index …
        return default
