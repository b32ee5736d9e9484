"""The database itself refuses what must not be, by the name of the rule."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.db import DatabaseError, IntegrityError, connection, models, transaction
from django.utils import timezone

from conversation_tracker.models import (
    Channel,
    OrderMail,
    OutboundMail,
    Receipt,
    ReceiptState,
    Sender,
    TemplateChoice,
    TemplateKey,
    TemplateVersion,
    TrialMail,
)
from orders import access, audit, flow, invoicing, repeats, shipping
from orders.models import (
    Action,
    Alert,
    AlertKind,
    Alias,
    AnsweredCall,
    ApiKey,
    AuditEntry,
    Copy,
    Customer,
    Feed,
    FeedItem,
    Hook,
    HookDelivery,
    Invoice,
    InvoiceKind,
    Kind,
    Membership,
    Order,
    OrderEvent,
    ShopConnection,
    ShopDelivery,
    ShopKind,
    Status,
    Store,
    Suppression,
    TimelineEntry,
    TrackingEvent,
    User,
)
from orders.secrecy import Secret
from orders.shops import deliveries
from tests import factories
from tests.orders.shops import payloads

OURS = ("orders", "conversation_tracker")


def copy_of(row: models.Model, **changes: Any) -> None:
    """Insert the row once more, with changes."""
    row.pk = None
    row._state.adding = True
    for name, value in changes.items():
        setattr(row, name, value)
    row.save()


def a_mail() -> TimelineEntry:
    return TimelineEntry.objects.get(kind=Kind.MAIL)


def update(model: type[models.Model], **changes: Any) -> Callable[[], object]:
    return lambda: model._default_manager.update(**changes)


def an_entry(**fields: Any) -> Callable[[], object]:
    def make() -> object:
        order = Order.objects.get()
        values = {"kind": Kind.NOTE, "occurred_at": timezone.now(), **fields}
        return TimelineEntry.objects.create(store_id=order.store_id, order=order, **values)

    return make


def a_mail_entry(**fields: Any) -> Callable[[], object]:
    values = {"kind": Kind.MAIL, "outcome": "relayed", "reason": "conversation", **fields}

    def make() -> object:
        return an_entry(**{"recipient_alias": Alias.objects.first(), **values})()

    return make


def a_receipt(**fields: Any) -> Callable[[], object]:
    def make() -> object:
        now = timezone.now()
        values = {
            "provider": "postmark",
            "channel": Channel.INBOUND,
            "query": Secret.of(""),
            "headers": Secret.of_json([]),
            "body": Secret.of(b""),
            "size": 0,
            "next_attempt_at": now,
            "received_at": now,
        }
        return Receipt.objects.create(**{**values, **fields})

    return make


# The name of each constraint, and what it refuses.
REFUSED: dict[str, Callable[[], object]] = {
    "store_account_is_unique": lambda: factories.make_store("acme"),
    "store_mask_type_is_hard_or_soft": update(Store, mask_type="none"),
    "store_account_is_a_label": update(Store, account="Acme Inc"),
    "customer_address_is_unique_in_store": lambda: copy_of(Customer.objects.get(), profile_id=uuid.uuid4()),
    "orders_customer_profile_id_key": lambda: copy_of(Customer.objects.get(), address_digest=b"other"),
    "order_number_is_unique_in_store": lambda: copy_of(Order.objects.get(), marketplace_number="other"),
    "order_marketplace_number_is_unique_in_store": lambda: copy_of(Order.objects.get(), number="other"),
    "order_status_is_known": update(Order, status="lost"),
    "order_value_is_not_negative": update(Order, value=-1),
    "alias_address_is_unique_for_ever": lambda: copy_of(Alias.objects.earliest("pk"), real_digest=b"other"),
    "alias_is_one_per_order_and_person": lambda: copy_of(Alias.objects.earliest("pk"), address_digest=b"other"),
    "alias_mask_type_is_hard_or_soft": update(Alias, mask_type="none"),
    "alias_party_is_known": update(Alias, party="nobody"),
    "alias_fallback_is_known": update(Alias, fallback="tired"),
    "alias_expires_after_issue": update(Alias, expires_at=models.F("issued_at")),
    "timeline_kind_is_known": an_entry(kind="rumour"),
    "timeline_outcome_is_known": an_entry(outcome="lost"),
    "timeline_reason_is_known": an_entry(reason="because"),
    "timeline_verification_is_known": an_entry(verification="maybe"),
    "timeline_mail_has_outcome_reason_and_alias": a_mail_entry(recipient_alias=None),
    "timeline_status_change_names_the_new_status": an_entry(kind=Kind.STATUS),
    "timeline_alias_event_names_alias_and_event": an_entry(kind=Kind.ALIAS),
    "timeline_has_a_mail_once_per_alias": lambda: [a_mail_entry(fingerprint=b"same")() for _ in range(2)],
    "attachment_position_is_unique_in_entry": lambda: [
        factories.make_attachment(a_mail(), position=0) for _ in range(2)
    ],
    "copy_is_kept_once_per_entry": lambda: [
        Copy.objects.create(store=entry.store, entry=entry, original="x") for entry in [a_mail()] * 2
    ],
    "user_email_is_unique": lambda: factories.make_user("someone@staff.example"),
    "user_email_is_lower_case": update(User, email="Someone@staff.example"),
    "membership_is_one_per_user_and_store": lambda: copy_of(Membership.objects.get()),
    "membership_role_is_known": update(Membership, role="king"),
    "api_key_is_unique": lambda: copy_of(ApiKey.objects.get()),
    "audit_action_is_known": lambda: AuditEntry.objects.create(action="dreamt", happened_at=timezone.now()),
    "receipt_channel_is_known": a_receipt(channel="pigeon"),
    "receipt_state_is_known": a_receipt(state="lost", settled_at=timezone.now()),
    "receipt_trouble_is_known": a_receipt(trouble="bad mood"),
    "receipt_settled_has_a_time": a_receipt(state=ReceiptState.DONE),
    "receipt_token_is_used_once": lambda: [a_receipt(once=b"token")() for _ in range(2)],
    "suppression_is_one_per_store_and_address": lambda: copy_of(Suppression.objects.get()),
    "suppression_reason_is_known": update(Suppression, reason="dislike"),
    "alert_kind_is_known": update(Alert, kind="dull"),
    "alert_is_open_once_per_entry": lambda: copy_of(Alert.objects.get()),
    "alert_settled_by_somebody_has_a_time": lambda: Alert.objects.update(settled_by=User.objects.first()),
    "alert_is_about_something": update(Alert, entry=None, about=""),
    "alert_is_open_once_per_missing_mail": lambda: Alert.objects.bulk_create(
        Alert(store=order.store, order=order, kind=AlertKind.NOT_SENT, about="a mail", raised_at=timezone.now())
        for order in [Order.objects.get()] * 2
    ),
    "invoice_number_is_unique_in_order": lambda: copy_of(Invoice.objects.get()),
    "invoice_kind_is_known": update(Invoice, kind="gift"),
    "invoice_value_is_not_negative": update(Invoice, value=-1),
    "tracking_event_is_once_per_invoice": lambda: copy_of(TrackingEvent.objects.get()),
    "event_kind_is_known": update(OrderEvent, kind="rumour"),
    "event_statuses_are_known": update(OrderEvent, new_status="lost"),
    "answered_call_is_one_per_name": lambda: copy_of(AnsweredCall.objects.get()),
    "answered_call_did_not_fail": update(AnsweredCall, status=500),
    "feed_is_one_per_key": lambda: copy_of(Feed.objects.get()),
    "feed_timeout_is_in_range": update(Feed, visibility_timeout=0),
    "feed_retention_is_in_range": update(Feed, retention=60),
    "feed_item_handle_is_unique": lambda: copy_of(FeedItem.objects.get()),
    "hook_is_one_per_key": lambda: copy_of(Hook.objects.get()),
    "hook_delivery_state_is_known": update(HookDelivery, state="lost", settled_at=timezone.now()),
    "hook_delivery_settled_has_a_time": update(HookDelivery, state="failed"),
    "shop_token_is_unique": lambda: copy_of(ShopConnection.objects.get()),
    "shop_kind_is_known": update(ShopConnection, kind="stall"),
    "shop_delivery_is_kept_once": lambda: copy_of(ShopDelivery.objects.get()),
    "shop_delivery_state_is_known": update(ShopDelivery, state="lost", settled_at=timezone.now()),
    "shop_delivery_outcome_is_known": update(ShopDelivery, outcome="eaten"),
    "shop_delivery_trouble_is_known": update(ShopDelivery, trouble="mood"),
    "shop_delivery_settled_has_a_time": update(ShopDelivery, state="done"),
    "sender_address_is_unique_in_store": lambda: copy_of(Sender.objects.get(), is_default=False),
    "sender_default_is_one_per_store": lambda: copy_of(Sender.objects.get(), address_digest=b"other"),
    "template_choice_is_one_per_store_and_key": lambda: copy_of(TemplateChoice.objects.get()),
    "template_choice_key_is_known": update(TemplateChoice, key="spam"),
    "template_version_number_is_unique": lambda: copy_of(TemplateVersion.objects.get()),
    "template_version_key_is_known": update(TemplateVersion, key="spam"),
    "trial_mail_template_is_known": update(TrialMail, template="spam"),
    "trial_mail_state_is_known": update(TrialMail, state="lost"),
    "order_mail_is_once_per_occasion": lambda: copy_of(OrderMail.objects.get()),
    "order_mail_template_is_known": update(OrderMail, template="spam"),
    "order_mail_state_is_known": update(OrderMail, state="lost"),
    "order_mail_queued_has_its_entry": update(OrderMail, state="queued"),
    "outbound_state_is_known": update(OutboundMail, state="lost"),
    "outbound_left_out_is_known": update(OutboundMail, leaves_out="half"),
    "outbound_is_one_per_entry": lambda: copy_of(OutboundMail.objects.get(), message_id="<other@x>"),
    "outbound_message_id_is_unique": lambda: copy_of(OutboundMail.objects.get(), entry=a_mail_entry()()),
}
REFUSED_TOO: list[tuple[str, Callable[[], object]]] = [
    ("store_account_is_a_label", update(Store, account="-acme")),
    ("timeline_mail_has_outcome_reason_and_alias", a_mail_entry(outcome="")),
    ("timeline_mail_has_outcome_reason_and_alias", a_mail_entry(reason="")),
    ("timeline_status_change_names_the_new_status", an_entry(kind=Kind.STATUS, new_status="lost")),
    ("timeline_alias_event_names_alias_and_event", an_entry(kind=Kind.ALIAS, alias_event="issued")),
]


def _one_of_each_of_the_flow(order):
    now, store = timezone.now(), order.store
    parcel = shipping.Parcel()
    flow.advance(order, Status.PAYMENT_APPROVED, actor="shop", now=now)
    for status in (Status.READY_FOR_HANDLING, Status.START_HANDLING, Status.HANDLING):
        flow.move(order, status, actor="shop", now=now)
    draft = invoicing.Draft(InvoiceKind.OUTPUT, "1", order.value, now, {}, parcel)
    invoice, _ = invoicing.invoice(order, draft, actor="shop", now=now)
    shipping.track(order, invoice, [shipping.Sighting(now, "on its way")], delivered_at=None, actor="shop", now=now)
    Sender.objects.create(
        store=store, name="Shop", address=Secret.of("a@b.example"), address_digest=b"1", is_default=True, created_at=now
    )
    TemplateChoice.objects.create(store=store, key=TemplateKey.NEW_ORDER)
    TemplateVersion.objects.create(store=store, key=TemplateKey.NEW_ORDER, locale="en", number=1, created_at=now)
    TrialMail.objects.create(
        store=store, recipient=Secret.of("x"), content=Secret.of(""), created_by=User.objects.get(), created_at=now,
        state_changed_at=now,
    )  # fmt: skip
    OrderMail.objects.create(
        store=store, order=order, template=TemplateKey.NEW_ORDER, occasion="x", created_at=now, next_attempt_at=now
    )


def _one_of_each_of_feeds_and_hooks(key):
    now, store = timezone.now(), key.store
    repeats.keep(key, b"n", b"c", status=200, content_type="application/json", body=b"{}", now=now)
    feed = Feed.objects.create(
        store=store, api_key=key, visibility_timeout=60, retention=4 * 86_400, created_at=now, changed_at=now
    )
    FeedItem.objects.create(
        store=store, feed=feed, document=Secret.of_json({}), created_at=now, visible_at=now, expires_at=now
    )
    hook = factories.make_hook(key, "https://erp.example/")
    HookDelivery.objects.create(
        store=store, hook=hook, event="1", body=Secret.of("{}"), created_at=now, next_attempt_at=now
    )
    shop = payloads.make_shop(store, ShopKind.SHOPIFY, user=User.objects.get())
    deliveries.accept(shop, topic="orders/create", call_id="1", headers=[], body=b"{}", now=now)


@pytest.fixture
def _one_of_each(placed):
    mail = factories.make_mail(placed.store_alias, placed.customer_alias)
    factories.make_outbound(mail)
    factories.make_alert(mail, AlertKind.HELD)
    factories.make_suppression(placed.customer_alias)
    factories.make_user("someone@staff.example", store=placed.order.store)
    _one_of_each_of_the_flow(placed.order)
    key = ApiKey.objects.create(
        store=placed.order.store, app_key="k", token_digest=access.token_digest("t"), created_at=timezone.now()
    )
    _one_of_each_of_feeds_and_hooks(key)


@pytest.mark.usefixtures("_one_of_each")
@pytest.mark.parametrize(("name", "attempt"), [*REFUSED.items(), *REFUSED_TOO])
def test_the_database_refuses_by_name(name, attempt):
    with pytest.raises(IntegrityError) as error, transaction.atomic():
        attempt()
    assert error.value.__cause__.diag.constraint_name == name  # type: ignore[union-attr]  # psycopg's error


@pytest.mark.django_db
def test_every_constraint_of_ours_is_tried():
    declared = {
        constraint.name
        for model in apps.get_models()
        if model._meta.app_label in OURS
        for constraint in model._meta.constraints
    }
    assert declared - set(REFUSED) == set()


@pytest.mark.django_db
def test_every_choice_is_held_by_the_database():
    """Each column with choices stands in a named check, so that no path around the forms can break one."""
    unchecked = {
        f"{model._meta.model_name}.{field.name}"
        for model in apps.get_models()
        if model._meta.app_label in OURS
        for field in model._meta.fields
        if field.choices
        and not any(
            isinstance(constraint, models.CheckConstraint) and field.name in str(constraint.condition)
            for constraint in model._meta.constraints
        )
    }
    assert unchecked == {"timelineentry.old_status"}  # what it was before is as it was


CHANGES = [
    "UPDATE orders_timelineentry SET text = 'another story'",
    "DELETE FROM orders_timelineentry",
    "UPDATE orders_auditentry SET reason = 'another reason'",
    "DELETE FROM orders_auditentry",
]


@pytest.mark.usefixtures("_one_of_each")
@pytest.mark.parametrize("statement", CHANGES)
def test_timeline_and_audit_only_grow(statement):
    audit.record(Action.ADMIN_CHANGED, subject="store 1", now=timezone.now())
    before = (TimelineEntry.objects.count(), AuditEntry.objects.count())
    with pytest.raises(DatabaseError, match="only ever added"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert (TimelineEntry.objects.count(), AuditEntry.objects.count()) == before
    assert TimelineEntry.objects.filter(text="another story").count() == 0


@pytest.mark.usefixtures("_one_of_each")
@pytest.mark.parametrize("model", [Order, Alias, Store, Customer])
def test_what_a_timeline_speaks_of_cannot_be_deleted(model):
    with pytest.raises((models.ProtectedError, models.RestrictedError)):
        model.objects.all().delete()
