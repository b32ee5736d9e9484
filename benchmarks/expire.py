"""How fast aliases are found and ended in a large table."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from statistics import median

from benchmarks import stage
from benchmarks.figures import Figure
from benchmarks.stage import Stage

PER_MILLION = 60.0  # seconds
LONGEST = 1.0  # seconds that a lock is held
FASTEST = 1.0  # milliseconds in the database


def measure_finding(on: Stage, *, rows: int) -> Iterator[Figure]:
    """One address among so many, beside the shortest question there is."""
    from django.db import connection

    from orders import aliases
    from orders.models import Alias
    from tests import factories

    placed = factories.place_order()
    stage.copies(
        placed.customer_alias, rows,
        address_digest="sha256(convert_to('find' || n, 'UTF8'))",
        real_digest="sha256(convert_to('person' || n, 'UTF8'))",
    )  # fmt: skip
    address = placed.store_alias.address.text()
    plans: list[str] = []
    times, floor = [], []
    for _ in range(50):
        plan = Alias.objects.filter(address_digest=aliases.address_digest(address)).explain(analyze=True)
        plans.append(plan)
        times.append(float(plan.rpartition("Execution Time: ")[2].split()[0]))
        began = time.perf_counter()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        floor.append((time.perf_counter() - began) * 1_000)
    by_index = "Index Scan" in plans[-1]
    yield Figure(
        f"find an alias among {rows:,}, in the database", median(times), "ms", "ms, SELECT 1 there and back",
        median(floor), f"under {FASTEST} ms, by an index", median(times) < FASTEST and by_index,
    )  # fmt: skip


def measure_expiring(on: Stage, *, rows: int) -> Iterator[Figure]:
    """All that are due, beside a bare UPDATE of as many rows in batches of the same size."""
    from django.utils import timezone

    from orders import aliases, tasks
    from orders.models import Alias
    from tests import factories

    now = timezone.now()
    placed = [factories.place_order(now=now - timedelta(days=90)) for _ in range(2)]
    for name, one in zip(("floor", "due"), placed, strict=True):
        stage.copies(
            one.customer_alias, rows - 1,
            address_digest=f"sha256(convert_to('{name}' || n, 'UTF8'))",
            real_digest=f"sha256(convert_to('{name} person' || n, 'UTF8'))",
        )  # fmt: skip
    floor_rows = list(Alias.objects.filter(order=placed[0].order).order_by("id").values_list("id", flat=True))
    began = time.perf_counter()
    for first in range(0, len(floor_rows), tasks.BATCH):
        Alias.objects.filter(pk__in=floor_rows[first : first + tasks.BATCH]).update(retired_at=now)
    floor = len(floor_rows) / (time.perf_counter() - began)
    total, longest, began = 0, 0.0, time.perf_counter()
    while True:
        batch_began = time.perf_counter()
        if not (count := aliases.expire_due(now=now, batch=tasks.BATCH)):
            break
        total += count
        longest = max(longest, time.perf_counter() - batch_began)
    seconds = time.perf_counter() - began
    yield Figure(
        f"expire {total:,} due aliases, each with its timeline entry", total / seconds, "/s", "/s, a bare update",
        floor, f"1,000,000 under {PER_MILLION:.0f} s", seconds * 1_000_000 / total < PER_MILLION,
    )  # fmt: skip
    yield Figure(
        "… longest that rows are locked", longest, "s", budget=f"under {LONGEST:.0f} s", is_within=longest < LONGEST
    )
