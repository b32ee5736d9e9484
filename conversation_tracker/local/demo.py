"""The demo: stores, people and orders to try things on, and conversations that come in through the webhook door."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from conversation_tracker import order_mails
from orders import access, customers, events, flow, interactions, invoicing, payment, placing, shipping
from orders.models import (
    Alias,
    ApiKey,
    InvoiceKind,
    Kind,
    MaskType,
    Membership,
    Order,
    PartyKind,
    Role,
    Status,
    Store,
    TimelineEntry,
    User,
)
from orders.outcomes import Reason
from orders.secrecy import Secret

PASSWORD = "demo"  # noqa: S105  the demo's own, refused in production
SHOP = "Demo shop"  # who acts
PATIENCE = 30.0  # seconds until a posted mail should stand on its timeline
POSTMARK = "Basic " + base64.b64encode(b"demo:demo").decode()
STEP = timedelta(hours=4)  # between two things that happen on an order of the demo


class NotSettled(TimeoutError):
    """A demo mail was taken in but did not reach its timeline in time: is a worker running?"""


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
    address = shopper.address.replace("münchen", "xn--mnchen-3ya")
    draft = placing.Draft(
        marketplace_number=f"demo-{shopper.key}",
        person=customers.Person(address, shopper.name, locale=store.locale),
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


def sample_alias() -> str:
    """The alias of a demo order's customer, for trying a mail by hand."""
    return _alias(_demo_order("hardstore", "lamp"), PartyKind.CUSTOMER).address.text()


def _demo_order(account: str, key: str) -> Order:
    return Order.objects.select_related("store", "customer").get(
        store__account=account, marketplace_number=f"demo-{key}"
    )


def _alias(order: Order, party: PartyKind) -> Alias:
    return order.aliases.filter(party=party).order_by("id")[0]


def converse(url: str) -> None:
    """Post the demo's mails to the door at ``url``, once; each waits for the one before it. Raises NotSettled."""
    for account in ("hardstore", "softstore"):
        for key, write in (("lamp", _about_the_lamp), ("kettle", _about_the_kettle), ("vase", _too_late)):
            order = _demo_order(account, key)
            if not _letters(order).exists():
                write(url, order)


def _about_the_lamp(url: str, order: Order) -> None:
    customer, store = _alias(order, PartyKind.CUSTOMER), _alias(order, PartyKind.STORE)
    account = order.store.account
    ana, help_desk = ("Ana Souza", "ana.souza@people.test"), (order.store.sender_name, f"help@{account}.test")
    question = Letter(
        ana, store, "Will the lamp come before Friday?",
        "Hello,\n\nI ordered the reading lamp as a present. Will it be here before Friday?\n"
        "You can also reach me at ana.souza@people.test.\n\nThank you\nAna",
        "<p>Hello,</p><p>I ordered the <b>reading lamp</b> as a present. Will it be here <i>before Friday</i>?<br>"
        "You can also reach me at <a href='mailto:ana.souza@people.test'>ana.souza@people.test</a>.</p>"
        "<p>Thank you<br>Ana</p>",
    )  # fmt: skip
    post_and_wait(url, order, question)
    answer = Letter(
        help_desk, customer, "Re: Will the lamp come before Friday?",
        "Dear Ana,\n\nyes: it leaves our warehouse today and should be with you on Thursday.\n\nKind regards\n"
        f"{order.store.name}\n\nOn Monday, Ana Souza <{store.address.text()}> wrote:\n"
        "> Hello,\n>\n> I ordered the reading lamp as a present. Will it be here before Friday?\n",
    )  # fmt: skip
    post_and_wait(url, order, answer)
    parcel = Letter(
        ("Fast Parcel", "notices@fastparcel.test"), customer, "Your parcel FP-2041 is on its way",
        "Your parcel FP-2041 was handed to us.\nExpected delivery: Thursday, 9:00 to 12:00.\n"
        "Questions? Answer this mail.\n",
        attachment=("FP-2041.txt", "text/plain", b"Parcel FP-2041\nReceiver: ana.souza@people.test\nWeight: 2.4 kg\n"),
    )  # fmt: skip
    post_and_wait(url, order, parcel)
    carrier = order.aliases.filter(party=PartyKind.THIRD_PARTY).order_by("id")[0]
    post_and_wait(
        url, order,
        Letter(
            ana, carrier, "Re: Your parcel FP-2041 is on its way",
            "Please leave it with my neighbour at number 12.\n\nAna",
        ),
    )  # fmt: skip


def _about_the_kettle(url: str, order: Order) -> None:
    customer, store = _alias(order, PartyKind.CUSTOMER), _alias(order, PartyKind.STORE)
    carla = ("Carla Méndez", "carla.mendez@people.test")
    post_and_wait(url, order, Letter(carla, store, "Factura", "Buenos días,\n\n¿me pueden enviar la factura?\n\nCarla"))
    post_and_wait(
        url, order,
        Letter(
            ("Kettle Club", "news@kettleclub.test"), customer, "Ten kettles you will love", "Read our newsletter!",
            headers=(("List-Unsubscribe", "<https://kettleclub.test/out>"), ("Precedence", "bulk")),
        ),
    )  # fmt: skip
    post_and_wait(
        url, order,
        Letter(carla, store, "Respuesta automática: Factura", "Estoy de vacaciones hasta el lunes.",
               headers=(("Auto-Submitted", "auto-replied"),)),
        mailgun=True,
    )  # fmt: skip


def _too_late(url: str, order: Order) -> None:
    letter = Letter(
        ("Fábio Reis", "fabio.reis@people.test"), _alias(order, PartyKind.STORE), "One more thing",
        "Hello again, does the vase go into the dishwasher?",
    )  # fmt: skip
    post_and_wait(url, order, letter)


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail that somebody in the demo writes to an alias."""

    writer: tuple[str, str]
    to: Alias
    subject: str
    text: str
    html: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    attachment: tuple[str, str, bytes] | None = None


def post_and_wait(url: str, order: Order, letter: Letter, *, mailgun: bool = False) -> None:
    """Post one letter as a provider would, and wait until it stands on the timeline."""
    before = _letters(order).count()
    _post(_mailgun(url, letter) if mailgun else _postmark(url, letter))
    until = time.monotonic() + PATIENCE
    while _letters(order).count() == before:
        if time.monotonic() > until:
            raise NotSettled(f"order {order.number}")
        time.sleep(0.05)


def _letters(order: Order) -> QuerySet[TimelineEntry]:
    """What came by mail; the order's own mails come at moments of their own."""
    return TimelineEntry.objects.filter(order=order, kind=Kind.MAIL).exclude(reason=Reason.ORDER_MAIL)


def _message_id(letter: Letter) -> str:
    return f"<{secrets.token_hex(12)}@{letter.writer[1].rpartition('@')[2]}>"


def _postmark(url: str, letter: Letter) -> urllib.request.Request:
    name, address = letter.writer
    alias = letter.to.address.text()
    payload = {
        "FromFull": {"Email": address, "Name": name},
        "ToFull": [{"Email": alias, "Name": ""}],
        "OriginalRecipient": alias,
        "Subject": letter.subject,
        "Date": format_datetime(timezone.now()),
        "TextBody": letter.text,
        "HtmlBody": letter.html,
        "MessageID": secrets.token_hex(16),
        "Headers": [
            {"Name": "Message-ID", "Value": _message_id(letter)},
            {"Name": "X-Spam-Tests", "Value": "DKIM_SIGNED,DKIM_VALID,DKIM_VALID_AU,SPF_PASS"},
            *({"Name": key, "Value": value} for key, value in letter.headers),
        ],
    }
    if letter.attachment:
        file, kind, content = letter.attachment
        encoded = base64.b64encode(content).decode()
        payload["Attachments"] = [
            {"Name": file, "ContentType": kind, "Content": encoded, "ContentLength": len(content)}
        ]
    return urllib.request.Request(  # noqa: S310  our own address
        f"{url}/anymail/postmark/inbound/",
        json.dumps(payload).encode(),
        {"Content-Type": "application/json", "Authorization": POSTMARK},
    )


def _mailgun(url: str, letter: Letter) -> urllib.request.Request:
    name, address = letter.writer
    timestamp, token = str(int(time.time())), secrets.token_hex(25)
    headers = [
        ["From", f"{name} <{address}>"],
        ["Subject", letter.subject],
        ["Message-Id", _message_id(letter)],
        *([key, value] for key, value in letter.headers),
    ]
    form = {
        "recipient": letter.to.address.text(),
        "sender": address,
        "from": f"{name} <{address}>",
        "subject": letter.subject,
        "body-plain": letter.text,
        "message-headers": json.dumps(headers),
        "timestamp": timestamp,
        "token": token,
        "signature": hmac.new(b"demo", f"{timestamp}{token}".encode(), hashlib.sha256).hexdigest(),
    }
    return urllib.request.Request(  # noqa: S310  our own address
        f"{url}/anymail/mailgun/inbound/",
        urllib.parse.urlencode(form).encode(),
        {"Content-Type": "application/x-www-form-urlencoded", "Authorization": POSTMARK},
    )


def _post(request: urllib.request.Request) -> None:
    with urllib.request.urlopen(request, timeout=10):  # noqa: S310  our own address
        pass
