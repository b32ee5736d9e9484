"""A receipt: one webhook call or handed-over mail, kept byte for byte before anything looks inside."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from orders import secrecy


class Channel(models.TextChoices):
    """What sort of thing was received."""

    INBOUND = "inbound", _("Inbound webhook")
    TRACKING = "tracking", _("Tracking webhook")
    MIME = "mime", _("Mail as bytes")


class ReceiptState(models.TextChoices):
    """Where a receipt stands."""

    PENDING = "pending", _("Pending")
    DONE = "done", _("Done")
    QUARANTINED = "quarantined", _("Quarantined")


class Trouble(models.TextChoices):
    """Why a receipt is quarantined, or waits for another try."""

    NONE = "", ""
    UNREADABLE = "unreadable", _("It could not be read")
    OVER_LIMIT = "over_limit", _("Its shape is absurd, so it was not read")
    KILLED_WORKER = "killed_worker", _("It stopped the worker that read it")
    TOO_SLOW = "too_slow", _("Reading it took too long")
    FAILED = "failed", _("Recording it failed")
    POSTMASTER = "postmaster", _("It is for the postmaster, so an operator has to read it")
    STORAGE = "storage", _("A service it needs was not available")


# What was not read, so that a replay may change something: in quarantine, or settled with its trouble.
REPLAYABLE = models.Q(state=ReceiptState.QUARANTINED) | (
    models.Q(state=ReceiptState.DONE) & ~models.Q(trouble=Trouble.NONE)
)


class Receipt(models.Model):
    """One acknowledged call. ``headers`` and ``body`` are exactly what came."""

    provider = models.CharField(max_length=20)
    channel = models.CharField(max_length=8, choices=Channel.choices)
    method = models.CharField(max_length=8, blank=True)
    path = models.CharField(max_length=200, blank=True)
    query = secrecy.SealedField()
    headers = secrecy.SealedField()  # JSON [[name, value], …]; for mail as bytes its envelope
    body = secrecy.SealedField()
    size = models.PositiveBigIntegerField()  # of the body, bytes
    state = models.CharField(max_length=11, choices=ReceiptState.choices, default=ReceiptState.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)  # begun; a passing fault does not count
    deferrals = models.PositiveSmallIntegerField(default=0)  # passing faults so far
    next_attempt_at = models.DateTimeField()
    received_at = models.DateTimeField()
    once = models.BinaryField(max_length=32, null=True, blank=True)  # digest of a token that is good for one call
    split_from = models.BigIntegerField(null=True, blank=True)  # the receipt of the batch it came in; may be gone
    settled_at = models.DateTimeField(null=True, blank=True)
    trouble = models.CharField(max_length=16, choices=Trouble.choices, blank=True)
    trouble_detail = models.CharField(max_length=200, blank=True)  # the error's class and place; never its text
    results = models.JSONField(default=list)  # [{"outcome", "reason", "entry"}], one for each recipient

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(channel__in=Channel.values), name="receipt_channel_is_known"),
            models.CheckConstraint(condition=models.Q(state__in=ReceiptState.values), name="receipt_state_is_known"),
            models.CheckConstraint(condition=models.Q(trouble__in=Trouble.values), name="receipt_trouble_is_known"),
            models.CheckConstraint(
                condition=models.Q(state=ReceiptState.PENDING) | models.Q(settled_at__isnull=False),
                name="receipt_settled_has_a_time",
            ),
            models.UniqueConstraint(
                fields=["once"], name="receipt_token_is_used_once", condition=models.Q(once__isnull=False)
            ),
        ]
        indexes = [
            models.Index(fields=["id"], name="receipt_waiting", condition=models.Q(state=ReceiptState.PENDING)),
            models.Index(fields=["state", "settled_at"], name="receipt_settled"),
        ]

    def __str__(self) -> str:
        return f"receipt {self.pk}"
