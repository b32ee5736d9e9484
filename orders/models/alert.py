"""An alert: a mail of an order did not reach whom it was for, or its shop was not followed; somebody has to look."""

from __future__ import annotations

import re

from django.conf import settings
from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _


class AlertKind(models.TextChoices):
    """What happened, most often to the copy of a mail: the closed list."""

    FAILED = "failed", _("The mail could not be sent")
    LATE = "late", _("The mail has not left yet, and is tried again")
    SUPPRESSED = "suppressed", _("The mail was not sent: the address is suppressed")
    HELD = "held", _("The mail is held: it may show a real address")
    BOUNCED = "bounced", _("The mail came back: the recipient’s mail server did not take it")
    COMPLAINED = "complained", _("The recipient marked the mail as spam")
    NOT_SENT = "not_sent", _("An order mail was to be sent and was not")
    TEMPLATE = "template", _("The store’s own template failed, so the default one was sent")
    LOOP = "loop", _("Mails went round in circles, so no more of them is passed on")
    SHOP = "shop", _("The shop said something that was not taken over")


ADVICE: dict[str, str | Promise] = {
    AlertKind.FAILED: _("Send it again. If it fails once more, ask whoever runs this site to look at the provider."),
    AlertKind.LATE: _(
        "It leaves by itself once the provider takes mail again, for two days. "
        "Ask whoever runs this site to look at the provider."
    ),
    AlertKind.SUPPRESSED: _("An admin of the store can lift the suppression in Store settings; then send it again."),
    AlertKind.HELD: _(
        "Send it again: it is masked anew, with everybody who belongs to the order by now. "
        "If it is held once more, send it without the file, or ask the sender to write again without the address."
    ),
    AlertKind.BOUNCED: _("Reach the person in another way and ask for an address that takes mail."),
    AlertKind.NOT_SENT: _("Under Order mails it says why. Resend it there once that is put right."),
    AlertKind.TEMPLATE: _("An admin of the store can mend the template in Store settings."),
    AlertKind.SHOP: _("Look at the order in the shop, and do here by hand what is missing."),
    AlertKind.LOOP: _(
        "Two mail programs seem to answer each other; all that they wrote stands on the timeline. "
        "If a person wrote this mail, pass it on from here: those like it are passed on again within a day."
    ),
    AlertKind.COMPLAINED: _("Reach the person in another way, and send again only what they ask for."),
}


# What a shop said that was not taken over, by the name under which an alert tells of it: refund-9, or refund-9 JPY.
_NUMBERED = re.compile(
    r"(?P<what>refund|parcel|undone-refund|undone)-(?P<number>.+?)(?: (?P<currency>[A-Z]{3}))?", re.DOTALL
)
_SAID: dict[str, str | Promise] = {
    "refund": _(
        "The shop’s refund %(number)s: it is more than was invoiced here, other than it was before, or in several "
        "currencies."
    ),
    "currency": _("The shop’s refund %(number)s: it is in %(currency)s, and the order is in another currency."),
    "parcel": _("The shop’s parcel %(number)s: all was invoiced before it came, or it holds what the order does not."),
    "undone-refund": _("The shop’s refund %(number)s: the shop deleted it, and the customer was told of it."),
    "undone": _("The shop’s parcel %(number)s: the shop cancelled it, and the customer was told that it was sent."),
}


class AlertQuerySet(models.QuerySet["Alert"]):
    """Query words about alerts."""

    def open(self) -> AlertQuerySet:
        """Those that wait for somebody."""
        return self.filter(settled_at=None)


class Alert(models.Model):
    """What needs attention, most often a mail; settled when its copy leaves after all, or by somebody of the staff."""

    store = models.ForeignKey("orders.Store", models.PROTECT, related_name="+")
    order = models.ForeignKey("orders.Order", models.PROTECT, related_name="alerts")
    entry = models.ForeignKey(  # empty: the mail never came to be
        "orders.TimelineEntry", models.PROTECT, related_name="alerts", null=True, blank=True
    )
    about = models.CharField(
        max_length=200, blank=True, db_default=""
    )  # the order mail that never came to be, or what the shop said
    kind = models.CharField(max_length=10, choices=AlertKind.choices)
    raised_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.ForeignKey(  # empty: it settled by itself
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True, blank=True
    )

    objects = AlertQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(kind__in=AlertKind.values), name="alert_kind_is_known"),
            models.CheckConstraint(
                condition=models.Q(settled_by=None) | models.Q(settled_at__isnull=False),
                name="alert_settled_by_somebody_has_a_time",
            ),
            models.CheckConstraint(
                condition=models.Q(entry__isnull=False) | ~models.Q(about=""), name="alert_is_about_something"
            ),
            models.UniqueConstraint(
                fields=["order", "about"],
                condition=models.Q(settled_at=None, entry=None),
                name="alert_is_open_once_per_missing_mail",
            ),
            models.UniqueConstraint(
                fields=["entry"], condition=models.Q(settled_at=None), name="alert_is_open_once_per_entry"
            ),
        ]
        indexes = [models.Index(fields=["store"], name="alert_open_of_store", condition=models.Q(settled_at=None))]

    def __str__(self) -> str:
        return f"alert {self.pk}"

    @property
    def subject(self) -> str:
        """What it is about, in words, where there is no mail that it is about."""
        found = _NUMBERED.fullmatch(self.about) if self.kind == AlertKind.SHOP else None
        if found is None:
            return gettext(self.about) if self.about else ""
        what = "currency" if found["currency"] and found["what"] == "refund" else found["what"]
        return str(_SAID[what]) % found.groupdict()

    @property
    def advice(self) -> str | Promise:
        """What to do about it."""
        return ADVICE[self.kind]
