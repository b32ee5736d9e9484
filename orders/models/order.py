"""An order of a store."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from orders import secrecy

FIRST_SEQUENCE = 500_000  # an order's sequence, by which programs may name it, is this and its row's number


class Status(models.TextChoices):
    """Where an order stands; the value is the API's, the label is what people read."""

    ORDER_CREATED = "order-created", _("Order created")
    ORDER_COMPLETED = "on-order-completed", _("Order completed")
    WAITING_FOR_AUTHORIZATION = "waiting-for-authorization", _("Waiting for seller confirmation")
    PAYMENT_PENDING = "payment-pending", _("Payment pending")
    PAYMENT_APPROVED = "payment-approved", _("Payment approved")
    PAYMENT_DENIED = "payment-denied", _("Payment denied")
    WAITING_FOR_FULFILLMENT = "waiting-for-fulfillment", _("Waiting for fulfillment")
    WINDOW_TO_CANCEL = "window-to-cancel", _("Cancellation window")
    READY_FOR_HANDLING = "ready-for-handling", _("Ready for handling")
    START_HANDLING = "start-handling", _("Start handling")
    HANDLING = "handling", _("Handling shipping")
    INVOICE = "invoice", _("Verifying invoice")
    INVOICED = "invoiced", _("Invoiced")
    CANCELLATION_REQUESTED = "cancellation-requested", _("Cancellation requested")
    CANCEL = "cancel", _("Cancelling")
    CANCELED = "canceled", _("Canceled")


UNPAID = (
    Status.ORDER_CREATED, Status.ORDER_COMPLETED, Status.WAITING_FOR_AUTHORIZATION, Status.PAYMENT_PENDING,
)  # fmt: skip


class Order(models.Model):
    """One order; its number is unique in its store. What was posted is kept whole, sealed, in ``document``."""

    store = models.ForeignKey("orders.Store", models.PROTECT, related_name="orders")
    customer = models.ForeignKey("orders.Customer", models.PROTECT, related_name="orders")
    number = models.CharField(max_length=64)
    marketplace_number = models.CharField(max_length=128)
    status = models.CharField(max_length=32, choices=Status.choices, default=Status.ORDER_CREATED)
    value = models.BigIntegerField()  # minor units of the currency
    currency = models.CharField(max_length=3, default="BRL")
    item_count = models.PositiveIntegerField()
    document = secrecy.SealedField()  # JSON as posted: items, profile, shipping, payment
    placed_at = models.DateTimeField()
    source = models.CharField(max_length=20, default="api", db_default="api")  # what placed it
    status_changed_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())  # status, invoice, tracking, items or data
    authorized_at = models.DateTimeField(null=True, blank=True)
    invoiced_at = models.DateTimeField(null=True, blank=True)
    canceled_at = models.DateTimeField(null=True, blank=True)
    # How its shop last had it: when that was, and a digest of items and value.
    shop_changed_at = models.DateTimeField(null=True, blank=True)
    shop_state = models.BinaryField(max_length=32, null=True, blank=True)
    shop_buyer = models.BinaryField(max_length=32, null=True, blank=True)  # digest; empty: nobody but the customer yet
    replaces = models.ForeignKey("self", models.PROTECT, related_name="replaced_by", null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["store", "number"], name="order_number_is_unique_in_store"),
            models.UniqueConstraint(
                fields=["store", "marketplace_number"], name="order_marketplace_number_is_unique_in_store"
            ),
            models.CheckConstraint(condition=models.Q(status__in=Status.values), name="order_status_is_known"),
            models.CheckConstraint(condition=models.Q(value__gte=0), name="order_value_is_not_negative"),
        ]
        indexes = [
            models.Index(fields=["store", "-placed_at", "-id"], name="order_newest_of_store"),
            models.Index(
                fields=["status_changed_at"],
                name="order_in_window_to_cancel",
                condition=models.Q(status=Status.WINDOW_TO_CANCEL),
            ),
            models.Index(
                fields=["placed_at"],
                name="order_waits_for_payment",
                condition=models.Q(status__in=[status.value for status in UNPAID]),
            ),
            models.Index(
                fields=["store"],
                name="order_asks_to_be_cancelled",
                condition=models.Q(status=Status.CANCELLATION_REQUESTED),
            ),
        ]

    def __str__(self) -> str:
        return self.number
