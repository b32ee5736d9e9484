"""Put aliases in the place of an order's real addresses, in a text or a whole document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import Model

from orders import addresses, blotting, spellings
from orders.known import Known
from orders.models import Alias, Attachment, Order, TimelineEntry, TrackingEvent
from orders.secrecy import Secret

_WORDS = ("subject", "first_words", "text", "html", "shown_text")  # of an entry, as its mail has them
_SAID = ("description", "city", "state")  # by a carrier


def known(aliases: Iterable[Alias]) -> tuple[Known, ...]:
    """What is to be replaced by what, for these parties."""
    return tuple(Known(addresses.key(alias.real.text()), alias.address.text()) for alias in aliases)


def of_order(order: Order) -> tuple[Known, ...]:
    """What is to be replaced by what in anything said about this order; one query."""
    return known(Alias.objects.filter(order=order))


def of_orders(ids: Iterable[int]) -> dict[int, tuple[Known, ...]]:
    """The same for each of these orders that has parties; one query for all of them."""
    found: dict[int, list[Alias]] = {}
    for alias in Alias.objects.filter(order__in=ids):
        found.setdefault(alias.order_id, []).append(alias)
    return {order_id: known(aliases) for order_id, aliases in found.items()}


def text(value: str, parties: tuple[Known, ...]) -> str:
    """The text with aliases for addresses, cut ones too, and dots for words that pack one.

    Dots alone where one is still to be read in it, in a spelling of its own.
    """
    if not spellings.glance(parties).may_show(value):
        return value
    masked, _ = spellings.replace(value, parties)
    if spellings.find(masked, parties):
        masked, _ = spellings.rewrite(masked, parties)
        masked, _ = blotting.blot(masked, parties)
        return Secret.DOTS if spellings.find(masked, parties) else masked
    return masked


def shows(value: str, parties: tuple[Known, ...]) -> bool:
    """Whether one of the addresses can be read in it, however it is spelled."""
    return text(value, parties) != value


def entries(shown: Iterable[TimelineEntry], parties: tuple[Known, ...]) -> None:
    """Mask what is to be shown of these entries for everybody who belongs to the order by now.

    An entry is masked when it is recorded, for the parties of that time, and is never written again: whoever it names
    and who joined since is masked here. What was not read of an entry is not asked for.
    """
    shown = list(shown)
    _fields(shown, _WORDS, parties)
    told = [entry for entry in shown if entry.__dict__.get("data")]
    for entry, data in zip(told, document([entry.data for entry in told], parties), strict=True):
        entry.data = data


def sightings(shown: Iterable[TrackingEvent], parties: tuple[Known, ...]) -> None:
    """Mask what carriers said, in the same way."""
    _fields(shown, _SAID, parties)


def file_names(shown: Iterable[Attachment], parties: tuple[Known, ...]) -> None:
    """Mask what files are called, in the same way."""
    _fields(shown, ("name",), parties)


def _fields(rows: Iterable[Model], names: Iterable[str], parties: tuple[Known, ...]) -> None:
    words = [(row, name, value) for row in rows for name in names if (value := row.__dict__.get(name))]
    plain = spellings.harmless({value for _, _, value in words}, parties)
    for row, name, value in words:
        if value not in plain:
            setattr(row, name, text(value, parties))


def within(value: str, parties: tuple[Known, ...], *, most: int) -> str:
    """The masked text, cut to so many characters at a white space; dots when it has none.

    Never cut a masked text elsewhere: a Soft alias begins with the real address.
    """
    masked = text(value, parties)
    return masked if len(masked) <= most else (masked[:most].rpartition(" ")[0] or Secret.DOTS)


def document(value: Any, parties: tuple[Known, ...], seen: dict[str, str] | None = None) -> Any:
    """A JSON value with every text in it masked, keys too.

    Names of fields and the like come again and again; each is masked once. ``seen`` keeps them for further documents
    about the same parties.
    """
    seen = {} if seen is None else seen
    fresh = set(_texts(value)).difference(seen)
    seen.update((one, one) for one in spellings.harmless(fresh, parties))
    return _document(value, parties, seen)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _document(value: Any, parties: tuple[Known, ...], seen: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {_once(key, parties, seen): _document(inner, parties, seen) for key, inner in value.items()}
    if isinstance(value, list):
        return [_document(inner, parties, seen) for inner in value]
    return _once(value, parties, seen) if isinstance(value, str) else value


def _once(value: str, parties: tuple[Known, ...], seen: dict[str, str]) -> str:
    if (masked := seen.get(value)) is None:
        masked = seen[value] = text(value, parties)
    return masked
