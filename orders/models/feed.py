"""Feeds, from which systems fetch what happened on orders, and hooks, to which it is posted."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from orders import secrecy

LONGEST_INVISIBLE = 12 * 3600  # seconds
SHORTEST_KEPT, LONGEST_KEPT = 4 * 86_400, 14 * 86_400  # seconds


class Wish(models.Model):
    """What a key wants to hear of."""

    statuses = models.JSONField(default=list)  # statuses that an order comes to; empty: any
    kinds = models.JSONField(default=list)  # kinds of events besides changes of status
    expression = models.CharField(max_length=1_000, blank=True, default="", db_default="")  # that gave the statuses
    fires_once = models.BooleanField(default=False, db_default=False)  # while the order stays among the statuses
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        abstract = True


class Feed(Wish):
    """The feed of one key: items wait in it until they are committed."""

    store = models.ForeignKey("orders.Store", models.PROTECT, related_name="feeds")
    api_key = models.ForeignKey("orders.ApiKey", models.CASCADE, related_name="feeds")
    visibility_timeout = models.PositiveIntegerField()  # seconds for which an item that was read is read by nobody else
    retention = models.PositiveIntegerField()  # seconds after which an item goes that nobody committed

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["api_key"], name="feed_is_one_per_key"),
            models.CheckConstraint(
                condition=models.Q(visibility_timeout__range=(1, LONGEST_INVISIBLE)), name="feed_timeout_is_in_range"
            ),
            models.CheckConstraint(
                condition=models.Q(retention__range=(SHORTEST_KEPT, LONGEST_KEPT)), name="feed_retention_is_in_range"
            ),
        ]

    def __str__(self) -> str:
        return f"feed {self.pk}"


class FeedItem(models.Model):
    """One event in one feed."""

    store = models.ForeignKey("orders.Store", models.PROTECT, related_name="+")
    feed = models.ForeignKey(Feed, models.CASCADE, related_name="items")
    handle = models.UUIDField(default=uuid.uuid4, editable=False)  # by which it is committed
    document = secrecy.SealedField()  # JSON: the item but for its handle; aliases in the place of addresses
    created_at = models.DateTimeField()
    visible_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["handle"], name="feed_item_handle_is_unique")]
        indexes = [
            models.Index(fields=["feed", "visible_at", "id"], name="feed_item_next"),
            models.Index(fields=["expires_at"], name="feed_item_oldest"),
        ]

    def __str__(self) -> str:
        return f"feed item {self.pk}"


class Hook(Wish):
    """Where the events of one key are posted to."""

    store = models.ForeignKey("orders.Store", models.PROTECT, related_name="hooks")
    api_key = models.ForeignKey("orders.ApiKey", models.CASCADE, related_name="hooks")
    url = secrecy.SealedField()
    headers = secrecy.SealedField()  # JSON {name: value}; they carry the target's credentials
    secret = secrecy.SealedField()  # whsec_…, signs what is posted
    switched_off_at = models.DateTimeField(null=True, blank=True)  # by staff: nothing is posted, and nothing is noted
    failures = models.PositiveIntegerField(default=0)  # in a row, of any of its deliveries
    next_try_at = models.DateTimeField()  # nothing is posted before: the target did not answer
    served_at = models.DateTimeField()  # who waits longest comes next
    last_delivered_at = models.DateTimeField(null=True, blank=True)
    last_problem = models.CharField(max_length=200, blank=True)
    last_problem_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["api_key"], name="hook_is_one_per_key")]

    def __str__(self) -> str:
        return f"hook {self.pk}"


class DeliveryState(models.TextChoices):
    """Where a delivery to a hook stands."""

    WAITING = "waiting", _("Waiting")
    DELIVERED = "delivered", _("Delivered")
    FAILED = "failed", _("Given up")


class HookDelivery(models.Model):
    """One event on its way to one hook."""

    store = models.ForeignKey("orders.Store", models.PROTECT, related_name="+")
    hook = models.ForeignKey(Hook, models.CASCADE, related_name="deliveries")
    event = models.CharField(max_length=32)  # the event's public id, by which the target knows a repeat
    body = secrecy.SealedField()  # JSON; aliases in the place of addresses
    state = models.CharField(max_length=9, choices=DeliveryState.choices, default=DeliveryState.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)  # begun
    failures = models.PositiveSmallIntegerField(default=0)
    status = models.PositiveSmallIntegerField(null=True, blank=True)  # that the target answered last
    problem = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "hook deliveries"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=DeliveryState.values), name="hook_delivery_state_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(state=DeliveryState.WAITING) | models.Q(settled_at__isnull=False),
                name="hook_delivery_settled_has_a_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["hook", "next_attempt_at", "id"],
                name="hook_delivery_waiting",
                condition=models.Q(state=DeliveryState.WAITING),
            ),
            models.Index(
                fields=["hook", "failures", "next_attempt_at", "id"],
                name="hook_delivery_next",
                condition=models.Q(state=DeliveryState.WAITING),
            ),
            models.Index(fields=["created_at"], name="hook_delivery_oldest"),
        ]

    def __str__(self) -> str:
        return f"hook delivery {self.pk}"
