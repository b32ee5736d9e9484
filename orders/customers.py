"""Master Data: the directory of a store's real people."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from orders import addresses, finding, secrecy, spellings
from orders.known import Known
from orders.models import Customer, Order, Store
from orders.secrecy import Secret


@dataclass(frozen=True, slots=True)
class Person:
    """What an order says of its customer. ``address`` is already validated; what is empty was not said."""

    address: str
    name: str = ""
    phone: str = ""
    document: str = ""
    locale: str = ""


def real_digest(address: str) -> bytes:
    """The digest under which a real address is found, however it is spelled."""
    return secrecy.digest(addresses.key(address), purpose="real-address")


def locale_of(order: Order) -> str:
    """The customer's locale as this order said it; else as the customer was last heard of; else the store's."""
    preferences = (order.document.json() or {}).get("clientPreferencesData")
    said = preferences.get("locale") if isinstance(preferences, dict) else None
    return said if isinstance(said, str) and said else order.customer.locale or order.store.locale


def name_of(address: str, name: str) -> str:
    """What a person is called, without the own address in it: who leaves the name out often types the address there."""
    parties = (Known(addresses.key(address), ""),)
    bare, _ = spellings.replace(name, parties)
    return "" if spellings.find(bare, parties) else bare.strip()


def remember(store: Store, person: Person, *, now: datetime) -> Customer:
    """Find or add the person in the store's directory and keep what is new about him.

    In the caller's transaction, which keeps others from adding the same person.
    """
    person = replace(person, name=name_of(person.address, person.name))
    digest = real_digest(person.address)
    customer = Customer.objects.filter(store=store, address_digest=digest).first()
    if customer is None:
        return Customer.objects.create(
            store=store,
            address=Secret.of(person.address),
            address_digest=digest,
            name=Secret.of(person.name),
            phone=Secret.of(person.phone),
            document=Secret.of(person.document),
            locale=person.locale,
            search_digests=finding.digests(store.pk, name=person.name, document=person.document),
            created_at=now,
        )
    _keep_news(customer, person)
    return customer


def _keep_news(customer: Customer, person: Person) -> None:
    changed = [
        field
        for field in ("name", "phone", "document")
        if (value := getattr(person, field)) and getattr(customer, field).text() != value
    ]
    known = customer.search_digests
    before = _digests(customer) if known is None else known
    for field in changed:
        setattr(customer, field, Secret.of(getattr(person, field)))
    if known is None or {"name", "document"} & set(changed):
        customer.search_digests = finding.added(before, _digests(customer))
        changed.append("search_digests")
    if person.locale and customer.locale != person.locale:
        customer.locale = person.locale
        changed.append("locale")
    if changed:
        customer.save(update_fields=changed)


def _digests(customer: Customer) -> list[int]:
    return finding.digests(customer.store_id, name=customer.name.text(), document=customer.document.text())
