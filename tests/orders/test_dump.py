"""A dump of the database, or a copy of the mail folder, tells nobody's address, name, document or phone number."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.conf import settings
from django.core import mail
from django.db import connection
from django.utils import timezone

from conversation_tracker import inbox, outbox
from conversation_tracker.models import Channel, OutboundMail, Receipt, ReceiptState
from orders.models import MaskType, Order, TimelineEntry
from tests import factories
from tests.orders.api.conftest import DOCUMENT, PHONE, Api, make_order

CUSTOMER, STORE, CARRIER = "maria.silva@people.example", "help@acme.example", "driver.jones@haulage.example"
ADDRESSES = [CUSTOMER, STORE, CARRIER, "maria.silva", "driver.jones", "people.example", "haulage.example"]
NAMES = ["Maria", "Silva", "Driver"]
PERSONAL = [*NAMES, "Rua das Flores", PHONE, PHONE[3:], DOCUMENT]


def dumped() -> str:
    """Every column of every row of every table, its bytes as text."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL bytea_output = 'escape'")
        text = []
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT dumped::text FROM {connection.ops.quote_name(table)} dumped")
            text += [f"{table}: {row[0]}" for row in cursor.fetchall()]
    return "\n".join(text)


def filed() -> str:
    """Every file of the mail storage, with its name."""
    folder = Path(settings.STORAGES["mail"]["OPTIONS"]["location"])
    found = [path for path in folder.rglob("*") if path.is_file()]
    assert found
    return "\n".join(f"{path} {path.read_bytes().decode('latin-1')}" for path in found)


def lines_with(words: list[str], text: str) -> list[str]:
    return [line for line in text.splitlines() for word in words if word.lower() in line.lower()]


def receive(sender: str, recipient: str, *, body: str = "", name: str = "") -> None:
    text = body or f"Hello, I am {sender}. Write to {sender} or {CUSTOMER} or {STORE}."
    raw = (
        f"From: {name} <{sender}>\r\nTo: <{recipient}>\r\nReply-To: {sender}\r\nSubject: From {sender}\r\n"
        f"Message-ID: <1.{sender}>\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
        f"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
        f'--b\r\nContent-Type: text/plain; name="{sender}.txt"\r\n'
        f'Content-Disposition: attachment; filename="{sender}.txt"\r\n\r\n{text}\r\n--b--\r\n'
    )
    inbox.accept_mime(raw.encode(), sender=sender, recipients=[recipient], now=timezone.now())
    while inbox.work(now=timezone.now()) is not None:
        pass
    while outbox.work(now=timezone.now()):
        pass


@pytest.fixture
def order(db: None) -> Order:
    """An order of a store with Hard aliases, placed through the API, in which all three parties have written."""
    Api(factories.make_store("acme")).place(make_order(openTextField=f"Call {PHONE} or {CUSTOMER}"))
    order = Order.objects.get()
    customer, store = (order.aliases.get(party=party).address.text() for party in ("customer", "store"))
    receive(CUSTOMER, store, name="Maria Silva")
    receive(CARRIER, customer, name="Driver Jones")
    receive(CUSTOMER, "no-such-alias@ct.acme.example")
    receive(STORE, customer)
    return order


def test_the_mails_of_this_test_went_their_ways(order):
    kept = TimelineEntry.objects.filter(order=order, kind="mail").order_by("id")
    assert [entry.outcome for entry in kept] == ["relayed"] * 3
    assert sorted(message.to[0] for message in mail.outbox) == sorted([STORE, CUSTOMER, CUSTOMER])
    assert (OutboundMail.objects.count(), Receipt.objects.filter(state=ReceiptState.DONE).count()) == (3, 4)


def test_a_dump_holds_what_stands_open(order):
    """Else the tests below would find nothing whatever was kept."""
    text = dumped()
    assert [word in text for word in ("shop-1", "Hello, I am", "acme-key", "conversation")] == [True] * 4


def test_a_dump_of_the_database_shows_no_address(order):
    assert lines_with(ADDRESSES, dumped()) == []


def test_a_dump_of_the_database_shows_nobodys_name_document_phone_or_street(order):
    assert lines_with(PERSONAL, dumped()) == []


def test_a_copy_of_the_mail_folder_shows_nothing(order):
    assert lines_with([*ADDRESSES, *PERSONAL, "hello"], filed()) == []


def test_what_waits_in_the_inbox_is_sealed_too(db):
    inbox.accept(
        provider="postmark",
        channel=Channel.INBOUND,
        method="POST",
        path="/anymail/postmark/inbound/",
        query="who=maria.silva@people.example",
        headers=[("X-From", CUSTOMER)],
        body=json.dumps({"From": CUSTOMER, "FromName": "Maria Silva"}).encode(),
        now=timezone.now(),
    )
    assert lines_with([*ADDRESSES, *PERSONAL], dumped()) == []
    inbox.work(now=timezone.now())
    assert Receipt.objects.get().state in {ReceiptState.QUARANTINED, ReceiptState.DONE}
    assert lines_with([*ADDRESSES, *PERSONAL], dumped()) == []


def test_a_soft_store_shows_addresses_only_inside_the_aliases_of_its_timelines(db):
    Api(factories.make_store("acme", mask_type=MaskType.SOFT)).place(make_order())
    order = Order.objects.get()
    aliases = [alias.address.text() for alias in order.aliases.all()]
    receive(CUSTOMER, order.aliases.get(party="store").address.text())
    text = dumped()
    for alias in aliases:
        text = text.replace(alias, "")
    assert lines_with(["people.example", STORE], text) == []
