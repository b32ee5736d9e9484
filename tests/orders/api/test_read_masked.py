"""No answer about an order shows a real address."""

from __future__ import annotations

import html
import json
from typing import Any
from urllib.parse import quote, unquote

import pytest
from django.utils import timezone

from orders import invoicing, placing, shipping
from orders.models import MaskType, Order, Status
from orders.outcomes import Reason
from orders.secrecy import Secret
from tests import factories
from tests.orders.api.conftest import READ, Api, make_order

REAL = "maria.silva@people.example"

STORE = "help@acme.example"

HIDING_PLACES = [
    REAL,
    REAL.upper(),
    REAL.replace("@", "+gifts@"),
    f"Maria Silva <{REAL}>",
    f"mailto:{REAL}?subject=hi",
    quote(REAL, safe=""),
    quote(quote(REAL, safe=""), safe=""),
    REAL.replace("@", " @ "),
    REAL.replace("@", "&#64;"),
    "".join(f"&#{ord(char)};" for char in REAL),
    "".join(f"%{ord(char):02x}" for char in REAL),
    REAL.replace("@", "＠"),
    REAL.replace("@", "\u200b@"),
    REAL.replace(".", "\u3002"),
    f"{REAL}-1b.elsewhere.example",
    f'{{"email": "{REAL}"}}',
    f"{REAL} and {STORE.upper()}",
]


def shown(answer: Any) -> str:
    """All that a reader or program could make of the answer."""
    plain = json.dumps(answer.json(), ensure_ascii=False)
    return "\n".join([answer.content.decode(), plain, unquote(unquote(plain)), html.unescape(plain)]).lower()


@pytest.mark.parametrize("hidden", HIDING_PLACES)
def test_no_answer_shows_a_real_address(api, hidden):
    order = make_order(
        openTextField=f"Please write to {hidden}!",
        shippingData={"address": {"receiver": [{"contact": hidden}]}, hidden: 1},
        paymentData={"payer": hidden},
        clientProfileData__corporateName=hidden,
        note=[[hidden]],
    )
    order["items"][0]["name"] = hidden
    placed = api.place(order)
    again = api.place(order)
    read = api.read(placed.json()[0]["orderId"])
    assert [answer.status_code for answer in (placed, again, read)] == [200, 200, 200]
    assert [
        ["silva@" in shown(answer), "people" in shown(answer), STORE in shown(answer)]
        for answer in (placed, again, read)
    ] == [[False] * 3] * 3


@pytest.mark.parametrize("hidden", [REAL, f"<{REAL}>", REAL.replace("@", "+gifts@"), STORE])
def test_a_soft_stores_answers_show_addresses_only_inside_aliases(db, hidden):
    api = Api(factories.make_store("acme", mask_type=MaskType.SOFT))
    placed = api.place(make_order(openTextField=f"Write to {hidden}!"))
    read = api.read(placed.json()[0]["orderId"])
    aliases = [alias.address.text() for alias in Order.objects.get().aliases.all()]
    for answer in (placed, read):
        text = answer.content.decode()
        for alias in aliases:
            text = text.replace(alias, "")
        assert (REAL in text, "silva@" in text, STORE in text) == (False, False, False)


def test_a_carriers_address_is_masked_once_it_is_a_party(api, number):
    carrier = factories.make_third_party(Order.objects.get(), email="driver@haulage.example")
    order = Order.objects.get()
    order.document = Secret.of_json(make_order(openTextField="The carrier is Driver@Haulage.example"))
    order.save()
    expected = f"The carrier is {carrier.address.text()}"
    assert api.read(number).json()["openTextField"] == {"value": expected}
    assert api.place(make_order()).json()[0]["openTextField"] == expected


def test_who_joined_after_something_was_told_of_him_is_masked_in_every_answer(store):
    api, real, now = Api(store), "kim@carrier.example", timezone.now()
    order = factories.make_order_at(Status.HANDLING, store=store)
    customer, own = placing.parties(order.aliases.all())
    factories.make_mail(own, customer, text=f"Ask {real}.", reason=Reason.ORDER_MAIL)
    factories.make_attachment(factories.make_mail(customer, own), name=f"for {real}.pdf")
    added = {"id": "9", "quantity": 1, "price": 50, "name": f"Ask {real}"}
    api.act(order, "changes", {"reason": f"{real} said so", "itemsAdded": [added]})
    invoice, _ = invoicing.invoice(order, factories.make_invoice_draft(value=1_000), actor="", now=now)
    seen = shipping.Sighting(now, f"Questions: {real}", city=f"City of {real}", state=f"State of {real}")
    shipping.track(order, invoice, [seen], delivered_at=None, actor="", now=now)
    paths = [
        f"{READ}{order.number}", f"{READ}{order.number}/conversation-message?attachmentLinks=true",
        f"/api/order-system/orders/{order.number}/changes", f"{READ.rstrip('/')}?q={order.number}",
    ]  # fmt: skip
    assert [real in shown(api.send("GET", path)) for path in paths] == [True] * 4
    factories.make_third_party(order, email=real)
    assert [real in shown(api.send("GET", path)) for path in paths] == [False] * 4


def test_who_joined_after_an_order_was_cancelled_is_masked_in_the_reason(store):
    api, order = Api(store), factories.make_order(store)
    api.act(order, "cancel", {"reason": "Ask kim@carrier.example."})
    factories.make_third_party(order, email="kim@carrier.example")
    assert "kim@" not in shown(api.read(order.number))
