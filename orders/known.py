"""The real addresses of an order's parties, what stands for each, and which of them stand in a text. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from orders import spelling_patterns as patterns

_SOFT_GLUE = re.compile(r"-[0-9]{1,12}b\.")


@dataclass(frozen=True, slots=True)
class Known:
    """A real address and what stands for it."""

    real: str
    alias: str


def bare_in(
    text: str,
    known: Sequence[Known],
    *,
    is_short_alone: bool = False,
    counts: Callable[[int, int], bool] = lambda _start, _end: True,
) -> list[Known]:
    """The known addresses that stand in the text, whatever stands next to them; see ``spelling_patterns.bare``."""
    lowered = patterns.lowered(text)
    tracking_domains = alias_domains(known)
    found = []
    for one in known:
        windows = list(patterns.windows(lowered, patterns.domains(one.real)))
        pattern = patterns.bare(one.real, tracking_domains, is_short_alone=is_short_alone) if windows else None
        if pattern and any(counts(*match.span()) for match in patterns.matches(pattern, text, windows)):
            found.append(one)
    return found


def alias_domains(known: Sequence[Known]) -> tuple[str, ...]:
    """Where the aliases live."""
    return tuple(sorted({_tracking_domain(one) for one in known}))


def _tracking_domain(one: Known) -> str:
    """Where the alias lives. Either domain may itself look like a glue, so what is known of it is cut off first."""
    alias, real = one.alias.lower(), one.real.lower()
    if alias.startswith(real) and (glue := _SOFT_GLUE.match(alias, len(real))):
        return alias[glue.end() :]
    return alias.rpartition("@")[2]
