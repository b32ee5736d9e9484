"""Stretches of a text, from one sign to before another. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def put(alias: str, text: str, found: Iterable[tuple[int, int]]) -> tuple[str, int]:
    """The text with the alias in each of these places, and how many these were."""
    pieces, last = [], 0
    for start, end in found:
        pieces += [text[last:start], alias]
        last = end
    if not pieces:
        return text, 0
    return "".join([*pieces, text[last:]]), len(pieces) // 2


def apart(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """In order, those that touch made one."""
    begun: tuple[int, int] | None = None
    for start, end in sorted(spans):
        if begun is not None and start > begun[1]:
            yield begun
            begun = None
        begun = (start, end) if begun is None else (begun[0], max(begun[1], end))
    if begun is not None:
        yield begun
