"""What was invoiced of an order, and how the parcel travels."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from orders import secrecy


class InvoiceKind(models.TextChoices):
    """Which way the goods went; the value is the API's."""

    OUTPUT = "Output", _("Invoice")
    INPUT = "Input", _("Return")


class Invoice(models.Model):
    """One invoice of an order, over all of it or a part, or one return."""

    store = models.ForeignKey("orders.Store", models.PROTECT, related_name="+")
    order = models.ForeignKey("orders.Order", models.PROTECT, related_name="invoices")
    kind = models.CharField(max_length=6, choices=InvoiceKind.choices)
    number = models.CharField(max_length=128)
    value = models.BigIntegerField()  # minor units of the order's currency
    receipt = models.UUIDField(default=uuid.uuid4, editable=False)  # what the API answers as its receipt
    document = secrecy.SealedField()  # JSON as posted: items, key, address of the invoice, parcel
    courier = secrecy.SealedField(default=secrecy.nothing)
    tracking_number = secrecy.SealedField(default=secrecy.nothing)
    tracking_url = secrecy.SealedField(default=secrecy.nothing)
    issued_at = models.DateTimeField()
    created_at = models.DateTimeField()
    dispatched_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    shop_changed_at = models.DateTimeField(null=True, blank=True)  # by the shop's clock: its newest word on the parcel
    shop_parcel = models.CharField(max_length=128, blank=True, db_default="", default="")  # on another system's invoice

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order", "number"], name="invoice_number_is_unique_in_order"),
            models.CheckConstraint(condition=models.Q(kind__in=InvoiceKind.values), name="invoice_kind_is_known"),
            models.CheckConstraint(condition=models.Q(value__gte=0), name="invoice_value_is_not_negative"),
        ]

    def __str__(self) -> str:
        return self.number


class TrackingEvent(models.Model):
    """Something a carrier said of a parcel; said again, it is the same row."""

    store = models.ForeignKey("orders.Store", models.PROTECT, related_name="+")
    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="tracking")
    city = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=200, blank=True)
    description = models.CharField(max_length=1000, blank=True)  # masked
    happened_at = models.DateTimeField()
    fingerprint = models.BinaryField(max_length=32)  # of all of the above: recognises what was said before
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["invoice", "fingerprint"], name="tracking_event_is_once_per_invoice"),
        ]

    def __str__(self) -> str:
        return f"tracking event {self.pk}"
