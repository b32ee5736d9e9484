"""How fast an order with a long timeline is shown, in a large table."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from benchmarks import stage
from benchmarks.figures import Figure, percentile
from benchmarks.stage import Stage

if TYPE_CHECKING:
    from django.test import Client

LONG = 200
LATEST = 100.0  # milliseconds of server time, 95 of 100


def measure(on: Stage, *, entries: int, requests: int) -> Iterator[Figure]:
    """The page with 200 entries beside the same page with one, and the queries of both."""
    from django.core.management import call_command
    from django.test import Client
    from django.urls import reverse

    from conversation_tracker import celery
    from tests import factories

    celery.collect_seldom()  # as in a web process
    call_command("collectstatic", verbosity=0, interactive=False)  # pages name files by their digest
    store = factories.make_store()
    long, short, others = (factories.place_order(store) for _ in range(3))
    for placed, count in ((long, LONG), (short, 1), (others, entries)):
        entry = factories.make_mail(placed.customer_alias, placed.store_alias, text=stage.WORDS * 5)
        stage.copies(entry, count - 1, occurred_at="one.occurred_at + n * interval '1 second'")
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(factories.make_user(store=store))
    found = {}
    for name, placed in (("short", short), ("long", long)):
        url = reverse("orders:detail", args=[store.account, placed.order.number])
        found[name] = times(client, url, requests)
    (long_times, long_queries), (short_times, short_queries) = found["long"], found["short"]
    latest = percentile(long_times, 0.95) * 1_000
    yield Figure(
        f"page of an order with {LONG} entries, {entries:,} in the table, 95 of 100", latest, "ms",
        "ms with one entry", percentile(short_times, 0.95) * 1_000, f"under {LATEST:.0f} ms", latest < LATEST,
    )  # fmt: skip
    yield Figure(
        "… queries", long_queries, "", "with one entry", short_queries, "the same", long_queries == short_queries
    )


def times(client: Client, url: str, requests: int) -> tuple[list[float], int]:
    """How long each of so many requests took, in seconds, and how many statements one takes."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        answer = client.get(url)
    queries = len(captured)  # now: the next request clears the list
    if answer.status_code != 200:  # noqa: PLR2004  HTTP
        raise RuntimeError(f"{url} answered {answer.status_code}")
    took = []
    for _ in range(requests):
        began = time.perf_counter()
        client.get(url)
        took.append(time.perf_counter() - began)
    return took, queries
