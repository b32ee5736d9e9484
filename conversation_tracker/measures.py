"""What an operator watches, read from the database at the moment of asking: queues, outcomes, durations.

Nothing is counted in the processes, so that every one of them can answer and none has to be asked in turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Count
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from conversation_tracker import inbox
from conversation_tracker.models import OrderMail, OrderMailState, OutboundMail, Receipt, ReceiptState
from conversation_tracker.models.outbound import WAITING
from orders.models import Alert, AlertKind, OrderEvent

WINDOW = timedelta(minutes=5)

_OUTCOMES = """
    SELECT result->>'outcome', result->>'reason', count(*)
    FROM conversation_tracker_receipt, jsonb_array_elements(results) AS result
    WHERE state = 'done' AND settled_at > %s GROUP BY 1, 2
"""
_SETTLING = """
    SELECT count(*), percentile_cont(ARRAY[0.5, 0.95, 1])
        WITHIN GROUP (ORDER BY extract(epoch FROM settled_at - received_at))
    FROM conversation_tracker_receipt WHERE state = 'done' AND settled_at > %s
"""
_SENDING = """
    SELECT count(*), percentile_cont(ARRAY[0.5, 0.95, 1])
        WITHIN GROUP (ORDER BY extract(epoch FROM sent_at - queued_at))
    FROM conversation_tracker_outboundmail WHERE sent_at > %s
"""


def exposition(*, now: datetime) -> bytes:
    """Every measure in Prometheus' text format, version 0.0.4."""
    registry = CollectorRegistry()
    registry.register(_Reading(now))
    return generate_latest(registry)


class _Reading(Collector):
    def __init__(self, now: datetime) -> None:
        self._now = now

    def describe(self) -> Iterable[Metric]:
        return ()  # no dry run at registration

    def collect(self) -> Iterator[Metric]:
        yield _by(
            "receipts", "Receipts by provider and state.", ("provider", "state"),
            Receipt.objects.values_list("provider", "state").annotate(Count("id")).order_by(),
        )  # fmt: skip
        yield _by(
            "outbound_mails", "Outbound mails by state.", ("state",),
            OutboundMail.objects.values_list("state").annotate(Count("id")).order_by(),
        )  # fmt: skip
        written = dict(OrderMail.objects.values_list("state").annotate(Count("id")).order_by())
        yield _by(
            "order_mails", "Order mails by state.", ("state",),
            [(state.value, written.get(state, 0)) for state in OrderMailState],
        )  # fmt: skip
        alarms = dict(Alert.objects.open().values_list("kind").annotate(Count("id")).order_by())
        yield _by(
            "open_alerts", "Alerts that wait for somebody, by kind.", ("kind",),
            [(kind.value, alarms.get(kind, 0)) for kind in AlertKind],
        )  # fmt: skip
        yield self._age(
            "oldest_pending_receipt_seconds", "Age of the receipt that waits longest.", inbox.oldest_pending()
        )
        waiting = (
            OutboundMail.objects.filter(state__in=WAITING).order_by("queued_at").values_list("queued_at", flat=True)
        )
        yield self._age("oldest_waiting_outbound_seconds", "Age of the mail that waits longest.", waiting.first())
        due = OrderMail.objects.filter(state=OrderMailState.DUE).order_by("created_at")
        yield self._age(
            "oldest_due_order_mail_seconds", "Age of the order mail that waits longest to be written.",
            due.values_list("created_at", flat=True).first(),
        )  # fmt: skip
        untold = OrderEvent.objects.filter(dispatched_at=None).order_by("id")
        yield self._age(
            "oldest_untold_event_seconds", "Age of what happened on an order and waits longest to be told.",
            untold.values_list("occurred_at", flat=True).first(),
        )  # fmt: skip
        yield _by(
            "events_put_off", "Of these, what could not be told when it was tried alone.", (),
            [(untold.exclude(put_off_until=None).count(),)],
        )  # fmt: skip
        since = self._now - WINDOW
        yield _by(
            "outcomes",
            "Mails of the last 5 minutes by outcome and reason.",
            ("outcome", "reason"),
            _rows(_OUTCOMES, since),
        )
        yield from _durations("settling", "from the door to the timeline", _rows(_SETTLING, since))
        yield from _durations("sending", "from the timeline to the provider", _rows(_SENDING, since))

    def _age(self, name: str, words: str, since: datetime | None) -> Metric:
        age = (self._now - since).total_seconds() if since is not None else 0.0
        return _by(name, words, (), [(age,)])


def _rows(sql: str, since: datetime) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, [since])
        rows: list[tuple[object, ...]] = cursor.fetchall()
    return rows


def _by(name: str, words: str, labels: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> Metric:
    family = GaugeMetricFamily(f"conversation_tracker_{name}", words, labels=labels)
    for *values, number in rows:
        family.add_metric([str(value) for value in values], float(str(number)))
    return family


def _durations(name: str, way: str, rows: list[tuple[object, ...]]) -> Iterator[Metric]:
    ((count, found),) = rows
    yield _by(f"{name}_mails", f"Mails that went {way} in the last 5 minutes.", (), [(count,)])
    seconds = found if isinstance(found, list) else []
    yield _by(
        f"{name}_seconds", f"Time {way}, mails of the last 5 minutes.", ("quantile",),
        zip(("0.5", "0.95", "1"), seconds, strict=False),
    )  # fmt: skip


def is_behind(*, now: datetime, limit: timedelta) -> bool:
    """Whether a receipt has waited longer than the limit although nothing kept it from being settled."""
    return Receipt.objects.filter(
        state=ReceiptState.PENDING, received_at__lt=now - limit, next_attempt_at__lt=now - limit
    ).exists()


def is_sending_behind(*, now: datetime, limit: timedelta) -> bool:
    """The same of mails that are to be sent, of order mails that are to be written, and of what happened on orders,
    which nobody has an order mail for until it is told. What is to be sent may wait for twice as long: handing over one
    mail before it may take more than seven minutes.
    """
    return (
        OutboundMail.objects.filter(state__in=WAITING, next_attempt_at__lt=now - 2 * limit).exists()
        or OrderMail.objects.filter(state=OrderMailState.DUE, next_attempt_at__lt=now - limit).exists()
        or OrderEvent.objects.filter(dispatched_at=None, put_off_until=None, occurred_at__lt=now - limit).exists()
    )


def rate(*, now: datetime, window: timedelta = WINDOW) -> float:
    """Receipts settled per second, over the last 5 minutes or another while."""
    settled = Receipt.objects.filter(state=ReceiptState.DONE, settled_at__gt=now - window).count()
    return settled / window.total_seconds()
