"""What every page has: sign-in, languages, error pages, safety headers."""

from __future__ import annotations

import pytest
from django.template.loader import render_to_string
from django.test import Client

from tests import factories

pytestmark = pytest.mark.django_db


def test_signing_in_leads_to_the_orders_and_out_again(client, store):
    user = factories.make_user(store=store)
    response = client.post("/sign-in/", {"username": user.email.upper(), "password": factories.PASSWORD})
    assert response["Location"] == "/orders/"
    assert client.post("/sign-out/")["Location"] == "/sign-in/"
    assert client.get("/orders/").status_code == 302


def test_a_wrong_password_is_refused_with_words(client, store):
    user = factories.make_user(store=store)
    response = client.post("/sign-in/", {"username": user.email, "password": "wrong"})
    assert 'role="alert"' in response.content.decode()
    assert client.get("/orders/").status_code == 302


def test_signing_out_by_a_link_is_not_possible(as_admin):
    assert as_admin.get("/sign-out/").status_code == 405


@pytest.mark.parametrize(("code", "word"), [("en", "Orders"), ("pt-br", "Pedidos"), ("es", "Pedidos")])
def test_a_chosen_language_stays(code, word, as_admin):
    response = as_admin.post("/language/setlang/", {"language": code, "next": "/orders/"})
    assert response["Location"] == "/orders/"
    page = as_admin.get("/orders/").content.decode()
    assert f"<h1>{word}</h1>" in page
    assert f'<html lang="{code}">' in page


@pytest.mark.parametrize("url", ["/sign-in/", "/orders/", "/settings/", "/nowhere/"])
def test_pages_forbid_everything_from_elsewhere(url, as_admin):
    policy = as_admin.get(url)["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_pages_have_no_inline_style_or_script(as_admin, placed):
    mail = factories.make_mail(placed.customer_alias, placed.store_alias, html="<p>x</p>")
    factories.make_attachment(mail)
    for url in ("/sign-in/", "/orders/", f"/orders/acme/{placed.order.number}/", "/settings/acme/orders/", "/nowhere/"):
        page = as_admin.get(url).content.decode()
        assert " style=" not in page
        assert "<style" not in page
        assert "<script>" not in page


def test_the_page_for_our_own_faults_needs_nothing():
    assert "Something went wrong" in render_to_string("500.html")


def test_a_fault_is_shown_as_our_own(store_admin, monkeypatch):
    client = Client(raise_request_exception=False)
    client.force_login(store_admin)
    monkeypatch.setattr("orders.listing.page", lambda *_args, **_options: 1 / 0)
    response = client.get("/orders/")
    assert response.status_code == 500
    assert "No mail is lost by it" in response.content.decode()


def test_the_admin_link_is_for_operators_only(client, as_admin):
    assert 'href="/admin/"' not in as_admin.get("/orders/").content.decode()
    client.force_login(factories.make_user(is_staff=True, is_superuser=True))
    assert 'href="/admin/"' in client.get("/orders/").content.decode()
