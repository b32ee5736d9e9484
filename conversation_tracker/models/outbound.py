"""An outbound mail: a relay waiting to leave, and what became of it."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from orders import secrecy


class SendState(models.TextChoices):
    """Where an outbound mail stands."""

    STOPPED = "stopped", _("Not passed on")  # by a rule, which staff may overrule
    QUEUED = "queued", _("Waiting to be sent")
    SENDING = "sending", _("Being sent")
    RETRY = "retry", _("Will be tried again")
    SENT = "sent", _("Sent")
    FAILED = "failed", _("Could not be sent")
    SUPPRESSED = "suppressed", _("Not sent: the address is suppressed")
    SKIPPED = "skipped", _("Not sent: what it says is no longer so")
    HELD = "held", _("Held: it may show a real address")
    DELIVERED = "delivered", _("Delivered")
    BOUNCED = "bounced", _("Bounced")
    COMPLAINED = "complained", _("Marked as spam by the recipient")


class LeftOut(models.TextChoices):
    """Which files staff had left out of a copy that they kept back."""

    NONE = ""
    SHOWING = "showing"  # an address
    ALL = "all"


# Why the leak gate could not look.
TOO_SLOW = gettext_noop("Searching it for real addresses takes too long.")
TOO_LARGE = gettext_noop("Searching it for real addresses takes too much memory.")
STOPPED = gettext_noop("The worker was stopped each time.")
UNSEARCHED = (TOO_SLOW, TOO_LARGE, STOPPED)

# The places that the leak gate names (mailflow.leakgate), in words for people.
PLACES = {
    "plain body": _("the text"),
    "html body": _("the formatted text"),
    "file": _("an attached file"),
    "file name": _("the name of a file"),
    "between parts": _("what stands between its parts"),
    "too many parts": _("more parts than are searched"),
    "attached mail that cannot be searched": _("an attached mail that cannot be searched"),
}


_OF_FILES = ("file", "file name", "attached mail that cannot be searched")


def _is_of_file(place: str) -> bool:
    return place in _OF_FILES or place.startswith("attached mail, ")


def _in_words(place: str) -> str:
    if place.startswith("attached mail, "):
        return gettext("an attached mail: %(place)s") % {"place": _in_words(place.removeprefix("attached mail, "))}
    if place.startswith("header "):
        return gettext("the header %(name)s") % {"name": place.removeprefix("header ")}
    return str(PLACES.get(place) or gettext(place))  # what is no place says what went wrong


WAITING = (SendState.QUEUED, SendState.SENDING, SendState.RETRY)
ENDED_BADLY = (
    SendState.FAILED, SendState.SUPPRESSED, SendState.HELD, SendState.BOUNCED, SendState.COMPLAINED,
)  # fmt: skip


class OutboundMail(models.Model):
    """One mail to one real person, written in the transaction of the timeline entry it belongs to."""

    store = models.ForeignKey("orders.Store", models.PROTECT, related_name="+")
    order = models.ForeignKey("orders.Order", models.PROTECT, related_name="+")
    entry = models.ForeignKey("orders.TimelineEntry", models.PROTECT, related_name="outbound")
    order_mail = models.ForeignKey(  # the one it is, or is a copy of
        "conversation_tracker.OrderMail", models.PROTECT, related_name="+", null=True, blank=True, db_index=False
    )
    sender_alias = models.ForeignKey("orders.Alias", models.PROTECT, related_name="+")
    recipient_alias = models.ForeignKey("orders.Alias", models.PROTECT, related_name="+")
    recipient = secrecy.SealedField()  # the real address it goes to
    content = secrecy.SealedField()  # JSON of mailflow.shapes.Content
    message_id = models.CharField(max_length=255)  # ours, with angle brackets; the same at each try
    original_id = secrecy.SealedField()  # Message-ID of the mail it is the copy of; may be empty
    original_id_digest = models.BinaryField(max_length=32, null=True, blank=True)
    provider_message_id = models.CharField(max_length=255, blank=True)
    is_auto_reply = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=SendState.choices, default=SendState.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)  # begun, also those that ended with their worker
    failures = models.PositiveSmallIntegerField(default=0, db_default=0)  # attempts that the provider ended
    doubts = models.PositiveSmallIntegerField(default=0, db_default=0)  # of these, after which it may have arrived
    doubted_at = models.DateTimeField(null=True, blank=True)  # when the first of these began
    resends = models.PositiveSmallIntegerField(default=0, db_default=0)  # how often somebody had it sent again
    next_attempt_at = models.DateTimeField()
    queued_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    state_changed_at = models.DateTimeField()
    soft_bounced_at = models.DateTimeField(null=True, blank=True)  # of one bounced that may still arrive
    problem = models.CharField(max_length=200, blank=True)  # the error's class or where a leak was found; no address
    leaves_out = models.CharField(max_length=7, choices=LeftOut.choices, default="", blank=True, db_default="")
    # The positions of the files that it left without, as the entry's attachments have them.
    left_out = ArrayField(models.PositiveSmallIntegerField(), default=list, db_default=[], blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=SendState.values), name="outbound_state_is_known"),
            models.CheckConstraint(
                condition=models.Q(leaves_out__in=LeftOut.values), name="outbound_left_out_is_known"
            ),
            models.UniqueConstraint(fields=["entry"], name="outbound_is_one_per_entry"),
            models.UniqueConstraint(fields=["message_id"], name="outbound_message_id_is_unique"),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                name="outbound_waiting",
                condition=models.Q(state__in=[state.value for state in WAITING]),
            ),
            models.Index(fields=["order", "original_id_digest"], name="outbound_thread"),
            models.Index(
                fields=["provider_message_id"],
                name="outbound_provider_id",
                condition=~models.Q(provider_message_id=""),
            ),
        ]

    def __str__(self) -> str:
        return f"outbound {self.pk}"

    @property
    def may_be_sent_again(self) -> bool:
        """Whether it ended in a way that staff may not want to leave it at."""
        return self.state in ENDED_BADLY or self.is_stopped

    @property
    def is_stopped(self) -> bool:
        """Whether a rule keeps it back, and nobody has had it passed on."""
        return self.state == SendState.STOPPED

    @property
    def held_for(self) -> list[str]:
        """Where the leak gate found an address, or why it could not look, in words; empty when it is not held."""
        return [_in_words(place) for place in self.problem.split("; ")] if self.state == SendState.HELD else []

    @property
    def is_unsearched(self) -> bool:
        """Whether it is held because nobody came to the end of searching it."""
        return self.state == SendState.HELD and self.problem in UNSEARCHED

    @property
    def shows_only_in_files(self) -> bool:
        """Whether it is held for its files alone, so that it may go without them."""
        return self.state == SendState.HELD and all(map(_is_of_file, self.problem.split("; ")))
