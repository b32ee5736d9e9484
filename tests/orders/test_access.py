"""Who may do what: every role and right, and that what one must not know of does not exist."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orders import access
from orders.access import Right
from orders.models import ApiKey, Membership, Order, Role, Store, User
from tests import factories

NOW = datetime(2026, 3, 1, tzinfo=UTC)
EVERY_RIGHT = set(Right)
MAY = {
    Role.ADMIN: EVERY_RIGHT,
    Role.SUPPORT: {Right.READ, Right.ANSWER},
    Role.VIEWER: {Right.READ},
}


def may(user: User | AnonymousUser, store: Store) -> set[Right]:
    """The rights with which the store opens to the user."""
    opened = set()
    for right in Right:
        try:
            found = access.store(user, store.account, right)
        except (access.NotFound, access.NotAllowed):
            continue
        assert found == store
        opened.add(right)
    return opened


@pytest.mark.parametrize("role", Role)
def test_a_role_opens_exactly_its_rights(store, role):
    user = factories.make_user(store=store, role=role)
    assert may(user, store) == MAY[role]
    assert access.rights_in(store, user) == MAY[role]
    assert {right for right in Right if store in access.stores_of(user, right)} == MAY[role]


@pytest.mark.parametrize("right", sorted(EVERY_RIGHT - {Right.READ}))
def test_a_right_that_is_missing_is_refused_and_not_hidden(store, right):
    viewer = factories.make_user(store=store, role=Role.VIEWER)
    with pytest.raises(access.NotAllowed):
        access.store(viewer, store.account, right)


def test_a_superuser_has_every_right_in_every_store(store):
    operator = User.objects.create_superuser("operator@staff.example", "x", name="Operator")
    other = factories.make_store()
    assert [may(operator, one) for one in (store, other)] == [EVERY_RIGHT, EVERY_RIGHT]
    assert set(access.stores_of(operator)) == {store, other}


@pytest.mark.parametrize("fields", [{"is_active": False}, {"is_active": False, "is_superuser": True}])
def test_an_inactive_user_has_no_right_anywhere(store, fields):
    user = factories.make_user(store=store, role=Role.ADMIN, **fields)
    assert (may(user, store), access.rights_in(store, user), list(access.stores_of(user))) == (set(), frozenset(), [])


def test_nobody_signed_in_has_no_right_anywhere(store):
    nobody = AnonymousUser()
    assert (may(nobody, store), access.rights_in(store, nobody), list(access.stores_of(nobody))) == (
        set(),
        frozenset(),
        [],
    )


def test_being_staff_of_the_site_is_no_role_in_a_store(store):
    assert may(factories.make_user(is_staff=True), store) == set()


def test_each_store_counts_for_itself(store):
    other = factories.make_store()
    user = factories.make_user(store=store, role=Role.VIEWER)
    Membership.objects.create(user=user, store=other, role=Role.ADMIN)
    assert (may(user, store), may(user, other)) == ({Right.READ}, EVERY_RIGHT)
    assert list(access.stores_of(user, Right.SETTINGS)) == [other]


@pytest.mark.parametrize("right", Right)
def test_a_foreign_store_and_one_that_does_not_exist_are_the_same(store, outsider, right):
    answers = []
    for account in (store.account, "no-such-store"):
        with pytest.raises(access.NotFound) as error:
            access.store(outsider, account, right)
        answers.append(str(error.value).replace(account, "…"))
    assert answers[0] == answers[1]


def test_an_order_opens_to_its_stores_people(placed, support):
    assert access.order(support, "acme", placed.order.number) == placed.order


@pytest.mark.parametrize("account", ["acme", "elsewhere"])
def test_a_foreign_order_and_one_that_does_not_exist_are_the_same(placed, outsider, account):
    for number in (placed.order.number, "1000000000000-01"):
        with pytest.raises(access.NotFound):
            access.order(outsider, account, number)


def test_an_order_is_found_only_under_its_own_store(placed):
    other = factories.make_store()
    user = factories.make_user(store=placed.order.store)
    Membership.objects.create(user=user, store=other, role=Role.ADMIN)
    with pytest.raises(access.NotFound):
        access.order(user, other.account, placed.order.number)


def test_two_stores_with_one_order_number_each_show_their_own(placed, outsider):
    theirs = factories.make_order(Store.objects.get(account="elsewhere"))
    Order.objects.filter(pk=theirs.pk).update(number=placed.order.number)
    assert access.order(outsider, "elsewhere", placed.order.number) == theirs


def test_an_order_with_its_store_and_customer_is_one_query(placed, support, django_assert_num_queries):
    with django_assert_num_queries(1):
        order = access.order(support, "acme", placed.order.number)
        assert (order.store.account, order.customer_id) == ("acme", order.customer.pk)


@pytest.fixture
def api_key(store) -> ApiKey:
    """A key of the store, whose token is ``right``."""
    return ApiKey.objects.create(
        store=store, app_key="acme-1", token_digest=access.token_digest("right"), label="ERP", created_at=NOW
    )


def test_a_key_with_its_token_opens_its_store(api_key, store):
    found = access.key("acme-1", "right")
    assert (found, found and found.store) == (api_key, store)


@pytest.mark.parametrize(
    ("app_key", "token"),
    [
        ("acme-1", "wrong"),
        ("acme-1", ""),
        ("acme-1", "RIGHT"),
        ("acme-1", "right "),
        ("acme-1", "\ud800"),
        ("ACME-1", "right"),
        ("no-such-key", "right"),
        ("", ""),
        ("acme-1\0", "right"),
        ("\ud800", "right"),
    ],
)
def test_any_other_key_or_token_opens_nothing(api_key, app_key, token):
    assert access.key(app_key, token) is None


def test_a_revoked_key_opens_nothing(api_key):
    ApiKey.objects.update(revoked_at=NOW)
    assert access.key("acme-1", "right") is None


def test_a_key_is_one_query_whether_it_exists_or_not(api_key):
    counts = []
    for name in ("acme-1", "no-such-key"):
        with CaptureQueriesContext(connection) as queries:
            access.key(name, "right")
        counts.append(len(queries))
    assert counts == [1, 1]


def test_a_token_is_not_kept(api_key):
    with connection.cursor() as cursor:
        cursor.execute("SELECT encode(token_digest, 'escape') FROM orders_apikey")
        assert "right" not in cursor.fetchone()[0]


def test_the_command_shows_a_token_that_works(store, capsys):
    call_command("apikey", "acme", label="ERP")
    shown = dict(line.split(": ") for line in capsys.readouterr().out.splitlines())
    found = access.key(shown["X-VTEX-API-AppKey"], shown["X-VTEX-API-AppToken"])
    assert (found, found and (found.store, found.label)) == (ApiKey.objects.get(), (store, "ERP"))


def test_the_command_refuses_a_store_that_does_not_exist(db):
    with pytest.raises(CommandError, match="no store"):
        call_command("apikey", "no-such-store")
    assert ApiKey.objects.count() == 0


@pytest.mark.parametrize("email", ["Someone@Staff.Example", " someone@staff.example "])
def test_a_user_signs_in_with_any_capitals(client, db, email):
    factories.make_user("someone@staff.example")
    assert client.login(username=email, password=factories.PASSWORD) is True


def test_an_inactive_user_cannot_sign_in(client, db):
    factories.make_user("someone@staff.example", is_active=False)
    assert client.login(username="someone@staff.example", password=factories.PASSWORD) is False
