"""What somebody writes in the local mailbox."""

from __future__ import annotations

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from orders import addresses

LONGEST_TEXT = 100_000  # characters


def _check_address(value: str) -> None:
    try:
        addresses.validated(value)
    except addresses.NotAnAddress as error:
        raise ValidationError(_("This cannot be an e-mail address.")) from error


class ReplyForm(forms.Form):
    """An answer to a mail that was received."""

    name = forms.CharField(label=_("Your name"), max_length=100, required=False)
    text = forms.CharField(
        label=_("Message"),
        max_length=LONGEST_TEXT,
        widget=forms.Textarea,
        error_messages={"required": _("Write something first.")},
    )


class WriteForm(ReplyForm):
    """A new mail, from anybody to any alias."""

    sender = forms.CharField(label=_("From: any address"), max_length=254, validators=[_check_address])
    to = forms.CharField(label=_("To: an alias"), max_length=320, validators=[_check_address])
    subject = forms.CharField(label=_("Subject"), max_length=200, required=False)
    field_order = ("sender", "name", "to", "subject", "text")
