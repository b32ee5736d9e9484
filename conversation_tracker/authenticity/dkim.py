"""Check DKIM signatures (RFC 6376, RFC 8301, RFC 8463): who vouches for this mail? Pure, given a way to ask DNS.

Linear in the length of the mail. Stricter than the RFC in four things: a signature over only a part of the body (l=)
counts for nothing, since anything may be added to such a mail; nor does one by SHA-1 or by an RSA key of less than
1,024 bits; nor does any of a mail with two fields of a kind that may stand once.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from conversation_tracker.authenticity.lookup import Lookup, Unanswered

FIELD = "dkim-signature"
MOST_SIGNATURES = 8  # that are looked at
# What may stand once, RFC 5322 §3.6 and RFC 2045 §3, and is shown or believed. A signature covers the lowest of them
# (RFC 6376 §5.4.2), a reader may show the topmost: anybody can put a second one on a mail that was signed (§8.15).
SINGLE = {
    "content-transfer-encoding", "content-type", "date", "from", "in-reply-to", "message-id", "mime-version",
    "references", "reply-to", "sender", "subject", "to", "cc",
}  # fmt: skip
SMALLEST_KEY, LARGEST_KEY = 1_024, 8_192  # bits of an RSA key
PIECE = 1_000_000  # bytes of a body canonicalised at a time

_REVERSED_LINE_ENDS = re.compile(rb"(?:\n\r)*")
_TAG = re.compile(r"[a-z][a-z0-9_]*", re.IGNORECASE)
_ANY_SPACE = re.compile(r"\s+")
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Field:
    """A header field as it stands, without its last line end."""

    name: str  # in lower case
    raw: bytes  # name, colon and value

    @property
    def value(self) -> bytes:
        """What stands after the colon."""
        return self.raw.partition(b":")[2]


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail cut into its header fields and its body."""

    fields: tuple[Field, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Checked:
    """The domains whose signatures are good, and whether some key could not be had just now."""

    domains: frozenset[str]
    is_complete: bool


class _Unusable(Exception):
    """A signature or key that counts for nothing."""


@dataclass(frozen=True, slots=True)
class _Signature:
    field: Field
    algorithm: str  # of the key: rsa or ed25519
    domain: str
    selector: str
    identity: str  # domain of i=
    header_form: str
    body_form: str
    covered: tuple[str, ...]
    body_hash: bytes
    signature: bytes


def check(mail: Mail, *, lookup: Lookup, now: datetime) -> Checked:
    """Verify the signatures of a mail."""
    hashes_of_body: dict[str, bytes] = {}
    domains, is_complete = set(), True
    single = [one.name for one in mail.fields if one.name in SINGLE]
    signed = [one for one in mail.fields if one.name == FIELD] if len(single) == len(set(single)) else []
    for one in signed[:MOST_SIGNATURES]:
        try:
            signature = _read(one, now=now)
            if signature.body_form not in hashes_of_body:
                hashes_of_body[signature.body_form] = _body_hash(mail.body, signature.body_form)
            if signature.body_hash != hashes_of_body[signature.body_form]:
                continue
            _verify(signature, mail.fields, _key(signature, lookup))
            domains.add(signature.domain)
        except Unanswered:
            is_complete = False
        except (_Unusable, InvalidSignature):
            continue
    return Checked(frozenset(domains), is_complete)


def _read(field: Field, *, now: datetime) -> _Signature:
    """The signature in a header field; raises _Unusable."""
    tags = _tags(field.value.decode("latin-1"))
    try:
        algorithm, _, digest = tags["a"].lower().partition("-")
        domain, selector = tags["d"].lower(), tags["s"].lower()
        covered = tuple(name.strip().lower() for name in tags["h"].split(":"))
        body_hash, signature = _decoded(tags["bh"]), _decoded(tags["b"])
    except KeyError as error:
        raise _Unusable from error
    header_form, _, body_form = tags.get("c", "simple/simple").lower().partition("/")
    identity = tags.get("i", f"@{domain}").rpartition("@")[2].lower()
    if (
        tags.get("v") != "1"
        or (algorithm not in {"rsa", "ed25519"} or digest != "sha256")
        or "l" in tags
        or "from" not in covered
        or not {header_form, body_form or "simple"} <= {"simple", "relaxed"}
        or not (_HOST.fullmatch(domain) and _HOST.fullmatch(selector))
        or not f".{identity}".endswith(f".{domain}")
        or "dns/txt" not in tags.get("q", "dns/txt").lower().split(":")
        or _is_past(tags.get("x"), now=now)
    ):
        raise _Unusable
    return _Signature(
        field=field,
        algorithm=algorithm,
        domain=domain,
        selector=selector,
        identity=identity,
        header_form=header_form,
        body_form=body_form or "simple",
        covered=covered,
        body_hash=body_hash,
        signature=signature,
    )


def _is_past(expires: str | None, *, now: datetime) -> bool:
    if expires is None:
        return False
    if not (expires.isascii() and expires.isdecimal() and len(expires) <= 12):  # noqa: PLR2004  digits, §3.5 x=
        raise _Unusable
    return int(expires) < now.timestamp()


def _tags(text: str) -> dict[str, str]:
    """A tag list, §3.2; raises _Unusable."""
    found: dict[str, str] = {}
    for spec in text.strip().removesuffix(";").split(";"):
        name, equals, value = spec.partition("=")
        name = name.strip()
        if not equals or not _TAG.fullmatch(name) or name in found:
            raise _Unusable
        found[name] = _ANY_SPACE.sub(" ", value).strip()
    return found


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(_ANY_SPACE.sub("", text).encode("ascii", "replace"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise _Unusable from error


def _key(signature: _Signature, lookup: Lookup) -> RSAPublicKey | Ed25519PublicKey:
    """The public key that the signing domain publishes, §3.6; raises Unanswered or _Unusable."""
    texts = lookup(f"{signature.selector}._domainkey.{signature.domain}", "TXT")
    if len(texts) != 1:
        raise _Unusable
    tags = _tags(texts[0])
    if (
        tags.get("v", "DKIM1") != "DKIM1"
        or tags.get("k", "rsa").lower() != signature.algorithm
        or "sha256" not in _listed(tags.get("h", "sha256"))
        or not _listed(tags.get("s", "*")) & {"*", "email"}
        or ("s" in _listed(tags.get("t", "")) and signature.identity != signature.domain)
    ):
        raise _Unusable
    data = _decoded(tags.get("p", ""))
    try:
        key = (
            Ed25519PublicKey.from_public_bytes(data) if signature.algorithm == "ed25519" else load_der_public_key(data)
        )
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _Unusable from error
    if isinstance(key, RSAPublicKey) and SMALLEST_KEY <= key.key_size <= LARGEST_KEY:
        return key
    if isinstance(key, Ed25519PublicKey):
        return key
    raise _Unusable


def _listed(text: str) -> set[str]:
    return {one.strip().lower() for one in text.split(":")}


def _verify(signature: _Signature, fields: Sequence[Field], key: RSAPublicKey | Ed25519PublicKey) -> None:
    """Raise InvalidSignature when the header is not what was signed."""
    signed = b"".join(_canonical(one, signature.header_form) + b"\r\n" for one in _chosen(signature.covered, fields))
    own = Field(signature.field.name, _without_signature(signature.field.raw))
    signed += _canonical(own, signature.header_form)
    if isinstance(key, Ed25519PublicKey):
        key.verify(signature.signature, hashlib.sha256(signed).digest())
    else:
        key.verify(signature.signature, signed, PKCS1v15(), hashes.SHA256())


def _chosen(covered: Sequence[str], fields: Sequence[Field]) -> Iterator[Field]:
    """The fields that are signed, of several with one name the last first, §5.4.2."""
    left: dict[str, list[Field]] = {}
    for one in fields:
        left.setdefault(one.name, []).append(one)
    for name in covered:
        if left.get(name):
            yield left[name].pop()


def _without_signature(raw: bytes) -> bytes:
    """The field with the value of its b= tag left out, §3.5."""
    name, _, value = raw.partition(b":")
    specs = value.split(b";")
    for position, spec in enumerate(specs):
        tag, equals, _ = spec.partition(b"=")
        if equals and tag.strip() == b"b":
            specs[position] = tag + equals
    return name + b":" + b";".join(specs)


def _canonical(field: Field, form: str) -> bytes:
    """A header field in one of the two forms, §3.4.1 and §3.4.2."""
    if form == "simple":
        return field.raw
    return field.name.encode("latin-1") + b":" + _single_spaced(field.value.replace(b"\r\n", b"")).strip(b" ")


def _body_hash(body: bytes, form: str) -> bytes:
    """SHA-256 of the body in one of the two forms, §3.4.3 and §3.4.4, a piece at a time."""
    digest = hashlib.sha256()
    is_empty = True
    waiting = start = 0  # ends of empty lines, which count only when something follows
    while start < len(body):
        end = body.find(b"\r\n", min(start + PIECE, len(body)))
        end = len(body) if end < 0 else end + 2
        piece = body[start:end]
        if form == "relaxed":
            piece = _single_spaced(piece).replace(b" \r\n", b"\r\n")
        ends = _line_ends(piece)
        if len(piece) > 2 * ends:
            digest.update(b"\r\n" * waiting)
            digest.update(piece[: len(piece) - 2 * ends])
            waiting, is_empty = 0, False
        waiting += ends
        start = end
    if not is_empty or form == "simple":
        digest.update(b"\r\n")
    return digest.digest()


def _single_spaced(text: bytes) -> bytes:
    """Runs of spaces and tabs made one space. No pattern: a function call for each run takes ten times as long."""
    text = text.replace(b"\t", b" ")
    while b"  " in text:
        text = text.replace(b"  ", b" ")
    return text


def _line_ends(text: bytes) -> int:
    """How many line ends a text has at its end."""
    tail = text[len(text.rstrip(b"\r\n")) :]
    if tail == b"\r\n" * (len(tail) // 2):
        return len(tail) // 2
    found = _REVERSED_LINE_ENDS.match(tail[::-1])
    return found.end() // 2 if found else 0
