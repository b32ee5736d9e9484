"""Under whose aliases an order mail goes, late as well, and who gets a copy."""

from __future__ import annotations

from datetime import timedelta

import pytest
from dateutil.relativedelta import relativedelta
from django.test import Client
from django.utils import timezone

from conversation_tracker import order_mails, send
from conversation_tracker.models import (
    OrderMailState,
    OutboundMail,
    Sender,
    SendState,
    TemplateChoice,
    TemplateKey,
)  # fmt: skip
from orders import aliases, customers, flow
from orders.models import (
    Alert,
    AlertKind,
    Alias,
    AliasEvent,
    PartyKind,
    Status,
    Store,
    TimelineEntry,
    User,
)  # fmt: skip
from orders.placing import Placed
from orders.secrecy import Secret
from tests import factories, letters
from tests.conversation_tracker.order_mails import Work, sent_on, the_mail, write

pytestmark = pytest.mark.django_db


class TestAliases:
    """Under whose aliases it goes, also late."""

    def test_after_two_months_the_aliases_are_renewed_for_it(self, shopped: Placed, work: Work):
        write()
        late = timezone.now() + relativedelta(months=2, days=1)
        aliases.expire_due(now=late)
        shopped.order.store.cancellation_window = 0
        flow.advance(shopped.order, Status.PAYMENT_APPROVED, actor="shop", now=late)
        write(now=late)
        assert len(work(now=late)) == 2
        assert all(alias.is_valid_at(late) for alias in shopped.order.aliases.all())
        assert TimelineEntry.objects.filter(alias_event=AliasEvent.RENEWED).count() == 2

    def test_a_retired_customer_gets_none_and_somebody_is_told(self, shopped: Placed, store_admin: User):
        aliases.retire(shopped.customer_alias, user=store_admin, reason="", now=timezone.now())
        write()
        assert (the_mail().state, the_mail().problem) == (OrderMailState.FAILED, order_mails.RETIRED)
        assert Alert.objects.get().kind == AlertKind.NOT_SENT
        assert OutboundMail.objects.count() == 0

    def test_a_sender_has_an_alias_of_its_own_and_gets_the_answer(self, shopped: Placed, client: Client, work: Work):
        Sender.objects.create(
            store=shopped.order.store, name="Acme Orders", address=Secret.of("orders@acme.example"),
            address_digest=customers.real_digest("orders@acme.example"), is_default=True, created_at=timezone.now(),
        )  # fmt: skip
        write()
        (sent,) = work()
        sender = Alias.objects.get(party=PartyKind.STORE, issued_at__gt=shopped.store_alias.issued_at)
        assert sent.from_email == f"Acme Orders <{sender.address.text()}>"
        reply = letters.postmark(sender, FromFull={"Email": "ana@people.example", "Name": ""})
        letters.post_postmark(client, reply)
        (answer,) = work()
        assert answer.to == ["orders@acme.example"]

    def test_copies_are_mails_of_their_own_under_aliases_of_their_own(self, shopped: Placed, work: Work):
        copies = {"cc": ["audit@acme.example", "ana@people.example"], "bcc": ["boss@acme.example"]}
        TemplateChoice.objects.create(
            store=shopped.order.store, key=TemplateKey.NEW_ORDER, copies=Secret.of_json(copies)
        )
        write()
        sent = work()
        assert [mail.to for mail in sent] == [["ana@people.example"], ["audit@acme.example"], ["boss@acme.example"]]
        assert [(mail.cc, mail.bcc) for mail in sent] == [([], [])] * 3
        assert len(sent_on()) == 3
        kinds = [entry.recipient_alias.party for entry in sent_on() if entry.recipient_alias]
        assert kinds == [PartyKind.CUSTOMER, PartyKind.THIRD_PARTY, PartyKind.THIRD_PARTY]
        for mail in sent:
            whole = mail.message().as_string().replace(f"To: {mail.to[0]}", "")
            assert not any(address in whole for address in ("audit@acme", "boss@acme", "ana@people"))

    def test_who_is_in_the_conversation_already_or_named_twice_gets_no_double_and_nobody_sees_whom(
        self, shopped: Placed, work: Work
    ):
        named = {
            "cc": ["ANA@people.example", "help@acme.example", "audit@acme.example", "Audit@ACME.example"],
            "bcc": ["ana@People.Example", "HELP@acme.example", "audit@acme.example"],
        }
        TemplateChoice.objects.create(
            store=shopped.order.store, key=TemplateKey.NEW_ORDER, copies=Secret.of_json(named)
        )
        write()
        sent = work()
        assert [mail.to[0].lower() for mail in sent] == ["ana@people.example", "audit@acme.example"]
        assert shopped.order.aliases.count() == 3
        for mail in sent:
            whole = mail.message().as_string().replace(f"To: {mail.to[0]}", "").lower()
            assert not any(address in whole for address in ("audit@acme", "help@acme", "ana@people"))

    def test_a_copy_whose_alias_was_retired_is_not_sent_and_somebody_is_told(
        self, shopped: Placed, store_admin: User, work: Work
    ):
        order, now = shopped.order, timezone.now()
        TemplateChoice.objects.create(
            store=order.store, key=TemplateKey.NEW_ORDER,
            copies=Secret.of_json({"cc": ["audit@acme.example"], "bcc": []}),
        )  # fmt: skip
        (copy,) = aliases.issue(order, [aliases.Party(PartyKind.THIRD_PARTY, "audit@acme.example")], now=now)
        aliases.retire(copy, user=store_admin, reason="", now=now)
        write()
        assert [mail.to for mail in work()] == [["ana@people.example"]]
        assert (the_mail().state, the_mail().problem) == (OrderMailState.QUEUED, order_mails.COPY_RETIRED)
        assert Alert.objects.get().kind == AlertKind.NOT_SENT

    def test_one_that_waits_leaves_under_no_alias_that_was_retired_meanwhile(
        self, shopped: Placed, store_admin: User, work: Work
    ):
        write()
        aliases.retire(shopped.customer_alias, user=store_admin, reason="", now=timezone.now())
        assert work() == []
        row = OutboundMail.objects.get()
        assert (row.state, row.problem) == (SendState.FAILED, send.ENDED)
        assert Alert.objects.open().exists()

    def test_one_that_waits_leaves_though_an_alias_has_run_out_meanwhile(self, shopped: Placed, work: Work):
        write()
        late = timezone.now() + timedelta(days=70)
        aliases.expire_due(now=late, batch=10)
        assert len(work(now=late)) == 1

    def test_a_copy_that_has_become_the_sender_s_own_mailbox_is_left_out_and_somebody_is_told(
        self, shopped: Placed, work: Work
    ):
        copies = Secret.of_json({"cc": [], "bcc": ["help@acme.example"]})
        TemplateChoice.objects.create(store=shopped.order.store, key=TemplateKey.NEW_ORDER, copies=copies)
        write()
        assert [mail.to for mail in work()] == [["ana@people.example"]]
        assert (the_mail().state, the_mail().problem) == (OrderMailState.QUEUED, order_mails.COPY_TO_SENDER)
        assert Alert.objects.get().kind == AlertKind.NOT_SENT

    def test_a_store_that_orders_from_itself_gets_its_mail(self, store: Store, work: Work):
        factories.place_order(store, email="help@acme.example")
        write()
        (sent,) = work()
        assert sent.to == ["help@acme.example"]
