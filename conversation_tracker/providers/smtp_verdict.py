"""Judge the sender of a mail that came through our SMTP door: by a trusted relay's word, else by our own checks."""

from __future__ import annotations

import ipaddress
import logging
from functools import lru_cache

from billiard.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.utils import timezone

from conversation_tracker.authenticity import dmarc
from conversation_tracker.authenticity.dmarc import Handover
from conversation_tracker.authenticity.lookup import Lookup, Resolver
from conversation_tracker.mailflow.shapes import Verdict
from conversation_tracker.providers import authentication
from orders import faults

__all__ = ["Handover", "judge"]

log = logging.getLogger(__name__)


def judge(raw: bytes, handover: Handover, *, lookup: Lookup | None = None) -> Verdict:
    """What is known of the sender. A mail never fails for it: whatever goes wrong here, the verdict is NONE.

    Behind a relay the client's address is the relay's own and says nothing of the sender, so only DKIM is left to us;
    but a relay that checks for itself, and that the settings name, is believed.
    """
    try:
        if not is_relay(handover.client):
            return dmarc.judge(raw, handover, lookup=lookup or _lookup(), now=timezone.now())
        if settings.SMTPD_TRUSTED_AUTHSERV_ID:
            return _of_relay(raw, authserv_id=settings.SMTPD_TRUSTED_AUTHSERV_ID)
        behind = Handover(client="", helo=handover.helo, sender=handover.sender)
        return dmarc.judge(raw, behind, lookup=lookup or _lookup(), now=timezone.now())
    except SoftTimeLimitExceeded:
        raise
    except Exception as error:  # noqa: BLE001  unverified is better than lost
        log.error("sender could not be judged\n%s", faults.trace(error))  # noqa: TRY400  the text may quote a mail
        return Verdict.NONE


def is_relay(client: str) -> bool:
    """Whether a client is a mail server of ours: one on a socket file, or in the networks that the settings name."""
    if not client:
        return True
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in ipaddress.ip_network(one, strict=False) for one in settings.SMTPD_TRUSTED_RELAYS)


def _of_relay(raw: bytes, *, authserv_id: str) -> Verdict:
    """The relay's own Authentication-Results: the topmost with its name, since what a sender wrote stands below."""
    mail = dmarc.cut(raw)
    if mail is None:
        return Verdict.NONE
    for one in mail.fields:
        if one.name == "authentication-results":
            found = authentication.parse(one.value.decode("latin-1"))
            if found is not None and found[0] == authserv_id.lower():
                return authentication.judge(found[1], author=dmarc.author_domain(mail))
    return Verdict.NONE


def _lookup() -> Lookup:
    """DNS for one mail."""
    resolver = _resolver(tuple(settings.DNS_SERVERS))
    return resolver.within(settings.DNS_TIMEOUT)


@lru_cache(maxsize=1)
def _resolver(servers: tuple[str, ...]) -> Resolver:
    """One for the process, with its cache."""
    return Resolver(servers)
