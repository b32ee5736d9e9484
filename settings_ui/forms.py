"""The forms of store settings."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from orders.models import MaskType


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
