"""The directory of real people: one row a person and store, found by digest, kept up to date."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orders import customers
from orders.models import Customer, Order
from tests import factories

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MARIA = customers.Person("maria@example.com", "Maria Silva", "+55 11 99999-0000", "123.456.789-09", "pt-BR")


def told(customer: Customer) -> tuple[str, ...]:
    kept = Customer.objects.get(pk=customer.pk)
    return (kept.address.text(), kept.name.text(), kept.phone.text(), kept.document.text(), kept.locale)


def test_a_new_person_is_kept_as_told(store):
    customer = customers.remember(store, MARIA, now=NOW)
    assert told(customer) == (
        "maria@example.com",
        "Maria Silva",
        "+55 11 99999-0000",
        "123.456.789-09",
        "pt-BR",
    )
    assert customer.created_at == NOW


@pytest.mark.parametrize("address", ["maria@example.com", "MARIA@EXAMPLE.COM", " maria@example.com. "])
def test_the_same_person_in_any_spelling_is_one_customer_with_one_pseudonym(store, address):
    first = customers.remember(store, MARIA, now=NOW)
    again = customers.remember(store, customers.Person(address), now=NOW)
    assert (again.pk, again.profile_id, Customer.objects.count()) == (first.pk, first.profile_id, 1)


def test_an_international_domain_is_one_person_in_letters_and_in_ascii(store):
    first = customers.remember(store, customers.Person("m@xn--bcher-kva.example"), now=NOW)
    assert customers.remember(store, customers.Person("m@bücher.example"), now=NOW).pk == first.pk


def test_what_is_new_about_a_person_is_kept(store):
    customers.remember(store, MARIA, now=NOW)
    moved = customers.Person("maria@example.com", "Maria Souza", "+55 21 88888-0000", "123.456.789-09", "es")
    assert told(customers.remember(store, moved, now=NOW)) == (
        "maria@example.com",
        "Maria Souza",
        "+55 21 88888-0000",
        "123.456.789-09",
        "es",
    )


def test_what_an_order_does_not_say_is_not_forgotten(store):
    before = told(customers.remember(store, MARIA, now=NOW))
    assert told(customers.remember(store, customers.Person("maria@example.com"), now=NOW)) == before


def test_a_person_who_says_no_language_has_the_one_that_the_store_has_by_then(store):
    for locale in ("en", "pt-BR"):
        store.locale = locale
        store.save()
        order = factories.make_order(store, email="maria@example.com")
        assert customers.locale_of(order) == locale


def test_a_person_of_whom_nothing_is_new_is_only_read(store, django_assert_num_queries):
    customers.remember(store, MARIA, now=NOW)
    with django_assert_num_queries(1):
        customers.remember(store, MARIA, now=NOW)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("leak@example.org", ""),
        ("LEAK@Example.org Silva", "Silva"),
        ("Ana leak@example.org Silva", "Ana  Silva"),
        ("Ana (other@example.org)", "Ana (other@example.org)"),
        ("Ana", "Ana"),
    ],
)
def test_nobody_is_called_by_the_own_address(name, kept):
    assert customers.name_of("leak@example.org", name) == kept


def test_an_address_given_for_a_name_is_in_no_alias_and_no_directory(store):
    order = factories.make_order(store, email="leak@example.org", name="leak@example.org Lima")
    names = {alias.display_name.text() for alias in order.aliases.all()} | {order.customer.name.text()}
    assert "Lima" in names
    assert not [name for name in names if "leak" in name]


def test_an_order_is_in_the_language_it_was_placed_in(store):
    def place(locale: str) -> Order:
        document = {"items": [], "clientPreferencesData": {"locale": locale}}
        return factories.make_order(store, email="ben@example.org", document=document)

    first, second = place("en-US"), place("es-AR")
    assert [customers.locale_of(order) for order in (first, second)] == ["en-US", "es-AR"]
