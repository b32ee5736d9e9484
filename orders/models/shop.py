"""Shops whose orders come by webhook, and the calls that they made."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from orders import secrecy


class ShopKind(models.TextChoices):
    """The shop software; the value stands in the webhook's address and as the source of its orders."""

    WOOCOMMERCE = "woocommerce", "WooCommerce"
    SHOPIFY = "shopify", "Shopify"


class ShopConnection(models.Model):
    """One shop of a store. Its token is in the webhook's address; its secret signs what the shop posts."""

    store = models.ForeignKey("orders.Store", models.PROTECT, related_name="shops")
    kind = models.CharField(max_length=11, choices=ShopKind.choices)
    name = models.CharField(max_length=100)
    token = models.CharField(max_length=64)
    secret = secrecy.SealedField(default=secrecy.nothing)  # nothing: not entered yet, and every call is refused
    created_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["token"], name="shop_token_is_unique"),
            models.CheckConstraint(condition=models.Q(kind__in=ShopKind.values), name="shop_kind_is_known"),
        ]

    def __str__(self) -> str:
        return self.name


class ShopDeliveryState(models.TextChoices):
    """Where a shop's call stands."""

    PENDING = "pending", _("Pending")
    DONE = "done", _("Done")
    QUARANTINED = "quarantined", _("Quarantined")


class ShopOutcome(models.TextChoices):
    """What became of a shop's call."""

    TAKEN = "taken", _("Taken over")
    NOTHING = "nothing", _("Nothing in it was new")
    NO_ADDRESS = "no_address", _("The order names no e-mail address, so it was left out")
    TOPIC = "topic", _("Calls of this kind are not used")
    NO_ORDER = "no_order", _("The order or parcel that it is about never came")
    IMPOSSIBLE = "impossible", _("The order stands where this cannot follow")


class ShopTrouble(models.TextChoices):
    """Why a shop's call is quarantined, or waits for another try."""

    UNREADABLE = "unreadable", _("It could not be read")
    KILLED_WORKER = "killed_worker", _("It stopped the worker that read it")
    FAILED = "failed", _("Taking it over failed")
    WAITING = "waiting", _("It came before the order that it is about")
    STORAGE = "storage", _("A service it needs was not available")


class ShopDelivery(models.Model):
    """One acknowledged call of a shop. ``headers`` and ``body`` are exactly what came."""

    store = models.ForeignKey("orders.Store", models.PROTECT, related_name="+")
    connection = models.ForeignKey(ShopConnection, models.PROTECT, related_name="deliveries")
    topic = models.CharField(max_length=100)
    fingerprint = models.BinaryField(max_length=32)  # of the shop's id for the call and its body: knows a repeat
    headers = secrecy.SealedField()  # JSON [[name, value], …]
    body = secrecy.SealedField()
    size = models.PositiveIntegerField()  # of the body, bytes
    state = models.CharField(max_length=11, choices=ShopDeliveryState.choices, default=ShopDeliveryState.PENDING)
    outcome = models.CharField(max_length=10, choices=ShopOutcome.choices, blank=True)
    trouble = models.CharField(max_length=13, choices=ShopTrouble.choices, blank=True)
    trouble_detail = models.CharField(max_length=200, blank=True)  # the error's class and place; never its text
    attempts = models.PositiveSmallIntegerField(default=0)  # begun; a passing fault does not count
    deferrals = models.PositiveSmallIntegerField(default=0)  # passing faults so far
    order = models.ForeignKey("orders.Order", models.PROTECT, related_name="+", null=True, blank=True)
    received_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "shop deliveries"
        constraints = [
            models.UniqueConstraint(fields=["connection", "fingerprint"], name="shop_delivery_is_kept_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=ShopDeliveryState.values), name="shop_delivery_state_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(outcome__in=["", *ShopOutcome.values]), name="shop_delivery_outcome_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(trouble__in=["", *ShopTrouble.values]), name="shop_delivery_trouble_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(state=ShopDeliveryState.PENDING) | models.Q(settled_at__isnull=False),
                name="shop_delivery_settled_has_a_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at", "id"],
                name="shop_delivery_waiting",
                condition=models.Q(state=ShopDeliveryState.PENDING),
            ),
            models.Index(fields=["store", "-received_at"], name="shop_delivery_newest"),
            models.Index(fields=["state", "settled_at"], name="shop_delivery_settled"),
        ]

    def __str__(self) -> str:
        return f"shop delivery {self.pk}"
