"""An address that is packed in base64, hexadecimal and the like becomes dots, or the gate holds what packs it."""

from __future__ import annotations

import base64
import binascii
import gzip
import hashlib
import json
import zlib

import pytest

from conversation_tracker.mailflow import leakgate
from orders.known import Known
from tests.conversation_tracker.mailflow.passing import HARD, REAL, SOFT, incoming, masked, outgoing, said, shown

PACKED = [
    base64.b64encode(REAL.encode()).decode(),
    base64.b64encode(REAL.encode()).decode().rstrip("="),
    base64.urlsafe_b64encode(b"~~?" + REAL.encode() + b"?~~").decode(),
    base64.b64encode(json.dumps({"email": REAL, "id": 7}).encode()).decode(),
    base64.b64encode(b"x" + REAL.encode() + b"y").decode().rstrip("="),
    base64.b64encode(b"me: Anna.Real@People.Example").decode(),
    REAL.encode().hex(),
    REAL.encode().hex().upper(),
    b"x".hex() + REAL.encode().hex(),
    base64.b32encode(b"me: " + REAL.encode()).decode(),
    base64.b32encode(REAL.encode()).decode().lower().rstrip("="),
    base64.b64encode(base64.b64encode(b"me: " + REAL.encode())).decode(),
    base64.b64encode(base64.encodebytes(b"me: " + REAL.encode() * 4)).decode(),
    base64.b64encode(base64.b32encode(REAL.encode()).hex().encode()).decode(),
    base64.b64encode(b"https://x.example/?e=" + REAL.replace("@", "%40").encode()).decode(),
    base64.urlsafe_b64encode(zlib.compress(b"h=ab&l=x&r=" + REAL.replace("@", "%40").encode())).decode().rstrip("="),
    base64.urlsafe_b64encode(gzip.compress(base64.b64encode(REAL.encode()), mtime=0)).decode(),
    base64.b64encode(f"me: {REAL}".encode("utf-16")).decode(),
    "FEFF" + REAL.encode("utf-16-be").hex().upper(),
]


@pytest.mark.parametrize("more", ["", "x", "xy"])
@pytest.mark.parametrize("between", [" ", "\n", "\r\n", ", "])
def test_a_packed_address_takes_no_word_with_it_that_follows(more: str, between: str) -> None:
    for word in (base64.b64encode(more.encode() + REAL.encode()), base64.b32encode(more.encode() + REAL.encode())):
        found = masked(said(f"code {word.decode().rstrip('=')}{between}Thanks{between}Kim"))
        assert found.text.split() == f"code •••{between}Thanks{between}Kim".split()


def test_a_packed_address_of_an_international_domain_becomes_dots_in_its_place() -> None:
    eva = Known("eva@xn--mnchen-post-thb.example", HARD.alias)
    word = base64.b64encode("é eva@münchen-post.example".encode()).decode().rstrip("=")
    mail = said(f'<a href="https://x.example/u?t={word}">leave</a> <a href="https://x.example/2">2</a>', kind="html")
    found = masked(mail, eva)
    assert 'href="https://x.example/u?t=•••"' in found.html
    assert 'href="https://x.example/2"' in found.html


@pytest.mark.parametrize("word", PACKED)
@pytest.mark.parametrize("before", ["https://x.example/u?e=", "https://x.example/", "u/a/", ""])
def test_a_packed_address_becomes_dots_wherever_it_stands(word: str, before: str) -> None:
    found = masked(said(f"see {before}{word}&x=1 there", subject=f"to {word}"))
    assert (found.subject, found.count) == ("to •••", 2)
    assert found.text.startswith("see ")
    assert found.text.endswith("•••&x=1 there")
    assert shown(found) == []
    linked = masked(said(f'<p>Hi</p><a href="https://x.example/u?e={word}">leave</a>', kind="html"))
    assert (linked.html.strip(), shown(linked)) == ('<p>Hi</p><a href="https://x.example/u?e=•••">leave</a>', [])


def cloaked(address: str, key: int = 0x5A) -> str:
    return bytes([key, *(key ^ octet for octet in address.encode())]).hex()


@pytest.mark.parametrize(
    "source",
    [
        '<a href="/cdn-cgi/l/email-protection" data-cfemail="{}">[email&#160;protected]</a>',
        '<a href="https://x.example/cdn-cgi/l/email-protection#{}">write</a>',
    ],
)
@pytest.mark.parametrize("key", [0, 0x5A, 0xFF])
def test_an_address_that_cloudflare_cloaked_becomes_dots(source: str, key: int) -> None:
    found = masked(said(source.format(cloaked(REAL, key))))
    assert (found.text, shown(found)) == (source.format("•••"), [])
    other = source.format(cloaked("joe@other.example", key))
    assert masked(said(other)).text == other
    linked = masked(said(source.format(cloaked(REAL, key)), kind="html"))
    assert (cloaked(REAL, key) in linked.html, shown(linked)) == (False, [])


@pytest.mark.parametrize("owner", ["anna.real@m", "annareal@m", "anna.real@gmail.com"])
@pytest.mark.parametrize("rest", ["", "&ctz=America/Sao_Paulo", "&tok=MjcjYW5uYS5yZWFs&es=0"])
def test_the_owner_of_an_event_becomes_dots_in_a_link_to_it(owner: str, rest: str) -> None:
    known = Known("anna.real@gmail.com", HARD.alias)
    packed = base64.urlsafe_b64encode(f"7k3v0q2j1l5n8b6d4f9h0s2t1c {owner}".encode()).decode().rstrip("=")
    found = masked(said(f"Add it: https://calendar.google.com/calendar/event?action=VIEW&eid={packed}{rest}"), known)
    assert packed not in found.text
    assert found.text.startswith("Add it: https://calendar.google.com/calendar/event?action=VIEW&eid=•••")
    assert leakgate.leaks(outgoing(found), (known,)) == []


@pytest.mark.parametrize("other", ["anna@mail.example", "anna@m.example", "anna@m-shop.example"])
def test_an_address_at_a_domain_that_begins_like_a_short_one_holds_no_attached_mail(other: str) -> None:
    known = Known("anna@gmail.com", HARD.alias)
    line = f"<p>{'word ' * 250} {other}</p>"  # so long that it is made anew in base64
    mail = f"From: a@b.example\r\nContent-Type: text/html\r\n\r\n{line}".encode()
    found = masked(incoming(mail, kind="message/rfc822", encoding="7bit"), known)
    assert leakgate.leaks(outgoing(found), (known,)) == []


@pytest.mark.parametrize("event", ["abcdefghij12345", "abcdefghij123456", "abcdefghij1234567"])
@pytest.mark.parametrize("behind", ["\n\nMeeting room change please", " on Monday", "\r\nKim"])
def test_the_owner_of_an_event_takes_no_word_with_it_and_hides_behind_none(event: str, behind: str) -> None:
    owner = Known("maria.souza@gmail.com", HARD.alias)
    word = base64.b64encode(f"{event} maria.souza@m".encode()).decode().rstrip("=")
    link = f"https://www.google.com/calendar/event?eid={word}"
    assert masked(said(f"See {link}{behind}"), owner).text.split() == (
        f"See https://www.google.com/calendar/event?eid=•••{behind}".split()
    )
    found = masked(said(f'<a href="{link}">Accept the invitation</a> <b>at ten</b>', kind="html"), owner)
    assert found.html.strip() == (
        '<a href="https://www.google.com/calendar/event?eid=•••">Accept the invitation</a> <b>at ten</b>'
    )


def test_the_owner_of_an_event_who_is_somebody_else_stays() -> None:
    packed = base64.urlsafe_b64encode(b"7k3v0q2j1l5n8b6d4f9h0s2t1c mary@m").decode()
    found = masked(
        said(f"https://calendar.google.com/calendar/event?eid={packed}"), Known("anna@gmail.com", HARD.alias)
    )
    assert packed in found.text


@pytest.mark.parametrize(
    "word", [*PACKED, "begin 644 a.txt\n" + binascii.b2a_uu(b"me: " + REAL.encode()).decode() + "`\nend"]
)
def test_a_file_that_packs_an_address_is_held(word: str) -> None:
    assert shown(masked(incoming(f"see\n{word}\n".encode(), kind="text/plain", name="a.txt"))) == ["file"]
    named = masked(incoming(b"x", kind="text/plain", name=f"{word.splitlines()[0]}.txt"))
    assert shown(named) == []


def test_long_words_without_an_address_are_left_alone() -> None:
    noise = hashlib.sha512(b"noise").digest() * 40
    words = [base64.b64encode(noise), base64.b64encode(base64.b64encode(noise)), base64.b32encode(noise)]
    text = " ".join(word.decode() for word in [*words, noise.hex().encode(), b"a" * 9_000, b"PEOPLEEXAMPLE" * 99])
    found = masked(said(text))
    assert (found.text, found.count, shown(found)) == (text, 0, [])
    assert shown(masked(incoming(text.encode(), kind="text/plain", name="a.txt"))) == []


def test_lines_of_base64_and_bytes_around_hexadecimal_are_held() -> None:
    lines = base64.encodebytes(b"x" * 47 + REAL.encode() + b"y" * 60)
    assert shown(masked(incoming(lines, kind="text/plain", name="a.txt"))) == ["file"]
    pdf = b"%PDF-1.7 <" + REAL.encode().hex().encode() + b"> \xff\0"
    assert shown(masked(incoming(pdf, kind="application/pdf", name="a.pdf"))) == ["file"]
    found = masked(said(f"see\n{lines.decode()}\nthere"))
    assert (shown(found), found.text.startswith("see\n"), found.text.endswith("there")) == ([], True, True)


def test_a_packed_soft_alias_is_no_leak() -> None:
    text = f"https://x.example/?e={base64.b64encode(SOFT.alias.encode()).decode()} {SOFT.alias.encode().hex()}"
    found = masked(said(text), SOFT)
    assert found.text == text
    assert leakgate.leaks(outgoing(found), (SOFT,)) == []
