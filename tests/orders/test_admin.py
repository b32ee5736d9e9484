"""Operators see and manage; evidence stays as it is; nobody else gets in; every change is audited."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from conversation_tracker import inbox
from conversation_tracker.models import Channel, OrderMail, OutboundMail, Receipt, TemplateKey
from orders import audit, events, interactions
from orders.models import (
    Action,
    Alias,
    AliasEvent,
    ApiKey,
    AuditEntry,
    Customer,
    Feed,
    Hook,
    HookDelivery,
    MaskType,
    Membership,
    Order,
    Role,
    ShopConnection,
    ShopDelivery,
    ShopKind,
    Store,
    TimelineEntry,
    User,
)
from orders.placing import Placed
from orders.secrecy import Secret
from tests import factories
from tests.orders.shops import payloads

EVIDENCE = [
    ApiKey, Order, Customer, Alias, TimelineEntry, AuditEntry, Feed, Hook, HookDelivery, ShopConnection,
    ShopDelivery, Receipt, OutboundMail, OrderMail,
]  # fmt: skip
CHANGEABLE = [Store, User, Membership]
OURS = [*CHANGEABLE, *EVIDENCE]
STORE = {
    "account": "newstore",
    "name": "New Store",
    "tracking_domain": "ct.newstore.example",
    "mask_type": "soft",
    "sender_name": "New Store Support",
    "new_sender_address": "Help@Newstore.example",
    "time_zone": "America/Sao_Paulo",
    "locale": "pt-br",
}


def url(model: type[Any], page: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


@pytest.fixture
def operator(db: None) -> User:
    """Who runs the site."""
    return User.objects.create_superuser("operator@staff.example", name="Operator")


@pytest.fixture
def as_operator(operator: User) -> Client:
    """A browser in which the operator is signed in."""
    client = Client()
    client.force_login(operator)
    return client


@pytest.fixture
def one_of_each(placed: Placed) -> Placed:
    """At least one row of every model."""
    factories.make_outbound(factories.make_mail(placed.store_alias, placed.customer_alias))
    OrderMail.objects.create(
        store=placed.order.store, order=placed.order, template=TemplateKey.NEW_ORDER, occasion=secrets.token_hex(4),
        context=Secret.of_json({"customer": {"address": "maria@people.example"}}), created_at=timezone.now(),
        next_attempt_at=timezone.now(),
    )  # fmt: skip
    factories.make_user(store=placed.order.store)
    store, now = placed.order.store, timezone.now()
    key = factories.make_key(store, "k")
    factories.make_feed(key)
    factories.make_hook(key, "https://erp.example/")
    events.dispatch(now=now)
    payloads.post_shopify(payloads.make_shop(store, ShopKind.SHOPIFY), payloads.shopify())
    AuditEntry.objects.create(action=Action.ADMIN_CHANGED, actor="x", subject="store 1", happened_at=now)
    inbox.accept(
        provider="postmark", channel=Channel.INBOUND, method="POST", path="/", query="", headers=[], body=b"{}", now=now
    )
    return placed


def test_every_model_of_ours_has_its_page():
    registered = {
        model for model in admin.site._registry if model._meta.app_label in ("orders", "conversation_tracker")
    }
    assert registered == set(OURS)


@pytest.mark.usefixtures("one_of_each")
@pytest.mark.parametrize("model", OURS)
def test_list_and_detail_open_to_the_operator_and_show_no_address(as_operator, model):
    pages = [
        as_operator.get(url(model, "changelist")),
        as_operator.get(url(model, "change", model.objects.latest("pk").pk)),
    ]
    assert [page.status_code for page in pages] == [200, 200]
    text = "".join(page.content.decode() for page in pages)
    assert ("people.example" in text, "help@acme.example" in text) == (False, False)


def test_an_entry_shows_no_address_of_who_joined_since_it_was_recorded(as_operator, placed):
    real = "kim@carrier.example"
    factories.make_mail(placed.customer_alias, placed.store_alias, text=f"Ask {real}.", subject=f"{real}?")
    interactions.tell(placed.order, source=real, message=f"Told {real}.", actor="ERP", now=timezone.now())
    factories.make_third_party(placed.order, email=real)
    pages = [
        as_operator.get(reverse("admin:orders_timelineentry_change", args=[entry.pk])).content.decode()
        for entry in TimelineEntry.objects.all()
    ]
    assert [real in page for page in pages] == [False] * len(pages)


def test_a_list_takes_as_many_queries_for_three_rows_as_for_one(as_operator, one_of_each):
    def counts() -> dict[str, int]:
        found = {}
        for model in OURS:
            with CaptureQueriesContext(connection) as queries:
                assert as_operator.get(url(model, "changelist")).status_code == 200
            found[model.__name__] = len(queries)
        return found

    before = counts()
    for _ in range(2):
        placed = factories.place_order(one_of_each.order.store)
        factories.make_outbound(factories.make_mail(placed.store_alias, placed.customer_alias))
        factories.make_user(store=placed.order.store)
        audit.record(Action.ADMIN_CHANGED, subject="x", store=placed.order.store, now=timezone.now())
    assert counts() == before


@pytest.mark.parametrize("model", [Store, User, Order])
@pytest.mark.usefixtures("one_of_each")
def test_searching_finds_nothing_wrong(as_operator, model):
    assert as_operator.get(url(model, "changelist"), {"q": "acme 'x\""}).status_code == 200


@pytest.mark.usefixtures("one_of_each")
@pytest.mark.parametrize("model", EVIDENCE)
def test_evidence_is_not_added_changed_or_deleted(as_operator, model):
    row = model.objects.latest("pk")
    before = list(model.objects.order_by("pk").values())
    answers = [
        as_operator.get(url(model, "add")),
        as_operator.post(url(model, "add"), {"label": "x"}),
        as_operator.post(url(model, "change", row.pk), {"label": "x", "status": "canceled"}),
        as_operator.get(url(model, "delete", row.pk)),
        as_operator.post(url(model, "delete", row.pk), {"post": "yes"}),
    ]
    assert [answer.status_code for answer in answers] == [403] * 5
    as_operator.post(url(model, "changelist"), {"action": "delete_selected", "_selected_action": [row.pk], "post": "y"})
    assert [{**one, "token_digest": None} for one in model.objects.order_by("pk").values()] == [
        {**one, "token_digest": None} for one in before
    ]


@pytest.mark.parametrize("who", ["nobody", "store_admin", "support"])
def test_nobody_else_gets_in(request, db, who):
    client = Client()
    if who != "nobody":
        client.force_login(request.getfixturevalue(who))
    answers = {client.get(url(model, "changelist"))["Location"].partition("?")[0] for model in OURS}
    assert answers == {"/admin/login/"}


def test_staff_of_the_site_without_permissions_see_nothing(client, db):
    client.force_login(factories.make_user(is_staff=True))
    assert {client.get(url(model, "changelist")).status_code for model in OURS} == {403}


def audited() -> list[tuple[str, str, str, str]]:
    entries = AuditEntry.objects.order_by("pk")
    return [(entry.action, entry.actor, entry.subject, entry.after) for entry in entries]


def test_a_new_store_is_kept_with_its_address_sealed(as_operator):
    answer = as_operator.post(url(Store, "add"), STORE)
    store = Store.objects.get()
    assert answer.status_code == 302
    assert (store.account, store.sender_address.text(), store.mask_type) == (
        "newstore",
        "Help@newstore.example",
        MaskType.SOFT,
    )
    assert audited() == [(Action.ADMIN_CHANGED, "Operator", f"store {store.pk}", "added")]


@pytest.mark.parametrize("address", ["", "not an address", "a@b@c", "a\0@newstore.example"])
def test_a_new_store_needs_an_address(as_operator, address):
    answer = as_operator.post(url(Store, "add"), {**STORE, "new_sender_address": address})
    assert (answer.status_code, list(answer.context["adminform"].form.errors)) == (200, ["new_sender_address"])
    assert (Store.objects.count(), audited()) == (0, [])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("account", "New Store"),
        ("account", "-x"),
        ("tracking_domain", "CT.Example.com"),
        ("tracking_domain", "example"),
        ("tracking_domain", "ct.bücher.example"),
        ("tracking_domain", "ct.example.com\n.evil.example"),
        ("mask_type", "none"),
        ("time_zone", "Mars/Olympus"),
        ("time_zone", "../../etc/passwd"),
        ("name", ""),
    ],
)
def test_a_store_with_a_wrong_field_is_not_kept(as_operator, field, value):
    answer = as_operator.post(url(Store, "add"), {**STORE, field: value})
    assert (answer.status_code, list(answer.context["adminform"].form.errors)) == (200, [field])
    assert (Store.objects.count(), audited()) == (0, [])


def test_a_stores_former_domains_are_kept(as_operator, store):
    form = {**STORE, "account": store.account, "new_sender_address": ""}
    for domain in ("ct.newstore.example", "ct.newstore.example", "mail.acme.example"):
        as_operator.post(url(Store, "change", store.pk), {**form, "tracking_domain": domain})
    kept = Store.objects.get()
    assert (kept.tracking_domain, kept.former_domains) == (
        "mail.acme.example",
        ["ct.acme.example", "ct.newstore.example"],
    )
    assert "ct.acme.example, ct.newstore.example" in as_operator.get(url(Store, "change", store.pk)).content.decode()


def test_a_stores_address_stays_when_none_is_filled_in(as_operator, store):
    form = {**STORE, "account": store.account, "new_sender_address": "", "name": "Renamed"}
    as_operator.post(url(Store, "change", store.pk), form)
    kept = Store.objects.get()
    assert (kept.name, kept.sender_address.text(), kept.created_at) == (
        "Renamed",
        "help@acme.example",
        store.created_at,
    )


def test_changing_a_store_is_audited_by_the_names_of_its_fields(as_operator, store):
    form = {field: getattr(store, field) for field in STORE if field != "new_sender_address"}
    as_operator.post(url(Store, "change", store.pk), {**form, "new_sender_address": "new@acme.example", "name": "N"})
    assert Store.objects.get().sender_address.text() == "new@acme.example"
    assert audited() == [(Action.ADMIN_CHANGED, "Operator", f"store {store.pk}", "name, new_sender_address")]


def test_a_store_with_orders_cannot_be_deleted(as_operator, placed):
    as_operator.post(url(Store, "delete", placed.order.store_id), {"post": "yes"})
    assert (Store.objects.count(), audited()) == (1, [])


def test_a_store_without_anything_can_be_deleted_and_that_is_audited(as_operator, store):
    assert as_operator.post(url(Store, "delete", store.pk), {"post": "yes"}).status_code == 302
    assert (Store.objects.count(), audited()) == (
        0,
        [(Action.ADMIN_CHANGED, "Operator", f"store {store.pk}", "deleted")],
    )


def test_several_deleted_at_once_are_audited_one_by_one(as_operator, db):
    users = [factories.make_user() for _ in range(2)]
    as_operator.post(
        url(User, "changelist"),
        {"action": "delete_selected", "_selected_action": [user.pk for user in users], "post": "yes"},
    )
    assert sorted(subject for _, _, subject, _ in audited()) == sorted(f"user {user.pk}" for user in users)


NO_MEMBERSHIPS = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}


def test_a_new_user_can_sign_in(as_operator):
    form = {"email": "New@Staff.example", "name": "New", "usable_password": "true", **NO_MEMBERSHIPS}
    answer = as_operator.post(
        url(User, "add"), {**form, "password1": factories.PASSWORD, "password2": factories.PASSWORD}
    )
    user = User.objects.get(email="new@staff.example")
    assert (answer.status_code, Client().login(username="new@staff.example", password=factories.PASSWORD)) == (
        302,
        True,
    )
    assert audited() == [(Action.ADMIN_CHANGED, "Operator", f"user {user.pk}", "added")]


def test_a_user_is_not_added_twice_in_other_capitals(as_operator, operator):
    form = {"email": "OPERATOR@staff.example", "name": "New", "usable_password": "true", **NO_MEMBERSHIPS}
    answer = as_operator.post(
        url(User, "add"), {**form, "password1": factories.PASSWORD, "password2": factories.PASSWORD}
    )
    assert (answer.status_code, list(answer.context["adminform"].form.errors)) == (200, ["email"])
    assert (User.objects.count(), audited()) == (1, [])


@pytest.mark.parametrize("email", ["Someone.Else@Staff.example", "someone.else@staff.example"])
def test_a_users_address_is_kept_in_lower_case(as_operator, email):
    user = factories.make_user()
    answer = as_operator.post(
        url(User, "change", user.pk), {"email": email, "name": "N", "is_active": "on", **NO_MEMBERSHIPS}
    )
    assert (answer.status_code, User.objects.get(pk=user.pk).email) == (302, "someone.else@staff.example")


def test_a_role_given_changed_and_taken_away_on_a_users_page_is_audited(as_operator, store):
    user = factories.make_user()
    page = {"email": user.email, "name": user.name, "is_active": "on"}

    def save(**inline: object) -> None:
        rows = {f"memberships-{name}": value for name, value in inline.items()}
        as_operator.post(url(User, "change", user.pk), {**page, "memberships-TOTAL_FORMS": "1", **rows})

    fields = {"0-user": user.pk, "0-store": store.pk}
    save(INITIAL_FORMS="0", **{**fields, "0-role": Role.VIEWER})
    pk = Membership.objects.get().pk
    save(INITIAL_FORMS="1", **{**fields, "0-id": pk, "0-role": Role.ADMIN})
    assert Membership.objects.get().role == Role.ADMIN
    save(INITIAL_FORMS="1", **{**fields, "0-id": pk, "0-role": Role.ADMIN, "0-DELETE": "on"})
    assert Membership.objects.count() == 0
    told = [(subject, after) for _, _, subject, after in audited() if subject.startswith("membership")]
    assert told == [(f"membership {pk}", "added"), (f"membership {pk}", "role"), (f"membership {pk}", "deleted")]


def test_a_new_password_is_audited_and_not_written_down(as_operator, db):
    user = factories.make_user()
    as_operator.post(
        reverse("admin:auth_user_password_change", args=[user.pk]),
        {"usable_password": "true", "password1": "another long passphrase", "password2": "another long passphrase"},
    )
    assert Client().login(username=user.email, password="another long passphrase") is True
    assert audited() == [(Action.ADMIN_CHANGED, "Operator", f"user {user.pk}", "password")]


def test_chosen_aliases_are_retired_and_audited(as_operator, placed):
    chosen = [placed.customer_alias.pk, placed.store_alias.pk]
    for _ in range(2):
        answer = as_operator.post(url(Alias, "changelist"), {"action": "retire_now", "_selected_action": chosen})
        assert answer.status_code == 302
    assert Alias.objects.filter(retired_at=None).count() == 0
    assert TimelineEntry.objects.filter(alias_event=AliasEvent.RETIRED).count() == 2
    assert [(action, actor) for action, actor, _, _ in audited()] == [(Action.ALIAS_RETIRED, "Operator")] * 2


def test_who_may_only_look_cannot_retire(client, placed):
    looker = factories.make_user(is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_alias"))
    client.force_login(looker)
    assert client.get(url(Alias, "changelist")).status_code == 200
    client.post(url(Alias, "changelist"), {"action": "retire_now", "_selected_action": [placed.customer_alias.pk]})
    assert (Alias.objects.filter(retired_at=None).count(), audited()) == (2, [])
