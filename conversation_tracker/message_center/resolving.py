"""Ask DNS for the pages of senders, with an end in time."""

from __future__ import annotations

from functools import lru_cache

from django.conf import settings

from conversation_tracker.authenticity.lookup import Resolver
from conversation_tracker.message_center import domains

MOST_SECONDS = 4.0  # for all questions about one domain; a page waits for it
MOST_LOOKUPS = 100  # of which a record that leads to many others takes most


def check(domain: str, *, selector: str = "", is_soft: bool = False) -> tuple[domains.Finding, ...]:
    """What DNS says of the domain now; what was not answered in time is unknown."""
    resolver = _resolver(tuple(settings.DNS_SERVERS))
    return domains.check(
        domain, lookup=resolver.within(MOST_SECONDS, most=MOST_LOOKUPS), selector=selector, is_soft=is_soft
    )


@lru_cache(maxsize=1)
def _resolver(servers: tuple[str, ...]) -> Resolver:
    """One for the process, with its cache."""
    return Resolver(servers)
