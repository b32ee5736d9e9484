"""The demo's conversations: mails of its people, posted to the webhook door as a provider would."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass
from email.utils import format_datetime

from django.db.models import QuerySet
from django.utils import timezone

from orders.models import Alias, Kind, Order, PartyKind, TimelineEntry
from orders.outcomes import Reason

PATIENCE = 30.0  # seconds until a posted mail should stand on its timeline
POSTMARK = "Basic " + base64.b64encode(b"demo:demo").decode()


class NotSettled(TimeoutError):
    """A demo mail was taken in but did not reach its timeline in time: is a worker running?"""


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
