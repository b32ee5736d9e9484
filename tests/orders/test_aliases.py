"""One alias per order and person, found in any spelling, ended once, never given to anybody else."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from dateutil.relativedelta import relativedelta
from django.db import connection, transaction
from django.utils import timezone

from orders import addresses, aliases, secrecy
from orders.models import (
    Action,
    Alias,
    AliasEvent,
    AuditEntry,
    FallbackReason,
    Kind,
    MaskType,
    Order,
    PartyKind,
    TimelineEntry,
    User,
)
from tests import factories
from tests.orders.concurrency import at_once

NOW = datetime(2026, 12, 31, 12, 0, tzinfo=UTC)
EXPIRES = datetime(2027, 2, 28, 12, 0, tzinfo=UTC)


def party(real: str = "carrier@haulage.example", name: str = "Carrier") -> aliases.Party:
    return aliases.Party(PartyKind.THIRD_PARTY, real, name)


def events(alias: Alias) -> list[str]:
    return [entry.alias_event for entry in TimelineEntry.objects.filter(recipient_alias=alias).order_by("id")]


@pytest.fixture
def order(store) -> Order:
    """An order placed on the last day of December."""
    return factories.make_order(store, now=NOW)


def test_an_issued_alias_says_whose_it_is_and_until_when(order):
    [alias] = aliases.issue(order, [party()], now=NOW)
    kept = Alias.objects.get(pk=alias.pk)
    assert (kept.party, kept.real.text(), kept.display_name.text(), kept.mask_type, kept.fallback) == (
        PartyKind.THIRD_PARTY,
        "carrier@haulage.example",
        "Carrier",
        MaskType.HARD,
        "",
    )
    assert (kept.issued_at, kept.expires_at, kept.retired_at) == (NOW, EXPIRES, None)
    assert (kept.order_id, kept.store_id) == (order.pk, order.store_id)


def test_issuing_stands_on_the_timeline_once(order):
    [alias] = aliases.issue(order, [party()], now=NOW)
    aliases.issue(order, [party()], now=NOW)
    assert events(alias) == [AliasEvent.ISSUED]


def test_issuing_again_gives_the_same_alias_also_in_another_spelling(order):
    [first] = aliases.issue(order, [party("Carrier@haulage.example")], now=NOW)
    again = aliases.issue(order, [party("carrier@haulage.example", "Other name")], now=NOW + timedelta(days=1))
    assert ([alias.pk for alias in again], order.aliases.count()) == ([first.pk], 3)
    assert again[0].expires_at == EXPIRES


def test_parties_come_back_in_the_order_they_were_given(order):
    reals = [f"p{number}@haulage.example" for number in (3, 1, 2)]
    aliases.issue(order, [party(reals[1])], now=NOW)
    issued = aliases.issue(order, [party(real) for real in reals], now=NOW)
    assert [alias.real.text() for alias in issued] == reals


def test_two_parties_with_one_address_share_one_alias(order):
    issued = aliases.issue(order, [party("a@x.example", "First"), party("A@X.example", "Second")], now=NOW)
    assert issued[0].pk == issued[1].pk
    assert issued[0].display_name.text() == "First"


def test_a_customer_with_the_stores_own_address_has_the_stores_alias(store):
    placed = factories.place_order(store, email="help@acme.example")
    assert placed.customer_alias.pk == placed.store_alias.pk
    assert placed.order.aliases.count() == 1


def test_the_same_person_has_another_alias_in_another_order(store):
    one, other = (factories.place_order(store, email="john@example.com").customer_alias for _ in range(2))
    assert one.address.text() != other.address.text()


def test_a_soft_store_issues_readable_aliases(order):
    order.store.mask_type = MaskType.SOFT
    [alias] = aliases.issue(order, [party()], now=NOW)
    assert alias.mask_type == MaskType.SOFT
    assert alias.address.text().startswith("carrier@haulage.example-")
    assert alias.address.text().endswith("b.ct.acme.example")


def test_what_soft_cannot_carry_is_hard_and_says_why(order):
    order.store.mask_type = MaskType.SOFT
    [alias] = aliases.issue(order, [party('"the carrier"@haulage.example')], now=NOW)
    assert (alias.mask_type, alias.fallback) == (MaskType.HARD, FallbackReason.LOCAL_NOT_PLAIN)
    assert Alias.objects.get(pk=alias.pk).fallback == FallbackReason.LOCAL_NOT_PLAIN


def test_changing_the_mask_type_leaves_issued_aliases_as_they_are(order):
    [before] = aliases.issue(order, [party()], now=NOW)
    order.store.mask_type = MaskType.SOFT
    [after] = aliases.issue(order, [party()], now=NOW)
    assert after.address == before.address


@pytest.mark.parametrize("mask_type", MaskType)
def test_an_alias_is_found_in_any_spelling(db, mask_type):
    placed = factories.place_order(factories.make_store(mask_type=mask_type), email="John.Doe+x@example.com")
    address = placed.customer_alias.address.text()
    spellings = [address, address.upper(), f"{address}.", f" <{address}> "]
    if mask_type == MaskType.HARD:
        spellings.append(address.replace("@", "+tag@"))
    found = aliases.find(spellings)
    assert {spelling: alias.pk for spelling, alias in found.items()} == dict.fromkeys(
        spellings, placed.customer_alias.pk
    )


def test_finding_takes_one_query_with_order_and_store(placed, django_assert_num_queries):
    wanted = [placed.customer_alias.address.text(), placed.store_alias.address.text(), "nobody@example.com"]
    with django_assert_num_queries(1):
        found = aliases.find(wanted)
        assert {alias.order.store.account for alias in found.values()} == {"acme"}
    assert len(found) == 2


def test_finding_nothing_asks_nothing(db, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert aliases.find([]) == {}


@pytest.mark.parametrize("address", ["john@example.com", "", "@", "a\0b@ct.acme.example", "\ud800@x", "@" * 5_000])
def test_what_no_alias_has_is_not_found(placed, address):
    assert aliases.find([address]) == {}


def test_an_expired_alias_is_still_found(order):
    [alias] = aliases.issue(order, [party()], now=NOW)
    aliases.expire_due(now=EXPIRES)
    address = alias.address.text()
    assert aliases.find([address])[address].is_valid_at(EXPIRES) is False


@pytest.mark.parametrize(("seconds", "active"), [(-1, 3), (0, 0), (1, 0)])
def test_an_alias_works_until_the_moment_of_its_expiry(order, seconds, active):
    aliases.issue(order, [party()], now=NOW)
    now = EXPIRES + timedelta(seconds=seconds)
    assert (Alias.objects.active_at(now).count(), Alias.objects.due_at(now).count()) == (active, 3 - active)
    assert sum(alias.is_valid_at(now) for alias in Alias.objects.all()) == active


def test_what_is_due_is_retired_and_written_on_its_timeline_once(order):
    due = list(order.aliases.all())
    counts = [aliases.expire_due(now=EXPIRES + timedelta(seconds=1)) for _ in range(3)]
    assert counts == [2, 0, 0]
    assert [events(alias) for alias in due] == [[AliasEvent.ISSUED, AliasEvent.EXPIRED]] * 2
    assert set(order.aliases.values_list("retired_at", flat=True)) == {EXPIRES + timedelta(seconds=1)}


def test_what_is_not_due_is_left_alone(order):
    later = factories.make_order(order.store, now=NOW + timedelta(days=10))
    assert aliases.expire_due(now=EXPIRES) == 2
    assert [alias.retired_at for alias in later.aliases.all()] == [None, None]


def test_expiring_goes_batch_by_batch(order):
    aliases.issue(order, [party(f"p{number}@haulage.example") for number in range(5)], now=NOW)
    assert [aliases.expire_due(now=EXPIRES, batch=3) for _ in range(4)] == [3, 3, 1, 0]


def test_the_task_retires_all_that_is_due(order, monkeypatch):
    from orders import clock, tasks

    monkeypatch.setattr(clock, "now", lambda: EXPIRES + timedelta(seconds=1))
    assert (tasks.expire_aliases(), tasks.expire_aliases()) == (2, 0)


@pytest.mark.parametrize("batch", [1, 7])
def test_the_number_of_statements_of_a_batch_is_fixed(order, batch, django_assert_num_queries):
    aliases.issue(order, [party(f"p{number}@haulage.example") for number in range(5)], now=NOW)
    with django_assert_num_queries(1):  # finds them, retires them and writes it down
        aliases.expire_due(now=EXPIRES, batch=batch)


def test_an_alias_retired_by_hand_stands_on_timeline_and_audit_log(placed, store_admin):
    now = placed.customer_alias.issued_at + timedelta(days=1)
    assert aliases.retire(placed.customer_alias, user=store_admin, reason="leaked", now=now) is True
    entry = TimelineEntry.objects.get(alias_event=AliasEvent.RETIRED)
    audited = AuditEntry.objects.get()
    assert (entry.kind, entry.recipient_alias_id, entry.actor, entry.occurred_at) == (
        Kind.ALIAS,
        placed.customer_alias.pk,
        "Admin",
        now,
    )
    assert (audited.action, audited.user, audited.reason, audited.subject, audited.store, audited.happened_at) == (
        Action.ALIAS_RETIRED,
        store_admin,
        "leaked",
        f"alias {placed.customer_alias.pk}",
        placed.order.store,
        now,
    )


def test_retiring_twice_is_retiring_once(placed, store_admin):
    now = placed.customer_alias.issued_at + timedelta(days=1)
    done = [aliases.retire(placed.customer_alias, user=store_admin, reason="x", now=now) for _ in range(2)]
    assert done == [True, False]
    assert (AuditEntry.objects.count(), events(placed.customer_alias)) == (1, [AliasEvent.ISSUED, AliasEvent.RETIRED])


def test_what_has_expired_cannot_be_retired_any_more(placed, store_admin):
    now = placed.customer_alias.expires_at
    assert aliases.retire(placed.customer_alias, user=store_admin, reason="x", now=now) is False
    assert (AuditEntry.objects.count(), events(placed.customer_alias)) == (0, [AliasEvent.ISSUED])


def test_a_retired_alias_does_not_expire_again(placed, store_admin):
    aliases.retire(placed.customer_alias, user=store_admin, reason="x", now=placed.customer_alias.issued_at)
    assert aliases.expire_due(now=placed.customer_alias.expires_at) == 1
    assert events(placed.customer_alias) == [AliasEvent.ISSUED, AliasEvent.RETIRED]


def test_a_retired_alias_is_not_issued_anew(placed, store_admin):
    aliases.retire(placed.customer_alias, user=store_admin, reason="x", now=placed.customer_alias.issued_at)
    again = aliases.issue(placed.order, [party(placed.customer_alias.real.text())], now=placed.customer_alias.issued_at)
    assert ([alias.pk for alias in again], again[0].retired_at is None) == ([placed.customer_alias.pk], False)


class TestATagThatWasCutOff:
    """Some carriers drop what stands behind a plus sign."""

    def test_the_alias_is_found_without_it_and_with_it(self, db):
        placed = factories.place_order(factories.make_store(mask_type=MaskType.SOFT), email="john+shop@people.example")
        written = placed.customer_alias.address.text()
        assert written.startswith("john+shop@")
        spellings = [written, written.replace("+shop", ""), written.replace("+shop", "+other").upper()]
        assert [alias.pk for alias in aliases.find(spellings).values()] == [placed.customer_alias.pk] * 3

    def test_one_that_was_issued_before_is_found_as_it_was_written(self, db):
        placed = factories.place_order(factories.make_store(mask_type=MaskType.SOFT), email="john+shop@people.example")
        written = placed.customer_alias.address.text()
        placed.customer_alias.address_digest = secrecy.digest(written, purpose="alias-address")
        placed.customer_alias.save()
        assert set(aliases.find([written, written.replace("+shop", "")])) == {written}


def test_the_digest_of_a_real_address_and_of_an_alias_never_meet(placed):
    digests = [
        bytes(value)
        for pair in Alias.objects.values_list("address_digest", "real_digest")
        for value in [*pair, aliases.address_digest(placed.customer_alias.real.text())]
    ]
    assert len(set(digests)) == 5


class TestAtOnce:
    """Several workers, each with a connection of its own."""

    pytestmark = pytest.mark.django_db(transaction=True)

    def test_issuing_to_one_person_at_once_gives_one_alias(self):
        order = factories.make_order(now=NOW)

        def issue() -> list[Alias]:
            with transaction.atomic():
                return aliases.issue(order, [party(), party("erp@store.example")], now=NOW)

        issued = at_once(*[issue] * 6)
        assert {tuple(alias.pk for alias in one) for one in issued} == {tuple(alias.pk for alias in issued[0])}
        assert order.aliases.count() == 4
        assert [events(alias) for alias in issued[0]] == [[AliasEvent.ISSUED]] * 2

    def test_who_comes_second_waits_and_gets_the_first_ones_alias(self):
        """The second worker inserts while the first has not committed: neither fails, and both hold one alias."""
        order = factories.make_order(now=NOW)
        inserted, second_runs = threading.Event(), threading.Event()

        def first() -> int:
            with transaction.atomic():
                [alias] = aliases.issue(order, [party()], now=NOW)
                inserted.set()
                second_runs.wait(10)
            return alias.pk

        def second() -> int:
            inserted.wait(10)
            threading.Timer(0.3, second_runs.set).start()
            with transaction.atomic():
                [alias] = aliases.issue(order, [party()], now=NOW)
            return alias.pk

        one, other = at_once(first, second)
        assert (one == other, order.aliases.count()) == (True, 3)

    def test_expiring_at_once_writes_each_expiry_once(self):
        order = factories.make_order(now=NOW)
        aliases.issue(order, [party(f"p{number}@haulage.example") for number in range(60)], now=NOW)

        def expire() -> int:
            total = 0
            for _ in range(40):
                total += aliases.expire_due(now=EXPIRES, batch=5)
            return total

        counts = at_once(*[expire] * 3)
        assert (sum(counts), Alias.objects.filter(retired_at=None).count()) == (62, 0)
        assert TimelineEntry.objects.filter(alias_event=AliasEvent.EXPIRED).count() == 62

    def test_what_another_worker_holds_is_passed_over_without_waiting(self):
        order = factories.make_order(now=NOW)
        held = order.aliases.earliest("pk")

        def expire_beside() -> int:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '2s'")
            return aliases.expire_due(now=EXPIRES)

        with transaction.atomic():
            Alias.objects.select_for_update().get(pk=held.pk)
            assert at_once(expire_beside) == [1]
        assert aliases.expire_due(now=EXPIRES) == 1

    def test_retiring_at_once_is_audited_once(self):
        placed = factories.place_order(now=NOW)
        user = factories.make_user()
        done = at_once(
            *[lambda: aliases.retire(placed.customer_alias, user=User.objects.get(pk=user.pk), reason="x", now=NOW)] * 3
        )
        assert (sorted(done), AuditEntry.objects.count()) == ([False, False, True], 1)


def test_a_kept_address_is_the_one_that_was_validated(store):
    placed = factories.place_order(store, email=addresses.validated("John.Doe@EXAMPLE.com"))
    assert placed.customer_alias.real.text() == "John.Doe@example.com"


class TestRenewing:
    """For a mail the store sends in its own right, after the two months."""

    def over(self, placed):
        now = timezone.now() + relativedelta(months=2, seconds=1)
        aliases.expire_due(now=now)
        placed.customer_alias.refresh_from_db()
        return now

    def test_an_alias_whose_time_is_over_works_for_two_more_months(self, placed):
        now = self.over(placed)
        alias = aliases.renew(placed.customer_alias, now=now)
        kept = Alias.objects.get(pk=alias.pk)
        assert (kept.expires_at, kept.retired_at) == (now + relativedelta(months=2), None)
        assert alias.is_valid_at(now)
        entry = TimelineEntry.objects.get(alias_event=AliasEvent.RENEWED)
        assert (entry.order, entry.recipient_alias) == (placed.order, alias)

    def test_also_before_anybody_tidied_up(self, placed):
        now = timezone.now() + relativedelta(months=2, seconds=1)
        assert aliases.renew(placed.customer_alias, now=now).is_valid_at(now)

    def test_one_that_somebody_else_has_just_renewed_works(self, placed):
        now = timezone.now() + timedelta(days=80)
        first, second = Alias.objects.get(pk=placed.store_alias.pk), Alias.objects.get(pk=placed.store_alias.pk)
        aliases.renew(first, now=now)
        assert aliases.renew(second, now=now).is_valid_at(now)
        assert TimelineEntry.objects.filter(alias_event=AliasEvent.RENEWED).count() == 1

    def test_one_that_works_stays_as_it_is(self, placed):
        before = placed.customer_alias.expires_at
        aliases.renew(placed.customer_alias, now=timezone.now() + timedelta(days=50))
        assert Alias.objects.get(pk=placed.customer_alias.pk).expires_at == before
        assert TimelineEntry.objects.filter(alias_event=AliasEvent.RENEWED).count() == 0

    def test_one_that_somebody_retired_stays_retired(self, placed, store_admin):
        aliases.retire(placed.customer_alias, user=store_admin, reason="", now=timezone.now())
        now = self.over(placed)
        assert not aliases.renew(placed.customer_alias, now=now).is_valid_at(now)
        assert placed.customer_alias.is_retired_by_hand
