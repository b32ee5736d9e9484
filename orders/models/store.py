"""A store: one tenant."""

from __future__ import annotations

import zoneinfo

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from orders import masks, secrecy


class MaskType(models.TextChoices):
    """How a store's new aliases look."""

    HARD = masks.Form.HARD.value, _("Hard")
    SOFT = masks.Form.SOFT.value, _("Soft")


def check_time_zone(value: str) -> None:
    """Refuse what is not an IANA time zone."""
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValidationError(_("“%(value)s” is not a time zone."), params={"value": value}) from error


class Store(models.Model):
    """One tenant: account name, tracking domain, mask type, own address, time zone, locale."""

    account = models.CharField(
        max_length=63,
        validators=[RegexValidator(r"\A[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\Z", _("Use a-z, 0-9 and hyphens."))],
    )
    name = models.CharField(max_length=200)
    tracking_domain = models.CharField(
        max_length=190,
        validators=[
            RegexValidator(
                r"\A(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z",
                _("Write the domain in lower case, for example ct.example.com."),
            )
        ],
    )
    # Where aliases of before live, which are answered to for as long as they work, and renewed.
    former_domains = ArrayField(
        models.CharField(max_length=190), default=list, db_default=[], blank=True, editable=False
    )
    mask_type = models.CharField(max_length=4, choices=MaskType.choices, default=MaskType.HARD)
    sender_name = models.CharField(max_length=200)
    sender_address = secrecy.SealedField()  # the store's own real address: where its copies of the mail go
    time_zone = models.CharField(max_length=64, default="UTC", validators=[check_time_zone])
    locale = models.CharField(max_length=10, default="en")
    cancellation_window = models.PositiveIntegerField(default=30, db_default=30)  # minutes; 0: none
    payment_pending_after = models.PositiveIntegerField(default=48, db_default=48)  # hours until it is mailed; 0: never
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account"], name="store_account_is_unique"),
            models.CheckConstraint(
                condition=models.Q(mask_type__in=MaskType.values), name="store_mask_type_is_hard_or_soft"
            ),
            models.CheckConstraint(
                condition=models.Q(account__regex=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"), name="store_account_is_a_label"
            ),
        ]
        indexes = [
            models.Index(fields=["tracking_domain"], name="store_tracking_domain"),
            GinIndex(fields=["former_domains"], name="store_former_domains"),
        ]

    def __str__(self) -> str:
        return self.account
