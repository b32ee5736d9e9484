"""What was answered to a call with an idempotency key, for when it comes again."""

from __future__ import annotations

from django.db import models

from orders import secrecy


class AnsweredCall(models.Model):
    """One call that changed something, and its answer; kept as long as a caller may still repeat it."""

    key = models.ForeignKey("orders.ApiKey", models.CASCADE, related_name="+")
    name_digest = models.BinaryField(max_length=32)  # of the caller's Idempotency-Key
    call_digest = models.BinaryField(max_length=32)  # of method, address and body
    status = models.PositiveSmallIntegerField()
    content_type = models.CharField(max_length=100)
    body = secrecy.SealedField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key", "name_digest"], name="answered_call_is_one_per_name"),
            models.CheckConstraint(
                condition=models.Q(status__gte=200) & models.Q(status__lt=500), name="answered_call_did_not_fail"
            ),
        ]
        indexes = [models.Index(fields=["created_at"], name="answered_call_oldest")]

    def __str__(self) -> str:
        return f"answered call {self.pk}"
