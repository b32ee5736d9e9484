"""How fast the API answers with an order that has come a long way."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import page, stage
from benchmarks.figures import Figure, percentile
from benchmarks.stage import Stage

LONG = 200
LATEST = 30.0  # milliseconds of server time, 95 of 100


def measure(on: Stage, *, requests: int) -> Iterator[Figure]:
    """The document of an order with 20 items, 5 parcels and 200 mails beside that of one item, and the statements."""
    from django.test import Client
    from django.utils import timezone

    from orders import invoicing, shipping
    from orders.models import Status
    from orders.outcomes import Reason
    from tests import factories

    store = factories.make_store()
    items = [{"id": f"sku-{place}", "quantity": 2, "price": 100, "name": f"Lamp {place}"} for place in range(20)]
    long = factories.make_order_at(Status.HANDLING, store=store, value=4_000, document={"items": items})
    short = factories.make_order(store, document={"items": items[:1]})
    customer, sender = (long.aliases.get(party=party) for party in ("customer", "store"))
    entry = factories.make_mail(sender, customer, text=stage.WORDS * 5, reason=Reason.ORDER_MAIL)
    stage.copies(entry, LONG - 1, occurred_at="one.occurred_at + n * interval '1 second'")
    now = timezone.now()
    for place in range(5):
        parcel = shipping.Parcel("Fast", f"T-{place}", "https://fast.example/")
        draft = factories.make_invoice_draft(f"F-{place}", 800, document={"items": items[:4]}, parcel=parcel)
        made, _ = invoicing.invoice(long, draft, actor="ERP", now=now)
        seen = [shipping.Sighting(now, f"Left depot {depot}") for depot in range(4)]
        shipping.track(long, made, seen, delivered_at=now, actor="ERP", now=now)
    key = factories.make_key(store)
    headers = {"host": "127.0.0.1", "X-VTEX-API-AppKey": key.app_key, "X-VTEX-API-AppToken": "token"}
    client = Client(headers=headers)
    found = [page.times(client, f"/api/oms/pvt/orders/{order.number}", requests) for order in (short, long)]
    (short_times, short_queries), (long_times, long_queries) = found
    latest = percentile(long_times, 0.95) * 1_000
    yield Figure(
        f"read an order with {LONG} mails, 20 items and 5 parcels by API, 95 of 100", latest, "ms",
        "ms with one item", percentile(short_times, 0.95) * 1_000, f"under {LATEST:.0f} ms", latest < LATEST,
    )  # fmt: skip
    more = "one more, for the parcels"
    yield Figure(
        "… statements", long_queries, "", "with one item", short_queries, more, long_queries <= short_queries + 1
    )
