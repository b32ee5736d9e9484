"""The demo: stores, people and orders to try things on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from conversation_tracker import order_mails
from orders import access, addresses, customers, events, flow, interactions, invoicing, payment, placing, shipping
from orders.models import (
    ApiKey,
    InvoiceKind,
    MaskType,
    Membership,
    Order,
    Role,
    Status,
    Store,
    User,
)
from orders.secrecy import Secret

PASSWORD = "demo"  # noqa: S105  the demo's own, refused in production
SHOP = "Demo shop"  # who acts
STEP = timedelta(hours=4)  # between two things that happen on an order of the demo


@dataclass(frozen=True, slots=True)
class Shopper:
    """Who buys what in the demo, and how far the order has come."""

    key: str
    name: str
    address: str
    item: str
    value: int
    days_ago: int
    steps: tuple[str, ...]  # names of functions below, in turn


WHOLE = ("pay", "handle", "invoice", "sight", "deliver")
SHOPPERS = (
    Shopper("lamp", "Ana Souza", "ana.souza@people.test", "Reading lamp", 18_990, 6, WHOLE[:4]),
    Shopper("chair", "Bruno Lima", "bruno.lima@people.test", "Oak chair", 74_900, 3, WHOLE[:1]),
    Shopper("kettle", "Carla Méndez", "carla.mendez@people.test", "Steel kettle", 12_450, 12, WHOLE),
    Shopper("rug", "Daniel Okafor", "daniel.okafor@people.test", "Wool rug", 45_000, 1, ("wait",)),
    Shopper("clock", "Eva Müller", "eva@münchen-post.test", "Wall clock", 8_990, 20, ("deny",)),
    Shopper("vase", "Fábio Reis", "fabio.reis@people.test", "Glass vase", 6_500, 80, (*WHOLE, "take_back")),
)
STORES = (
    ("hardstore", "Hard Store", MaskType.HARD, "America/Sao_Paulo", "en"),
    ("softstore", "Soft Store", MaskType.SOFT, "America/Mexico_City", "es"),
    ("otherstore", "Other Store", MaskType.HARD, "Europe/Madrid", "pt-BR"),
)
PEOPLE: tuple[tuple[str, str, dict[str, Role], bool], ...] = (
    ("admin@demo.test", "Alex Admin", {"hardstore": Role.ADMIN, "softstore": Role.ADMIN}, False),
    ("support@demo.test", "Sam Support", {"hardstore": Role.SUPPORT, "softstore": Role.SUPPORT}, False),
    ("outsider@demo.test", "Olga Outsider", {"otherstore": Role.ADMIN}, False),
    ("operator@demo.test", "Oscar Operator", {}, True),
)


def furnish(*, now: datetime) -> None:
    """Make the stores, logins, keys and orders that are not there yet."""
    with transaction.atomic():
        stores = {one[0]: _store(*one, now=now) for one in STORES}
        for email, name, roles, is_operator in PEOPLE:
            _person(email, name, {stores[account]: role for account, role in roles.items()}, is_operator=is_operator)
        for account in ("hardstore", "softstore"):
            ApiKey.objects.get_or_create(
                app_key=f"{account}-key",
                defaults={
                    "store": stores[account],
                    "token_digest": access.token_digest(f"{account}-token"),
                    "label": SHOP,
                    "may_answer": True,
                    "created_at": now,
                },
            )
    for account in ("hardstore", "softstore"):
        for shopper in SHOPPERS:
            _order(stores[account], shopper, now=now)
    _order(stores["otherstore"], SHOPPERS[0], now=now)


def _store(account: str, name: str, mask_type: MaskType, zone: str, locale: str, *, now: datetime) -> Store:
    return Store.objects.get_or_create(
        account=account,
        defaults={
            "name": name,
            "tracking_domain": f"ct.{account}.test",
            "mask_type": mask_type,
            "sender_name": name,
            "sender_address": Secret.of(f"help@{account}.test"),
            "time_zone": zone,
            "locale": locale,
            "cancellation_window": 0,  # so that an order can be led all its way at once
            "created_at": now,
        },
    )[0]


def _person(email: str, name: str, roles: dict[Store, Role], *, is_operator: bool) -> None:
    user = User.objects.filter(email=email).first()
    if user is None:
        make = User.objects.create_superuser if is_operator else User.objects.create_user
        user = make(email, PASSWORD, name=name)
    for store, role in roles.items():
        Membership.objects.get_or_create(user=user, store=store, defaults={"role": role})


def _order(store: Store, shopper: Shopper, *, now: datetime) -> None:
    """Place the order and lead it on its way, each step at its time, with the mails that go with it.

    In one transaction, so that no worker writes a mail of days ago as of now.
    """
    at = now - timedelta(days=shopper.days_ago, hours=5)
    first, _, last = shopper.name.partition(" ")
    document = {
        "items": [{"id": shopper.key, "name": shopper.item, "quantity": 1, "seller": "1", "price": shopper.value}],
        "clientProfileData": {"email": shopper.address, "firstName": first, "lastName": last},
        "shippingData": {
            "address": {
                "receiverName": shopper.name, "street": "Rua das Laranjeiras", "number": str(len(shopper.item) * 7),
                "city": "Rio de Janeiro", "state": "RJ", "postalCode": "22240-003", "country": "BRA",
            },
            "logisticsInfo": [{"selectedSla": "Express", "deliveryCompany": "Fast Parcel"}],
        },
        "paymentData": {"payments": [{"paymentSystemName": "Pix", "value": shopper.value, "installments": 1}]},
    }  # fmt: skip
    address = addresses.validated(shopper.address)
    draft = placing.Draft(
        marketplace_number=f"demo-{shopper.key}",
        person=customers.Person(address, shopper.name),
        value=shopper.value,
        item_count=1,
        document=document,
    )
    with transaction.atomic():
        placed = placing.place(store, draft, now=at, actor=SHOP)
        if not placed.is_new:
            return
        _write_mails(at)
        for step in shopper.steps:
            at += STEP
            _STEPS[step](placed.order, at)
            _write_mails(at)


def _write_mails(at: datetime) -> None:
    while events.dispatch(now=at):
        pass
    while order_mails.work(now=at):
        pass


def _wait(order: Order, at: datetime) -> None:
    flow.advance(order, Status.PAYMENT_PENDING, actor=SHOP, now=at)


def _pay(order: Order, at: datetime) -> None:
    payment.approve(order, payment_id="1", actor=SHOP, now=at)


def _deny(order: Order, at: datetime) -> None:
    payment.deny(order, payment_id="1", reason="The bank refused the card.", actor=SHOP, now=at)


def _handle(order: Order, at: datetime) -> None:
    flow.start_handling(order, actor=SHOP, now=at)
    interactions.tell(order, source="Warehouse", message="Picking list printed.", actor=SHOP, now=at)


def _invoice(order: Order, at: datetime) -> None:
    number = f"FP-{2_000 + order.pk}"
    parcel = shipping.Parcel("Fast Parcel", number, f"https://fastparcel.test/{number}", at)
    _write_invoice(order, InvoiceKind.OUTPUT, "1001", order.value, parcel, at)


def _take_back(order: Order, at: datetime) -> None:
    _write_invoice(order, InvoiceKind.INPUT, "1002", order.value // 2, shipping.Parcel(), at)


def _write_invoice(  # noqa: PLR0917  one word each
    order: Order, kind: InvoiceKind, number: str, value: int, parcel: shipping.Parcel, at: datetime
) -> None:
    invoicing.invoice(order, invoicing.Draft(kind, number, value, at, {}, parcel), actor=SHOP, now=at)


def _sight(order: Order, at: datetime) -> None:
    seen = shipping.Sighting(at, "The parcel has left the sorting centre.", "São Paulo", "SP")
    shipping.track(order, shipping.find(order, "1001"), [seen], delivered_at=None, actor="Fast Parcel", now=at)


def _deliver(order: Order, at: datetime) -> None:
    shipping.track(order, shipping.find(order, "1001"), [], delivered_at=at, actor="Fast Parcel", now=at)


_STEPS: dict[str, Callable[[Order, datetime], None]] = {
    "wait": _wait,
    "pay": _pay,
    "deny": _deny,
    "handle": _handle,
    "invoice": _invoice,
    "sight": _sight,
    "deliver": _deliver,
    "take_back": _take_back,
}
