"""An alias: a party's masked address in one order."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from orders import masks, secrecy, validity
from orders.models.store import MaskType


class PartyKind(models.TextChoices):
    """Who a party of an order is."""

    CUSTOMER = "customer", _("Customer")
    STORE = "store", _("Store")
    THIRD_PARTY = "third_party", _("Third party")


class FallbackReason(models.TextChoices):
    """Why an alias is Hard although the store chose Soft."""

    NONE = masks.Fallback.NONE.value, ""
    LOCAL_NOT_PLAIN = masks.Fallback.LOCAL_NOT_PLAIN.value, _("the part before the @ cannot be read in a Soft alias")
    IDN_TOP_LEVEL = masks.Fallback.IDN_TOP_LEVEL.value, _("its domain ends in an international name")
    LITERAL_DOMAIN = masks.Fallback.LITERAL_DOMAIN.value, _("its domain is not a name")
    TOO_LONG = masks.Fallback.TOO_LONG.value, _("the Soft alias would be too long")


class AliasQuerySet(models.QuerySet["Alias"]):
    """Query words about aliases."""

    def active_at(self, now: datetime) -> AliasQuerySet:
        """Those that work at ``now``."""
        return self.filter(expires_at__gt=now, retired_at=None)

    def due_at(self, now: datetime) -> AliasQuerySet:
        """Those whose time is over and that nobody has retired yet."""
        return self.filter(expires_at__lte=now, retired_at=None)


class Alias(models.Model):
    """One masked address; one per order and real address, never issued to anyone else. Expired rows stay for ever."""

    store = models.ForeignKey("orders.Store", models.PROTECT, related_name="aliases")
    order = models.ForeignKey("orders.Order", models.PROTECT, related_name="aliases")
    party = models.CharField(max_length=11, choices=PartyKind.choices)
    address = secrecy.SealedField()
    address_digest = models.BinaryField(max_length=32)
    real = secrecy.SealedField()
    real_digest = models.BinaryField(max_length=32)
    display_name = secrecy.SealedField()  # as the party calls itself; never an address
    mask_type = models.CharField(max_length=4, choices=MaskType.choices)
    fallback = models.CharField(max_length=16, choices=FallbackReason.choices, default="", blank=True)
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True, blank=True)

    objects = AliasQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "aliases"
        constraints = [
            models.UniqueConstraint(fields=["address_digest"], name="alias_address_is_unique_for_ever"),
            models.UniqueConstraint(fields=["order", "real_digest"], name="alias_is_one_per_order_and_person"),
            models.CheckConstraint(
                condition=models.Q(mask_type__in=MaskType.values), name="alias_mask_type_is_hard_or_soft"
            ),
            models.CheckConstraint(condition=models.Q(party__in=PartyKind.values), name="alias_party_is_known"),
            models.CheckConstraint(
                condition=models.Q(fallback__in=FallbackReason.values), name="alias_fallback_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(expires_at__gt=models.F("issued_at")), name="alias_expires_after_issue"
            ),
        ]
        indexes = [
            models.Index(fields=["expires_at"], name="alias_due", condition=models.Q(retired_at=None)),
        ]

    def __str__(self) -> str:
        return f"alias {self.pk}"

    @property
    def is_retired_by_hand(self) -> bool:
        """Whether somebody ended it before its time; one whose time was over is retired later than that."""
        return self.retired_at is not None and self.retired_at < self.expires_at

    def is_valid_at(self, now: datetime) -> bool:
        """Whether mail to it is relayed at ``now``."""
        return self.retired_at is None and validity.is_valid(expires_at=self.expires_at, now=now)
