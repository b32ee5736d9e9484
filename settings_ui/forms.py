"""The forms of store settings."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from orders.models import MaskType

MOST_MINUTES = 30 * 24 * 60
MOST_HOURS = 60 * 24


class MaskTypeForm(forms.Form):
    """Hard or Soft."""

    mask_type = forms.ChoiceField(
        label=_("Conversation mask type"),
        choices=MaskType.choices,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose Hard or Soft."), "invalid_choice": _("Choose Hard or Soft.")},
    )

    def chosen(self) -> MaskType:
        """The choice of a valid form."""
        return MaskType(self.cleaned_data["mask_type"])


class TimesForm(forms.Form):
    """How long an order may be cancelled, and when its customer is reminded of the payment."""

    cancellation_window = forms.IntegerField(
        label=_("Cancellation window in minutes"),
        min_value=0,
        max_value=MOST_MINUTES,
        error_messages={
            "required": _("Write a whole number, 0 or more."),
            "invalid": _("Write a whole number, 0 or more."),
            "min_value": _("Write a whole number, 0 or more."),
            "max_value": _("At most 43,200 minutes: 30 days."),
        },
    )
    payment_pending_after = forms.IntegerField(
        label=_("Hours until a payment still awaited is mailed"),
        min_value=0,
        max_value=MOST_HOURS,
        error_messages={
            "required": _("Write a whole number, 0 or more."),
            "invalid": _("Write a whole number, 0 or more."),
            "min_value": _("Write a whole number, 0 or more."),
            "max_value": _("At most 1,440 hours: 60 days."),
        },
    )
