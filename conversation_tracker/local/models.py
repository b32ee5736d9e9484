"""A mail in the local mailbox: what a real person would have received."""

from __future__ import annotations

from django.db import models

from orders import secrecy


class LocalMail(models.Model):
    """One mail to one recipient, byte for byte; sealed like every real address, although only a demonstration."""

    recipient = secrecy.SealedField()
    recipient_digest = models.BinaryField(max_length=32)
    sender = secrecy.SealedField()  # as From says it, for the list
    subject = secrecy.SealedField()
    raw = secrecy.SealedField()
    received_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["recipient_digest", "-received_at", "-id"], name="local_mail_of_person")]

    def __str__(self) -> str:
        return f"local mail {self.pk}"
