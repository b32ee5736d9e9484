"""An event: something happened on an order that others want to hear of. Order mails, feeds and hooks live on these."""

from __future__ import annotations

from django.db import models

from orders import secrecy
from orders.models.order import Status


class EventKind(models.TextChoices):
    """What happened; the value is the type that feeds and hooks carry."""

    STATUS = "order.status", "status"
    PAYMENT_PENDING = "order.payment_pending", "payment still pending"
    PAYMENT_CHANGED = "order.payment_changed", "payment changed"
    INVOICED = "order.invoiced", "invoiced"
    SHIPPED = "order.shipped", "shipped"
    TRACKING = "order.tracking", "tracking"
    DELIVERED = "order.delivered", "delivered"
    REFUNDED = "order.refunded", "refunded"
    CHANGED = "order.changed", "changed"
    REPLACED = "order.replaced", "replaced"
    CANCEL_REFUSED = "order.cancel_refused", "cancellation refused"
    MESSAGE_RECEIVED = "message.received", "message received"
    MESSAGE_SENT = "message.sent", "message sent"
    MESSAGE_BOUNCED = "message.bounced", "message bounced"


class OrderEvent(models.Model):
    """Written in the transaction of what it tells of; a worker hands it on and notes when it did."""

    store = models.ForeignKey("orders.Store", models.PROTECT, related_name="+")
    order = models.ForeignKey("orders.Order", models.PROTECT, related_name="events")
    kind = models.CharField(max_length=24, choices=EventKind.choices)
    occasion = models.CharField(max_length=200)  # the same when the same thing happens again: one order mail each
    old_status = models.CharField(max_length=32, choices=Status.choices, blank=True)
    new_status = models.CharField(max_length=32, choices=Status.choices)  # where the order stood then
    entry = models.ForeignKey("orders.TimelineEntry", models.PROTECT, related_name="+", null=True, blank=True)
    invoice = models.ForeignKey("orders.Invoice", models.PROTECT, related_name="+", null=True, blank=True)
    details = secrecy.SealedField(default=secrecy.nothing)  # JSON that only some kinds have
    previous_at = models.DateTimeField(null=True, blank=True)  # when the status before had begun
    occurred_at = models.DateTimeField()
    dispatched_at = models.DateTimeField(null=True, blank=True)
    put_off_until = models.DateTimeField(null=True, blank=True)  # it could not be told, alone

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(kind__in=EventKind.values), name="event_kind_is_known"),
            models.CheckConstraint(
                condition=models.Q(new_status__in=Status.values) & models.Q(old_status__in=["", *Status.values]),
                name="event_statuses_are_known",
            ),
        ]
        indexes = [
            models.Index(fields=["id"], name="event_waiting", condition=models.Q(dispatched_at=None)),
            models.Index(fields=["occurred_at"], name="event_oldest"),
        ]

    def __str__(self) -> str:
        return f"event {self.pk}"
