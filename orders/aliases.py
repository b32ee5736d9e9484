"""Issue aliases, find them by address, expire those that are due."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from django.db import transaction
from django.db.models import Case, Count, F, OuterRef, Q, Subquery, When

from orders import audit, customers, masks, secrecy, timeline, validity
from orders.models import Action, Alias, AliasEvent, Order, PartyKind, Store, TimelineEntry, User
from orders.outcomes import Outcome
from orders.secrecy import Secret

RETIRED_BY_HAND = Q(retired_at__lt=F("expires_at"))  # before its time; what ended by itself is retired after it


@dataclass(frozen=True, slots=True)
class Party:
    """A real person or system that is to get an alias in an order. ``real`` is a validated address."""

    kind: PartyKind
    real: str
    display_name: str = ""


def address_digest(address: str) -> bytes:
    """The digest under which an alias is found, however its address is spelled."""
    return _digest(masks.lookup_key(address))


def _address_digests(address: str) -> tuple[bytes, ...]:
    """The same, and that under which one with a tag was found before tags did not matter."""
    keys = dict.fromkeys((masks.lookup_key(address), masks.tagged_key(address)))
    return tuple(_digest(key) for key in keys)


def _digest(key: str) -> bytes:
    return secrecy.digest(key, purpose="alias-address")


def _by_address(digests: dict[str, tuple[bytes, ...]], found: dict[bytes, Alias]) -> dict[str, Alias]:
    """Each address with the alias that one of its digests found."""
    named = ((address, next((found[one] for one in each if one in found), None)) for address, each in digests.items())
    return {address: alias for address, alias in named if alias is not None}


def issue(order: Order, parties: Sequence[Party], *, now: datetime) -> list[Alias]:
    """Give each party its alias in this order, in the order given: the one it has, or a new one of the store's form.

    New ones are written on the timeline. Runs in the caller's transaction; run twice at once, both get the same.
    """
    wanted = _people(parties)
    known = _of_people(order, wanted)
    fresh = [_build(order, party, digest, now=now) for digest, party in wanted.items() if digest not in known]
    if fresh:
        Alias.objects.bulk_create(fresh, ignore_conflicts=True)
        ours = {bytes(alias.address_digest) for alias in fresh}
        known = _of_people(order, wanted)
        timeline.alias_events(
            [alias for alias in known.values() if bytes(alias.address_digest) in ours], AliasEvent.ISSUED, now=now
        )
    return [known[customers.real_digest(party.real)] for party in parties]


def issue_first(order: Order, parties: Sequence[Party], *, now: datetime) -> list[Alias]:
    """Give each party its alias in an order that is being placed, in the order given.

    Nobody else knows of the order yet, so nothing is asked; the caller begins its timeline with them. Raises
    IntegrityError when a new address is one that was issued before, which chance may bring once in ages.
    """
    fresh = {digest: _build(order, party, digest, now=now) for digest, party in _people(parties).items()}
    Alias.objects.bulk_create(fresh.values())
    return [fresh[customers.real_digest(party.real)] for party in parties]


def _people(parties: Iterable[Party]) -> dict[bytes, Party]:
    """By their digest; two parties with one address are one person, and the first named counts."""
    found: dict[bytes, Party] = {}
    for party in parties:
        found.setdefault(customers.real_digest(party.real), party)
    return found


def _of_people(order: Order, digests: Iterable[bytes]) -> dict[bytes, Alias]:
    found = Alias.objects.filter(order=order, real_digest__in=list(digests))
    return {bytes(alias.real_digest): alias for alias in found}


def _build(order: Order, party: Party, digest: bytes, *, now: datetime) -> Alias:
    mask = masks.make(masks.Form(order.store.mask_type), party.real, tracking_domain=order.store.tracking_domain)
    return Alias(
        store_id=order.store_id,
        order=order,
        party=party.kind,
        address=Secret.of(mask.address),
        address_digest=address_digest(mask.address),
        real=Secret.of(party.real),
        real_digest=digest,
        display_name=Secret.of(customers.name_of(party.real, party.display_name)),
        mask_type=mask.form,
        fallback=mask.fallback,
        issued_at=now,
        expires_at=validity.expires_at(now),
    )


def homes(domains: Sequence[str]) -> set[str]:
    """Those of the domains that are a store's, or were: aliases there go on working."""
    found = Store.objects.filter(Q(tracking_domain__in=domains) | Q(former_domains__overlap=domains))
    ours = {one for now, former in found.values_list("tracking_domain", "former_domains") for one in (now, *former)}
    return ours.intersection(domains)


def find(addresses: Iterable[str]) -> dict[str, Alias]:
    """The aliases among these addresses, by the address as it was given, with their order and store; one query."""
    digests = {address: _address_digests(address) for address in addresses}
    if not digests:
        return {}
    found = Alias.objects.select_related("order__store").filter(address_digest__in={*chain(*digests.values())})
    return _by_address(digests, {bytes(alias.address_digest): alias for alias in found})


_FOR_MAILS = (
    "party", "address", "address_digest", "real", "display_name", "expires_at", "retired_at", "store_id",
    "order__store__tracking_domain", "order__store__former_domains", "order__store__mask_type",
)  # fmt: skip


def of_same_orders(
    addresses: Iterable[str], *, busy_since: datetime
) -> tuple[dict[str, Alias], dict[int, list[Alias]], dict[int, int]]:
    """The aliases among these addresses, every alias of their orders by order id, oldest first, and by alias id how
    many mails were passed on since ``busy_since`` to those among the addresses; one query.

    The aliases come with what a mail needs to know of them, and anything else would be asked for one by one.
    """
    digests = {address: _address_digests(address) for address in addresses}
    if not digests:
        return {}, {}, {}
    is_asked = Q(address_digest__in={*chain(*digests.values())})
    in_question = Alias.objects.filter(is_asked).values("order_id")
    by_digest: dict[bytes, Alias] = {}
    by_order: dict[int, list[Alias]] = {}
    relayed: dict[int, int] = {}
    relayed_to = Case(When(is_asked, then=_relayed_to(busy_since)), default=0)
    rows = Alias.objects.select_related("order__store").only(*_FOR_MAILS).annotate(relayed_to=relayed_to)
    for alias in rows.filter(order_id__in=in_question).order_by("id"):
        by_digest[bytes(alias.address_digest)] = alias
        by_order.setdefault(alias.order_id, []).append(alias)
        relayed[alias.pk] = alias.relayed_to or 0  # type: ignore[attr-defined]  # annotated
    return _by_address(digests, by_digest), by_order, relayed


def _relayed_to(since: datetime) -> Subquery:
    """How many mails were passed on to an alias since a moment; by the index of its order's timeline."""
    lately = TimelineEntry.objects.filter(
        order=OuterRef("order"), occurred_at__gt=since, recipient_alias=OuterRef("pk"), outcome=Outcome.RELAYED
    )
    return Subquery(lately.values("recipient_alias").annotate(count=Count("pk")).values("count"))


# By an array and not by a join: that is looked up by the index, where a join of thousands reads the whole table.
_EXPIRE = """
    WITH due AS (
        SELECT id FROM orders_alias WHERE expires_at <= %(now)s AND retired_at IS NULL
        ORDER BY expires_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED
    ), expired AS (
        UPDATE orders_alias SET retired_at = %(now)s WHERE id = ANY (ARRAY(SELECT id FROM due))
        RETURNING orders_alias.id, orders_alias.store_id, orders_alias.order_id
    )
"""


def expire_due(*, now: datetime, batch: int = 2_000) -> int:
    """Retire up to one batch of aliases whose time is over and write it on their timelines; returns how many.

    One statement and skipped locks: several may run at once and none waits. Nothing depends on it, since a mail to an
    expired alias is refused by ``expires_at`` itself.
    """
    return timeline.alias_events_of(
        "expired", AliasEvent.EXPIRED, after=_EXPIRE, params={"now": now, "batch": batch}, now=now
    )


def renew(alias: Alias, *, now: datetime) -> Alias:
    """Let an alias whose time is over work for two more months: for a mail the store sends in its own right, or that
    somebody but the customer writes to an alias that still works.

    One that still works stays as it is, and so does one that somebody retired. In the caller's transaction.
    """
    until = validity.expires_at(now)
    over = Alias.objects.filter(pk=alias.pk, expires_at__lte=now).filter(Q(retired_at=None) | ~RETIRED_BY_HAND)
    if over.update(expires_at=until, retired_at=None):
        alias.expires_at, alias.retired_at = until, None
        timeline.alias_events([alias], AliasEvent.RENEWED, now=now)
    elif not alias.is_valid_at(now):  # unless somebody else has just renewed it
        alias.refresh_from_db(fields=["expires_at", "retired_at"])
    return alias


def retire(alias: Alias, *, user: User, reason: str, now: datetime) -> bool:
    """End an alias before its time; False when it had ended already. Audited and on the timeline."""
    with transaction.atomic():
        changed = Alias.objects.active_at(now).filter(pk=alias.pk).update(retired_at=now)
        if changed:
            timeline.alias_events([alias], AliasEvent.RETIRED, now=now, actor=str(user))
            audit.record(Action.ALIAS_RETIRED, subject=str(alias), store=alias.store, user=user, reason=reason, now=now)
    return bool(changed)
