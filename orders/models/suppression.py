"""A suppression: an address to which a store sends no more mail."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from orders import secrecy


class SuppressionReason(models.TextChoices):
    """Why nothing is sent there: the closed list."""

    BOUNCED = "bounced", _("It bounced for good")
    COMPLAINED = "complained", _("A mail was marked as spam")
    REFUSED = "refused", _("The mail provider refuses it")


class Suppression(models.Model):
    """One real address of one store, until somebody lifts it; found by the digest of the address."""

    store = models.ForeignKey("orders.Store", models.PROTECT, related_name="suppressions")
    address = secrecy.SealedField()
    address_digest = models.BinaryField(max_length=32)
    alias = models.ForeignKey("orders.Alias", models.PROTECT, related_name="+")  # of the person, where it last happened
    reason = models.CharField(max_length=10, choices=SuppressionReason.choices)
    since = models.DateTimeField()
    source = models.CharField(max_length=64)  # id of the outbound mail that was refused, as text

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["store", "address_digest"], name="suppression_is_one_per_store_and_address"
            ),
            models.CheckConstraint(
                condition=models.Q(reason__in=SuppressionReason.values), name="suppression_reason_is_known"
            ),
        ]
        indexes = [models.Index(fields=["store", "-since", "-id"], name="suppression_newest_of_store")]

    def __str__(self) -> str:
        return f"suppression {self.pk}"
