"""What staff write to a party of an order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.template.defaultfilters import filesizeformat
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext_lazy as _

from conversation_tracker import writing
from conversation_tracker.mailflow import headers
from conversation_tracker.mailflow.shapes import File
from orders.models import Alias


class FilesInput(forms.ClearableFileInput):
    """Takes several files."""

    allow_multiple_selected = True

    def value_from_datadict(
        self, data: Any, files: MultiValueDict[str, UploadedFile[Any]], name: str
    ) -> list[UploadedFile[Any]]:
        return files.getlist(name)


class FilesField(forms.FileField):
    """Several files, or none."""

    widget = FilesInput

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile[Any]]:
        found = [super(FilesField, self).clean(one) for one in data or []]
        if len(found) > writing.MOST_FILES:
            raise ValidationError(_("Attach at most %(most)s files."), params={"most": writing.MOST_FILES})
        if sum(file.size or 0 for file in found) > writing.MOST_BYTES:
            most = filesizeformat(writing.MOST_BYTES)
            raise ValidationError(_("The files are too large: together at most %(most)s."), params={"most": most})
        return found


class AnswerForm(forms.Form):
    """A mail from the store to one of the order's parties."""

    to = forms.TypedChoiceField(
        label=_("To"),
        coerce=int,
        error_messages={
            "required": _("Choose to whom."),
            "invalid_choice": _("This alias is not of this order, or is the store’s own. Choose another."),
        },
    )
    subject = forms.CharField(
        label=_("Subject"), max_length=headers.LONGEST_SUBJECT, error_messages={"required": _("Write a subject.")}
    )
    text = forms.CharField(
        label=_("Message"),
        max_length=writing.LONGEST_TEXT,
        widget=forms.Textarea,
        error_messages={"required": _("Write something first.")},
    )
    attachments = FilesField(label=_("Attachments"), required=False, widget=FilesInput(attrs={"multiple": True}))
    about = forms.IntegerField(required=False, widget=forms.HiddenInput)
    once = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def __init__(self, *args: Any, recipients: Sequence[Alias], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to"].choices = [(alias.pk, str(alias)) for alias in recipients]  # type: ignore[attr-defined]  # a choice

    def clean_text(self) -> str:
        """Something that one can see."""
        text: str = self.cleaned_data["text"]
        if not headers.clean(text).strip():
            raise forms.ValidationError(self.fields["text"].error_messages["required"], code="required")
        return text

    def letter(self) -> writing.Letter:
        """What a valid form says."""
        files = tuple(
            File(
                name=headers.one_line(file.name or ""),
                content_type=file.content_type or "",
                content=file.read(),
            )
            for file in self.cleaned_data["attachments"]
        )
        return writing.Letter(subject=self.cleaned_data["subject"], text=self.cleaned_data["text"], files=files)
