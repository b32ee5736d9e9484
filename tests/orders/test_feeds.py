"""Feeds: items wait until they are committed."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from orders import audit, clock, events, feeds, flow, payment, tasks, telling
from orders.models import Action, ApiKey, AuditEntry, EventKind, Feed, FeedItem, OrderEvent, Status, Store
from tests import factories
from tests.orders.concurrency import at_once

NOW = datetime.fromisoformat("2026-11-23T12:00:00+00:00")
WANTED = feeds.Wanted(telling.Choice(), visibility_timeout=60, retention=4 * 86_400)


def make_feed(store: Store, name: str = "erp", **wanted) -> Feed:
    times = {name: wanted.pop(name) for name in ("visibility_timeout", "retention") if name in wanted}
    wish = dataclasses.replace(WANTED, choice=telling.Choice(**wanted), **times)
    return feeds.configure(factories.make_key(store, name), wish, now=NOW)


def states(feed: Feed, *, now: datetime = NOW, most: int = 10) -> list[str]:
    return [item["state"] for item in feeds.read(feed, most=most, now=now)]


@pytest.fixture
def _dispatch_now(monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    monkeypatch.setattr(clock, "now", lambda: NOW)


def dispatch() -> None:
    assert events.dispatch(now=NOW)


pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_dispatch_now")]


def test_an_order_that_moves_is_in_the_feed_step_by_step(store):
    feed = make_feed(store)
    order = factories.make_order(store, now=NOW)
    payment.approve(order, payment_id="1", actor="shop", now=NOW + timedelta(minutes=1))
    dispatch()
    items = feeds.read(feed, most=10, now=NOW)
    assert [(item["lastState"], item["state"]) for item in items] == [
        ("", "order-created"),
        ("order-created", "waiting-for-authorization"),
        ("waiting-for-authorization", "payment-pending"),
        ("payment-pending", "payment-approved"),
        ("payment-approved", "window-to-cancel"),
    ]
    last = items[-1]
    assert set(last) == {
        "eventId", "handle", "domain", "state", "lastState", "orderId", "lastChange", "currentChange",
    }  # fmt: skip
    assert (last["orderId"], last["domain"]) == (order.number, "Fulfillment")
    assert (last["lastChange"], last["currentChange"]) == ("2026-11-23T12:00:00+00:00", "2026-11-23T12:01:00+00:00")
    assert len({item["eventId"] for item in items}) == 5


def test_an_item_that_was_read_comes_again_after_the_time_out_and_not_before(store):
    feed = make_feed(store)
    factories.make_order(store, now=NOW)
    dispatch()
    first = feeds.read(feed, most=10, now=NOW)
    assert feeds.read(feed, most=10, now=NOW + timedelta(seconds=59)) == []
    again = feeds.read(feed, most=10, now=NOW + timedelta(seconds=60))
    assert [item["eventId"] for item in again] == [item["eventId"] for item in first]


def test_a_committed_item_is_gone(store):
    feed = make_feed(store)
    factories.make_order(store, now=NOW)
    dispatch()
    [item] = feeds.read(feed, most=10, now=NOW)
    assert feeds.commit(feed, [item["handle"], "no handle", "0" * 32]) == 1
    assert feeds.commit(feed, [item["handle"]]) == 0
    assert states(feed, now=NOW + timedelta(days=1)) == []


def test_a_handle_of_another_feed_commits_nothing(store):
    mine, other = make_feed(store), make_feed(store, "other")
    factories.make_order(store, now=NOW)
    dispatch()
    [item] = feeds.read(other, most=10, now=NOW)
    assert feeds.commit(mine, [item["handle"]]) == 0
    assert FeedItem.objects.count() == 2


def test_each_key_has_a_feed_of_its_own_and_nothing_of_another_store(store):
    mine, other = make_feed(store), make_feed(store, "other")
    foreign = make_feed(factories.make_store(), "foreign")
    factories.make_order(store, now=NOW)
    dispatch()
    assert [states(feed) for feed in (mine, other, foreign)] == [["order-created"], ["order-created"], []]


def test_a_feed_holds_the_statuses_it_asks_for(store):
    feed = make_feed(store, statuses=["payment-approved"])
    payment.approve(factories.make_order(store, now=NOW), payment_id="1", actor="shop", now=NOW)
    dispatch()
    assert states(feed) == ["payment-approved"]


def test_other_events_come_when_they_are_asked_for_with_their_data(store):
    feed = make_feed(store, statuses=["canceled"], kinds=["order.payment_changed"])
    order = factories.make_order(store, email="maria@people.example", now=NOW)
    payment.change(order, data={"to": "card of maria@people.example"}, actor="shop", now=NOW)
    dispatch()
    [item] = feeds.read(feed, most=10, now=NOW)
    alias = order.aliases.get(party="customer").address.text()
    assert (item["type"], item["data"], item["state"]) == (
        "order.payment_changed", {"to": f"card of {alias}"}, "order-created",
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["message.received", "message.sent", "message.bounced"])
def test_a_mail_is_told_of_in_its_masked_form(kind, store):
    feed = make_feed(store, statuses=["canceled"], kinds=[kind])
    placed = factories.place_order(store, now=NOW)
    mail = factories.make_mail(placed.customer_alias, placed.store_alias, subject="Late?", text="Where is it", now=NOW)
    told = events.message(EventKind(kind), order=placed.order, entry_id=mail.pk, occasion="x", now=NOW)
    events.publish([told])
    dispatch()
    [item] = feeds.read(feed, most=10, now=NOW)
    assert (item["type"], item["data"]) == (
        kind,
        {
            "messageId": mail.pk,
            "from": {"alias": placed.customer_alias.address.text(), "party": "customer"},
            "to": {"alias": placed.store_alias.address.text(), "party": "store"},
            "subject": "Late?",
            "firstWords": "Where is it",
            "outcome": "relayed",
            "reason": "conversation",
            "date": "2026-11-23T12:00:00+00:00",
        },
    )


def test_a_revoked_key_hears_no_more(store):
    feed = make_feed(store)
    ApiKey.objects.update(revoked_at=NOW)
    factories.make_order(store, now=NOW)
    dispatch()
    assert states(feed) == []


def test_two_readers_at_once_share_the_items(transactional_db):
    store = factories.make_store()
    feed = make_feed(store)
    for _ in range(20):
        factories.make_order(store, now=NOW)
    dispatch()
    found = at_once(*[lambda: feeds.read(feed, most=10, now=NOW)] * 4)
    handles = [item["handle"] for items in found for item in items]
    assert (len(handles), len(set(handles))) == (20, 20)


def test_what_nobody_commits_goes_after_its_time(store):
    feed = make_feed(store)
    factories.make_order(store, now=NOW)
    dispatch()
    late = NOW + timedelta(days=4)
    assert states(feed, now=late) == []
    assert feeds.depth(feed, now=late).quantity == 0
    assert feeds.forget_expired(now=late - timedelta(seconds=1)) == 0
    assert feeds.forget_expired(now=late) == 1
    assert FeedItem.objects.count() == 0


def test_a_feed_tells_how_deep_it_is(store):
    feed = make_feed(store)
    factories.make_order(store, now=NOW)
    dispatch()
    assert feeds.depth(feed, now=NOW + timedelta(seconds=90)) == feeds.Depth(1, timedelta(seconds=90))


def test_each_change_is_audited_in_words(store):
    key = factories.make_key(store, "erp")
    feeds.configure(key, WANTED, now=NOW)
    feeds.configure(key, feeds.Wanted(telling.Choice(["canceled"], ["message.sent"]), 30, 5 * 86_400), now=NOW)
    assert (feeds.remove(key, now=NOW), feeds.remove(key, now=NOW)) == (True, False)
    entries = AuditEntry.objects.order_by("pk").values_list("action", "subject", "before", "after", "actor")
    one, two = "any status; 60 s, 345600 s", "canceled, message.sent; 30 s, 432000 s"
    assert list(entries) == [
        (Action.FEED_CHANGED, "feed of erp", before, after, "erp")
        for before, after in (("", one), (one, two), (two, ""))
    ]


def test_a_change_that_cannot_be_audited_is_none(store, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError

    monkeypatch.setattr(audit, "record", fail)
    with pytest.raises(RuntimeError):
        feeds.configure(factories.make_key(store, "erp"), WANTED, now=NOW)
    assert Feed.objects.count() == 0


def test_a_changed_feed_keeps_what_waits_in_it(store):
    feed = make_feed(store)
    factories.make_order(store, now=NOW)
    dispatch()
    feeds.configure(feed.api_key, feeds.Wanted(telling.Choice(["canceled"]), 30, 5 * 86_400), now=NOW)
    assert states(feed) == ["order-created"]


def test_reading_asks_the_database_as_often_for_one_as_for_many(store, django_assert_num_queries):
    feed = make_feed(store)
    for _ in range(5):
        factories.make_order(store, now=NOW)
    dispatch()
    for most in (1, 4):
        with django_assert_num_queries(4):  # savepoint, items, their time, release
            assert len(feeds.read(feed, most=most, now=NOW)) == most


def test_telling_takes_as_many_statements_for_one_event_as_for_many(store, django_assert_num_queries):
    make_feed(store, kinds=["message.sent"])
    placed = factories.place_order(store, now=NOW)
    dispatch()
    for count in (1, 5):
        mails = [factories.make_mail(placed.customer_alias, placed.store_alias, now=NOW) for _ in range(count)]
        happened = [
            events.message(EventKind.MESSAGE_SENT, order=placed.order, entry_id=mail.pk, occasion=str(mail.pk), now=NOW)
            for mail in mails
        ]
        events.publish(happened)
        with django_assert_num_queries(5):  # mails, aliases, feeds, items, hooks
            tasks.pass_on(happened)


def test_events_that_were_handed_on_are_forgotten_and_others_are_not(store):
    factories.make_order(store, now=NOW)
    assert events.forget(before=NOW + timedelta(days=1)) == 0
    dispatch()
    assert events.forget(before=NOW) == 0
    assert events.forget(before=NOW + timedelta(days=1)) == 1


def test_that_a_payment_is_awaited_is_remembered_as_long_as_it_is(store):
    order = factories.make_order(store, now=NOW - timedelta(days=5))
    assert payment.remind(now=NOW) == 1
    dispatch()
    events.forget(before=NOW + timedelta(days=1))
    assert payment.remind(now=NOW + timedelta(days=30)) == 0
    flow.advance(order, Status.CANCEL, actor="shop", now=NOW)
    while events.dispatch(now=NOW):
        pass
    events.forget(before=NOW + timedelta(days=1))
    assert OrderEvent.objects.count() == 0


def test_what_waits_in_a_feed_is_sealed(store):
    make_feed(store)
    order = factories.make_order(store, now=NOW)
    dispatch()
    assert order.number.encode() not in bytes(FeedItem.objects.values_list("document", flat=True).get()._sealed)
