"""Connect a store's shops, and disconnect them; every change is audited."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Max, Q, QuerySet
from django.urls import reverse

from orders import access, audit, payment
from orders.models import Action, Order, ShopConnection, ShopDelivery, ShopDeliveryState, ShopKind, Store, User
from orders.secrecy import Secret
from orders.shops import applying, shopify, woocommerce
from orders.shops.reports import Report

Headers = Mapping[str, str]
SHORTEST_SECRET = 16
LONGEST_SECRET = 200
MOST_SHOPS = 50  # of one store
SHOWN_DELIVERIES = 20


@dataclass(frozen=True, slots=True)
class Software:
    """How calls of one kind of shop are told, verified and read."""

    is_signed: Callable[[Headers, bytes, bytes], bool]
    is_ping: Callable[[Headers, bytes], bool]
    topic: Callable[[Headers], str]
    call_id: Callable[[Headers], str]
    read: Callable[[str, bytes], Report | None]


SOFTWARE: dict[ShopKind, Software] = {
    ShopKind.WOOCOMMERCE: Software(
        woocommerce.is_signed, woocommerce.is_ping, woocommerce.topic, woocommerce.call_id, woocommerce.read
    ),
    ShopKind.SHOPIFY: Software(shopify.is_signed, shopify.is_ping, shopify.topic, shopify.call_id, shopify.read),
}


class TooMany(ValueError):
    """The store has as many shops as it may have."""


def connect(store: Store, kind: ShopKind, *, name: str, secret: str, user: User, now: datetime) -> ShopConnection:
    """Add a shop. Raises TooMany."""
    secret = secret or _new_secret(kind)
    with transaction.atomic():
        _hold(store)
        shop = ShopConnection.objects.create(
            store=store, kind=kind, name=name, token=secrets.token_urlsafe(24), secret=Secret.of(secret), created_at=now
        )
        _note(shop, before="", after="connected", user=user, now=now)
    return shop


def replace_secret(shop: ShopConnection, secret: str, *, user: User, now: datetime) -> None:
    """Verify the shop's calls by this secret from now on."""
    with transaction.atomic():
        before = "secret set" if shop.secret else "no secret"
        ShopConnection.objects.filter(pk=shop.pk).update(secret=Secret.of(secret))
        _note(shop, before=before, after="secret replaced", user=user, now=now)


def reveal_secret(shop: ShopConnection, *, user: User, now: datetime) -> str:
    """The secret in plain text, to be entered in the shop."""
    with transaction.atomic():
        _note(shop, before="", after="secret shown", user=user, now=now)
    return shop.secret.text()


def remove(shop: ShopConnection, *, user: User, now: datetime) -> bool:
    """Take in nothing more from the shop; its orders stay. False when it was removed before.

    Of those that are not paid nobody hears any more whether they are, so no customer is reminded.
    """
    with transaction.atomic():
        removed = ShopConnection.objects.filter(pk=shop.pk, removed_at=None).update(
            removed_at=now, secret=Secret.of("")
        )
        if removed:
            numbers = applying.numbers_of(shop)
            payment.remind_no_more(
                Order.objects.filter(store=shop.store_id, marketplace_number__startswith=numbers), now=now
            )
            _note(shop, before="connected", after="removed", user=user, now=now)
    return bool(removed)


def connect_again(shop: ShopConnection, *, user: User, now: datetime) -> bool:
    """Take in its calls again, at the same address and about the same orders; its secret is another one, as for a new
    shop. False when it is connected. Raises TooMany.
    """
    secret = _new_secret(ShopKind(shop.kind))
    with transaction.atomic():
        _hold(shop.store)
        connected = ShopConnection.objects.filter(pk=shop.pk, removed_at__isnull=False).update(
            removed_at=None, secret=Secret.of(secret), created_at=now
        )
        if connected:
            _note(shop, before="removed", after="connected", user=user, now=now)
    return bool(connected)


def _new_secret(kind: ShopKind) -> str:
    """WooCommerce takes ours; Shopify makes its own, which is entered later."""
    return secrets.token_urlsafe(32) if kind is ShopKind.WOOCOMMERCE else ""


def _hold(store: Store) -> None:
    """See that the store may have one shop more, and that nobody adds one meanwhile. Raises TooMany."""
    Store.objects.select_for_update().get(pk=store.pk)
    if of_store(store).count() >= MOST_SHOPS:
        raise TooMany


def of_store(store: Store) -> QuerySet[ShopConnection]:
    """The store's connected shops, with ``last_at``, ``waiting`` and ``quarantined`` of their calls."""
    pending, quarantined = ShopDeliveryState.PENDING, ShopDeliveryState.QUARANTINED
    return (
        ShopConnection.objects.filter(store=store, removed_at=None)
        .annotate(
            last_at=Max("deliveries__received_at"),
            waiting=Count("deliveries", filter=Q(deliveries__state=pending)),
            quarantined=Count("deliveries", filter=Q(deliveries__state=quarantined)),
        )
        .order_by("name", "pk")
    )


def removed_of(store: Store) -> list[ShopConnection]:
    """The store's shops that were disconnected, the latest first."""
    removed = ShopConnection.objects.filter(store=store, removed_at__isnull=False)
    return list(removed.order_by("-removed_at", "-pk")[:MOST_SHOPS])


def one(store: Store, pk: int, *, is_removed: bool = False) -> ShopConnection:
    """A connected shop of the store, or one that was disconnected. Raises access.NotFound."""
    shops = ShopConnection.objects.select_related("store")
    found = shops.filter(store=store, pk=pk, removed_at__isnull=not is_removed).first()
    if found is None:
        raise access.NotFound(pk)
    return found


def latest(store: Store) -> list[ShopDelivery]:
    """The store's newest calls, with their shop and order."""
    calls = ShopDelivery.objects.filter(store=store, connection__removed_at=None)
    return list(
        calls.select_related("connection", "order")
        .defer("headers", "body", "order__document")
        .order_by("-received_at", "-pk")[:SHOWN_DELIVERIES]
    )


def find(token: str, kind: str) -> ShopConnection | None:
    """The connected shop with this webhook address, or None."""
    if not token.isprintable() or kind not in ShopKind.values:
        return None
    shops = ShopConnection.objects.select_related("store").filter(kind=kind, removed_at=None)
    return shops.filter(token=token).first()


def address(shop: ShopConnection) -> str:
    """The webhook's address, as it is entered in the shop."""
    return f"{settings.PUBLIC_URL}{reverse('shop-webhook', args=[shop.token, shop.kind])}"


def _note(shop: ShopConnection, *, before: str, after: str, user: User, now: datetime) -> None:
    audit.record(
        Action.SHOP_CHANGED,
        subject=f"{shop.get_kind_display()} shop {shop.name}",
        store=shop.store,
        user=user,
        before=before,
        after=after,
        now=now,
    )
