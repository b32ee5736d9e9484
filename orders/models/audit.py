"""The audit log: who saw or changed what. Rows are only ever added."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Action(models.TextChoices):
    """What was done: the closed list."""

    MASK_TYPE_CHANGED = "mask_type_changed", _("Conversation mask type changed")
    ALIAS_RETIRED = "alias_retired", _("Alias retired")
    RECEIPT_REPLAYED = "receipt_replayed", _("Quarantined mail replayed")
    RECEIPT_DISMISSED = "receipt_dismissed", _("Quarantined mail dismissed")
    RECEIPT_REVEALED = "receipt_revealed", _("Mail opened as it came")
    MAIL_SENT_AGAIN = "mail_sent_again", _("Mail sent again")
    SUPPRESSION_LIFTED = "suppression_lifted", _("Suppressed address lifted")
    ALERT_DISMISSED = "alert_dismissed", _("Alert dismissed")
    ADDRESS_REVEALED = "address_revealed", _("Real address revealed")
    CONVERSATION_REVEALED = "conversation_revealed", _("Conversation read with real addresses")
    SETTING_CHANGED = "setting_changed", _("Setting changed")
    TEMPLATE_CHANGED = "template_changed", _("E-mail template changed")
    TEMPLATE_TESTED = "template_tested", _("E-mail template sent as a test")
    SENDER_CHANGED = "sender_changed", _("Sender changed")
    FEED_CHANGED = "feed_changed", _("Order feed changed")
    HOOK_CHANGED = "hook_changed", _("Order hook changed")
    SHOP_CHANGED = "shop_changed", _("Shop connection changed")
    MAIL_WRITTEN = "mail_written", _("Mail written to a party")
    ADMIN_CHANGED = "admin_changed", _("Changed in the operator’s admin")


class AuditEntry(models.Model):
    """One act: who, when, what, why."""

    store = models.ForeignKey("orders.Store", models.PROTECT, related_name="audit", null=True, blank=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True, blank=True)
    actor = models.CharField(max_length=200)  # the name at that time, of a user, key or command
    action = models.CharField(max_length=32, choices=Action.choices)
    subject = models.CharField(max_length=200)  # what it was done to, by type and number
    before = models.CharField(max_length=500, blank=True)
    after = models.CharField(max_length=500, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    happened_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "audit entries"
        constraints = [
            models.CheckConstraint(condition=models.Q(action__in=Action.values), name="audit_action_is_known"),
        ]
        indexes = [models.Index(fields=["store", "-happened_at"], name="audit_newest_of_store")]

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"
