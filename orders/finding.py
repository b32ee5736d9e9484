"""Find customers by what is sealed of them, name and document, with keyed digests of the words in it.

A word is compared without case, accents and signs, and as a whole. A digest is of one store, so that nobody who reads
the table can tell the same name in two stores.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Literal

from django.db import transaction
from django.db.models import QuerySet

from orders import secrecy
from orders.models import Customer, Store

MOST_WORDS = 16  # of a name, and of what is looked for
MOST_DIGESTS = 128  # of a customer: some eight names at their longest
Field = Literal["name", "document"]
# Letters that carry a stroke, not an accent, and so stay whole when accents are taken off.
_STROKES = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"})


def digests(store_id: int, *, name: str, document: str) -> list[int]:
    """What is kept of a customer: a digest for each word of the name, and one for the document."""
    found = {_digest(store_id, "name", word) for word in _words(name)}
    if number := "".join(_words(document)):
        found.add(_digest(store_id, "document", number))
    return sorted(found)


def added(before: Sequence[int], now: Sequence[int]) -> list[int]:
    """What is kept of a customer whose name or document has changed: who was called otherwise in an order is found by
    that too, as long as there is room.
    """
    older = [one for one in before if one not in now]
    return sorted([*now, *older[: MOST_DIGESTS - len(now)]])


def people(stores: Sequence[Store], text: str) -> QuerySet[Customer]:
    """The customers of these stores with every word of this text in a name, also of before, or with this document."""
    words = _words(text)
    found = Customer.objects.filter(store__in=stores)
    if not words:
        return found.none()
    named = found
    for word in words:
        named = named.filter(search_digests__overlap=_digests(stores, "name", word))
    known = found.filter(search_digests__overlap=_digests(stores, "document", "".join(words)))
    return named | known


def fill(customers: QuerySet[Customer], *, batch: int = 500) -> int:
    """Make up to one batch of these customers findable who are not yet; returns how many. Those that somebody holds are
    passed over, and of one whose values cannot be opened there is nothing to find.
    """
    with transaction.atomic():
        waiting = customers.select_for_update(skip_locked=True).filter(search_digests=None)
        found = list(waiting.only("store_id", "name", "document").order_by("pk")[:batch])
        for customer in found:
            try:
                name, document = customer.name.text(), customer.document.text()
            except secrecy.CannotOpen:
                name = document = ""
            customer.search_digests = digests(customer.store_id, name=name, document=document)
        customers.bulk_update(found, ["search_digests"])
    return len(found)


def _words(text: str) -> list[str]:
    bare = "".join(char for char in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(char))
    plain = "".join(char if char.isalnum() else " " for char in bare.translate(_STROKES))
    return list(dict.fromkeys(plain.split()))[:MOST_WORDS]


def _digests(stores: Iterable[Store], field: Field, word: str) -> list[int]:
    return [_digest(store.pk, field, word) for store in stores]


def _digest(store_id: int, field: Field, word: str) -> int:
    """Eight bytes are enough to tell words apart, and make a small index."""
    digest = secrecy.digest(f"{store_id}\0{field}\0{word}", purpose="customer-search")
    return int.from_bytes(digest[:8], signed=True)
