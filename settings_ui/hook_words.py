"""What came of a post to a hook, in words for people."""

from __future__ import annotations

import re

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_WORDS: tuple[tuple[str, Promise | str], ...] = (
    (r"Refused: it is an address of a private network\.", _("Refused: this is an address of a private network.")),
    (r"Refused: there is no such host\.", _("Refused: there is no such host.")),
    (r"Refused: it does not begin with https://\.", _("Refused: the address has to begin with https://.")),
    (
        r"Refused: it names a user; send credentials in a header\.",
        _("Refused: the address names a user; send credentials in a header."),
    ),
    (r"Refused: it names no host\.|Refused: it is no address\.", _("Refused: this is no address.")),
    (
        r"Refused: it is too long, or holds characters that no address has\.",
        _("Refused: it is too long, or holds characters that no address has."),
    ),
    (
        r"Refused: port (?P<port>\d+) belongs to other services\.",
        _("Refused: port %(port)s belongs to other services."),
    ),
    (r"The name server did not answer\.", _("The name server did not answer.")),
    (r"It did not answer within (?P<time>\S+) seconds\.", _("It did not answer within %(time)s seconds.")),
    (r"The connection failed: (?P<why>\w+)\.", _("The connection failed: %(why)s.")),
    (r"It answered (?P<status>\d+), not 200\.", _("It answered %(status)s, not 200.")),
    (r"It was not taken within 3 days\.", _("It was not taken within 3 days.")),
)


def of(problem: str) -> str:
    """The words for it; what is not known as it is."""
    for pattern, words in _WORDS:
        if found := re.fullmatch(pattern, problem):
            return str(words) % found.groupdict()
    return problem
