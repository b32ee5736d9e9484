"""Find the addresses of a host, within limits of time."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

import dns.exception
import dns.name
import dns.nameserver
import dns.resolver

PORT = 53
LOCALHOST = "localhost"


class Unanswered(Exception):
    """DNS did not answer in time, or could not; another time it may."""


def name_server(text: str) -> dns.nameserver.Do53Nameserver:
    """``192.0.2.1``, ``192.0.2.1:5353`` or ``[2001:db8::1]:5353``."""
    host, colon, port = text.strip().rpartition(":")
    if colon and port.isdigit() and (host.startswith("[") or ":" not in host):
        return dns.nameserver.Do53Nameserver(host.strip("[]"), int(port))
    return dns.nameserver.Do53Nameserver(text.strip().strip("[]"), PORT)


def addresses_of(host: str, *, servers: Sequence[str], seconds: float) -> list[IPv4Address | IPv6Address]:
    """What the name stands for, from the machine's name servers or named ones; empty when there is no such name.

    An address is its own answer, and ``localhost`` is this machine (RFC 6761 §6.3). Raises Unanswered.
    """
    try:
        return [ip_address(host)]
    except ValueError:
        pass
    if host == LOCALHOST or host.endswith(f".{LOCALHOST}"):
        return [IPv4Address("127.0.0.1")]
    try:
        resolver = dns.resolver.Resolver(configure=not servers)
        if servers:
            resolver.nameservers = [name_server(one) for one in servers]
        found = resolver.resolve_name(dns.name.from_text(host), lifetime=seconds, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.name.LabelTooLong, dns.name.EmptyLabel, dns.name.NameTooLong, dns.name.IDNAException, UnicodeError):
        return []  # no such name can exist
    except (dns.exception.DNSException, OSError) as error:
        raise Unanswered from error
    return [ip_address(text) for text in found.addresses()]
