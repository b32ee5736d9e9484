"""A browser: Debian's Chromium, on a live server, with a conversation to look at."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright
from pytest_django import Settings

from conversation_tracker import order_mails
from conversation_tracker.models import OrderMail, TemplateKey
from orders import cancelling, changing, comments, events, flow, interactions, invoicing, payment, shipping
from orders.models import AlertKind, InvoiceKind, MaskType, Role, Status, Store, User, Verification
from orders.outcomes import Outcome, Reason
from orders.placing import Placed
from tests import factories

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360f8cf500f0003860180347d6b610000000049454e44ae426082"
)
LETTER = """\
Hello Maria,

your order has left our warehouse this morning and should be with you on Thursday. The carrier calls before it \
comes; if nobody is at home, it tries again on the next working day.

Kind regards
Joana, Acme Support

On Mon, 3 Nov 2025 at 09:12, Maria Silva wrote:
> Hello, when will my order arrive?
> It is a birthday present, for Friday.
"""
STEPS = (Status.WAITING_FOR_AUTHORIZATION, Status.PAYMENT_PENDING, Status.PAYMENT_APPROVED)
PROGRAM = "application/x-dosexec"
FORMATTED = """\
<div style="font-family:sans-serif"><h2 style="color:#14633f">Your order is on its way</h2>
<p>Hello Maria, it has left <b>our warehouse</b>.</p><img src="cid:logo@acme" width="24" height="24" alt="Acme">
<img src="https://tracker.example/open.gif" width="1" height="1">
<p><a href="https://acme.example/track">Follow it</a></p></div>
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say once and loudly why nothing here runs where there is no Chromium."""
    for item in items:
        if "tests/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None:
                reason = "NOT TESTED: no chromium, chromium-browser or google-chrome in PATH"
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Playwright; its event loop in this thread is no reason for Django to refuse the database."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as driver:
        yield driver
    os.environ.pop("DJANGO_ALLOW_ASYNC_UNSAFE")


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """One Chromium for all tests."""
    chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
    yield chromium
    chromium.close()


@pytest.fixture
def context_options() -> dict[str, Any]:
    """How the browser is set; a test module or parameter overrides it."""
    return {}


@pytest.fixture
def context(browser: Browser, context_options: dict[str, Any]) -> Iterator[BrowserContext]:
    """A fresh profile."""
    fresh = browser.new_context(**{"locale": "en-GB", "reduced_motion": "reduce", **context_options})
    fresh.set_default_timeout(10_000)
    yield fresh
    fresh.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A tab."""
    return context.new_page()


@pytest.fixture
def site(live_server: Any, settings: Settings, transactional_db: None) -> str:
    """Where the site runs, as on a machine of a newcomer."""
    settings.DEBUG = True
    settings.PUBLIC_URL = live_server.url
    return str(live_server.url)


@pytest.fixture
def shop(site: str) -> Store:
    """A store with words for its people."""
    return factories.make_store(
        "acme", name="Acme Store", sender_name="Acme Support", tracking_domain="ct.acme.example"
    )


@pytest.fixture
def admin(shop: Store) -> User:
    """The shop's admin."""
    return factories.make_user("ana@staff.example", store=shop, role=Role.ADMIN, name="Ana Prado")


@pytest.fixture
def signed_in(page: Page, context: BrowserContext, site: str, admin: User) -> Page:
    """A tab in which the admin is signed in."""
    client = Client()
    client.force_login(admin)
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": site}])
    page.goto(f"{site}/orders/")
    return page


@pytest.fixture
def conversation(shop: Store) -> Placed:
    """An order about which customer, store and carrier have written to each other."""
    start = timezone.now() - timedelta(days=3)
    placed = factories.place_order(shop, now=start, email="maria@people.example", value=129_990)
    for hours, status in enumerate(STEPS, 1):
        flow.move(placed.order, status, actor="Acme shop", now=start + timedelta(hours=hours))
    _customer_and_store_write(placed, start)
    _the_carrier_writes(placed, start + timedelta(days=1))
    factories.make_mail(
        placed.customer_alias,
        placed.store_alias,
        subject="Automatic reply: Re: When will it arrive?",
        text="I am out of office until Monday.",
        outcome=Outcome.RECORDED,
        reason=Reason.AUTO_REPLY,
        now=start + timedelta(days=2, hours=1),
    )
    return placed


def _customer_and_store_write(placed: Placed, start: datetime) -> None:
    question = factories.make_mail(
        placed.customer_alias,
        placed.store_alias,
        subject="When will it arrive?",
        text="Hello, when will my order arrive?\nIt is a birthday present, for Friday.",
        now=start + timedelta(hours=5),
        masked_count=1,
    )
    factories.make_outbound(question, state="delivered")
    answer = factories.make_mail(
        placed.store_alias,
        placed.customer_alias,
        subject="Re: When will it arrive?",
        text=LETTER,
        html=FORMATTED,
        now=start + timedelta(hours=7),
        masked_count=2,
    )
    factories.make_attachment(answer, PIXEL, name="logo.png", content_type="image/png", content_id="logo@acme")
    factories.make_attachment(answer, name="invoice 4711.pdf")
    factories.make_outbound(answer, state="sent")


def _the_carrier_writes(placed: Placed, start: datetime) -> None:
    """Once about the parcel, once in bulk; its alias is Hard although the store chose Soft."""
    shop = placed.order.store
    shop.mask_type = MaskType.SOFT
    shop.save()
    carrier = factories.make_third_party(placed.order, email="łukasz@haulage.example", now=start)
    shop.mask_type = MaskType.HARD
    shop.save()
    notice = factories.make_mail(
        carrier,
        placed.customer_alias,
        subject="Delivery on Thursday between 9 and 12",
        text="Your parcel will be delivered on Thursday. Please have somebody at the door.",
        now=start + timedelta(minutes=1),
        verification=Verification.UNVERIFIED,
    )
    factories.make_attachment(notice, b"MZ\x90", name="label.exe", content_type=PROGRAM, is_dangerous=True)
    factories.make_attachment(notice, b"PK", name="forms.zip", content_type="application/zip", is_searchable=False)
    factories.make_outbound(notice, state="held", problem="html body; file")
    factories.make_alert(notice, AlertKind.HELD, now=start + timedelta(minutes=2))
    factories.make_mail(
        carrier,
        placed.customer_alias,
        subject="50 % off all parcels!",
        text="Only this week.",
        outcome=Outcome.REFUSED,
        reason=Reason.BULK,
        now=start + timedelta(days=1),
    )


BOUGHT = {
    "items": [
        {"id": "1", "name": "Oak chair with a woven seat", "quantity": 4, "price": 24_990},
        {"id": "2", "name": "Wool rug, 160 × 230 cm", "quantity": 1, "price": 30_030},
    ],
    "shippingData": {
        "address": {
            "receiverName": "Maria Silva", "street": "Rua das Laranjeiras", "number": "120", "complement": "Apto 31",
            "neighborhood": "Laranjeiras", "city": "Rio de Janeiro", "state": "RJ", "postalCode": "22240-003",
        },
        "logisticsInfo": [{"selectedSla": "Express", "deliveryCompany": "Fast Carrier"}],
    },
}  # fmt: skip


@pytest.fixture
def travelled(shop: Store) -> Placed:
    """An order most of whose goods have arrived, with its order mails, one of which could not be written."""
    start = timezone.now() - timedelta(days=2)
    placed = factories.place_order(
        shop, now=start, email="maria@people.example", value=129_990, item_count=5, document=BOUGHT
    )
    order, at = placed.order, start
    for status in (Status.PAYMENT_APPROVED, Status.READY_FOR_HANDLING, Status.START_HANDLING):
        at += timedelta(hours=2)
        flow.advance(order, status, actor="Acme shop", now=at)
    payment.change(order, data={"paymentSystemName": "Pix", "installments": 1}, actor="Acme shop", now=at)
    changing.change(order, changing.Change("The rug had a flaw", discount=5_000), actor="Acme shop", now=at)
    interactions.tell(order, source="Warehouse", message="Picking list 4711 printed", actor="WMS", now=at)
    for number, value in (("NF-1001", 99_960), ("NF-1002", 25_030)):
        at += timedelta(hours=3)
        url = f"https://fast.example/{number}"
        parcel = shipping.Parcel("Fast Carrier", f"FC{number[-4:]}BR", url, at)
        draft = invoicing.Draft(InvoiceKind.OUTPUT, number, value, at, {"invoiceUrl": url}, parcel)
        made, _ = invoicing.invoice(order, draft, actor="ERP", now=at)
        seen = shipping.Sighting(at, "The parcel has left the sorting centre", "São Paulo", "SP")
        arrived = at + timedelta(hours=5) if number == "NF-1001" else None
        shipping.track(order, made, [seen], delivered_at=arrived, actor="Fast Carrier", now=at)
    with contextlib.suppress(cancelling.TooLate):
        cancelling.cancel(order, reason="Ordered twice by mistake", actor="Acme shop", now=at)
    comments.add(order, "Maria called: leave the second parcel with the porter.", actor="Sam Support", now=at)
    events.dispatch(now=at)
    OrderMail.objects.filter(template=TemplateKey.INVOICED, occasion="invoice:NF-1002").update(attempts=99)
    while order_mails.work(now=at):
        pass
    return placed


@pytest.fixture
def order_url(site: str, conversation: Placed) -> str:
    """The page of that order."""
    return f"{site}/orders/{conversation.order.store.account}/{conversation.order.number}/"


@pytest.fixture
def letterbox(site: str, conversation: Placed) -> Path:
    """The order's mails in the local mailbox of those who received them."""
    from django.core.mail import EmailMultiAlternatives, get_connection

    backend = get_connection("conversation_tracker.local.mailbox.MailboxBackend")
    message = EmailMultiAlternatives(
        "Re: When will it arrive?",
        LETTER,
        f"Acme Support <{conversation.store_alias.address.text()}>",
        ["maria@people.example"],
        connection=backend,
    )
    message.attach_alternative(FORMATTED, "text/html")
    message.attach("invoice.pdf", b"%PDF-1.7", "application/pdf")
    message.send()
    return Path("/mailbox/")
