"""Store settings / E-mail templates / Senders."""

from __future__ import annotations

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from conversation_tracker.message_center import trials
from conversation_tracker.models import Sender, TrialMail
from orders.models import Action, AuditEntry
from tests import factories
from tests.conversation_tracker.authenticity import zones

pytestmark = pytest.mark.django_db
URL = "/settings/acme/senders/"
SHOP = {"name": "Shop", "address": "shop@acme.example"}


def add(client: Client, **changes: str):
    return client.post(URL, {**SHOP, **changes}, follow=True)


def test_a_sender_is_added_sealed_and_audited_without_its_address(as_admin):
    assert "shop@acme.example" in add(as_admin).content.decode()
    assert Sender.objects.get().address.text() == "shop@acme.example"
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.after) == (Action.SENDER_CHANGED, "Shop")
    assert "shop@" not in entry.subject + entry.before + entry.after


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": "Shop\r\nBcc: x@y.example"},
        {"name": "Sh\x07op"},
        {"address": "shop"},
        {"address": "a@b.example\nBcc: c@d.example"},
    ],
)
def test_what_cannot_be_a_sender_is_refused(changes, as_admin):
    assert as_admin.post(URL, {**SHOP, **changes}).status_code == 400
    assert Sender.objects.count() == 0


def test_the_same_address_is_there_once(as_admin):
    add(as_admin)
    assert add(as_admin, address="SHOP@acme.example").status_code == 400
    assert Sender.objects.count() == 1


def test_there_is_one_default_sender(as_admin):
    add(as_admin, is_default="on")
    add(as_admin, address="b@acme.example", is_default="on")
    first, second = Sender.objects.order_by("pk")
    assert (first.is_default, second.is_default) == (False, True)
    as_admin.post(f"{URL}{first.pk}/default/")
    assert list(Sender.objects.order_by("pk").values_list("is_default", flat=True)) == [True, False]


def test_a_sender_is_changed_and_removed(as_admin):
    add(as_admin)
    pk = Sender.objects.get().pk
    as_admin.post(f"{URL}{pk}/", {"name": "Store", "address": "store@acme.example"})
    changed = Sender.objects.get()
    assert (changed.name, changed.address.text()) == ("Store", "store@acme.example")
    as_admin.post(f"{URL}{pk}/remove/")
    assert Sender.objects.count() == 0
    said = list(AuditEntry.objects.order_by("pk").values_list("before", "after"))
    assert said == [("", "Shop"), ("Shop", "Store, another address"), ("Store", "removed")]


def test_a_test_goes_to_the_senders_own_mailbox_and_not_from_the_page(as_admin):
    add(as_admin)
    as_admin.post(f"{URL}{Sender.objects.get().pk}/test/")
    assert (len(mail.outbox), TrialMail.objects.get().state) == (0, "queued")
    trials.work(now=timezone.now())
    assert [sent.to for sent in mail.outbox] == [["shop@acme.example"]]


def test_the_domain_is_explained_with_the_records_to_set(as_admin, settings):
    zone = {("ct.acme.example", "MX"): ("mx.provider.example",)}
    with zones.served(zone) as address:
        settings.DNS_SERVERS = [address]
        page = as_admin.get("/settings/acme/domains/ct.acme.example/").content.decode()
    assert "Mail to this domain arrives at these servers." in page
    assert "v=DMARC1; p=none; rua=mailto:dmarc@acme.example" in page
    assert "its mail easily ends as spam" in page


def test_the_fragment_is_a_part_of_the_page(as_admin, settings):
    with zones.served({}) as address:
        settings.DNS_SERVERS = [address]
        url = "/settings/acme/domains/ct.acme.example/"
        fragment = as_admin.get(url, headers={"X-Fragment": "1"}).content.decode()
    assert "<html" not in fragment
    assert "DKIM" in fragment


def test_only_the_stores_own_domains_are_asked_for(as_admin):
    assert as_admin.get("/settings/acme/domains/evil.example/").status_code == 404


def test_the_list_asks_no_name_server(as_admin, settings):
    settings.DNS_SERVERS = ["192.0.2.1"]
    page = as_admin.get(URL).content.decode()
    assert 'data-load="/settings/acme/domains/ct.acme.example/"' in page


@pytest.mark.parametrize("path", ["", "{}/", "{}/default/", "{}/remove/", "{}/test/"])
def test_nobody_else_comes_near(path, as_admin, as_support, outsider, client):
    add(as_admin)
    client.force_login(outsider)
    url = URL + path.format(Sender.objects.get().pk)
    ask = [(who.get if path in {"", "{}/"} else who.post)(url).status_code for who in (client, as_support, Client())]
    assert ask == [404, 403, 302]
    assert Sender.objects.count() == 1


def test_another_stores_sender_is_not_there(as_admin):
    from conversation_tracker.message_center import senders

    other = factories.make_store()
    theirs = senders.add(
        other, name="X", address="x@y.example", is_default=False, user=factories.make_user(), now=timezone.now()
    )  # fmt: skip
    for path, ask in (
        ("", as_admin.get),
        ("default/", as_admin.post),
        ("remove/", as_admin.post),
        ("test/", as_admin.post),
    ):
        assert ask(f"{URL}{theirs.pk}/{path}").status_code == 404
    assert Sender.objects.count() == 1
