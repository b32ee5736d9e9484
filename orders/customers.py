"""Master Data: the directory of a store's real people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from orders import addresses, secrecy
from orders.models import Customer, Store
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


def remember(store: Store, person: Person, *, now: datetime) -> Customer:
    """Find or add the person in the store's directory and keep what is new about him. Safe when run twice at once."""
    customer, is_new = Customer.objects.get_or_create(
        store=store,
        address_digest=real_digest(person.address),
        defaults={
            "address": Secret.of(person.address),
            "name": Secret.of(person.name),
            "phone": Secret.of(person.phone),
            "document": Secret.of(person.document),
            "locale": person.locale or store.locale,
            "created_at": now,
        },
    )
    if not is_new:
        _keep_news(customer, person)
    return customer


def _keep_news(customer: Customer, person: Person) -> None:
    changed = [
        field
        for field in ("name", "phone", "document")
        if (value := getattr(person, field)) and getattr(customer, field).text() != value
    ]
    for field in changed:
        setattr(customer, field, Secret.of(getattr(person, field)))
    if person.locale and customer.locale != person.locale:
        customer.locale = person.locale
        changed.append("locale")
    if changed:
        customer.save(update_fields=changed)
