"""How many SQL statements a mail takes."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from conversation_tracker import inbox
from conversation_tracker.models import OrderMail
from orders import access
from orders.models import ApiKey, Store
from orders.placing import Placed
from tests import letters

pytestmark = pytest.mark.django_db


def statements(captured: CaptureQueriesContext) -> list[str]:
    return [
        query["sql"] for query in captured if not query["sql"].startswith(("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT"))
    ]


def post(client: Client, placed: Placed, number: int) -> None:
    headers = [{"Name": "Message-ID", "Value": f"<{number}@people.example>"}]
    sender = {"Email": placed.customer_alias.real.text(), "Name": ""}
    letters.post_postmark(client, letters.postmark(placed.store_alias, FromFull=sender, Headers=headers))


def test_a_mail_alone_takes_eight_and_twenty_together_no_more(client: Client, placed: Placed) -> None:
    post(client, placed, 0)
    with CaptureQueriesContext(connection) as alone:
        inbox.work(now=timezone.now())
    for number in range(1, 21):
        post(client, placed, number)
    with CaptureQueriesContext(connection) as together:
        assert inbox.work(now=timezone.now()) == 20
    assert len(statements(alone)) == 8, statements(alone)
    assert len(statements(together)) == 8, statements(together)


def test_placing_an_order_takes_fifteen_at_most_and_writes_no_mail(client: Client, store: Store) -> None:
    ApiKey.objects.create(
        store=store, app_key="k", token_digest=access.token_digest("t"), label="Shop", created_at=timezone.now()
    )
    order = {
        "marketplaceOrderId": "1",
        "marketplacePaymentValue": 100,
        "items": [{"id": "1", "quantity": 1, "price": 100}],
        "clientProfileData": {"email": "ana@people.example", "firstName": "Ana", "lastName": "Souza"},
    }
    with CaptureQueriesContext(connection) as captured:
        answer = client.post(
            "/api/fulfillment/pvt/orders", [order], content_type="application/json",
            headers={"X-VTEX-API-AppKey": "k", "X-VTEX-API-AppToken": "t"},
        )  # fmt: skip
    assert answer.status_code == 200
    assert len(statements(captured)) <= 15, statements(captured)
    assert OrderMail.objects.count() == 0
