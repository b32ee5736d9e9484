"""What a store changed of its e-mail templates, and who its order mails are from."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from orders import secrecy


class TemplateKey(models.TextChoices):
    """The order mails there are; the value is what integrations know them by."""

    NEW_ORDER = "vtexcommerce-new-order", _("Order confirmation")
    PAYMENT_PENDING = "vtexcommerce-payment-pending", _("Payment pending")
    PAYMENT_APPROVED = "vtexcommerce-payment-approved", _("Payment approved")
    PAYMENT_DENIED = "payment-denied", _("Payment denied")
    PAYMENT_CHANGED = "vtexcommerce-order-change-payment", _("Order change payment")
    ORDER_CHANGED = "vtexcommerce-order-changed", _("Order changed")
    ORDER_CHANGED_V2 = "vtexcommerce-order-changed-v2", _("Order changed: items")
    IN_HANDLING = "in-handling", _("In handling")
    INVOICED = "vtexcommerce-order-invoiced", _("Order invoiced")
    SHIPPED = "vtexcommerce-order-shipped", _("Order shipped")
    SHIPPING_UPDATE = "vtexcommerce-order-shipping-update", _("Shipping update")
    DELIVERED = "vtexcommerce-order-shipping-finished", _("Order delivered")
    CANCELLED = "vtexcommerce-order-cancelled", _("Order cancelled")
    CANCEL_REFUSED_INVOICED = (
        "vtexcommerce-order-invoiced-with-cancel-request", _("Cancellation refused: invoiced"),
    )  # fmt: skip
    CANCEL_REFUSED_SHIPPED = (
        "vtexcommerce-order-shipped-with-cancel-request", _("Cancellation refused: shipped"),
    )  # fmt: skip
    REPLACED = "vtexcommerce-replace-order", _("Replace order")
    REFUNDED = "vtexcommerce-order-refunded", _("Order refund")


class Sender(models.Model):
    """A name and a real address of the store that order mails come from, behind an alias."""

    store = models.ForeignKey("orders.Store", models.CASCADE, related_name="senders")
    name = models.CharField(max_length=200)
    address = secrecy.SealedField()
    address_digest = models.BinaryField(max_length=32)
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["store", "address_digest"], name="sender_address_is_unique_in_store"),
            models.UniqueConstraint(
                fields=["store"], condition=models.Q(is_default=True), name="sender_default_is_one_per_store"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class TemplateChoice(models.Model):
    """Whether and how a store sends an order mail; without a row it is sent, by the default sender, without copies."""

    store = models.ForeignKey("orders.Store", models.CASCADE, related_name="+")
    key = models.CharField(max_length=64, choices=TemplateKey.choices)
    is_enabled = models.BooleanField(default=True)
    sender = models.ForeignKey(Sender, models.SET_NULL, related_name="+", null=True, blank=True)  # empty: the default
    copies = secrecy.SealedField(default=secrecy.nothing)  # JSON {"cc": [real address …], "bcc": […]}

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["store", "key"], name="template_choice_is_one_per_store_and_key"),
            models.CheckConstraint(condition=models.Q(key__in=TemplateKey.values), name="template_choice_key_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.key} of {self.store_id}"


class TemplateVersion(models.Model):
    """What a store wrote in the place of a default template, in one language. Only added to; the newest counts."""

    store = models.ForeignKey("orders.Store", models.CASCADE, related_name="+")
    key = models.CharField(max_length=64, choices=TemplateKey.choices)
    locale = models.CharField(max_length=10)
    number = models.PositiveIntegerField()
    is_default = models.BooleanField(default=False)  # went back to the default texts; the four below are empty
    subject = models.TextField(blank=True)
    preheader = models.TextField(blank=True)
    html = models.TextField(blank=True)
    text = models.TextField(blank=True)
    note = models.CharField(max_length=200, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["store", "key", "locale", "number"], name="template_version_number_is_unique"
            ),
            models.CheckConstraint(
                condition=models.Q(key__in=TemplateKey.values), name="template_version_key_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.locale} {self.number}"
