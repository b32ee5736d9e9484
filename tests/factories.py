"""Make what tests need, through the product's own functions where there is one."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from orders import access, alerts, aliases, customers, flow, invoicing, placing, shipping, suppression, vault
from orders.models import (
    Alert,
    AlertKind,
    Alias,
    ApiKey,
    Attachment,
    Feed,
    Hook,
    InvoiceKind,
    Kind,
    MaskType,
    Membership,
    Order,
    OrderEvent,
    PartyKind,
    Role,
    Status,
    Store,
    Suppression,
    SuppressionReason,
    TimelineEntry,
    User,
    Verification,
)
from orders.outcomes import Outcome, Reason
from orders.secrecy import Secret

PASSWORD = "correct horse battery staple"
_count = itertools.count(1)


def make_store(account: str = "", *, mask_type: MaskType = MaskType.HARD, **fields: Any) -> Store:
    """A store with a tracking domain of its own."""
    account = account or f"store{next(_count)}"
    values = {
        "name": account.title(),
        "tracking_domain": f"ct.{account}.example",
        "sender_name": f"{account.title()} Support",
        "sender_address": Secret.of(f"help@{account}.example"),
        "time_zone": "America/Sao_Paulo",
        "created_at": timezone.now(),
    }
    return Store.objects.create(account=account, mask_type=mask_type, **{**values, **fields})


def make_user(email: str = "", *, store: Store | None = None, role: Role = Role.ADMIN, **fields: Any) -> User:
    """A user who signs in with PASSWORD; with a store, its member."""
    email = email or f"user{next(_count)}@staff.example"
    user = User.objects.create_user(email, PASSWORD, **{"name": email.partition("@")[0].title(), **fields})
    if store is not None:
        Membership.objects.create(user=user, store=store, role=role)
    return user


def make_draft(
    *,
    email: str = "",
    name: str = "Maria Silva",
    personal_document: str = "",
    marketplace_number: str = "",
    value: int = 12_990,
    **fields: Any,
) -> placing.Draft:
    """What a shop posts, checked."""
    number = next(_count)
    address = email or f"customer{number}@people.example"
    return placing.Draft(
        marketplace_number=marketplace_number or f"shop-{number}",
        person=customers.Person(address=address, name=name, document=personal_document),
        value=value,
        item_count=fields.pop("item_count", 2),
        document=fields.pop("document", {"items": [{"id": "1", "quantity": 2}]}),
        **fields,
    )


def place_order(store: Store | None = None, *, now: datetime | None = None, **draft: Any) -> placing.Placed:
    """A placed order with the aliases of its customer and its store."""
    return placing.place(store or make_store(), make_draft(**draft), now=now or timezone.now(), actor="tests")


def place_silently(store: Store | None = None) -> placing.Placed:
    """A placed order of which everybody was told before, so that no order mail follows while processes run."""
    placed = place_order(store)
    OrderEvent.objects.filter(order=placed.order).update(dispatched_at=timezone.now())
    return placed


def make_order(store: Store | None = None, *, now: datetime | None = None, **draft: Any) -> Order:
    """A placed order."""
    return place_order(store, now=now, **draft).order


def make_third_party(
    order: Order, *, email: str = "", name: str = "Fast Carrier", now: datetime | None = None
) -> Alias:
    """The alias of a carrier or another third party in the order."""
    party = aliases.Party(PartyKind.THIRD_PARTY, email or f"carrier{next(_count)}@haulage.example", name)
    [alias] = aliases.issue(order, [party], now=now or timezone.now())
    return alias


def make_mail(
    sender: Alias | None,
    recipient: Alias,
    *,
    text: str = "Hello, where is my order?",
    subject: str = "My order",
    outcome: Outcome = Outcome.RELAYED,
    reason: Reason = Reason.CONVERSATION,
    now: datetime | None = None,
    **fields: Any,
) -> TimelineEntry:
    """A mail on the timeline of the recipient's order, as the mail flow records it."""
    values = {
        "sender_name": sender.display_name if sender else Secret.of(""),
        "first_words": text[:140],
        "verification": Verification.VERIFIED,
    }
    return TimelineEntry.objects.create(
        store_id=recipient.store_id,
        order_id=recipient.order_id,
        kind=Kind.MAIL,
        occurred_at=now or timezone.now(),
        sender_alias=sender,
        recipient_alias=recipient,
        subject=subject,
        text=text,
        outcome=outcome,
        reason=reason,
        **{**values, **fields},
    )


def make_attachment(
    entry: TimelineEntry, content: bytes = b"%PDF-1.7 a file", *, name: str = "invoice.pdf", **fields: Any
) -> Attachment:
    """A file of a mail, sealed in the vault."""
    values = {"content_type": "application/pdf", "position": entry.attachments.count()}
    return Attachment.objects.create(
        store_id=entry.store_id,
        entry=entry,
        name=name,
        size=len(content),
        stored_as=vault.save(content),
        **{**values, **fields},
    )


def make_outbound(entry: TimelineEntry, *, state: str = "sent", problem: str = "") -> Any:
    """The copy of a mail that was sent on."""
    from conversation_tracker.models import OutboundMail

    assert entry.recipient_alias is not None
    return OutboundMail.objects.create(
        store_id=entry.store_id,
        order_id=entry.order_id,
        entry=entry,
        sender_alias=entry.sender_alias or entry.recipient_alias,
        recipient_alias=entry.recipient_alias,
        recipient=entry.recipient_alias.real,
        content=Secret.of_json({}),
        message_id=f"<{next(_count)}@tests.example>",
        original_id=Secret.of(""),
        state=state,
        problem=problem,
        next_attempt_at=entry.occurred_at,
        queued_at=entry.occurred_at,
        state_changed_at=entry.occurred_at + timedelta(seconds=2),
    )


def make_alert(entry: TimelineEntry, kind: AlertKind = AlertKind.BOUNCED, *, now: datetime | None = None) -> Alert:
    """An open alert about the copy of a mail."""
    alerts.raise_for(
        kind, entry_id=entry.pk, order_id=entry.order_id, store_id=entry.store_id, now=now or timezone.now()
    )
    return Alert.objects.open().get(entry=entry)


def make_suppression(
    alias: Alias, reason: SuppressionReason = SuppressionReason.BOUNCED, *, now: datetime | None = None
) -> Suppression:
    """The person of this alias gets no more mail from the alias's store."""
    suppression.add(alias.real.text(), alias=alias, reason=reason, source="outbound 1", now=now or timezone.now())
    return Suppression.objects.get(store=alias.store_id, address_digest=alias.real_digest)


ITEMS = [{"id": "lamp", "quantity": 2, "price": 5_000}, {"id": "bulb", "quantity": 3, "price": 1_000}]


def make_order_at(
    status: Status, *, store: Store | None = None, now: datetime | None = None, value: int = 13_000, **draft: Any
) -> Order:
    """An order of 13,000, two lamps and three bulbs, that was brought along the flow to this status."""
    now = now or timezone.now()
    document = draft.pop("document", {"items": ITEMS})
    order = make_order(store, now=now, value=value, document=document, item_count=5, **draft)
    for step in _WAYS[status]:
        flow.move(order, step, actor="tests", now=now)
    return order


_PAID = (Status.WAITING_FOR_AUTHORIZATION, Status.PAYMENT_PENDING, Status.PAYMENT_APPROVED)
_HANDLED = (*_PAID, Status.WINDOW_TO_CANCEL, Status.READY_FOR_HANDLING, Status.START_HANDLING, Status.HANDLING)
_DENIED = (*_PAID[:2], Status.PAYMENT_DENIED)
_WAYS: dict[Status, tuple[Status, ...]] = {
    Status.ORDER_CREATED: (),
    Status.ORDER_COMPLETED: (Status.ORDER_COMPLETED,),
    **{step: _HANDLED[: place + 1] for place, step in enumerate(_HANDLED)},
    Status.WAITING_FOR_FULFILLMENT: (*_PAID, Status.WAITING_FOR_FULFILLMENT),
    Status.PAYMENT_DENIED: _DENIED,
    Status.INVOICE: (*_HANDLED, Status.INVOICE),
    Status.INVOICED: (*_HANDLED, Status.INVOICE, Status.INVOICED),
    Status.CANCELLATION_REQUESTED: (*_HANDLED, Status.CANCELLATION_REQUESTED),
    Status.CANCEL: (Status.CANCEL,),
    Status.CANCELED: (Status.CANCEL, Status.CANCELED),
}


def make_invoice_draft(number: str = "F-1", value: int = 13_000, **fields: Any) -> invoicing.Draft:
    """An invoice as posted, checked."""
    values = {
        "kind": InvoiceKind.OUTPUT,
        "issued_at": timezone.now(),
        "document": {"items": []},
        "parcel": shipping.Parcel(),
    }
    return invoicing.Draft(number=number, value=value, **{**values, **fields})


def make_key(store: Store, name: str = "") -> ApiKey:
    """A system's key to the store; its token is ``token``."""
    name = name or f"key{next(_count)}"
    return ApiKey.objects.create(
        store=store, app_key=name, token_digest=access.token_digest("token"), label=name, created_at=timezone.now()
    )


def make_feed(key: ApiKey, **fields: Any) -> Feed:
    """The key's feed."""
    now = timezone.now()
    values = {"visibility_timeout": 60, "retention": 4 * 86_400, "created_at": now, "changed_at": now}
    return Feed.objects.create(store_id=key.store_id, api_key=key, **{**values, **fields})


def make_hook(key: ApiKey, url: str, *, now: datetime | None = None, **fields: Any) -> Hook:
    """The key's hook to this address; its target was never asked."""
    now = now or timezone.now()
    values = {
        "headers": Secret.of_json({}), "secret": Secret.of("whsec_dGVzdHMgc2lnbiB3aXRoIHRoaXM="),
        "created_at": now, "changed_at": now, "next_try_at": now, "served_at": now,
    }  # fmt: skip
    return Hook.objects.create(store_id=key.store_id, api_key=key, url=Secret.of(url), **{**values, **fields})
