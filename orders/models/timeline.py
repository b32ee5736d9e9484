"""The timeline: everything that happened on an order, in order. Rows are only ever added."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from orders import secrecy
from orders.models.order import Status
from orders.outcomes import Outcome, Reason


class Kind(models.TextChoices):
    """What sort of thing happened."""

    MAIL = "mail", _("Mail")
    STATUS = "status", _("Status")
    NOTE = "note", _("Comment")
    INTERACTION = "interaction", _("Interaction")
    ALIAS = "alias", _("Alias")
    PAYMENT = "payment", _("Payment")
    INVOICE = "invoice", _("Invoice")
    TRACKING = "tracking", _("Tracking")
    CHANGE = "change", _("Change")


class AliasEvent(models.TextChoices):
    """What happened to an alias."""

    NONE = "", ""
    ISSUED = "issued", _("issued")
    EXPIRED = "expired", _("expired")
    RETIRED = "retired", _("retired")
    RENEWED = "renewed", _("renewed")


OUTCOME_WORDS = {
    Outcome.RELAYED: _("Relayed"),
    Outcome.RECORDED: _("Recorded"),
    Outcome.REFUSED: _("Refused"),
}
REASON_WORDS = {
    Reason.CONVERSATION: _("Passed on to the recipient under the sender’s alias."),
    Reason.UNKNOWN_ALIAS: _("No alias has this address."),
    Reason.EXPIRED: _("It came after the alias had expired, so it was not passed on."),
    Reason.RETIRED: _("The alias had been retired, so it was not passed on."),
    Reason.LOOP: _("It was going round in circles, so it was stopped."),
    Reason.BULK: _("It is a newsletter or other bulk mail; aliases are not for marketing."),
    Reason.SPAM: _("The mail provider marked it as spam, so it was not passed on."),
    Reason.AUTO_REPLY: _("An automatic reply; one of these is passed on a week at most."),
    Reason.BOUNCE: _("A delivery report, kept here and not passed on."),
    Reason.TO_SELF: _("The sender wrote to their own alias, so there was nobody to pass it on to."),
    Reason.CROWDED: _("So many strangers have written to this order that no more are let in."),
    Reason.NO_SENDER: _("It names no sender that could be answered, so it was not passed on."),
    Reason.UNREAD: _("It could not be read safely, so it was kept as it came and not passed on."),
    Reason.ORDER_MAIL: _("Sent by the store at this step of the order."),
    Reason.WRITTEN: _("Written by the store’s staff, or by one of its systems."),
}


class Verification(models.TextChoices):
    """Whether the mail really came from who it says."""

    NONE = "", ""
    VERIFIED = "verified", _("Sender verified")
    UNVERIFIED = "unverified", _("Sender not verified")


class TimelineEntry(models.Model):
    """One thing that happened on an order. All text in it is masked text."""

    store = models.ForeignKey("orders.Store", models.PROTECT, related_name="+")
    order = models.ForeignKey("orders.Order", models.PROTECT, related_name="timeline")
    kind = models.CharField(max_length=11, choices=Kind.choices)
    occurred_at = models.DateTimeField()
    actor = models.CharField(max_length=200, blank=True)  # who did it, by name or system; never an address of a party

    # A status change.
    old_status = models.CharField(max_length=32, choices=Status.choices, blank=True)
    new_status = models.CharField(max_length=32, choices=Status.choices, blank=True)

    # What a payment, an invoice, a carrier or a change of the order said: masked, its shape given in orders.history.
    data = models.JSONField(default=dict, blank=True, db_default=models.Value({}, models.JSONField()))

    # Something about an alias (recipient_alias).
    alias_event = models.CharField(max_length=8, choices=AliasEvent.choices, blank=True)

    # A mail, the text of a note or interaction, or why the status changed.
    sender_alias = models.ForeignKey("orders.Alias", models.PROTECT, related_name="+", null=True, blank=True)
    sender_name = secrecy.SealedField(default=secrecy.nothing)  # as the mail's sender calls himself
    recipient_alias = models.ForeignKey("orders.Alias", models.PROTECT, related_name="+", null=True, blank=True)
    subject = models.TextField(blank=True)
    text = models.TextField(blank=True)
    html = models.TextField(blank=True)
    first_words = models.CharField(max_length=140, blank=True)
    outcome = models.CharField(
        max_length=8, choices=[(o.value, words) for o, words in OUTCOME_WORDS.items()], blank=True
    )
    reason = models.CharField(
        max_length=16, choices=[(r.value, words) for r, words in REASON_WORDS.items()], blank=True
    )
    verification = models.CharField(max_length=10, choices=Verification.choices, blank=True)
    masked_count = models.PositiveIntegerField(default=0)  # how many real addresses were replaced in it
    fingerprint = models.BinaryField(max_length=32, null=True, blank=True)  # recognises a repeat of the same mail
    original = models.CharField(max_length=200, blank=True)  # name of the sealed original in storages["mail"]
    original_type = models.CharField(max_length=100, blank=True)

    class Meta:
        verbose_name_plural = "timeline entries"
        constraints = [
            models.CheckConstraint(condition=models.Q(kind__in=Kind.values), name="timeline_kind_is_known"),
            models.CheckConstraint(
                condition=models.Q(outcome__in=["", *(o.value for o in Outcome)]), name="timeline_outcome_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(reason__in=["", *(r.value for r in Reason)]), name="timeline_reason_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(verification__in=Verification.values), name="timeline_verification_is_known"
            ),
            models.CheckConstraint(
                condition=~models.Q(kind=Kind.MAIL)
                | (~models.Q(outcome="") & ~models.Q(reason="") & models.Q(recipient_alias__isnull=False)),
                name="timeline_mail_has_outcome_reason_and_alias",
            ),
            models.CheckConstraint(
                condition=~models.Q(kind=Kind.STATUS) | models.Q(new_status__in=Status.values),
                name="timeline_status_change_names_the_new_status",
            ),
            models.CheckConstraint(
                condition=~models.Q(kind=Kind.ALIAS)
                | (models.Q(alias_event__in=AliasEvent.values[1:]) & models.Q(recipient_alias__isnull=False)),
                name="timeline_alias_event_names_alias_and_event",
            ),
            models.UniqueConstraint(
                fields=["recipient_alias", "fingerprint"], name="timeline_has_a_mail_once_per_alias"
            ),
        ]
        indexes = [models.Index(fields=["order", "occurred_at", "id"], name="timeline_of_order")]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class Attachment(models.Model):
    """A file that came with a mail; sealed in storages["mail"] in the form that was recorded."""

    store = models.ForeignKey("orders.Store", models.PROTECT, related_name="+")
    entry = models.ForeignKey(TimelineEntry, models.PROTECT, related_name="attachments")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=255)  # masked and made harmless; for display and download
    content_type = models.CharField(max_length=100)  # by content, not by claim
    content_id = models.CharField(max_length=255, blank=True)  # for pictures inside the HTML body
    size = models.PositiveBigIntegerField()  # bytes
    stored_as = models.CharField(max_length=200)
    is_dangerous = models.BooleanField(default=False)  # runs or renders code when opened
    is_searchable = models.BooleanField(default=True)  # False: addresses inside could not be looked for

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["entry", "position"], name="attachment_position_is_unique_in_entry"),
        ]

    def __str__(self) -> str:
        return f"attachment {self.pk}"


class Copy(models.Model):
    """Another copy of a recorded mail that came with other bytes: other headers of transport, or of its writer."""

    store = models.ForeignKey("orders.Store", models.PROTECT, related_name="+")
    entry = models.ForeignKey(TimelineEntry, models.PROTECT, related_name="copies")
    original = models.CharField(max_length=200)  # name of the sealed original in storages["mail"]

    class Meta:
        verbose_name_plural = "copies"
        constraints = [
            models.UniqueConstraint(fields=["entry", "original"], name="copy_is_kept_once_per_entry"),
        ]

    def __str__(self) -> str:
        return f"copy {self.pk}"
