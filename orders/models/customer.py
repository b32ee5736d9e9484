"""A customer: a real person in a store's Master Data."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from orders import secrecy


class Customer(models.Model):
    """One real person of one store, found by the digest of the address."""

    store = models.ForeignKey("orders.Store", models.PROTECT, related_name="customers")
    profile_id = models.UUIDField(default=uuid.uuid4, unique=True)  # stable pseudonym: userProfileId in the API
    address = secrecy.SealedField()
    address_digest = models.BinaryField(max_length=32)
    name = secrecy.SealedField()
    phone = secrecy.SealedField()
    document = secrecy.SealedField()
    locale = models.CharField(max_length=10, default="en")
    # Of the words of name and document, see orders.finding; null: not made yet.
    search_digests = ArrayField(models.BigIntegerField(), null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["store", "address_digest"], name="customer_address_is_unique_in_store"),
        ]
        indexes = [
            GinIndex(fields=["search_digests"], name="customer_found_by_word"),
            models.Index(fields=["id"], name="customer_not_findable_yet", condition=models.Q(search_digests=None)),
        ]

    def __str__(self) -> str:
        return str(self.profile_id)
