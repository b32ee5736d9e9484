"""A test: one mail that an admin sends to see a template, or a sender's mailbox, at work. No order knows of it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from conversation_tracker.models.template import TemplateKey
from orders import secrecy


class TrialMailState(models.TextChoices):
    """Where a test stands."""

    QUEUED = "queued", _("Waiting to be sent")
    SENDING = "sending", _("Being sent")
    SENT = "sent", _("Sent")
    FAILED = "failed", _("Could not be sent")


class TrialMail(models.Model):
    """Rendered when it was asked for, so that it shows what the admin saw; its content goes once it is sent."""

    store = models.ForeignKey("orders.Store", models.CASCADE, related_name="+")
    template = models.CharField(max_length=64, choices=TemplateKey.choices, blank=True)  # empty: it tests a sender
    recipient = secrecy.SealedField()
    content = secrecy.SealedField()  # JSON: sender's name, reply address, subject, HTML, text
    state = models.CharField(max_length=7, choices=TrialMailState.choices, default=TrialMailState.QUEUED)
    problem = models.CharField(max_length=200, blank=True)  # the error's class or status; no address
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    state_changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(template__in=["", *TemplateKey.values]), name="trial_mail_template_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=TrialMailState.values), name="trial_mail_state_is_known"
            ),
        ]
        indexes = [
            models.Index(
                fields=["created_at"],
                name="trial_mail_waiting",
                condition=models.Q(state__in=[TrialMailState.QUEUED.value, TrialMailState.SENDING.value]),
            ),
            models.Index(fields=["store", "-created_at"], name="trial_mail_newest_of_store"),
        ]

    def __str__(self) -> str:
        return f"trial mail {self.pk}"
