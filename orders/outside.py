"""Post to an address that somebody else chose, and never into our own network.

The name is resolved once for each post, every address it stands for is judged, and the connection goes to one of
those very addresses: a name that means another place a moment later (DNS rebinding) gains nothing. No redirect is
followed, the body of the answer is not read, and the whole ends in time.
"""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import urlsplit

from orders import addresses, names

LONGEST_URL = 2_000
PORTS = (443, 8443)
MOST_READ = 16_384  # octets of an answer
STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})[ \r\n]")
FIRST_FREE_PORT = 1_024  # below it, but for https, live services that nobody means to post to
# Not for everybody although they look it: metadata of clouds, addresses that carry another one inside, and those set
# aside since this Python was made (RFC 6890 §2.2.2, RFC 9637).
NEVER: tuple[IPv4Network | IPv6Network, ...] = (
    IPv4Network("168.63.129.16/32"),
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv6Network("64:ff9b::/96"),
    IPv6Network("64:ff9b:1::/48"),
    IPv6Network("::/96"),
    IPv6Network("2002::/16"),
    IPv6Network("2001::/32"),
    IPv6Network("3fff::/20"),
    IPv6Network("fec0::/10"),
)


class Refused(ValueError):
    """Nothing is posted to this address; the message says why."""


class NoHost(Refused):
    """There is no such host, says DNS; another time there may be."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Where one may post. ``may_be_local``: to this machine too, and by http; for a developer's own."""

    may_be_local: bool = False
    longest: int = LONGEST_URL
    name_servers: Sequence[str] = field(default_factory=tuple)  # those of the machine when empty
    seconds: float = 5.0  # for all of it


@dataclass(frozen=True, slots=True)
class Answer:
    """The status that came back, or None and what went wrong."""

    status: int | None
    problem: str

    @property
    def is_ok(self) -> bool:
        """Whether it was taken."""
        return self.status == HTTPStatus.OK


@dataclass(frozen=True, slots=True)
class Place:
    """An address taken apart; ``path`` with its query."""

    is_secure: bool
    host: str
    port: int
    path: str


def check(url: str, rules: Rules) -> None:
    """Raise Refused for an address that nothing would be posted to, names.Unanswered while that cannot be told."""
    place = parse(url, rules)
    _resolve(place, rules, seconds=rules.seconds)


def post(url: str, *, body: bytes, headers: Mapping[str, str], rules: Rules) -> Answer:
    """Post, and say what came of it; never raises for what the other side does."""
    until = time.monotonic() + rules.seconds
    try:
        place = parse(url, rules)
        found = _resolve(place, rules, seconds=rules.seconds)
        status = _exchange(place, found, body=body, headers=headers, until=until)
    except Refused as error:
        return Answer(None, f"Refused: {error}.")
    except names.Unanswered:
        return Answer(None, "The name server did not answer.")
    except (OSError, ValueError) as error:
        if time.monotonic() >= until:
            return Answer(None, f"It did not answer within {rules.seconds:g} seconds.")
        return Answer(None, f"The connection failed: {type(error).__name__}.")
    return Answer(status, "" if status == HTTPStatus.OK else f"It answered {status}, not 200.")


def parse(url: str, rules: Rules) -> Place:
    """Take an address apart. Raises Refused for what is no plain https address."""
    if len(url) > rules.longest or not url.isascii() or any(char <= " " or char in '\\"<>\x7f' for char in url):
        raise Refused("it is too long, or holds characters that no address has")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Refused("it is no address") from error
    if parts.scheme != "https" and not (rules.may_be_local and parts.scheme == "http"):
        raise Refused("it does not begin with https://")
    if "@" in parts.netloc:
        raise Refused("it names a user; send credentials in a header")
    host = addresses.normal_domain(parts.hostname or "")
    if not host or "%" in host:
        raise Refused("it names no host")
    is_secure = parts.scheme == "https"
    port = port if port is not None else (443 if is_secure else 80)
    if port not in PORTS and port < FIRST_FREE_PORT and not rules.may_be_local:
        raise Refused(f"port {port} belongs to other services")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(is_secure, host, port, path)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address belongs to the internet and to one place in it."""
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not (isinstance(address, IPv6Address) and (address.scope_id or address.ipv4_mapped))
        and not any(address in network for network in NEVER if network.version == address.version)
    )


def _resolve(place: Place, rules: Rules, *, seconds: float) -> list[IPv4Address | IPv6Address]:
    """Every address of the host. Raises Refused when one of them is not public: whoever mixes them means no good."""
    found = names.addresses_of(place.host, servers=rules.name_servers, seconds=seconds)
    if not found:
        raise NoHost("there is no such host")
    if not rules.may_be_local and not all(is_public(address) for address in found):
        raise Refused("it is an address of a private network")
    return found


def _exchange(
    place: Place,
    found: Sequence[IPv4Address | IPv6Address],
    *,
    body: bytes,
    headers: Mapping[str, str],
    until: float,
) -> int:
    # By hand, since the libraries that speak HTTP count time for each read, and so wait for ever on what comes byte by
    # byte, and resolve names themselves.
    asked = _request(place, headers, len(body)) + body
    with _connect(place, found, until=until) as plain:
        if not place.is_secure:
            return _ask(plain, asked, until=until)
        context = ssl.create_default_context()
        with context.wrap_socket(plain, server_hostname=place.host, do_handshake_on_connect=False) as secure:
            secure.settimeout(_left(until))
            secure.do_handshake()
            return _ask(secure, asked, until=until)


def _request(place: Place, headers: Mapping[str, str], size: int) -> bytes:
    host = f"[{place.host}]" if ":" in place.host else place.host
    is_usual = place.port == (443 if place.is_secure else 80)
    given = {
        "Host": host if is_usual else f"{host}:{place.port}",
        "Connection": "close",
        "Content-Length": str(size),
        **headers,
    }
    if not all(text.isascii() and text.isprintable() for pair in given.items() for text in pair):
        raise ValueError("a header holds characters that none may hold")
    lines = [f"POST {place.path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items()), "", ""]
    return "\r\n".join(lines).encode()


def _ask(connection: socket.socket, asked: bytes, *, until: float) -> int:
    """The status of the final answer; what follows it is not read."""
    connection.settimeout(_left(until))
    connection.sendall(asked)
    heard = b""
    while len(heard) < MOST_READ:
        connection.settimeout(_left(until))
        more = connection.recv(4_096)
        if not more:
            break
        heard += more
        status, heard = _status(heard)
        if status is not None:
            return status
    raise ConnectionError("no answer")


def _status(heard: bytes) -> tuple[int | None, bytes]:
    """The status, once a line has it; interim answers (RFC 9110 §15.2) are left out of what is still to be read."""
    while found := STATUS_LINE.match(heard):
        status = int(found[1])
        if status >= HTTPStatus.OK:
            return status, heard
        _, end, rest = heard.partition(b"\r\n\r\n")
        if not end:
            break
        heard = rest
    return None, heard


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _connect(place: Place, found: Sequence[IPv4Address | IPv6Address], *, until: float) -> socket.socket:
    problem: OSError = TimeoutError()
    for others, address in zip(reversed(range(len(found))), found, strict=True):
        try:  # each has its share of the time, so that one that is silent costs the others no post
            return socket.create_connection((str(address), place.port), timeout=_left(until) / (others + 1))
        except OSError as error:
            problem = error
    raise problem
