"""An order mail: what the store says at a step of an order, once for each occasion."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from conversation_tracker.models.template import TemplateKey
from orders import secrecy


class OrderMailState(models.TextChoices):
    """Where an order mail stands, before the outbox has it."""

    DUE = "due", _("Being written")
    QUEUED = "queued", _("Handed to the outbox")
    SKIPPED = "skipped", _("Not sent")  # ``problem`` says why
    FAILED = "failed", _("Could not be written")


class OrderMail(models.Model):
    """One order mail for one occasion; somebody's wish to resend it is a row of its own."""

    store = models.ForeignKey("orders.Store", models.PROTECT, related_name="+")
    order = models.ForeignKey("orders.Order", models.PROTECT, related_name="order_mails")
    event = models.ForeignKey("orders.OrderEvent", models.SET_NULL, related_name="+", null=True, blank=True)
    template = models.CharField(max_length=64, choices=TemplateKey.choices)
    occasion = models.CharField(max_length=200)
    resend = models.PositiveSmallIntegerField(default=0)  # 0: the first; then as often as somebody had it resent
    actor = models.CharField(max_length=200, blank=True)  # who had it resent
    context = secrecy.SealedField(default=secrecy.nothing)  # JSON: what the template was filled with
    state = models.CharField(max_length=8, choices=OrderMailState.choices, default=OrderMailState.DUE)
    attempts = models.PositiveSmallIntegerField(default=0)
    problem = models.CharField(max_length=200, blank=True)
    entry = models.ForeignKey(  # the customer's; each copy has an entry of its own
        "orders.TimelineEntry", models.PROTECT, related_name="order_mails", null=True, blank=True
    )
    created_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["order", "template", "occasion", "resend"], name="order_mail_is_once_per_occasion"
            ),
            models.CheckConstraint(
                condition=models.Q(template__in=TemplateKey.values), name="order_mail_template_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=OrderMailState.values), name="order_mail_state_is_known"
            ),
            models.CheckConstraint(
                condition=~models.Q(state=OrderMailState.QUEUED) | models.Q(entry__isnull=False),
                name="order_mail_queued_has_its_entry",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"], name="order_mail_due", condition=models.Q(state=OrderMailState.DUE)
            ),
        ]

    def __str__(self) -> str:
        return f"order mail {self.pk}"
