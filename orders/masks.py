"""Make and recognise alias addresses. Pure, and the only file that knows what they look like.

Hard: 32 lower-case hexadecimal digits, ``@``, the tracking domain.
Soft: the real address, ``-``, decimal digits, ``b.``, the tracking domain. Twelve digits are issued; one to twelve
are recognised.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from enum import StrEnum

from orders import addresses

HARD_BYTES = 16
SOFT_DIGITS = 12
EXAMPLE_HARD = "ff2e6348a53a4d449af92be2a1011328"
EXAMPLE_DIGITS = "207700027841"
MAX_DOMAIN = 253  # octets, RFC 1035 §2.3.4 without the root dot

_HARD_LOCAL = re.compile(r"([0-9a-f]{32})(?:\+[^@]*)?")
_HARD_END = re.compile(r"(?:[^@+]*[^0-9a-z@+])?([0-9a-f]{32})(?:\+[^@]*)?")
_SOFT_GLUE = re.compile(r"(?P<top>[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)-(?P<digits>[0-9]{1,12})b")
# RFC 5322 §3.2.3 dot-atom: what needs no quotes.
_DOT_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")


class Form(StrEnum):
    """The two shapes of an alias address."""

    HARD = "hard"
    SOFT = "soft"


class Fallback(StrEnum):
    """Why an address that was to be Soft became Hard."""

    NONE = ""
    LOCAL_NOT_PLAIN = "local_not_plain"  # quoted or outside ASCII
    IDN_TOP_LEVEL = "idn_top_level"  # gluing digits to an A-label makes an invalid one
    LITERAL_DOMAIN = "literal_domain"  # an IP address in brackets, or a single label
    TOO_LONG = "too_long"  # a label over 63 octets or the whole over 254


@dataclass(frozen=True, slots=True)
class Mask:
    """An alias address just made, its form, and why it is not the form that was asked for."""

    address: str
    form: Form
    fallback: Fallback = Fallback.NONE


def hard(tracking_domain: str) -> Mask:
    """A new opaque address; 128 random bits."""
    return Mask(f"{secrets.token_hex(HARD_BYTES)}@{tracking_domain}", Form.HARD)


def soft(real: str, *, tracking_domain: str) -> Mask:
    """A new readable address for ``real``; a Hard one, with the reason, where Soft cannot carry it."""
    why = soft_refuses(real, tracking_domain=tracking_domain)
    if why is not Fallback.NONE:
        return Mask(hard(tracking_domain).address, Form.HARD, why)
    parts = addresses.split(real)
    digits = f"{secrets.randbelow(10**SOFT_DIGITS):0{SOFT_DIGITS}d}"
    return Mask(f"{parts.local}@{parts.domain}-{digits}b.{tracking_domain}", Form.SOFT)


def make(form: Form, real: str, *, tracking_domain: str) -> Mask:
    """A new address of the wanted form for ``real``."""
    return hard(tracking_domain) if form is Form.HARD else soft(real, tracking_domain=tracking_domain)


def example(form: Form, real: str, *, tracking_domain: str) -> str:
    """What an alias of this form looks like, the same at each call; for showing, never issued."""
    if form is Form.HARD:
        return f"{EXAMPLE_HARD}@{tracking_domain}"
    parts = addresses.split(real)
    return f"{parts.local}@{parts.domain}-{EXAMPLE_DIGITS}b.{tracking_domain}"


def soft_refuses(real: str, *, tracking_domain: str) -> Fallback:
    """Say why Soft cannot carry ``real`` under this tracking domain, or Fallback.NONE. Nothing is ever truncated."""
    parts = addresses.split(real)
    if not _DOT_ATOM.fullmatch(parts.local):
        return Fallback.LOCAL_NOT_PLAIN
    labels = parts.domain.split(".")
    if "." not in parts.domain or parts.domain.startswith("[") or labels[-1].isdigit():
        return Fallback.LITERAL_DOMAIN
    if labels[-1].startswith("xn--") or not parts.domain.isascii():
        return Fallback.IDN_TOP_LEVEL
    glued = f"{parts.domain}-{'0' * SOFT_DIGITS}b.{tracking_domain}"
    if (
        len(parts.local) > addresses.MAX_LOCAL
        or any(len(label) > addresses.MAX_LABEL for label in glued.split("."))
        or len(glued) > MAX_DOMAIN
        or len(parts.local) + 1 + len(glued) > addresses.MAX_ADDRESS
    ):
        return Fallback.TOO_LONG
    return Fallback.NONE


def lookup_key(address: str) -> str:
    """The form under which an alias address is found again: case, trailing dot and IDNA do not matter, nor quotes that
    need not be (RFC 5321 §4.1.2), nor does a ``+tag``: somebody may add one to a Hard token, and some carriers cut off
    the one that a person's own address has in a Soft alias, where the digits tell people apart. Nor does what stands
    before a Hard token, which took the place of the end of somebody else's address. Never raises.
    """
    local, _, domain = tagged_key(address).rpartition("@")
    if _is_soft(domain):
        base, _, _ = local.partition("+")
        return f"{base or local}@{domain}"
    if token := _HARD_END.fullmatch(local):
        return f"{token[1]}@{domain}"
    return f"{local}@{domain}"


def tagged_key(address: str) -> str:
    """The same with the tag that it has. Soft aliases were once found by this."""
    found = addresses.key(address)
    local, _, domain = found.rpartition("@")
    if local[:1] == '"' == local[-1:] and _DOT_ATOM.fullmatch(local[1:-1]):
        return f"{local[1:-1]}@{domain}"
    return found


def _is_soft(domain: str) -> bool:
    return any(_SOFT_GLUE.fullmatch(label) for label in domain.split("."))


def home(address: str) -> str:
    """The tracking domain of which the address may be an alias, by its form; empty when it has the form of none."""
    local, _, domain = lookup_key(address).rpartition("@")
    labels = domain.split(".")
    glued = next((place for place, label in enumerate(labels) if _SOFT_GLUE.fullmatch(label)), None)
    if glued is not None:
        return ".".join(labels[glued + 1 :])
    return domain if _HARD_LOCAL.fullmatch(local) else ""


def recognise(address: str, *, tracking_domain: str) -> Form | None:
    """The form of an address under this tracking domain, or None when it cannot be one of its aliases."""
    local, _, domain = lookup_key(address).rpartition("@")
    tracking = addresses.normal_domain(tracking_domain)
    if domain == tracking and _HARD_LOCAL.fullmatch(local):
        return Form.HARD
    if local and domain.endswith(f".{tracking}"):
        last = domain.removesuffix(f".{tracking}").split(".")[-1]
        if _SOFT_GLUE.fullmatch(last):
            return Form.SOFT
    return None


def unsoften(address: str, *, tracking_domain: str) -> str | None:
    """The real address that a Soft alias shows, or None when it is not one."""
    if recognise(address, tracking_domain=tracking_domain) is not Form.SOFT:
        return None
    glued = tagged_key(address).removesuffix(f".{addresses.normal_domain(tracking_domain)}")
    return glued[: glued.rindex("-")]
