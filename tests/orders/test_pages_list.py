"""The order list and the search."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from orders import listing
from orders.models import MaskType, Membership, Status, Store
from tests import factories

pytestmark = pytest.mark.django_db
LIST = "/orders/"


def numbers(response: Any) -> list[str]:
    return [row.order.number for row in response.context["page"].rows]


def test_a_stranger_is_asked_to_sign_in(client):
    assert client.get(LIST)["Location"] == "/sign-in/?next=/orders/"


def test_the_list_shows_the_newest_first_and_no_other_store(as_admin, store):
    now = timezone.now()
    old = factories.make_order(store, now=now - timedelta(days=2))
    new = factories.make_order(store, now=now)
    factories.make_order()
    assert numbers(as_admin.get(LIST)) == [new.number, old.number]


@pytest.mark.parametrize("count", [1, 3])
def test_the_list_asks_the_database_as_often_for_one_order_as_for_three(
    count, as_admin, store, django_assert_num_queries
):
    for _ in range(count):
        placed = factories.place_order(store)
        factories.make_mail(placed.customer_alias, placed.store_alias)
    as_admin.get(LIST)
    with django_assert_num_queries(7):  # session, user, stores, orders, activity, alerts, settings in the bar
        as_admin.get(LIST)


def test_the_list_counts_mails_and_knows_the_last_activity(as_admin, placed):
    mail = factories.make_mail(placed.customer_alias, placed.store_alias, now=timezone.now() + timedelta(hours=1))
    [row] = as_admin.get(LIST).context["page"].rows
    assert (row.mails, row.active_at) == (1, mail.occurred_at)


def test_filters_narrow_the_list(client, store):
    other = factories.make_store()
    user = factories.make_user(store=store)
    Membership.objects.create(user=user, store=other, role="viewer")
    client.force_login(user)
    here, there = factories.make_order(store), factories.make_order(other)
    assert numbers(client.get(LIST, {"store": other.account})) == [there.number]
    assert sorted(numbers(client.get(LIST, {"status": Status.ORDER_CREATED}))) == sorted([here.number, there.number])
    assert numbers(client.get(LIST, {"status": Status.INVOICED})) == []


@pytest.mark.parametrize("query", [{"store": "nope"}, {"status": "nope"}, {"before": "nope"}, {"before": "1" * 5000}])
def test_nonsense_in_the_address_is_ignored(query, as_admin, placed):
    assert numbers(as_admin.get(LIST, query)) == [placed.order.number]


def test_older_orders_are_one_page_away(as_admin, store, monkeypatch):
    monkeypatch.setattr(listing, "PAGE", 2)
    now = timezone.now()
    orders = [factories.make_order(store, now=now - timedelta(minutes=minutes)) for minutes in (0, 1, 1, 2, 3)]
    seen, before = [], ""
    for _ in range(3):
        page = as_admin.get(LIST, {"before": before})
        seen += numbers(page)
        before = str(page.context["page"].older or "")
    assert sorted(seen) == sorted(order.number for order in orders)
    assert before == ""


def order_page(order: Any) -> str:
    return f"/orders/{order.store.account}/{order.number}/"


def find(client: Client, query: str) -> Any:
    """Type it into the bar and press Enter."""
    return client.post("/orders/search/", {"q": query}, follow=True)


def find_by_url(client: Client, query: str) -> Any:
    return client.get(LIST, {"q": query}, follow=True)


def found_at(client: Client, query: str) -> str:
    return str(find(client, query).redirect_chain[-1][0])


def test_an_order_number_leads_to_the_order(as_admin, placed):
    assert as_admin.get(LIST, {"q": f" {placed.order.number} "})["Location"] == order_page(placed.order)


def test_the_marketplace_s_number_leads_to_the_order(as_admin, placed):
    for ask in (find, find_by_url):
        assert ask(as_admin, placed.order.marketplace_number).redirect_chain[-1][0] == order_page(placed.order)


@pytest.mark.parametrize("spell", [str, str.upper, "Somebody <{}>".format, "{}.".format])
def test_an_alias_in_any_spelling_leads_to_the_order(spell, as_admin, placed):
    query = spell(placed.store_alias.address.text())
    assert found_at(as_admin, query) == order_page(placed.order)


def test_an_expired_alias_still_leads_staff_to_the_order(as_admin, store):
    placed = factories.place_order(store, now=timezone.now() - timedelta(days=100))
    query = placed.customer_alias.address.text()
    assert found_at(as_admin, query) == order_page(placed.order)


def test_a_soft_alias_leads_to_the_order(client):
    soft = factories.make_store(mask_type=MaskType.SOFT)
    placed = factories.place_order(soft)
    client.force_login(factories.make_user(store=soft))
    assert found_at(client, placed.customer_alias.address.text()) == order_page(placed.order)


def test_a_customer_s_address_finds_all_of_the_customer_s_orders(as_admin, store):
    orders = [factories.make_order(store, email="eva@people.example") for _ in range(2)]
    factories.make_order(store)
    found = find(as_admin, "EVA@people.example")
    assert sorted(numbers(found)) == sorted(order.number for order in orders)


@pytest.mark.parametrize("ask", [find, find_by_url])
@pytest.mark.parametrize(
    "typed", ["eva@people.example", "Eva <eva@people.example>", "eva＠people.example", "eva%40people"]
)
def test_an_address_that_was_typed_stands_in_no_url(ask, typed, as_admin, store, monkeypatch):
    monkeypatch.setattr(listing, "PAGE", 1)
    for _ in range(2):
        factories.make_order(store, email="eva@people.example")
    found = ask(as_admin, typed)
    links = re.findall(r'(?:href|action|src)="([^"]*)"|name="next" value="([^"]*)"', found.content.decode())
    passed = [url for url, _ in found.redirect_chain] + [url for pair in links for url in pair]
    assert found.redirect_chain[-1][0].startswith("/orders/?s=")
    assert [url for url in passed if "eva" in url.lower() or "people" in url] == []
    if "%40" not in typed and "＠" not in typed:
        assert len(found.context["page"].rows) == 1
        older = next(url for url in passed if "before=" in url).replace("&amp;", "&")
        assert len(numbers(as_admin.get(f"/orders/{older}"))) == 1


def test_a_veiled_search_opens_for_nobody_else(as_admin, support, store):
    for _ in range(2):
        factories.make_order(store, email="eva@people.example")
    url = find(as_admin, "eva@people.example").redirect_chain[-1][0]
    other = Client()
    other.force_login(support)
    theirs = other.get(url)
    assert ("query" in theirs.context, "eva@people.example" in theirs.content.decode()) == (False, False)


@pytest.mark.parametrize("veiled", ["x", "AQ", "é", "A" * 5000, "AQJrMQ" + "A" * 40])
def test_nonsense_instead_of_a_veiled_search_is_the_list(veiled, as_admin, placed):
    assert numbers(as_admin.get(LIST, {"s": veiled})) == [placed.order.number]


def test_a_search_for_a_number_can_be_shared_by_its_url(as_admin, store):
    assert found_at(as_admin, "1305371685465-01") == "/orders/?q=1305371685465-01"


def test_who_signed_out_meanwhile_comes_to_the_list(client):
    assert client.post("/orders/search/", {"q": "1"})["Location"] == "/sign-in/?next=/orders/search/"


def test_going_back_to_the_search_s_address_leads_to_the_list(as_admin):
    assert as_admin.get("/orders/search/")["Location"] == LIST


def test_part_of_an_address_finds_nothing(as_admin, store):
    factories.make_order(store, email="eva@people.example")
    response = find(as_admin, "@people.example")
    assert numbers(response) == []
    assert "No order found" in response.content.decode()


def test_the_search_does_not_reach_into_other_stores(outsider, placed):
    client = Client()
    client.force_login(outsider)
    queries = [placed.order.number, placed.customer_alias.address.text(), placed.order.customer.address.text()]
    assert [find(client, query).status_code for query in queries] == [200, 200, 200]
    assert [numbers(find(client, query)) for query in queries] == [[], [], []]


@pytest.mark.parametrize("query", ["\0", "a\0b", "x" * 5000, "@", "a@b@c", "<>", "%", "'", "\u202e", "xn--@xn--"])
def test_nothing_one_can_type_breaks_the_search(query, as_admin, placed):
    assert (find(as_admin, query).status_code, find_by_url(as_admin, query).status_code) == (200, 200)


@pytest.mark.parametrize("query", ["Orders", "orders", "store sett", "Settings"])
def test_typing_orders_offers_the_store_s_settings(query, as_admin, store):
    html = as_admin.get(LIST, {"q": query}).content.decode()
    assert f'href="/settings/{store.account}/orders/"' in html


def test_who_may_not_set_anything_is_not_offered_settings(as_support, store):
    html = as_support.get(LIST, {"q": "Orders"}).content.decode()
    assert "/settings/" not in html


def test_an_empty_store_says_what_will_come(as_admin, store: Store):
    assert "No orders yet" in as_admin.get(LIST).content.decode()
