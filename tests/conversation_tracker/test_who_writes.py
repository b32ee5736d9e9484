"""Who writes: the customer under another spelling of her address, or somebody new, who gets an alias."""

from __future__ import annotations

from datetime import datetime

import pytest
from dateutil.relativedelta import relativedelta
from django.test import Client
from django.utils import timezone

from orders import aliases
from orders.models import AliasEvent, Kind, PartyKind, User, Verification
from orders.outcomes import Reason
from orders.placing import Placed
from tests import factories, letters
from tests.conversation_tracker.conversing import Work, finished, ids, mails, person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("three_providers")]


def test_who_ordered_with_a_tag_and_writes_without_it_is_the_customer(client: Client, work: Work) -> None:
    placed = factories.place_order(email="john.doe+shop@gmail.com")
    customer, store = placed.customer_alias, placed.store_alias
    text = "I am johndoe@gmail.com, or john.doe@googlemail.com"
    writer = {"Email": "JohnDoe@googlemail.com", "Name": "John"}
    letters.post_postmark(client, letters.postmark(store, FromFull=writer, TextBody=text))
    (question,) = work()
    assert question.from_email == f"John <{customer.address.text()}>"
    assert question.body.split() == f"I am {customer.address.text()}, or {customer.address.text()}".split()
    assert placed.order.aliases.count() == 2


def test_who_ordered_without_a_tag_and_writes_with_one_is_the_customer(
    client: Client, work: Work, placed: Placed
) -> None:
    local, _, domain = placed.customer_alias.real.text().partition("@")
    writer = {"Email": f"{local}+orders@{domain}", "Name": "M"}
    letters.post_postmark(client, letters.postmark(placed.store_alias, FromFull=writer))
    assert work()[0].reply_to == [placed.customer_alias.address.text()]
    assert placed.order.aliases.count() == 2


def test_a_service_that_writes_under_another_tag_is_another_sender(client: Client, work: Work, placed: Placed) -> None:
    for number, tag in enumerate(("111", "222")):
        writer = {"Email": f"store+{tag}@mailer.example", "Name": tag}
        headers = ids(f"<{number}@mailer.example>")
        letters.post_postmark(client, letters.postmark(placed.customer_alias, FromFull=writer, Headers=headers))
    first, second = work()
    assert first.reply_to != second.reply_to
    assert placed.order.aliases.count() == 4


def test_two_customers_of_one_mailbox_stay_two(client: Client, work: Work) -> None:
    placed = factories.place_order(email="john+a@people.example")
    other = aliases.Party(PartyKind.THIRD_PARTY, "john+b@people.example")
    (second,) = aliases.issue(placed.order, [other], now=timezone.now())
    for number, sender in enumerate(("john+b@people.example", "john@people.example")):
        writer = {"Email": sender, "Name": "John"}
        headers = ids(f"<{number}@people.example>")
        letters.post_postmark(client, letters.postmark(placed.store_alias, FromFull=writer, Headers=headers))
    by_tag, by_none = work()
    assert second.address.text() in by_tag.from_email
    assert placed.order.aliases.count() == 4
    assert not {placed.customer_alias.address.text(), second.address.text()} & set(by_none.reply_to)


def test_a_carrier_gets_an_alias_so_that_the_answer_reaches_it(client: Client, work: Work, placed: Placed) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    (notice,) = work()
    carrier = placed.order.aliases.get(party=PartyKind.THIRD_PARTY)
    assert notice.from_email == f"Kim Carrier <{carrier.address.text()}>"
    letters.post_postmark(
        client, letters.postmark(carrier, FromFull=person(placed.customer_alias), Headers=ids("<2@people.example>"))
    )
    (answer,) = work()
    assert answer.to == ["kim@carrier.example"]
    issued = placed.order.timeline.filter(kind=Kind.ALIAS, alias_event=AliasEvent.ISSUED, recipient_alias=carrier)
    assert issued.count() == 1


@pytest.mark.parametrize("written", ["real.person at people.example", "real.person=people.example"])
def test_somebody_new_is_not_called_by_the_address_of_another(
    client: Client, work: Work, placed: Placed, written: str
) -> None:
    customer = factories.place_order(placed.order.store, email="real.person@people.example").customer_alias
    sender = {"Email": "list@lists.example", "Name": f"{written} via List"}
    letters.post_postmark(client, letters.postmark(customer, FromFull=sender))
    work()
    alias = customer.order.aliases.get(party=PartyKind.THIRD_PARTY)
    assert alias.display_name.text() == f"{customer.address.text()} via List"


def test_a_carrier_that_writes_twice_keeps_its_alias(client: Client, work: Work, placed: Placed) -> None:
    for number in range(2):
        letters.post_postmark(
            client, letters.postmark(placed.customer_alias, Headers=ids(f"<{number}@carrier.example>"))
        )
    first, second = work()
    assert first.from_email == second.from_email
    assert placed.order.aliases.count() == 3


def test_one_carrier_in_two_orders_has_two_aliases(client: Client, work: Work, placed: Placed) -> None:
    other = factories.place_order(placed.order.store)
    for alias in (placed.customer_alias, other.customer_alias):
        letters.post_postmark(client, letters.postmark(alias))
    first, second = work()
    assert first.from_email != second.from_email


@pytest.mark.parametrize(
    ("provider_fields", "expected"),
    [
        ({"dmarcVerdict": {"status": "PASS"}}, Verification.VERIFIED),
        ({"dmarcVerdict": {"status": "FAIL"}}, Verification.UNVERIFIED),
        ({"dmarcVerdict": {"status": "GRAY"}}, Verification.UNVERIFIED),
        ({"dmarcVerdict": None}, Verification.UNVERIFIED),
    ],
)
def test_only_who_is_aligned_is_verified(
    client: Client, work: Work, placed: Placed, provider_fields: dict[str, object], expected: Verification
) -> None:
    alias = placed.store_alias.address.text()
    letters.post_ses(client, letters.ses([alias], letters.mime(), **provider_fields))
    work()
    assert mails(placed.order)[0].verification == expected


@pytest.mark.parametrize(
    "wanted", ["elsewhere@evil.example", "help@acme.example", "an alias", "noreply@carrier.example"]
)
def test_whatever_reply_to_says_the_answer_goes_to_who_wrote(
    client: Client, work: Work, placed: Placed, wanted: str
) -> None:
    reply_to = placed.store_alias.address.text() if wanted == "an alias" else wanted
    headers = [*ids("<1@carrier.example>"), {"Name": "Reply-To", "Value": f"Carrier <{reply_to}>"}]
    letters.post_postmark(client, letters.postmark(placed.customer_alias, ReplyTo=reply_to, Headers=headers))
    (notice,) = work()
    carrier = placed.order.aliases.get(party=PartyKind.THIRD_PARTY)
    assert (notice.reply_to, carrier.real.text()) == ([carrier.address.text()], "kim@carrier.example")
    assert reply_to not in finished(notice)

    letters.post_postmark(
        client, letters.postmark(carrier, FromFull=person(placed.customer_alias), Headers=ids("<2@people.example>"))
    )
    (answer,) = work()
    assert (answer.to, placed.order.aliases.count()) == (["kim@carrier.example"], 3)


class TestWhoseAliasIsOver:
    """A carrier wrote to the order, and does so again when its alias has ended and the customer's works anew."""

    LATER = relativedelta(months=2, days=1)

    @pytest.fixture
    def late(self, client: Client, work: Work, placed: Placed) -> datetime:
        letters.post_postmark(client, letters.postmark(placed.customer_alias))
        work()
        now: datetime = timezone.now() + self.LATER
        aliases.expire_due(now=now)
        aliases.renew(placed.customer_alias, now=now)
        return now

    def write(self, client: Client, placed: Placed, *numbers: int) -> None:
        for number in numbers:
            found = {"Headers": ids(f"<{number}@carrier.example>"), "TextBody": f"Parcel {number}"}
            letters.post_postmark(client, letters.postmark(placed.customer_alias, **found))

    def test_it_is_relayed_under_the_alias_that_it_had(
        self, client: Client, work: Work, placed: Placed, late: datetime
    ) -> None:
        carrier = placed.order.aliases.get(party=PartyKind.THIRD_PARTY)
        self.write(client, placed, 1, 2)
        assert [sent.reply_to for sent in work(now=late)] == [[carrier.address.text()]] * 2
        carrier.refresh_from_db()
        assert (carrier.expires_at, carrier.retired_at) == (late + relativedelta(months=2), None)
        renewed = placed.order.timeline.filter(alias_event=AliasEvent.RENEWED, recipient_alias=carrier)
        assert renewed.count() == 1

    def test_a_newcomer_whose_mail_is_read_long_afterwards_has_an_alias_that_works(
        self, client: Client, work: Work, placed: Placed, late: datetime
    ) -> None:
        newcomer = {"FromFull": {"Email": "lee@depot.example", "Name": "Lee"}, "Headers": ids("<9@depot.example>")}
        letters.post_postmark(client, letters.postmark(placed.customer_alias, **newcomer))
        [sent] = work(now=late)
        assert sent.reply_to == [placed.order.aliases.latest("pk").address.text()]
        assert placed.order.aliases.latest("pk").is_valid_at(late)

    def test_one_that_staff_retired_stays_so(
        self, client: Client, work: Work, placed: Placed, store_admin: User
    ) -> None:
        letters.post_postmark(client, letters.postmark(placed.customer_alias))
        work()
        carrier = placed.order.aliases.get(party=PartyKind.THIRD_PARTY)
        aliases.retire(carrier, user=store_admin, reason="asked for", now=timezone.now())
        now = timezone.now() + self.LATER
        aliases.renew(placed.customer_alias, now=now)
        self.write(client, placed, 1)
        assert work(now=now) == []
        assert [entry.reason for entry in mails(placed.order)][-1] == Reason.EXPIRED  # both, by then

    def test_who_writes_to_one_that_is_over_renews_nothing(
        self, client: Client, work: Work, placed: Placed, late: datetime
    ) -> None:
        letters.post_postmark(client, letters.postmark(placed.store_alias))
        assert work(now=late) == []
        assert [entry.reason for entry in mails(placed.order)][-1] == Reason.EXPIRED
        assert not placed.order.aliases.get(party=PartyKind.THIRD_PARTY).is_valid_at(late)
