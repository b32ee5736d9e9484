"""Orders are found by who bought, though nothing of him stands open."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orders import customers, finding, listing
from orders.models import Customer, Store
from tests import factories
from tests.orders.api.conftest import Api, make_order


def buy(store: Store, name: str, *, document: str = "", email: str = "") -> str:
    """The number of an order that somebody of this name placed."""
    return factories.make_order(store, name=name, email=email, personal_document=document).number


def found(query: str, *stores: Store) -> list[str]:
    return [order.number for order in listing.found_by(stores, query)]


@pytest.mark.parametrize(
    "typed",
    [
        "José Conceição",
        "jose conceicao",
        "CONCEIÇÃO",
        "conceicao, josé",
        "José",
        "  jose  ",
        "jose\N{COMBINING ACUTE ACCENT}",
    ],
)
def test_a_name_or_a_part_of_it_finds_the_order_however_it_is_spelled(typed, store):
    number = buy(store, "José da Conceição")
    buy(store, "Maria Silva")
    assert found(typed, store) == [number]


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("Łucja Müller-Groß", "lucja gross"),
        ("Siobhán O'Brien", "o’brien"),
        ("山田 太郎", "太郎"),
        ("Søren Æbelø", "soren aebelo"),
    ],
)
def test_names_of_any_script_are_found(name, typed, store):
    number = buy(store, name)
    assert found(typed, store) == [number]


@pytest.mark.parametrize("typed", ["Jos", "José Silva", "Conceiçã", "e", "-", "josé@", "da-da José X"])
def test_what_is_not_all_of_it_finds_nothing(typed, store):
    buy(store, "José da Conceição")
    buy(store, "Maria Silva")
    assert found(typed, store) == []


@pytest.mark.parametrize("typed", ["123.456.789-09", "12345678909", "123 456 789 09"])
def test_a_document_finds_the_order_with_its_signs_or_without(typed, store):
    number = buy(store, "Maria Silva", document="123.456.789-09")
    buy(store, "Maria Silva", document="98765432100")
    assert found(typed, store) == [number]


def test_a_document_is_no_name(store):
    buy(store, "12345678909")
    buy(store, "Maria", document="Silva")
    assert (found("12345678909", store) != [], found("silva", store) != []) == (True, True)
    digests = [set(row.search_digests or []) for row in Customer.objects.all()]
    assert digests[0].isdisjoint(finding.digests(store.pk, name="", document="12345678909"))


@pytest.mark.parametrize("is_of_before", [False, True])
def test_who_changed_name_and_document_is_found_by_both(is_of_before, store):
    first = buy(store, "Maria Silva", email="maria@people.example", document="1111")
    if is_of_before:  # added by a version that made nobody findable
        Customer.objects.update(search_digests=None)
    second = buy(store, "Maria Souza", email="maria@people.example", document="2222")
    both = sorted([first, second])
    assert [sorted(found(typed, store)) for typed in ("maria silva", "souza", "1111", "2222")] == [both] * 4


def test_who_has_another_name_each_time_is_found_by_the_newest_and_as_many_more_as_fit(store, monkeypatch):
    monkeypatch.setattr(finding, "MOST_DIGESTS", 5)
    for name in ("Ana Alpha", "Bea Beta", "Eva Gamma", "Ida Delta"):
        buy(store, name, email="maria@people.example")
    assert (len(Customer.objects.get().search_digests or []), len(found("ida delta", store))) == (5, 4)


def test_a_number_that_somebody_also_has_as_a_document_finds_both(store):
    one = factories.make_order(store, marketplace_number="12345678909", name="Ana").number
    other = buy(store, "Maria Silva", document="12345678909")
    assert sorted(found("12345678909", store)) == sorted([one, other])


def test_nothing_is_found_in_another_store_and_no_digest_is_the_same_there(store):
    other = factories.make_store()
    here, there = buy(store, "Maria Silva", document="1"), buy(other, "Maria Silva", document="1")
    assert (found("maria", store), found("maria", other)) == ([here], [there])
    assert sorted(found("silva maria", store, other)) == sorted([here, there])
    first, second = (set(row.search_digests or []) for row in Customer.objects.all())
    assert (len(first), first & second) == (3, set())


def test_a_search_takes_two_statements_however_much_it_finds(store):
    counts = []
    for _ in range(2):
        buy(store, "Maria Silva")
        with CaptureQueriesContext(connection) as queries:
            assert listing.page(listing.found_by([store], "maria silva")).rows
        counts.append(len(queries))
    assert counts == [2, 2]


def test_the_api_finds_by_name_and_document_with_other_filters(store):
    api = Api(store)
    api.place(make_order())
    answers = [
        api.send("GET", f"/api/oms/pvt/orders?q={quote(query)}&{more}").json()["paging"]["total"]
        for query, more in [
            ("maria silva", ""), ("Silva", "f_status=order-created"), ("123.456.789-09", ""),
            ("Silva", "f_status=canceled"), ("nobody", ""),
        ]
    ]  # fmt: skip
    assert answers == [1, 1, 1, 0, 0]


@pytest.mark.parametrize("typed", ["Silva", "Maria Silva", "123.456.789-09"])
def test_who_was_looked_for_stands_in_no_url(typed, as_admin, store):
    for _ in range(2):
        buy(store, "Maria Silva", document="12345678909")
    passed = as_admin.post("/orders/search/", {"q": typed}, follow=True)
    assert len(passed.context["page"].rows) == 2
    urls = [url for url, _ in passed.redirect_chain]
    assert (urls[0].startswith("/orders/?s="), [url for url in urls if "Silva" in url or "123" in url]) == (True, [])


def test_customers_of_before_are_made_findable_in_batches(store):
    numbers = [buy(store, f"Maria{place} Silva") for place in range(3)]
    Customer.objects.update(search_digests=None)
    assert found("silva", store) == []
    assert [finding.fill(Customer.objects.all(), batch=2) for _ in range(3)] == [2, 1, 0]
    assert (sorted(found("silva", store)), found("maria1", store)) == (sorted(numbers), [numbers[1]])


def test_one_who_cannot_be_opened_keeps_nobody_from_being_found(store, capsys):
    broken, whole = buy(store, "Ana Lima"), buy(store, "Eva Lima")
    Customer.objects.update(search_digests=None)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE orders_customer SET name = 'x' WHERE id = (SELECT min(id) FROM orders_customer)")
    call_command("findable")
    assert (capsys.readouterr().out.split()[0], found("lima", store), broken != whole) == ("2", [whole], True)


def test_one_who_orders_again_is_made_findable(store):
    buy(store, "Maria Silva", email="maria@people.example")
    Customer.objects.update(search_digests=None)
    customers.remember(store, customers.Person("maria@people.example"), now=Customer.objects.get().created_at)
    assert len(found("silva", store)) == 1


def test_an_index_serves_the_search(store: Any):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN " + "SELECT id FROM orders_customer WHERE search_digests && ARRAY[1::bigint, 2]")
        plan = " ".join(row[0] for row in cursor.fetchall())
    assert "customer_found_by_word" in plan
