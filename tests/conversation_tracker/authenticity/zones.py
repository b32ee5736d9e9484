"""A domain name system of the tests' own: a table in memory, the same served over UDP, and a key to sign mails with."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from conversation_tracker.authenticity.lookup import Lookup, Unanswered

# {("example.com", "TXT"): ("v=spf1 -all",)}; None instead of texts: the question is never answered.
Zone = Mapping[tuple[str, str], Sequence[str] | None]

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC = base64.b64encode(
    KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
).decode()
KEY_RECORD = f"v=DKIM1; k=rsa; p={PUBLIC}"


def lookup(zone: Zone) -> Lookup:
    """A lookup in the table."""

    def find(name: str, kind: str) -> tuple[str, ...]:
        found = zone.get((name.rstrip(".").lower(), kind), ())
        if found is None:
            raise Unanswered
        return tuple(found)

    return find


@contextmanager
def served(zone: Zone, *, late: float = 0.0) -> Iterator[str]:
    """The table served by a name server on this machine, so many seconds late; gives its address and port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.1)
        ended = threading.Event()
        thread = threading.Thread(target=_serve, args=(server, zone, ended, late))
        thread.start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}"
        finally:
            ended.set()
            thread.join()


def _serve(server: socket.socket, zone: Zone, ended: threading.Event, late: float) -> None:
    while not ended.is_set():
        try:
            data, client = server.recvfrom(4096)
        except TimeoutError:
            continue
        query = dns.message.from_wire(data)
        [question] = query.question
        kind = question.rdtype.name
        name = question.name.to_text(omit_final_dot=True).lower()
        found = zone.get((name, kind), ())
        if found is None:
            continue
        reply = dns.message.make_response(query)
        if not any(known == name for known, _ in zone):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        texts = [_record(text, kind) for text in found]
        if texts:
            reply.answer.append(dns.rrset.from_text(question.name, 300, "IN", kind, *texts))
        wire = reply.to_wire(max_size=65_535)
        ended.wait(late)
        if len(wire) <= 1_232:
            server.sendto(wire, client)


def _record(text: str, kind: str) -> str:
    if kind == "TXT":
        return " ".join(f'"{text[place : place + 250]}"' for place in range(0, len(text), 250))
    return f"10 {text}." if kind == "MX" else text


def signed(
    raw: bytes,
    *,
    domain: str,
    selector: str = "sel",
    form: str = "relaxed/relaxed",
    covered: str = "from:subject:from",
    **tags: str,
) -> bytes:
    """The mail with a DKIM signature on top, made without any of the code under test."""
    header_form, body_form = form.split("/")
    header, _, body = raw.partition(b"\r\n\r\n")
    if body_form == "relaxed":
        body = b"\r\n".join(re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n"))
    while body.endswith(b"\r\n"):
        body = body[:-2]
    body = body + b"\r\n" if body or body_form == "simple" else b""
    body_hash = base64.b64encode(hashlib.sha256(body).digest()).decode()
    more = "".join(f"{name}={value}; " for name, value in tags.items())
    own = f"DKIM-Signature: v=1; a=rsa-sha256; c={form}; d={domain}; s={selector};\r\n\t{more}h={covered};\r\n"
    own += f" bh={body_hash}; b="
    fields = re.split(rb"\r\n(?![ \t])", header)
    chosen: list[bytes] = []
    for name in covered.split(":"):
        of_name = [one for one in fields if one.lower().startswith(f"{name}:".encode())]
        place = sum(1 for one in chosen if one.lower().startswith(f"{name}:".encode()))
        if place < len(of_name):
            chosen.append(of_name[-1 - place])
    data = b"\r\n".join([*(_canonical(one, header_form) for one in chosen), _canonical(own.encode(), header_form)])
    signature = base64.b64encode(KEY.sign(data, PKCS1v15(), hashes.SHA256())).decode()
    return f"{own}{signature}\r\n".encode() + raw


def _canonical(field: bytes, form: str) -> bytes:
    if form == "simple":
        return field
    name, _, value = field.partition(b":")
    return name.lower() + b":" + re.sub(rb"[ \t]+", b" ", value.replace(b"\r\n", b"")).strip()
